# One account for each function, so that each may do only its own part. A function's
# logs need no role: the platform writes what it prints. AlertWebhook's is there without it,
# so that Cloud Build is allowed to act as all of them from the start (cloud-build).
resource "google_service_account" "functions" {
  for_each = local.all_functions

  project      = var.project
  account_id   = "${var.prefix}-${each.key}"
  display_name = "${var.prefix}: ${each.value.entry_point}"

  depends_on = [google_project_service.apis]
}

locals {
  # Known before the accounts are made, since the configuration and Alert's environment name
  # them: who may read a page may also post to its function, which lets only these start a run.
  scheduler_email = "${var.prefix}-scheduler@${var.project}.iam.gserviceaccount.com"
  push_email      = "${var.prefix}-push@${var.project}.iam.gserviceaccount.com"
}

resource "google_service_account" "scheduler" {
  project      = var.project
  account_id   = "${var.prefix}-scheduler"
  display_name = "${var.prefix}: starts the scheduled runs"

  depends_on = [google_project_service.apis]
}

resource "google_service_account" "push" {
  project      = var.project
  account_id   = "${var.prefix}-push"
  display_name = "${var.prefix}: hands messages to Alert"

  depends_on = [google_project_service.apis]
}

# In projects made before April 2021 Pub/Sub's own account lacks this
# (https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions).
resource "google_service_account_iam_member" "push_tokens" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = "serviceAccount:${local.service_agents.pubsub}"
}

resource "google_service_account" "build" {
  project      = var.project
  account_id   = "${var.prefix}-build"
  display_name = "${var.prefix}: builds the functions"

  depends_on = [google_project_service.apis]
}

# The default build account has no rights in new projects, and far too many in old ones.
resource "google_project_iam_member" "build_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

# Cloud Functions copies the archive into a bucket of its own before it builds.
resource "google_project_iam_member" "build_source" {
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title      = "pongwatch-source"
    expression = "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.source.name}/\") || resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${local.project_number}-\")"
  }
}

resource "google_artifact_registry_repository_iam_member" "build_images" {
  for_each = google_artifact_registry_repository.images

  project    = var.project
  location   = each.value.location
  repository = each.value.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

# A new grant takes minutes to hold everywhere, and a build that starts before fails. With one minute about every
# second first apply failed (https://github.com/hashicorp/terraform-provider-google/issues/20571).
resource "time_sleep" "build_grants" {
  create_duration = "180s"

  triggers = {
    account = google_service_account.build.email
    roles = join(",", concat(
      [google_project_iam_member.build_logs.role, google_project_iam_member.build_source.role],
      [for member in google_artifact_registry_repository_iam_member.build_images : "${member.role}@${member.location}"],
    ))
  }
}
