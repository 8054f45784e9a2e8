# The document at every size of an installation.

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

# Each database leaves out other keys, as real ones do.
run "a_hundred_and_fifty_databases_with_different_keys_can_be_planned" {
  variables {
    databases = { for n in range(150) : format("database-%03d", n) => {
      url         = "https://database-${n}-with-quite-a-long-name.upstash.io"
      plan        = n % 2 == 0 ? "payg" : null
      region      = n % 3 == 0 ? "us-east-1" : null
      environment = n % 5 == 0 ? "staging" : null
      checks      = n % 7 == 0 ? { write = { every = "30m" } } : {}
      thresholds  = n % 11 == 0 ? { latency = { open = "900ms" } } : {}
    } }
    secret_versions = {}
  }
  assert {
    condition     = length([for part in google_secret_manager_secret_version.config : part if length(base64encode(part.secret_data)) * 3 / 4 > 65536]) == 0 && length(flatten([for part in google_secret_manager_secret_version.config : [for database in try(jsondecode(part.secret_data).databases, []) : database.name]])) == (length(google_secret_manager_secret_version.config) == 0 ? 0 : 150)
    error_message = "A part is too long, or a database is missing."
  }
}

run "two_hundred_and_fifty_one_databases_with_different_keys_can_be_planned" {
  variables {
    databases = { for n in range(251) : format("database-%03d", n) => {
      url         = "https://database-${n}-with-quite-a-long-name.upstash.io"
      plan        = n % 2 == 0 ? "payg" : null
      environment = n % 5 == 0 ? "staging" : null
      app         = n % 4 == 0 ? [{ service = "backend-${n}", health_url = "https://app-${n}.example.com/api/v1/health/redis" }] : []
      thresholds  = n % 11 == 0 ? { latency = { open = "900ms" } } : {}
    } }
    secret_versions = {}
  }
  assert {
    condition     = length(flatten([for part in google_secret_manager_secret_version.config : [for database in try(jsondecode(part.secret_data).databases, []) : database.name]])) == 251
    error_message = "A database is missing."
  }
}

run "a_thousand_databases_with_different_keys_can_be_planned" {
  variables {
    databases = { for n in range(1000) : format("database-%04d", n) => {
      url         = "https://database-${n}.upstash.io"
      shard       = "shard-${floor(n / 250)}"
      region      = n % 3 == 0 ? "us-east-1" : null
      environment = n % 5 == 0 ? "staging" : null
    } }
    secret_versions = {}
  }
  assert {
    condition     = length(flatten([for part in google_secret_manager_secret_version.config : [for database in try(jsondecode(part.secret_data).databases, []) : database.name]])) == 1000 && length(google_secret_manager_secret.config) <= 4
    error_message = "A database is missing, or parts are not filled."
  }
}

# A name may hold characters of several bytes: "é" is one character and two bytes.
run "the_size_of_a_document_is_counted_in_bytes" {
  variables {
    databases       = { for n in range(60) : format("database-%03d", n) => { url = "https://database-${n}.upstash.io", checks = { isolation = { pattern = join("", [for i in range(200) : "é"]) } } } }
    secret_versions = {}
  }
  assert {
    condition     = length(google_secret_manager_secret.config) == 2
    error_message = "24,000 is a number of bytes: what fits as characters need not fit the environment."
  }
}

# A secret holds 64 KiB: with one bundle the tokens of some 400 databases would be its end.
run "the_tokens_of_many_databases_lie_in_several_bundles" {
  variables {
    databases       = { for n in range(501) : format("database-%03d", n) => { url = "https://database-${n}.upstash.io", shard = n < 250 ? "main" : "europe" } }
    database_tokens = { for n in range(501) : format("database-%03d", n) => join("", [for i in range(15) : "AX12345678"]) }
    secret_versions = { databases = 2 }
  }
  assert {
    condition     = toset([for name, secret in google_secret_manager_secret.managed : name if startswith(name, "databases")]) == toset(["databases", "databases-2", "databases-3"]) && jsondecode(output.configuration).credentials == [for name in ["databases", "databases-2", "databases-3"] : "sm://projects/my-project/secrets/pongwatch-${name}"]
    error_message = "The bundles are not those that the document names."
  }
  assert {
    condition     = google_secret_manager_secret_version.managed["databases-3"].secret_data_wo_version == tostring(parseint(substr(sha256(jsonencode([2, ["database-500"]])), 0, 12), 16))
    error_message = "Each bundle is written when its own databases change."
  }
  assert {
    condition     = alltrue([for function in ["healthcheck", "metrics"] : contains(keys(google_secret_manager_secret_iam_member.readers), "${function}/secret:databases-3")])
    error_message = "The functions that ask databases read every bundle."
  }
}
