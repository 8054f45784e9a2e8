# A look from outside at /health, which says whether every job of every shard keeps
# running. It also finds what an absent series cannot: a job that never ran.
locals {
  uptime_region = contains(local.healthcheck_regions, var.region) ? var.region : sort(tolist(local.healthcheck_regions))[0]
  # A check cannot hold a read token.
  uptime_enabled = var.uptime_check && var.access.health != "token"
}

resource "google_monitoring_uptime_check_config" "health" {
  count = local.uptime_enabled ? 1 : 0

  project      = var.project
  display_name = "${var.prefix} health"
  period       = "${var.uptime_period}s"
  timeout      = "10s"

  selected_regions = var.uptime_regions

  http_check {
    path         = "/health"
    port         = 443
    use_ssl      = true
    validate_ssl = true

    # The token's audience is scheme and host of the check, without the path, as seen in a
    # request (https://seankhliao.com/blog/12024-07-20-gcp-uptime-service-agent-auth): the
    # service's own address.
    service_agent_authentication {
      type = "OIDC_TOKEN"
    }
  }

  monitored_resource {
    type = "uptime_url"
    labels = {
      project_id = var.project
      host       = trimprefix(local.urls.healthcheck[local.uptime_region], "https://")
    }
  }

  depends_on = [google_project_service.apis]
}

resource "google_monitoring_alert_policy" "health" {
  count = local.uptime_enabled ? 1 : 0

  project               = var.project
  display_name          = "${var.prefix}: unhealthy"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = "unhealthy"

    condition_threshold {
      filter          = "metric.type=\"monitoring.googleapis.com/uptime_check/check_passed\" AND resource.type=\"uptime_url\" AND metric.label.check_id=\"${google_monitoring_uptime_check_config.health[0].uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      # Longer than a new installation may take to its first run of each job, for which /health says "never", and than
      # one bad look counts until the next.
      duration = "${var.schedule.metrics_minutes * 60 + max(300, var.uptime_period)}s"
      aggregations {
        # Longer than any period, so that each region's last look counts until its next.
        alignment_period     = "1200s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.host"]
      }
    }
  }

  alert_strategy {
    auto_close = "1800s"
  }

  # Until the jobs exist, /health has nothing good to say.
  depends_on = [google_cloud_scheduler_job.healthcheck, google_cloud_scheduler_job.metrics]

  documentation {
    content   = "HealthCheck's /health says that a job of pongwatch is late or never ran, or does not answer. Its body names the job: `curl -H \"Authorization: Bearer $(gcloud auth print-identity-token)\" ${local.urls.healthcheck[local.uptime_region]}/health`."
    mime_type = "text/markdown"
  }
}
