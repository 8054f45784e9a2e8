# The state of pongwatch's own root. Every version of it is kept for a while: a state is
# lost by accident more often than by failure.
resource "google_storage_bucket" "state" {
  project  = var.project
  name     = "${var.project}-${var.prefix}-state"
  location = var.location

  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true

  versioning {
    enabled = true
  }
  lifecycle_rule {
    condition {
      num_newer_versions = 50
    }
    action {
      type = "Delete"
    }
  }
}

resource "google_secret_manager_secret" "variables" {
  project   = var.project
  secret_id = coalesce(var.variables_secret, "${var.prefix}-tfvars")

  replication {
    dynamic "auto" {
      for_each = length(var.secret_locations) == 0 ? [true] : []
      content {}
    }
    dynamic "user_managed" {
      for_each = length(var.secret_locations) == 0 ? [] : [true]
      content {
        dynamic "replicas" {
          for_each = var.secret_locations
          content {
            location = replicas.value
          }
        }
      }
    }
  }

  depends_on = [google_project_service.apis]
}
