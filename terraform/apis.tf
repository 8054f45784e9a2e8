locals {
  apis = [
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
  ]
}

resource "google_project_service" "apis" {
  for_each = toset(local.apis)

  project = var.project
  service = each.key

  # Others in the project may use them.
  disable_on_destroy = false
}

# Asked only where the number is not given: the answer needs a permission more.
data "google_project" "this" {
  count = var.project_number == null ? 1 : 0

  project_id = var.project
}

locals {
  project_number = var.project_number == null ? data.google_project.this[0].number : var.project_number

  # https://cloud.google.com/iam/docs/service-agents
  service_agents = {
    monitoring = "service-${local.project_number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"
    pubsub     = "service-${local.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  }
}
