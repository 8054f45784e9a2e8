resource "google_pubsub_topic" "reports" {
  project      = var.project
  name         = "${var.prefix}-reports"
  labels       = var.labels
  kms_key_name = local.kms_keys[var.region]

  depends_on = [google_project_service.apis]
}

# Apart from reports, so that a chatty app cannot delay them.
resource "google_pubsub_topic" "signals" {
  project      = var.project
  name         = "${var.prefix}-signals"
  labels       = var.labels
  kms_key_name = local.kms_keys[var.region]

  depends_on = [google_project_service.apis]
}

locals {
  topics = {
    reports = google_pubsub_topic.reports
    signals = google_pubsub_topic.signals
  }
  # Known before the topics are made, so that a first plan shows whole environments.
  topic_ids = { for name, topic in local.topics : name => "projects/${var.project}/topics/${topic.name}" }
}

resource "google_pubsub_topic_iam_member" "publishers" {
  for_each = merge([for name, function in local.functions : { for topic in function.publishes : "${name}/${topic}" => { function = name, topic = topic } }]...)

  project = var.project
  topic   = local.topics[each.value.topic].name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.functions[each.value.function].member
}

# The subscriptions are ours and not a trigger's: with their own backoff, dead letters and
# no end.
resource "google_pubsub_subscription" "alert" {
  for_each = local.topics

  project = var.project
  name    = "${var.prefix}-${each.key}-alert"
  topic   = local.topic_ids[each.key]
  labels  = var.labels

  # Longer than the function may run, else a slow request is sent twice at once.
  ack_deadline_seconds       = 90
  message_retention_duration = "86400s"

  push_config {
    # Without the topic in its path the framework prints a warning into the log.
    push_endpoint = "${local.urls.alert}/${local.topic_ids[each.key]}"
    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = local.urls.alert
    }
  }

  # A report is stale after ten minutes, but a command is not: about an hour of an
  # unreachable store until a message is put aside.
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "60s"
  }
  dead_letter_policy {
    dead_letter_topic     = "projects/${var.project}/topics/${google_pubsub_topic.dead_letters.name}"
    max_delivery_attempts = 60
  }

  # By default a subscription is deleted after 31 idle days.
  expiration_policy {
    ttl = ""
  }

  depends_on = [
    google_cloud_run_v2_service_iam_binding.alert,
    google_pubsub_topic_iam_member.dead_letters,
    google_service_account_iam_member.push_tokens,
  ]
}

resource "google_pubsub_topic" "dead_letters" {
  project      = var.project
  name         = "${var.prefix}-dead-letters"
  labels       = var.labels
  kms_key_name = local.kms_keys[var.region]

  depends_on = [google_project_service.apis]
}

# A dead-letter topic without a subscription loses what it is given.
resource "google_pubsub_subscription" "dead_letters" {
  project = var.project
  name    = "${var.prefix}-dead-letters"
  topic   = "projects/${var.project}/topics/${google_pubsub_topic.dead_letters.name}"
  labels  = var.labels

  ack_deadline_seconds       = 60
  message_retention_duration = "1209600s" # 14 days

  expiration_policy {
    ttl = ""
  }
}

# It is Pub/Sub's own account that moves dead letters
# (https://cloud.google.com/pubsub/docs/dead-letter-topics#grant_forwarding_permissions).
resource "google_pubsub_topic_iam_member" "dead_letters" {
  project = var.project
  topic   = google_pubsub_topic.dead_letters.name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${local.service_agents.pubsub}"
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  for_each = google_pubsub_subscription.alert

  project      = var.project
  subscription = each.value.name
  role         = "roles/pubsub.subscriber"
  member       = "serviceAccount:${local.service_agents.pubsub}"
}
