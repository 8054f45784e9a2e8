locals {
  # Cloud Scheduler counts in minutes.
  cron = { for job, minutes in { healthcheck = var.schedule.healthcheck_minutes, metrics = var.schedule.metrics_minutes } :
    job => minutes == 60 ? "0 * * * *" : minutes == 1 ? "* * * * *" : "*/${minutes} * * * *"
  }

  # Never two runs of a job at once: with its one retry a run ends before the next minute.
  attempt_deadline = "25s"

  healthcheck_jobs = { for pair in flatten([
    for shard, it in local.shards : [for region in it.regions : { shard = shard, region = region }]
  ]) : "${pair.shard}/${pair.region}" => pair }
}

# In the region of its function, so that one region's outage stops that region's view
# alone.
resource "google_cloud_scheduler_job" "healthcheck" {
  for_each = local.healthcheck_jobs

  project          = var.project
  region           = each.value.region
  name             = "${var.prefix}-healthcheck-${each.value.shard}"
  description      = "Asks the databases of shard ${each.value.shard} for a PONG from ${each.value.region}."
  schedule         = local.cron.healthcheck
  time_zone        = "Etc/UTC"
  attempt_deadline = local.attempt_deadline

  retry_config {
    retry_count          = 1
    min_backoff_duration = "5s"
    max_backoff_duration = "5s"
    max_retry_duration   = "0s"
  }

  http_target {
    http_method = "POST"
    uri         = "${local.urls.healthcheck[each.value.region]}/"
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode(jsonencode({ shard = each.value.shard }))
    oidc_token {
      service_account_email = google_service_account.scheduler.email
      audience              = local.urls.healthcheck[each.value.region]
    }
  }

  depends_on = [google_cloud_run_v2_service_iam_binding.healthcheck]
}

resource "google_cloud_scheduler_job" "metrics" {
  for_each = local.shards

  project          = var.project
  region           = var.region
  name             = "${var.prefix}-metrics-${each.key}"
  description      = "Collects the figures of shard ${each.key}."
  schedule         = local.cron.metrics
  time_zone        = "Etc/UTC"
  attempt_deadline = local.attempt_deadline

  retry_config {
    retry_count          = 1
    min_backoff_duration = "5s"
    max_backoff_duration = "5s"
    max_retry_duration   = "0s"
  }

  http_target {
    http_method = "POST"
    uri         = "${local.urls.metrics}/"
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode(jsonencode({ shard = each.key }))
    oidc_token {
      service_account_email = google_service_account.scheduler.email
      audience              = local.urls.metrics
    }
  }

  depends_on = [google_cloud_run_v2_service_iam_binding.metrics]
}

# Lets time pass for Alert, also when every producer is dead.
resource "google_cloud_scheduler_job" "tick" {
  project     = var.project
  region      = var.region
  name        = "${var.prefix}-tick"
  description = "Lets time pass for Alert: missing reports, reminders, what is still to be delivered."
  schedule    = "* * * * *"
  time_zone   = "Etc/UTC"

  retry_config {
    retry_count = 1
  }

  pubsub_target {
    topic_name = local.topic_ids.reports
    attributes = { kind = "tick", v = "1" }
  }

  depends_on = [google_pubsub_subscription.alert]
}
