# What is refused before anything is made, and by which variable. The messages are
# sentences with an example; the Go test of the deployment reads them.

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

run "a_token_in_a_variable_file_is_refused" {
  command = plan
  variables {
    databases = { prod-cache = { url = "https://merry-cat-32748.upstash.io", token = "AX9sASQgODM5YjE" } }
  }
  expect_failures = [var.databases]
}

run "a_tcp_address_is_refused" {
  command = plan
  variables {
    databases = { prod-cache = { url = "rediss://default:x@merry-cat-32748.upstash.io:6379" } }
  }
  expect_failures = [var.databases]
}

run "an_address_without_tls_is_refused" {
  command = plan
  variables {
    databases = { prod-cache = { url = "http://merry-cat-32748.upstash.io" } }
  }
  expect_failures = [var.databases]
}

run "a_database_with_capitals_is_refused" {
  command = plan
  variables {
    databases = { Prod_Cache = { url = "https://merry-cat-32748.upstash.io" } }
  }
  expect_failures = [var.databases]
}

run "no_database_is_refused" {
  command = plan
  variables {
    databases = {}
  }
  expect_failures = [var.databases]
}

run "too_large_a_shard_is_refused" {
  command = plan
  variables {
    databases = { for n in range(501) : "db-${n}" => { url = "https://merry-cat-32748.upstash.io" } }
  }
  expect_failures = [var.databases]
}

run "an_app_without_its_full_name_is_refused" {
  command = plan
  variables {
    databases = { prod-cache = { url = "https://merry-cat-32748.upstash.io", app = [{ cloud_run = "backend" }] } }
  }
  expect_failures = [var.databases]
}

run "no_receiver_is_refused" {
  command = plan
  variables {
    receivers = {}
  }
  expect_failures = [var.receivers]
}

run "a_receiver_of_two_kinds_is_refused" {
  command = plan
  variables {
    receivers = { slack = { slack = { webhook = "secret:slack-webhook" }, pagerduty = { routing_key = "secret:key" } } }
  }
  expect_failures = [var.receivers]
}

run "a_slack_address_in_a_variable_file_is_refused" {
  command = plan
  variables {
    receivers = { slack = { slack = { webhook = "https://hooks.slack.com/services/T0/B0/abc" } } }
  }
  expect_failures = [var.receivers]
}

run "a_webhook_and_a_bot_is_refused" {
  command = plan
  variables {
    receivers = { slack = { slack = { webhook = "secret:slack-webhook", bot_token = "secret:slack-bot-token" } } }
  }
  expect_failures = [var.receivers]
}

run "no_mail_address_for_on_call_is_refused" {
  command = plan
  variables {
    oncall_email = "oncall"
  }
  expect_failures = [var.oncall_email]
}

run "a_zone_for_a_region_is_refused" {
  command = plan
  variables {
    region = "us-east4-a"
  }
  expect_failures = [var.region]
}

run "a_region_twice_is_refused" {
  command = plan
  variables {
    regions = ["us-east4", "us-east4"]
  }
  expect_failures = [var.regions]
}

run "an_interval_that_divides_no_hour_is_refused" {
  command = plan
  variables {
    schedule = { healthcheck_minutes = 7 }
  }
  expect_failures = [var.schedule]
}

run "an_old_runtime_is_refused" {
  command = plan
  variables {
    runtime = "go125"
  }
  expect_failures = [var.runtime]
}

run "a_route_without_a_receiver_is_refused" {
  command = plan
  variables {
    routes = [{ receivers = ["pager"] }]
  }
  expect_failures = [var.routes]
}

run "a_service_of_no_database_is_refused" {
  command = plan
  variables {
    services = { backend = "prod-cash" }
  }
  expect_failures = [var.services]
}

run "a_shard_without_databases_is_refused" {
  command = plan
  variables {
    shards = { europe = {} }
  }
  expect_failures = [var.shards]
}

run "an_unknown_check_is_refused" {
  command = plan
  variables {
    checks = { pong = { enabled = false } }
  }
  expect_failures = [var.checks]
}

run "a_threshold_of_an_unknown_check_is_refused" {
  command = plan
  variables {
    thresholds = { pong = { open = "1s" } }
  }
  expect_failures = [var.thresholds]
}

run "a_page_for_anybody_who_asks_is_refused" {
  command = plan
  variables {
    access = { api = "public", badges = "public", dashboard = "open", openmetrics = "public", playbooks = "public" }
  }
  expect_failures = [var.access]
}

run "a_page_by_token_without_a_token_is_refused" {
  command = plan
  variables {
    access = { api = "token", badges = "token", dashboard = "token", openmetrics = "token", playbooks = "token" }
  }
  expect_failures = [var.access]
}

run "one_page_of_metrics_cannot_be_open_alone" {
  command = plan

  variables {
    access = { badges = "public" }
  }

  expect_failures = [var.access]
}

run "a_public_function_without_keys_is_refused" {
  command = plan
  variables {
    inbound = {}
  }
  expect_failures = [var.inbound]
}

run "a_signing_key_in_a_variable_file_is_refused" {
  command = plan
  variables {
    inbound = { link_keys = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] }
  }
  expect_failures = [var.inbound]
}

run "everybody_as_a_reader_is_refused" {
  command = plan
  variables {
    readers = ["allUsers"]
  }
  expect_failures = [var.readers]
}

run "a_proof_without_a_key_is_refused" {
  command = plan
  variables {
    databases = { prod-cache = { url = "https://merry-cat-32748.upstash.io", app = [{ proof = true }] } }
  }
  expect_failures = [var.proof_key]
}

run "a_counted_secret_without_a_value_is_refused" {
  command = plan
  variables {
    secret_versions = { slack-webhook = 1 }
  }
  expect_failures = [var.secret_values]
}

run "a_read_token_that_can_be_guessed_is_refused" {
  command = plan
  variables {
    access          = { health = "token", tokens = ["secret:read-token"] }
    secret_versions = { read-token = 1 }
    secret_values   = { read-token = "twenty-three-characters" }
  }
  expect_failures = [var.secret_values]
}

run "an_act_token_that_can_be_guessed_is_refused" {
  command = plan
  variables {
    access          = { api = "token", badges = "public", dashboard = "token", openmetrics = "token", playbooks = "public", tokens = ["secret:read-token"], act_tokens = ["secret:act-token"] }
    secret_versions = { act-token = 1 }
    secret_values   = { act-token = "twenty-three-characters" }
  }
  expect_failures = [var.secret_values]
}

run "an_act_token_behind_iam_is_refused" {
  command = plan
  variables {
    access = { act_tokens = ["secret:act-token"] }
  }
  expect_failures = [var.access]
}

run "a_read_token_of_24_characters_is_taken" {
  command = plan
  variables {
    access          = { health = "token", tokens = ["secret:read-token", "sm://projects/my-project/secrets/other"] }
    secret_versions = { read-token = 1 }
    secret_values   = { read-token = "twenty-four-characters-." }
  }
}

run "a_counted_bundle_without_a_token_is_refused" {
  command = plan
  variables {
    secret_versions = { databases = 1 }
  }
  expect_failures = [var.database_tokens]
}

run "a_token_in_quotes_is_refused" {
  command = plan
  variables {
    database_tokens = { prod-cache = "\"AX9s\"" }
    secret_versions = { databases = 1 }
  }
  expect_failures = [var.database_tokens]
}

run "a_token_with_the_name_of_its_variable_is_refused" {
  command = plan
  variables {
    database_tokens = { prod-cache = "UPSTASH_REDIS_REST_TOKEN=AX9sASQgODM5YjE" }
    secret_versions = { databases = 1 }
  }
  expect_failures = [var.database_tokens]
}

# Tokens are base64, which may end with an equals sign: no failure is expected.
run "the_padding_of_a_token_is_not_refused" {
  command = plan
  variables {
    database_tokens = { prod-cache = "AX9sASQgODM5YjE==" }
    secret_versions = { databases = 1 }
  }
}

run "half_a_version_is_refused" {
  command = plan
  variables {
    secret_versions = { databases = 1.5 }
    database_tokens = { prod-cache = "AX9s" }
  }
  expect_failures = [var.secret_versions]
}

run "a_project_number_is_refused" {
  command = plan
  variables {
    project = "123456789012"
  }
  expect_failures = [var.project]
}

run "a_project_of_a_domain_is_refused" {
  command = plan
  variables {
    project = "example.com:my-project"
  }
  expect_failures = [var.project]
}

run "too_long_a_prefix_is_refused" {
  command = plan
  variables {
    prefix = "pongwatch-of-the-platform"
  }
  expect_failures = [var.prefix]
}

run "a_database_id_of_firestore_with_capitals_is_refused" {
  command = plan
  variables {
    firestore = { database = "Pongwatch" }
  }
  expect_failures = [var.firestore]
}

run "an_unknown_ingress_is_refused" {
  command = plan
  variables {
    ingress = "INTERNAL"
  }
  expect_failures = [var.ingress]
}

run "a_channel_by_its_number_is_refused" {
  command = plan
  variables {
    notification_channels = ["1234567890"]
  }
  expect_failures = [var.notification_channels]
}

run "a_secret_by_its_bare_name_is_refused" {
  command = plan
  variables {
    credentials = "upstash-tokens"
  }
  expect_failures = [var.credentials]
}

run "an_api_key_in_a_variable_file_is_refused" {
  command = plan
  variables {
    management = { email = "ops@example.com", api_key = "0123-4567" }
  }
  expect_failures = [var.management]
}

run "a_heartbeat_without_tls_is_refused" {
  command = plan
  variables {
    heartbeat = { url = "http://hc.example.com" }
  }
  expect_failures = [var.heartbeat]
}

run "changes_of_an_unknown_source_are_refused" {
  command = plan
  variables {
    changes = ["deployments", "weather"]
  }
  expect_failures = [var.changes]
}

run "an_audit_log_without_an_account_is_refused" {
  command = plan
  variables {
    changes = ["audit_log"]
  }
  expect_failures = [var.changes]
}

run "an_impact_without_a_service_is_refused" {
  command = plan
  variables {
    databases = { prod-cache = { url = "https://merry-cat-32748.upstash.io", app = [{ health_url = "https://app.example.com/health", impact = true }] } }
  }
  expect_failures = [var.databases]
}

run "more_at_once_than_cloud_run_allows_is_refused" {
  command = plan
  variables {
    scaling = { alert = { concurrency = 2000 } }
  }
  expect_failures = [var.scaling]
}

run "memory_without_a_unit_is_refused" {
  command = plan
  variables {
    scaling = { metrics = { memory = "512" } }
  }
  expect_failures = [var.scaling]
}

run "an_unknown_egress_is_refused" {
  command = plan
  variables {
    vpc = { us-east4 = { subnetwork = "functions", egress = "ALL" } }
  }
  expect_failures = [var.vpc]
}

run "a_number_with_letters_is_refused" {
  command = plan
  variables {
    project_number = "my-project"
  }
  expect_failures = [var.project_number]
}

run "a_database_that_exists_cannot_be_deleted_by_this" {
  command = plan
  variables {
    firestore = { existing = true, protected = false }
  }
  expect_failures = [var.firestore]
}

run "a_key_by_its_short_name_is_refused" {
  command = plan
  variables {
    kms_key = "pongwatch"
  }
  expect_failures = [var.kms_key]
}

run "a_version_of_a_key_is_refused" {
  command = plan
  variables {
    kms_key = "projects/my-keys/locations/us-east4/keyRings/pongwatch/cryptoKeys/data/cryptoKeyVersions/1"
  }
  expect_failures = [var.kms_key]
}

run "a_pool_by_its_short_name_is_refused" {
  command = plan
  variables {
    worker_pool = "private"
  }
  expect_failures = [var.worker_pool]
}

run "a_multi_region_for_secrets_is_refused" {
  command = plan
  variables {
    secret_locations = ["EU"]
  }
  expect_failures = [var.secret_locations]
}

run "a_place_of_secrets_twice_is_refused" {
  command = plan
  variables {
    secret_locations = ["us-east4", "us-east4"]
  }
  expect_failures = [var.secret_locations]
}

run "a_connector_beside_a_subnetwork_is_refused" {
  command = plan
  variables {
    vpc = { us-east4 = { subnetwork = "functions", connector = "functions" } }
  }
  expect_failures = [var.vpc]
}

run "a_network_without_a_way_into_it_is_refused" {
  command = plan
  variables {
    vpc = { us-east4 = { network = "prod" } }
  }
  expect_failures = [var.vpc]
}

run "a_network_for_an_unknown_function_is_refused" {
  command = plan
  variables {
    vpc = { us-east4 = { subnetwork = "functions", functions = ["alerts"] } }
  }
  expect_failures = [var.vpc]
}

run "alert_for_everybody_is_refused" {
  command = plan
  variables {
    ingress_alert = "ALLOW_ALL"
  }
  expect_failures = [var.ingress_alert]
}

run "a_webhook_that_nobody_reaches_is_refused" {
  command = plan
  variables {
    ingress_webhook = "ALLOW_INTERNAL_ONLY"
  }
  expect_failures = [var.ingress_webhook]
}

run "a_webhook_behind_an_unnamed_load_balancer_is_refused" {
  command = plan
  variables {
    inbound         = { link_keys = ["secret:link-key"] }
    ingress_webhook = "ALLOW_INTERNAL_AND_GCLB"
  }
  expect_failures = [var.ingress_webhook]
}

run "a_webhook_address_without_tls_is_refused" {
  command = plan
  variables {
    inbound = { link_keys = ["secret:link-key"], url = "http://pongwatch.example.com" }
  }
  expect_failures = [var.inbound]
}

run "a_check_each_second_is_refused" {
  command = plan
  variables {
    uptime_period = 1
  }
  expect_failures = [var.uptime_period]
}

run "a_check_from_two_regions_is_refused" {
  command = plan
  variables {
    uptime_regions = ["EUROPE", "ASIA_PACIFIC"]
  }
  expect_failures = [var.uptime_regions]
}

run "a_check_from_a_region_of_google_cloud_is_refused" {
  command = plan
  variables {
    uptime_regions = ["us-east4", "EUROPE", "ASIA_PACIFIC", "USA_IOWA"]
  }
  expect_failures = [var.uptime_regions]
}

run "a_match_needs_a_page" {
  command = plan
  variables {
    databases = { prod-cache = { url = "https://merry-cat-32748.upstash.io", app = [{ cloud_run = "projects/p/locations/l/services/s", match = { path = "$.driver", connected = ["upstash"] } }] } }
  }
  expect_failures = [var.databases]
}

run "a_shard_with_capitals_is_refused" {
  command = plan
  variables {
    databases = { prod-cache = { url = "https://merry-cat-32748.upstash.io", shard = "Europe" } }
  }
  expect_failures = [var.databases]
}

run "a_limiter_without_a_key_is_refused" {
  command = plan
  variables {
    databases = { prod-cache = { url = "https://merry-cat-32748.upstash.io", app = [{ limiter = true }] } }
  }
  expect_failures = [var.proof_key]
}

run "a_proof_key_in_a_variable_file_is_refused" {
  command = plan
  variables {
    proof_key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
  }
  expect_failures = [var.proof_key]
}

run "a_read_token_in_a_variable_file_is_refused" {
  command = plan
  variables {
    access = { health = "token", tokens = ["AX9sASQgODM5YjE"] }
  }
  expect_failures = [var.access]
}

run "a_receiver_with_capitals_is_refused" {
  command = plan
  variables {
    receivers = { Slack = { slack = { webhook = "secret:slack-webhook" } } }
  }
  expect_failures = [var.receivers]
}

run "a_global_key_is_refused" {
  command = plan
  variables {
    kms_key = "projects/my-keys/locations/global/keyRings/pongwatch/cryptoKeys/data"
  }
  expect_failures = [var.kms_key]
}

run "a_pool_of_another_region_is_refused" {
  command = plan
  variables {
    worker_pool = "projects/my-builds/locations/us-central1/workerPools/private"
  }
  expect_failures = [var.worker_pool]
}

run "a_token_that_is_too_long_is_refused" {
  command = plan
  variables {
    database_tokens = { prod-cache = join("", [for n in range(151) : "A"]) }
    secret_versions = { databases = 1 }
  }
  expect_failures = [var.database_tokens]
}

run "a_token_in_an_address_is_refused" {
  command = plan
  variables {
    databases = { prod-cache = { url = "https://merry-cat-32748.upstash.io?_token=AX9sASQgODM5YjE" } }
  }
  expect_failures = [var.databases]
}

run "a_label_with_capitals_is_refused" {
  command = plan
  variables {
    labels = { Team = "platform" }
  }
  expect_failures = [var.labels]
}

run "a_zone_for_a_shard_is_refused" {
  command = plan
  variables {
    shards = { main = { regions = ["us-east4-a"] } }
  }
  expect_failures = [var.shards]
}

run "a_network_where_no_function_runs_is_refused" {
  command = plan
  variables {
    vpc = { us-east1 = { subnetwork = "functions" } }
  }
  expect_failures = [var.vpc]
}

run "a_secret_that_nothing_names_is_refused" {
  command = plan
  variables {
    secret_values   = { slack-webhok = "https://hooks.slack.com/services/T/B/x" }
    secret_versions = { slack-webhok = 1 }
  }
  expect_failures = [var.secret_versions]
}

run "a_value_that_is_not_counted_is_refused" {
  command = plan
  variables {
    secret_values = { slack-webhook = "https://hooks.slack.com/services/T/B/x" }
  }
  expect_failures = [var.secret_values]
}

run "a_database_token_that_is_not_counted_is_refused" {
  command = plan
  variables {
    database_tokens = { prod-cache = "AX9sASQgODM5YjE" }
  }
  expect_failures = [var.database_tokens]
}

run "a_read_token_that_acts_is_refused" {
  command = plan
  variables {
    access = { api = "token", badges = "public", dashboard = "token", openmetrics = "token", playbooks = "public", tokens = ["secret:read-token"], act_tokens = ["secret:read-token"] }
  }
  expect_failures = [var.access]
}

run "a_mail_server_with_a_port_is_refused" {
  command = plan
  variables {
    receivers = { mail = { email = { host = "smtp.example.com:587", from = "alerts@example.com", to = ["oncall@example.com"] } } }
  }
  expect_failures = [var.receivers]
}

run "a_webhook_with_a_password_in_its_address_is_refused" {
  command = plan
  variables {
    receivers = { hook = { webhook = { url = "https://pongwatch:hunter2@hooks.example.com/x", keys = ["secret:webhook-key"] } } }
  }
  expect_failures = [var.receivers]
}
