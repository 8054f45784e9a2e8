# pongwatch is watched by Cloud Monitoring, which tells on-call through a channel of its
# own: nothing of pongwatch has to work for that.
resource "google_monitoring_notification_channel" "oncall" {
  project      = var.project
  display_name = "${var.prefix}: on call"
  type         = "email"
  labels       = { email_address = var.oncall_email }

  depends_on = [google_project_service.apis]
}

locals {
  channels = concat([google_monitoring_notification_channel.oncall.name], var.notification_channels)

  service_names = [for name in sort(keys(local.functions)) : "${var.prefix}-${name}"]
  # By their whole names: a prefix may begin with that of another installation in the project.
  quoted_services      = join(",", [for name in local.service_names : jsonencode(name)])
  quoted_subscriptions = join(",", [for name in sort(keys(local.topics)) : jsonencode("${var.prefix}-${name}-alert")])
  # Functions of the second generation log as what they run on. Cloud Run's own request log stands under the same
  # resource, where a 5xx has severity ERROR: a 503 of an unhealthy database would look like an error of pongwatch.
  own_logs = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=~\"^(${join("|", local.service_names)})$\" AND NOT logName:\"run.googleapis.com%2Frequests\""

  # The line of HealthCheck, once for each database and run, and for a run in which no ping is due:
  # functions/healthcheck/run.go.
  health_lines  = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${var.prefix}-healthcheck\" AND NOT logName:\"run.googleapis.com%2Frequests\""
  probe_lines   = "${local.health_lines} AND jsonPayload.event=\"probe\""
  per_database  = coalesce(var.metrics_per_database, length(var.databases) * length(local.regions) <= 40)
  metric_prefix = "logging.googleapis.com/user/${var.prefix}"

  run_labels   = ["shard", "region"]
  probe_labels = concat(["shard", "region", "status", "cause"], local.per_database ? ["database"] : [])
  phase_labels = concat(["shard", "region"], local.per_database ? ["database"] : [])
}

# Which runs there were: few series, whatever the number of databases.
resource "google_logging_metric" "runs" {
  project     = var.project
  name        = "${var.prefix}/runs"
  description = "Pings of HealthCheck, and runs without any, by shard and region."
  filter      = "${local.health_lines} AND (jsonPayload.event=\"probe\" OR jsonPayload.event=\"run\")"

  label_extractors = { for label in local.run_labels : label => "EXTRACT(jsonPayload.${label})" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    dynamic "labels" {
      for_each = local.run_labels
      content {
        key = labels.value
      }
    }
  }

  depends_on = [google_project_service.apis]
}

resource "google_logging_metric" "probes" {
  project     = var.project
  name        = "${var.prefix}/probes"
  description = "Pings by their outcome."
  filter      = local.probe_lines

  label_extractors = { for label in local.probe_labels : label => "EXTRACT(jsonPayload.${label})" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    dynamic "labels" {
      for_each = local.probe_labels
      content {
        key = labels.value
      }
    }
  }

  depends_on = [google_project_service.apis]
}

resource "google_logging_metric" "latency" {
  project         = var.project
  name            = "${var.prefix}/latency"
  description     = "From the request written to the first byte of the answer."
  filter          = "${local.probe_lines} AND jsonPayload.latency_ms>0"
  value_extractor = "EXTRACT(jsonPayload.latency_ms)"

  label_extractors = { for label in local.phase_labels : label => "EXTRACT(jsonPayload.${label})" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = "ms"
    dynamic "labels" {
      for_each = local.phase_labels
      content {
        key = labels.value
      }
    }
  }

  # From 1 ms to 18 s.
  bucket_options {
    exponential_buckets {
      num_finite_buckets = 24
      growth_factor      = 1.5
      scale              = 1
    }
  }

  depends_on = [google_project_service.apis]
}

resource "google_logging_metric" "undelivered" {
  project     = var.project
  name        = "${var.prefix}/undelivered"
  description = "Critical incidents that have reached no receiver that pages."
  filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${var.prefix}-alert\" AND jsonPayload.event=\"undelivered\" AND NOT logName:\"run.googleapis.com%2Frequests\""

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.apis]
}

# Cloud Scheduler logs the end of each attempt, at INFO or, when it failed, at ERROR
# (https://cloud.google.com/scheduler/docs/logging). The tick has no function of its own that could.
resource "google_logging_metric" "ticks" {
  project     = var.project
  name        = "${var.prefix}/ticks"
  description = "Ticks that Cloud Scheduler has published."
  filter      = "resource.type=\"cloud_scheduler_job\" AND resource.labels.job_id=\"${google_cloud_scheduler_job.tick.name}\" AND jsonPayload.\"@type\"=\"type.googleapis.com/google.cloud.scheduler.logging.AttemptFinished\" AND severity<ERROR"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.apis]
}

# A policy on a metric that Cloud Monitoring does not know yet is refused: "it could take
# up to 10 minutes" (https://github.com/hashicorp/terraform-provider-google/issues/11102). It
# is seconds as a rule; docs/operations.md says what to do when it is more.
resource "time_sleep" "metrics" {
  create_duration = "60s"

  triggers = {
    runs        = google_logging_metric.runs.id
    ticks       = google_logging_metric.ticks.id
    undelivered = google_logging_metric.undelivered.id
  }
}

locals {
  # Three intervals and two minutes, as Alert counts a report as missing; an absence is
  # at least two minutes and counts in whole ones.
  absent_after = { for job, minutes in { healthcheck = var.schedule.healthcheck_minutes, tick = 1 } : job => "${(3 * minutes + 2) * 60}s" }

  policies = {
    runs_absent = {
      name     = "no runs"
      severity = "CRITICAL"
      content  = "HealthCheck has not logged a run of shard $${metric.label.shard} from region $${metric.label.region} for three intervals. Is the Scheduler job paused or failing? Does the function start? `gcloud scheduler jobs list --location=${var.region}`, then the function's log. See docs/operations.md, \"When pongwatch itself fails\"."
      absent   = { filter = "metric.type=\"${local.metric_prefix}/runs\" AND resource.type=\"cloud_run_revision\"", duration = local.absent_after.healthcheck, group_by = ["metric.label.shard", "metric.label.region"] }
    }
    ticks_absent = {
      name     = "no ticks"
      severity = "CRITICAL"
      content  = "Cloud Scheduler has not published a tick for five minutes. Without it Alert notices no missing report, sends no reminder and sweeps nothing undelivered. `gcloud scheduler jobs describe ${var.prefix}-tick --location=${var.region}`."
      absent   = { filter = "metric.type=\"${local.metric_prefix}/ticks\" AND resource.type=\"cloud_scheduler_job\"", duration = local.absent_after.tick, group_by = [] }
    }
    unacknowledged = {
      name      = "messages wait"
      severity  = "CRITICAL"
      content   = "The oldest message for Alert waits for more than five minutes: Alert fails, or cannot reach its store. Incidents may be undetected. See Alert's log."
      threshold = { filter = "metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" AND resource.type=\"pubsub_subscription\" AND resource.label.subscription_id=one_of(${local.quoted_subscriptions})", above = 300, duration = "120s", aligner = "ALIGN_MAX", group_by = ["resource.label.subscription_id"] }
    }
    dead_letters = {
      name      = "dead letters"
      severity  = "WARNING"
      content   = "Messages were put aside because Alert failed on them for an hour. Reports heal themselves; a command of a person may be lost. See docs/operations.md, \"Drain the dead letters\"."
      threshold = { filter = "metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND resource.type=\"pubsub_subscription\" AND resource.label.subscription_id=\"${var.prefix}-dead-letters\"", above = 0, duration = "0s", aligner = "ALIGN_MAX", group_by = ["resource.label.subscription_id"] }
    }
    undelivered = {
      name      = "a critical alert is undelivered"
      severity  = "CRITICAL"
      content   = "pongwatch knows of a critical incident and cannot reach anyone through a receiver that pages. Look at the incidents now: `pongwatch incidents`. Then at Alert's log for the receivers' errors."
      threshold = { filter = "metric.type=\"${local.metric_prefix}/undelivered\" AND resource.type=\"cloud_run_revision\"", above = 0, duration = "0s", aligner = "ALIGN_DELTA", group_by = [] }
    }
    alert_fails = {
      name      = "Alert answers with errors"
      severity  = "WARNING"
      content   = "Alert has answered 5xx for five minutes, so Pub/Sub repeats its messages: it cannot reach its store or its configuration. Nothing is lost for an hour, but incidents may be noticed late. See Alert's log."
      threshold = { filter = "metric.type=\"run.googleapis.com/request_count\" AND resource.type=\"cloud_run_revision\" AND resource.label.service_name=\"${var.prefix}-alert\" AND metric.label.response_code_class=\"5xx\"", above = 0, duration = "300s", aligner = "ALIGN_DELTA", group_by = [] }
    }
    errors = {
      name     = "errors"
      severity = "WARNING"
      content  = "A function of pongwatch, or a job that starts it, logged an error. What is wrong with a database is never logged as one."
      log      = "((${local.own_logs}) OR (resource.type=\"cloud_scheduler_job\" AND resource.labels.job_id=~\"^${var.prefix}-(healthcheck-|metrics-|tick$)\")) AND severity>=ERROR AND NOT jsonPayload.event=\"undelivered\""
    }
  }
}

resource "google_monitoring_alert_policy" "self" {
  for_each = local.policies

  project               = var.project
  display_name          = "${var.prefix}: ${each.value.name}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = each.value.name

    dynamic "condition_absent" {
      for_each = try([each.value.absent], [])
      content {
        filter   = condition_absent.value.filter
        duration = condition_absent.value.duration
        aggregations {
          alignment_period     = "60s"
          per_series_aligner   = "ALIGN_DELTA"
          cross_series_reducer = "REDUCE_SUM"
          group_by_fields      = condition_absent.value.group_by
        }
      }
    }

    dynamic "condition_threshold" {
      for_each = try([each.value.threshold], [])
      content {
        filter          = condition_threshold.value.filter
        comparison      = "COMPARISON_GT"
        threshold_value = condition_threshold.value.above
        duration        = condition_threshold.value.duration
        aggregations {
          alignment_period     = "60s"
          per_series_aligner   = condition_threshold.value.aligner
          cross_series_reducer = condition_threshold.value.aligner == "ALIGN_DELTA" ? "REDUCE_SUM" : "REDUCE_MAX"
          group_by_fields      = condition_threshold.value.group_by
        }
      }
    }

    dynamic "condition_matched_log" {
      for_each = try([each.value.log], [])
      content {
        filter = condition_matched_log.value
      }
    }
  }

  alert_strategy {
    # Cloud Monitoring closes an incident once there was no data for this long, and no data is what an absence is.
    auto_close = can(each.value.absent) ? "604800s" : "1800s"
    # Required for log matches, and allowed only for them.
    dynamic "notification_rate_limit" {
      for_each = try([each.value.log], [])
      content {
        period = "3600s"
      }
    }
  }

  documentation {
    content   = each.value.content
    mime_type = "text/markdown"
  }

  depends_on = [time_sleep.metrics]
}
