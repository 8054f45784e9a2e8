locals {
  regions = length(var.regions) > 0 ? var.regions : [var.region]

  # The shards that have databases, each with the regions from which it is watched.
  shards = { for name in distinct([for database in var.databases : database.shard]) : name => {
    regions = length(try(var.shards[name].regions, [])) > 0 ? var.shards[name].regions : local.regions
  } }

  # Where HealthCheck runs: in each region from which a shard is watched.
  healthcheck_regions = toset(flatten([for shard in local.shards : shard.regions]))
  function_regions    = setunion(local.healthcheck_regions, [var.region])

  # The deterministic addresses of Cloud Run, known before the functions are made: so
  # Alert can name the pages and be updated first, without a cycle
  # (https://cloud.google.com/run/docs/triggering/https-request#deterministic).
  urls = {
    healthcheck = { for region in local.healthcheck_regions : region => "https://${var.prefix}-healthcheck-${local.project_number}.${region}.run.app" }
    metrics     = "https://${var.prefix}-metrics-${local.project_number}.${var.region}.run.app"
    alert       = "https://${var.prefix}-alert-${local.project_number}.${var.region}.run.app"
    webhook     = "https://${var.prefix}-webhook-${local.project_number}.${var.region}.run.app"
  }
  # As Slack, apps and people reach it, which may be by a load balancer's name.
  webhook_url = coalesce(try(trimsuffix(var.inbound.url, "/"), null), local.urls.webhook)

  # What each function is, and what it may: design.md, "Trust".
  all_functions = {
    healthcheck = { entry_point = "HealthCheck", documents = true, publishes = ["reports"] }
    metrics     = { entry_point = "Metrics", documents = true, publishes = ["reports"] }
    alert       = { entry_point = "Alert", documents = true, publishes = [] }
    webhook     = { entry_point = "AlertWebhook", documents = false, publishes = ["reports", "signals"] }
  }
  functions = { for name, function in local.all_functions : name => function if name != "webhook" || var.inbound != null }

  # A service with one page that is open beyond IAM is open as a whole; then the function
  # also checks the signature of who starts a run.
  public = {
    healthcheck = var.access.health != "iam"
    metrics     = anytrue([for surface in ["api", "badges", "dashboard", "openmetrics", "playbooks"] : var.access[surface] != "iam"])
  }

  # pages_mib is what Metrics takes while its pages are asked for, eight at once as much as one, since it makes one
  # answer at a time: `scripts/bench pages` holds 2,000 databases to 100 MB with it.
  pages_mib = max(80, 40 * ceil(length(var.databases) / 1000))
  memory = merge({ for name, function in var.scaling : name => function.memory }, {
    metrics = coalesce(var.scaling.metrics.memory, [for mib in [256, 512, 1024, 2048, 4096] : "${mib}Mi" if local.pages_mib <= 0.8 * mib]...)
  })
  # Go collects before Cloud Run ends a function that outgrows its memory.
  memory_limits = { for name, memory in local.memory : name => format("%dMiB", min(
    floor(0.8 * tonumber(trimsuffix(trimsuffix(memory, "Mi"), "Gi")) * (endswith(memory, "Gi") ? 1024 : 1)), name == "metrics" ? local.pages_mib : 32768
  )) }

  environment = {
    healthcheck = { for region, url in local.urls.healthcheck : region => {
      GOMEMLIMIT                   = local.memory_limits.healthcheck
      GOOGLE_CLOUD_PROJECT         = var.project
      PONGWATCH_AUDIENCE           = url
      PONGWATCH_CONFIG             = local.config_value
      PONGWATCH_FIRESTORE_DATABASE = local.firestore_database
      PONGWATCH_REGION             = region
      PONGWATCH_TOPIC_REPORTS      = local.topic_ids.reports
    } }
    metrics = {
      GOMEMLIMIT                   = local.memory_limits.metrics
      GOOGLE_CLOUD_PROJECT         = var.project
      PONGWATCH_AUDIENCE           = local.urls.metrics
      PONGWATCH_CONFIG             = local.config_value
      PONGWATCH_FIRESTORE_DATABASE = local.firestore_database
      PONGWATCH_REGION             = var.region
      PONGWATCH_TOPIC_REPORTS      = local.topic_ids.reports
    }
    alert = {
      GOMEMLIMIT                   = local.memory_limits.alert
      GOOGLE_CLOUD_PROJECT         = var.project
      PONGWATCH_AUDIENCE           = local.urls.alert
      PONGWATCH_CONFIG             = local.config_value
      PONGWATCH_FIRESTORE_DATABASE = local.firestore_database
      PONGWATCH_PUSH_ACCOUNT       = local.push_email
    }
    webhook = {
      GOMEMLIMIT              = local.memory_limits.webhook
      GOOGLE_CLOUD_PROJECT    = var.project
      PONGWATCH_CONFIG        = local.config_value
      PONGWATCH_TOPIC_REPORTS = local.topic_ids.reports
      PONGWATCH_TOPIC_SIGNALS = local.topic_ids.signals
    }
  }

  build_environment = { GOOGLE_GOLDFLAGS = "-s -w" }
}

# Alert first: it must understand whatever the producers publish.
resource "google_cloudfunctions2_function" "alert" {
  project      = var.project
  location     = var.region
  name         = "${var.prefix}-alert"
  description  = "Decides what is an incident and tells who must know."
  labels       = var.labels
  kms_key_name = local.kms_keys[var.region]

  build_config {
    runtime               = var.runtime
    entry_point           = local.functions.alert.entry_point
    environment_variables = local.build_environment
    service_account       = google_service_account.build.id
    worker_pool           = local.worker_pools[var.region]
    docker_repository     = google_artifact_registry_repository.images[var.region].id
    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.functions["alert"].email
    environment_variables            = local.environment.alert
    available_cpu                    = "1"
    available_memory                 = local.memory.alert
    max_instance_request_concurrency = var.scaling.alert.concurrency
    min_instance_count               = var.scaling.alert.min_instances
    # When the state cannot be reached each instance may send a message of its own.
    max_instance_count = var.scaling.alert.max_instances
    timeout_seconds    = 60
    # Pub/Sub's push counts as internal
    # (https://cloud.google.com/run/docs/securing/ingress#internal-services).
    ingress_settings               = var.ingress_alert
    all_traffic_on_latest_revision = true
    direct_vpc_egress              = try(local.networks.alert[var.region].egress, null)
    vpc_connector                  = try(local.networks.alert[var.region].connector, null)
    vpc_connector_egress_settings  = try(local.networks.alert[var.region].connector_egress, null)

    dynamic "direct_vpc_network_interface" {
      for_each = try(local.networks.alert[var.region].interfaces, [])
      content {
        network    = direct_vpc_network_interface.value.network
        subnetwork = direct_vpc_network_interface.value.subnetwork
        tags       = direct_vpc_network_interface.value.tags
      }
    }
  }

  depends_on = [
    google_project_iam_member.documents,
    google_secret_manager_secret_iam_member.config,
    google_secret_manager_secret_iam_member.readers,
    google_secret_manager_secret_version.config,
    google_secret_manager_secret_version.managed,
    time_sleep.build_grants,
  ]
}

resource "google_cloudfunctions2_function" "healthcheck" {
  for_each = local.healthcheck_regions

  project      = var.project
  location     = each.key
  name         = "${var.prefix}-healthcheck"
  description  = "Asks every database for a PONG."
  labels       = var.labels
  kms_key_name = local.kms_keys[each.key]

  build_config {
    runtime               = var.runtime
    entry_point           = local.functions.healthcheck.entry_point
    environment_variables = local.build_environment
    service_account       = google_service_account.build.id
    worker_pool           = local.worker_pools[each.key]
    docker_repository     = google_artifact_registry_repository.images[each.key].id
    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.functions["healthcheck"].email
    environment_variables            = local.environment.healthcheck[each.key]
    available_cpu                    = "1"
    available_memory                 = local.memory.healthcheck
    max_instance_request_concurrency = var.scaling.healthcheck.concurrency
    min_instance_count               = var.scaling.healthcheck.min_instances
    # All shards of the region at once, and two for people.
    max_instance_count             = coalesce(var.scaling.healthcheck.max_instances, length([for shard in local.shards : shard if contains(shard.regions, each.key)]) + 2)
    timeout_seconds                = 30
    ingress_settings               = var.ingress
    all_traffic_on_latest_revision = true
    direct_vpc_egress              = try(local.networks.healthcheck[each.key].egress, null)
    vpc_connector                  = try(local.networks.healthcheck[each.key].connector, null)
    vpc_connector_egress_settings  = try(local.networks.healthcheck[each.key].connector_egress, null)

    dynamic "direct_vpc_network_interface" {
      for_each = try(local.networks.healthcheck[each.key].interfaces, [])
      content {
        network    = direct_vpc_network_interface.value.network
        subnetwork = direct_vpc_network_interface.value.subnetwork
        tags       = direct_vpc_network_interface.value.tags
      }
    }
  }

  depends_on = [
    google_cloudfunctions2_function.alert,
    google_pubsub_topic_iam_member.publishers,
  ]
}

resource "google_cloudfunctions2_function" "metrics" {
  project      = var.project
  location     = var.region
  name         = "${var.prefix}-metrics"
  description  = "Collects figures, runs the checks that cost commands, serves the pages."
  labels       = var.labels
  kms_key_name = local.kms_keys[var.region]

  build_config {
    runtime               = var.runtime
    entry_point           = local.functions.metrics.entry_point
    environment_variables = local.build_environment
    service_account       = google_service_account.build.id
    worker_pool           = local.worker_pools[var.region]
    docker_repository     = google_artifact_registry_repository.images[var.region].id
    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.functions["metrics"].email
    environment_variables            = local.environment.metrics
    available_cpu                    = "1"
    available_memory                 = local.memory.metrics
    max_instance_request_concurrency = var.scaling.metrics.concurrency
    min_instance_count               = var.scaling.metrics.min_instances
    max_instance_count               = coalesce(var.scaling.metrics.max_instances, length(local.shards) + 2)
    timeout_seconds                  = 60
    ingress_settings                 = var.ingress
    all_traffic_on_latest_revision   = true
    direct_vpc_egress                = try(local.networks.metrics[var.region].egress, null)
    vpc_connector                    = try(local.networks.metrics[var.region].connector, null)
    vpc_connector_egress_settings    = try(local.networks.metrics[var.region].connector_egress, null)

    dynamic "direct_vpc_network_interface" {
      for_each = try(local.networks.metrics[var.region].interfaces, [])
      content {
        network    = direct_vpc_network_interface.value.network
        subnetwork = direct_vpc_network_interface.value.subnetwork
        tags       = direct_vpc_network_interface.value.tags
      }
    }
  }

  depends_on = [
    google_cloudfunctions2_function.alert,
    google_pubsub_topic_iam_member.publishers,
  ]
}

# The only function that is meant to be public: it verifies signatures and may publish,
# nothing else.
resource "google_cloudfunctions2_function" "webhook" {
  count = var.inbound == null ? 0 : 1

  project      = var.project
  location     = var.region
  name         = "${var.prefix}-webhook"
  description  = "Takes buttons, signed links and signed events."
  labels       = var.labels
  kms_key_name = local.kms_keys[var.region]

  build_config {
    runtime               = var.runtime
    entry_point           = local.functions.webhook.entry_point
    environment_variables = local.build_environment
    service_account       = google_service_account.build.id
    worker_pool           = local.worker_pools[var.region]
    docker_repository     = google_artifact_registry_repository.images[var.region].id
    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.functions["webhook"].email
    environment_variables            = local.environment.webhook
    available_cpu                    = "1"
    available_memory                 = local.memory.webhook
    max_instance_request_concurrency = var.scaling.webhook.concurrency
    min_instance_count               = var.scaling.webhook.min_instances
    # What strangers can make it cost is bounded.
    max_instance_count             = var.scaling.webhook.max_instances
    timeout_seconds                = 10
    ingress_settings               = var.ingress_webhook
    all_traffic_on_latest_revision = true
    direct_vpc_egress              = try(local.networks.webhook[var.region].egress, null)
    vpc_connector                  = try(local.networks.webhook[var.region].connector, null)
    vpc_connector_egress_settings  = try(local.networks.webhook[var.region].connector_egress, null)

    dynamic "direct_vpc_network_interface" {
      for_each = try(local.networks.webhook[var.region].interfaces, [])
      content {
        network    = direct_vpc_network_interface.value.network
        subnetwork = direct_vpc_network_interface.value.subnetwork
        tags       = direct_vpc_network_interface.value.tags
      }
    }
  }

  depends_on = [
    google_cloudfunctions2_function.alert,
    google_pubsub_topic_iam_member.publishers,
  ]
}
