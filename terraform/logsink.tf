# An app whose line begins with "MOCK MODE ACTIVE", or that logs the events below, tells
# pongwatch without a change. Further on, a line may quote what a stranger has sent, such as
# a User-Agent. pongwatch's own lines are left out: they would tell themselves.
locals {
  mock_mode_filter = join(" AND ", compact([
    "(resource.type=\"cloud_run_revision\" OR resource.type=\"gce_instance\" OR resource.type=\"k8s_container\")",
    "NOT resource.labels.service_name=~\"^${var.prefix}-(healthcheck|metrics|alert|webhook)$\"",
    "(textPayload=~\"^[^!-~]*(?i:MOCK MODE ACTIVE)\" OR jsonPayload.message=~\"^[^!-~]*(?i:MOCK MODE ACTIVE)\" OR jsonPayload.event=\"redis_mock_mode_activated\" OR jsonPayload.event=\"redis_mock_mode_deactivated\" OR jsonPayload.event=\"redis_limiter_open_activated\" OR jsonPayload.event=\"redis_limiter_open_deactivated\")",
    var.log_sink.filter == null ? null : "(${var.log_sink.filter})",
  ]))
}

resource "google_logging_project_sink" "mock_mode" {
  count = var.log_sink.enabled ? 1 : 0

  project                = var.project
  name                   = "${var.prefix}-mock-mode"
  description            = "Apps that say in their log that they run on a mock in place of Redis, or that their limiter is open."
  destination            = "pubsub.googleapis.com/${local.topic_ids.signals}"
  filter                 = local.mock_mode_filter
  unique_writer_identity = true
}

resource "google_pubsub_topic_iam_member" "mock_mode" {
  count = var.log_sink.enabled ? 1 : 0

  project = var.project
  topic   = google_pubsub_topic.signals.name
  role    = "roles/pubsub.publisher"
  member  = google_logging_project_sink.mock_mode[0].writer_identity
}
