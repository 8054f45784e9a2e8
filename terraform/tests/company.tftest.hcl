# What companies ask of resources: keys of their own, places, pools, networks, and a database that is there already.

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
  region       = "europe-west1"
  regions      = ["europe-west1", "europe-west4"]
  oncall_email = "oncall@example.com"

  # Set, as Terraform asks of ephemeral variables in tests.
  database_tokens = {}
  secret_values   = {}

  databases = { for n in range(4) : "database-${n}" => { url = "https://database-${n}.upstash.io", checks = { isolation = { pattern = format("%07000d", n) } } } }
  receivers = { slack = { slack = { webhook = "secret:slack-webhook" } } }
  readers   = ["group:sre@example.com"]
  inbound   = { link_keys = ["secret:link-key"], url = "https://pongwatch.example.com/" }

  firestore        = { location = "eur3" }
  ingress          = "ALLOW_INTERNAL_AND_GCLB"
  ingress_alert    = "ALLOW_INTERNAL_AND_GCLB"
  ingress_webhook  = "ALLOW_INTERNAL_AND_GCLB"
  kms_key          = "projects/my-keys/locations/europe-west1/keyRings/pongwatch/cryptoKeys/data"
  secret_locations = ["europe-west1", "europe-west3"]
  worker_pool      = "projects/my-builds/locations/europe-west1/workerPools/private"
  vpc = {
    europe-west1 = { network = "prod", subnetwork = "functions", tags = ["egress"], functions = ["alert", "healthcheck", "metrics", "webhook"] }
    europe-west4 = { connector = "projects/my-project/locations/europe-west4/connectors/functions", egress = "VPC_EGRESS_PRIVATE_RANGES_ONLY" }
  }
}

run "everything_that_is_kept_is_encrypted_by_the_key_of_its_place" {
  assert {
    condition     = google_storage_bucket.source.encryption[0].default_kms_key_name == "projects/my-keys/locations/europe-west1/keyRings/pongwatch/cryptoKeys/data"
    error_message = "The source is encrypted by Google's key."
  }
  assert {
    condition     = alltrue([for region, repository in google_artifact_registry_repository.images : repository.kms_key_name == "projects/my-keys/locations/${region}/keyRings/pongwatch/cryptoKeys/data"]) && length(google_artifact_registry_repository.images) == 2
    error_message = "An image is encrypted by Google's key, or by one of another region."
  }
  assert {
    condition     = alltrue([for topic in [google_pubsub_topic.reports, google_pubsub_topic.signals, google_pubsub_topic.dead_letters] : topic.kms_key_name == "projects/my-keys/locations/europe-west1/keyRings/pongwatch/cryptoKeys/data"])
    error_message = "Messages are encrypted by Google's key."
  }
  assert {
    condition     = google_firestore_database.this[0].cmek_config[0].kms_key_name == "projects/my-keys/locations/europe/keyRings/pongwatch/cryptoKeys/data"
    error_message = "Firestore's eur3 wants a key of Cloud KMS' multi-region europe."
  }
  assert {
    condition = alltrue([for function in concat(values(google_cloudfunctions2_function.healthcheck), [google_cloudfunctions2_function.metrics, google_cloudfunctions2_function.alert, google_cloudfunctions2_function.webhook[0]]) :
      function.kms_key_name == "projects/my-keys/locations/${function.location}/keyRings/pongwatch/cryptoKeys/data"
    ])
    error_message = "A function is encrypted by Google's key, or by one of another region."
  }
}

run "secrets_lie_where_they_may_and_are_encrypted_there" {
  assert {
    condition = alltrue([for secret in concat(values(google_secret_manager_secret.managed), values(google_secret_manager_secret.config)) : (
      length(secret.replication[0].auto) == 0
      && [for replica in secret.replication[0].user_managed[0].replicas : replica.location] == ["europe-west1", "europe-west3"]
      && [for replica in secret.replication[0].user_managed[0].replicas : replica.customer_managed_encryption[0].kms_key_name] == [for location in ["europe-west1", "europe-west3"] : "projects/my-keys/locations/${location}/keyRings/pongwatch/cryptoKeys/data"]
    )]) && length(google_secret_manager_secret.config) > 1 && length(google_secret_manager_secret.managed) == 3
    error_message = "A secret lies elsewhere, or is encrypted by Google's key."
  }
}

run "every_function_reads_the_parts_of_the_document" {
  assert {
    condition     = toset(keys(google_secret_manager_secret_iam_member.config)) == toset(flatten([for name in ["alert", "healthcheck", "metrics", "webhook"] : [for part in keys(google_secret_manager_secret.config) : "${name}/${part}"]])) && alltrue([for key, grant in google_secret_manager_secret_iam_member.config : grant.member == google_service_account.functions[split("/", key)[0]].member && grant.role == "roles/secretmanager.secretAccessor"])
    error_message = "A function cannot read its configuration."
  }
}

run "readers_may_read_and_no_one_else" {
  assert {
    condition     = alltrue([for binding in concat([google_cloud_run_v2_service_iam_binding.metrics], values(google_cloud_run_v2_service_iam_binding.healthcheck)) : contains(binding.members, "group:sre@example.com")]) && !contains(google_cloud_run_v2_service_iam_binding.alert.members, "group:sre@example.com")
    error_message = "Readers read the pages, and post nothing to Alert."
  }
}

run "functions_are_built_in_the_pool_of_their_region" {
  assert {
    condition = alltrue([for function in concat(values(google_cloudfunctions2_function.healthcheck), [google_cloudfunctions2_function.metrics, google_cloudfunctions2_function.alert, google_cloudfunctions2_function.webhook[0]]) :
      function.build_config[0].worker_pool == "projects/my-builds/locations/${function.location}/workerPools/private"
    ])
    error_message = "An organisation that allows its own pools only would refuse the build."
  }
}

run "every_function_goes_out_through_the_network_that_names_it" {
  assert {
    condition = alltrue([for function in [google_cloudfunctions2_function.healthcheck["europe-west1"], google_cloudfunctions2_function.metrics, google_cloudfunctions2_function.alert, google_cloudfunctions2_function.webhook[0]] : (
      function.service_config[0].direct_vpc_egress == "VPC_EGRESS_ALL_TRAFFIC"
      && function.service_config[0].direct_vpc_network_interface[0].network == "prod"
      && function.service_config[0].direct_vpc_network_interface[0].subnetwork == "functions"
      && function.service_config[0].direct_vpc_network_interface[0].tags == tolist(["egress"])
      && function.service_config[0].vpc_connector == null
    )])
    error_message = "A function goes out past the network, which run.allowedVPCEgress refuses."
  }
  assert {
    condition = (
      google_cloudfunctions2_function.healthcheck["europe-west4"].service_config[0].vpc_connector == "projects/my-project/locations/europe-west4/connectors/functions"
      && google_cloudfunctions2_function.healthcheck["europe-west4"].service_config[0].vpc_connector_egress_settings == "PRIVATE_RANGES_ONLY"
      && length(google_cloudfunctions2_function.healthcheck["europe-west4"].service_config[0].direct_vpc_network_interface) == 0
    )
    error_message = "A connector goes without a subnet, and has other words for the same egress."
  }
}

run "ingress_is_what_the_organisation_allows" {
  assert {
    condition = alltrue([for function in concat(values(google_cloudfunctions2_function.healthcheck), [google_cloudfunctions2_function.metrics, google_cloudfunctions2_function.alert, google_cloudfunctions2_function.webhook[0]]) :
      function.service_config[0].ingress_settings == "ALLOW_INTERNAL_AND_GCLB"
    ])
    error_message = "run.allowedIngress would refuse a function."
  }
  assert {
    condition     = jsondecode(google_secret_manager_secret_version.config["000"].secret_data).inbound.url == "https://pongwatch.example.com" && output.inbound_urls.slack == "https://pongwatch.example.com/slack/interactions"
    error_message = "Links and Slack must use the load balancer's address: the function's own is closed."
  }
}

run "a_key_places_secrets_where_the_functions_are" {
  variables {
    secret_locations = []
  }
  assert {
    condition     = alltrue([for secret in google_secret_manager_secret.managed : try([for replica in secret.replication[0].user_managed[0].replicas : replica.location], []) == ["europe-west1", "europe-west4"]])
    error_message = "A regional key cannot encrypt a secret that lies anywhere."
  }
}

run "without_a_company_google_chooses" {
  variables {
    region           = "us-east4"
    regions          = []
    databases        = { prod-cache = { url = "https://merry-cat-32748.upstash.io" } }
    firestore        = {}
    inbound          = { link_keys = ["secret:link-key"] }
    ingress          = "ALLOW_ALL"
    ingress_alert    = "ALLOW_INTERNAL_ONLY"
    ingress_webhook  = "ALLOW_ALL"
    kms_key          = null
    secret_locations = []
    vpc              = {}
    worker_pool      = null
  }
  assert {
    condition     = alltrue([for secret in google_secret_manager_secret.managed : length(secret.replication[0].auto) == 1 && length(secret.replication[0].user_managed) == 0])
    error_message = "Secrets are replicated by Google unless a place is named."
  }
  assert {
    condition     = length(google_storage_bucket.source.encryption) == 0 && google_pubsub_topic.reports.kms_key_name == null && length(google_firestore_database.this[0].cmek_config) == 0 && google_cloudfunctions2_function.alert.kms_key_name == null && google_cloudfunctions2_function.alert.build_config[0].worker_pool == null
    error_message = "A key or a pool is named that nobody gave."
  }
  assert {
    condition     = google_cloudfunctions2_function.alert.service_config[0].vpc_connector == null && length(google_cloudfunctions2_function.alert.service_config[0].direct_vpc_network_interface) == 0
    error_message = "Alert needs no network."
  }
}

run "a_database_that_exists_is_used_and_not_made" {
  variables {
    firestore = { database = "shared-data", existing = true }
  }
  assert {
    condition     = length(google_firestore_database.this) == 0 && output.environment.alert.PONGWATCH_FIRESTORE_DATABASE == "shared-data" && google_project_iam_member.documents["alert"].condition[0].expression == "resource.name == \"projects/my-project/databases/shared-data\""
    error_message = "An install after a destroy would end in 409, or the functions use another database."
  }
  assert {
    condition     = { for key, field in google_firestore_field.data : key => "${field.database}/${field.collection}/${field.field}" } == { for collection in ["aside", "days", "gauges", "hot", "incidents", "overviews", "samples", "state"] : collection => "shared-data/${collection}/data" }
    error_message = "The indexes of other collections in it are not ours to change."
  }
}
