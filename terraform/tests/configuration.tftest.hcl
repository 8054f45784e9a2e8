# The document that the functions read.

# Zips some hundred files; modules/source has its own test.
override_module {
  target  = module.source
  outputs = { archive = "source.zip", files = [], hash = "0123456789abcdef" }
}

mock_provider "time" {}
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

variables {
  project      = "my-project"
  region       = "us-east4"
  oncall_email = "oncall@example.com"

  # Set, as Terraform asks of ephemeral variables in tests.
  database_tokens = {}
  secret_values   = {}

  databases = { prod-cache = { url = "https://merry-cat-32748.upstash.io" } }
  receivers = { slack = { slack = { webhook = "secret:slack-webhook" } } }
}

run "what_is_not_given_is_not_written" {
  assert {
    condition     = !strcontains(output.configuration, ":null")
    error_message = "Defaults are the code's: the document holds what was set."
  }
  assert {
    condition = (
      jsondecode(output.configuration).databases == [{ app = [], checks = {}, name = "prod-cache", shard = "main", thresholds = {}, url = "https://merry-cat-32748.upstash.io" }]
      && jsondecode(output.configuration).credentials == "sm://projects/my-project/secrets/pongwatch-databases"
      && jsondecode(output.configuration).receivers == [{ name = "slack", slack = { webhook = "sm://projects/my-project/secrets/pongwatch-slack-webhook" } }]
      && jsondecode(output.configuration).oncall == { email = "oncall@example.com" }
      && jsondecode(output.configuration).links == { dashboard = "https://pongwatch-metrics-123456789012.us-east4.run.app" }
      && jsondecode(output.configuration).regions == ["us-east4"]
      && jsondecode(output.configuration).schedule == { healthcheck = "1m", metrics = "5m" }
    )
    error_message = "The least configuration is not what it should be: ${output.configuration}"
  }
}

run "text_that_looks_like_a_missing_key_stays" {
  variables {
    checks    = { isolation = { pattern = "^ws:$1{1,}:,\"x\":null", exempt = ["a:null,"] } }
    databases = { prod-cache = { url = "https://merry-cat-32748.upstash.io", checks = { isolation = { pattern = "^t$$:[^:]+" } } } }
  }
  assert {
    condition     = jsondecode(output.configuration).checks.isolation == { exempt = ["a:null,"], pattern = "^ws:$1{1,}:,\"x\":null" } && jsondecode(output.configuration).databases[0].checks.isolation.pattern == "^t$$:[^:]+"
    error_message = "A pattern was damaged: ${output.configuration}"
  }
}

run "a_match_of_a_health_page_arrives_as_it_is_written" {
  variables {
    databases = { prod-cache = { url = "https://merry-cat-32748.upstash.io", app = [{ service = "backend", health_url = "https://app.example.com/health", match = { path = "$.deps[?@.id == 'kv'].driver", connected = ["upstash"] } }] } }
  }
  assert {
    condition     = jsondecode(output.configuration).databases[0].app == [{ health_url = "https://app.example.com/health", match = { connected = ["upstash"], path = "$.deps[?@.id == 'kv'].driver" }, service = "backend" }]
    error_message = "A match was damaged: ${output.configuration}"
  }
}

run "thresholds_are_numbers_or_durations" {
  variables {
    thresholds = { latency = { open = "600ms", critical = "2s" }, hit_rate = { open = 0.6, close = "0.65" }, isolation = { open = 3 } }
  }
  assert {
    condition     = jsondecode(output.configuration).thresholds == { hit_rate = { close = 0.65, open = 0.6 }, isolation = { open = 3 }, latency = { critical = "2s", open = "600ms" } }
    error_message = "A threshold has the wrong type: ${output.configuration}"
  }
}

run "a_long_document_lies_in_secret_manager" {
  variables {
    databases       = { for n in range(60) : format("database-%03d", n) => { url = "https://database-${n}.upstash.io", shard = n < 30 ? "main" : "europe", checks = { isolation = { pattern = format("%01500d", n) } } } }
    secret_versions = {}
  }
  assert {
    condition     = length(google_secret_manager_secret.config) == 3 && length(google_cloudfunctions2_function.alert.service_config[0].environment_variables.PONGWATCH_CONFIG) < 1000
    error_message = "A function's environment holds 32 KiB, and parts are filled: ${length(google_secret_manager_secret.config)}."
  }
  assert {
    condition     = google_cloudfunctions2_function.alert.service_config[0].environment_variables.PONGWATCH_CONFIG == join(",", [for n in range(3) : "sm://projects/my-project/secrets/${google_secret_manager_secret.config[format("%03d", n)].secret_id}"])
    error_message = "The functions read all parts."
  }
  assert {
    condition     = [for database in flatten([for n in range(1, 3) : jsondecode(google_secret_manager_secret_version.config[format("%03d", n)].secret_data).databases]) : database.name] == [for n in range(60) : format("database-%03d", n)] && can(jsondecode(google_secret_manager_secret_version.config["000"].secret_data).receivers)
    error_message = "A part is missing, or a database is."
  }
  assert {
    condition     = toset(keys(google_secret_manager_secret_iam_member.config)) == toset(flatten([for name in ["alert", "healthcheck", "metrics"] : [for n in range(3) : "${name}/${format("%03d", n)}"]])) && alltrue([for key, grant in google_secret_manager_secret_iam_member.config : grant.member == google_service_account.functions[split("/", key)[0]].member && grant.role == "roles/secretmanager.secretAccessor"])
    error_message = "Every function reads the document."
  }
}
