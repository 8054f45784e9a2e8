locals {
  substitutions = {
    _GO_IMAGE         = var.images.go
    _PREFIX           = var.prefix
    _STATE_BUCKET     = google_storage_bucket.state.name
    _TERRAFORM_IMAGE  = var.images.terraform
    _VARIABLES_SECRET = google_secret_manager_secret.variables.secret_id
  }
}

# Whatever is proposed is checked and planned. A stranger's request runs only once
# a member of the repository has commented "/gcbrun".
resource "google_cloudbuild_trigger" "plan" {
  project         = var.project
  location        = var.location
  name            = "${var.prefix}-plan"
  description     = "Checks and plans what is proposed."
  filename        = "cloudbuild.yaml"
  service_account = google_service_account.builds["plan"].id
  substitutions   = merge(local.substitutions, { _APPLY = "false" })

  # The log has the plan in it, and everyone can read a public repository's pull requests.
  include_build_logs = "INCLUDE_BUILD_LOGS_UNSPECIFIED"

  repository_event_config {
    repository = var.repository
    pull_request {
      branch          = "^${var.branch}$"
      comment_control = "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY"
    }
  }
}

# What has been merged is applied after an approval.
resource "google_cloudbuild_trigger" "apply" {
  project         = var.project
  location        = var.location
  name            = "${var.prefix}-apply"
  description     = "Checks, plans, applies and tries what was merged."
  filename        = "cloudbuild.yaml"
  service_account = google_service_account.builds["apply"].id
  substitutions   = merge(local.substitutions, { _APPLY = "true" })

  approval_config {
    approval_required = true
  }

  repository_event_config {
    repository = var.repository
    push {
      branch = "^${var.branch}$"
    }
  }
}
