resource "google_secret_manager_secret" "token" {
  project   = var.project
  secret_id = "${var.prefix}-${var.name}-token"

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
}

# Handed over without being kept once more: the state of this root has the token already,
# as the provider's attribute of the database.
resource "google_secret_manager_secret_version" "token" {
  secret         = google_secret_manager_secret.token.id
  secret_data_wo = upstash_redis_database.this.rest_token
  # A token that was reset at Upstash is written when the next apply has seen it. No more
  # of it shows than tells two tokens apart.
  secret_data_wo_version = parseint(substr(sha256(nonsensitive(sha256(upstash_redis_database.this.rest_token))), 0, 8), 16)

  deletion_policy = "DISABLE"
  lifecycle {
    create_before_destroy = true
  }
}

resource "google_secret_manager_secret" "url" {
  project   = var.project
  secret_id = "${var.prefix}-${var.name}-url"

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
}

resource "google_secret_manager_secret_version" "url" {
  secret      = google_secret_manager_secret.url.id
  secret_data = local.url

  lifecycle {
    create_before_destroy = true
  }
}
