module "source" {
  source = "./modules/source"
}

resource "google_storage_bucket" "source" {
  project  = var.project
  name     = "${var.project}-${var.prefix}-source"
  location = var.region

  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true
  # It holds nothing but copies of the repository.
  force_destroy = true

  dynamic "encryption" {
    for_each = compact([local.kms_keys[var.region]])
    content {
      default_kms_key_name = encryption.value
    }
  }

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  depends_on = [google_project_service.apis]
}

resource "google_storage_bucket_object" "source" {
  bucket = google_storage_bucket.source.name
  # A function is built anew when the name of its object changes, and only then.
  name   = "source-${module.source.hash}.zip"
  source = module.source.archive

  lifecycle {
    create_before_destroy = true
  }
}

# The default repository, gcf-artifacts, grows without limit. Images must lie in the
# region of their function.
resource "google_artifact_registry_repository" "images" {
  for_each = local.function_regions

  project       = var.project
  location      = each.key
  repository_id = var.prefix
  description   = "Images of pongwatch's functions."
  format        = "DOCKER"
  kms_key_name  = local.kms_keys[each.key]

  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 5
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "2592000s" # 30 days
    }
  }

  depends_on = [google_project_service.apis]
}
