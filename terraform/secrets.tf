locals {
  # Which parts of the document each function reads: design.md, "Trust".
  readable = {
    healthcheck = { credentials = local.credentials, databases = local.databases, tokens = var.access.tokens }
    metrics     = { credentials = local.credentials, databases = local.databases, tokens = var.access.tokens, act_tokens = var.access.act_tokens, management = var.management, proof_key = var.proof_key }
    alert       = { receivers = var.receivers, link_keys = try(var.inbound.link_keys, []), heartbeat = var.heartbeat }
    webhook     = { inbound = var.inbound }
  }

  # "function/reference" for each secret that a function may read.
  grants = merge([for function in keys(local.functions) : {
    for reference in distinct(regexall("\"(secret:[a-z0-9-]+|sm://projects/[^\"/]+/secrets/[^\"/]+)(?:/versions/[^\"/]+)?\"", jsonencode(local.readable[function]))) :
    "${function}/${reference[0]}" => {
      function = function
      managed  = startswith(reference[0], "secret:")
      project  = startswith(reference[0], "secret:") ? var.project : split("/", reference[0])[3]
      secret   = startswith(reference[0], "secret:") ? trimprefix(reference[0], "secret:") : split("/", reference[0])[5]
    }
  }]...)

  # The secrets with the databases' credentials. One that is named with its version does not change.
  credential_secrets = toset(flatten(regexall("\"(secret:[a-z0-9-]+|sm://projects/[^\"/]+/secrets/[^\"/]+)\"", jsonencode([local.credentials, local.databases]))))

  # The secrets of this module: those that the variables name.
  managed_secrets = toset([for grant in local.grants : grant.secret if grant.managed])

  # Those whose value Terraform writes; people add the versions of the others. "databases" counts all bundles.
  written_secrets = { for name, version in merge(
    var.secret_versions,
    { for name in keys(local.bundles) : name => var.secret_versions["databases"] if contains(keys(var.secret_versions), "databases") },
  ) : name => version if contains(local.managed_secrets, name) }
}

resource "google_secret_manager_secret" "managed" {
  for_each = local.managed_secrets

  project   = var.project
  secret_id = "${var.prefix}-${each.key}"
  labels    = var.labels

  replication {
    dynamic "auto" {
      for_each = length(local.secret_locations) == 0 ? [true] : []
      content {}
    }
    dynamic "user_managed" {
      for_each = length(local.secret_locations) == 0 ? [] : [true]
      content {
        dynamic "replicas" {
          for_each = local.secret_locations
          content {
            location = replicas.value
            dynamic "customer_managed_encryption" {
              for_each = compact([local.kms_keys[replicas.value]])
              content {
                kms_key_name = customer_managed_encryption.value
              }
            }
          }
        }
      }
    }
  }

  depends_on = [google_project_service.apis]
}

# The value is handed over and never kept: neither state nor plan holds it.
resource "google_secret_manager_secret_version" "managed" {
  for_each = local.written_secrets

  secret         = google_secret_manager_secret.managed[each.key].id
  secret_data_wo = contains(keys(local.bundles), each.key) ? jsonencode({ for name in local.bundles[each.key] : name => { token = var.database_tokens[name] } }) : var.secret_values[each.key]
  # A number: how far the user has counted, and for the bundle also whose tokens it holds,
  # so that a new database's token is written without being asked for.
  secret_data_wo_version = contains(keys(local.bundles), each.key) ? parseint(substr(sha256(jsonencode([each.value, local.bundles[each.key]])), 0, 12), 16) : each.value

  # The new one before the old one goes, which stays for the way back.
  deletion_policy = "DISABLE"
  lifecycle {
    create_before_destroy = true
  }
}

# Each secret is readable by exactly the functions that need it.
resource "google_secret_manager_secret_iam_member" "readers" {
  for_each = local.grants

  project   = each.value.project
  secret_id = each.value.managed ? google_secret_manager_secret.managed[each.value.secret].secret_id : each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.functions[each.value.function].member
}

# Metrics reads when the versions of the databases' secrets were added, where changes are asked for.
resource "google_secret_manager_secret_iam_member" "changes" {
  for_each = contains(var.changes, "secrets") ? local.credential_secrets : toset([])

  project   = startswith(each.key, "secret:") ? var.project : split("/", each.key)[3]
  secret_id = startswith(each.key, "secret:") ? google_secret_manager_secret.managed[trimprefix(each.key, "secret:")].secret_id : split("/", each.key)[5]
  role      = "roles/secretmanager.viewer"
  member    = google_service_account.functions["metrics"].member
}

# A document that is too long for the environment. It is not a secret, only kept like one.
resource "google_secret_manager_secret" "config" {
  for_each = local.config_parts

  project   = var.project
  secret_id = local.config_secrets[each.key]
  labels    = var.labels

  replication {
    dynamic "auto" {
      for_each = length(local.secret_locations) == 0 ? [true] : []
      content {}
    }
    dynamic "user_managed" {
      for_each = length(local.secret_locations) == 0 ? [] : [true]
      content {
        dynamic "replicas" {
          for_each = local.secret_locations
          content {
            location = replicas.value
            dynamic "customer_managed_encryption" {
              for_each = compact([local.kms_keys[replicas.value]])
              content {
                kms_key_name = customer_managed_encryption.value
              }
            }
          }
        }
      }
    }
  }

  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = length(base64encode(each.value)) * 3 / 4 <= 65536
      error_message = each.key == "000" ? "The configuration without its databases is longer than the 64 KiB that a secret holds: it has too many receivers, routes or maintenance windows." : "The settings of one database are longer than 9 KB, so a part of the configuration does not fit the 64 KiB of a secret: move what they share into \"checks\" and \"thresholds\"."
    }
    precondition {
      condition     = length(local.config_parts) <= local.most_parts
      error_message = "The configuration has ${length(local.config_parts)} parts, more than the ${local.most_parts} that the functions read: move what the databases share into \"checks\" and \"thresholds\", or watch them by two installations."
    }
  }

  depends_on = [google_project_service.apis]
}

resource "google_secret_manager_secret_version" "config" {
  for_each = local.config_parts

  secret      = google_secret_manager_secret.config[each.key].id
  secret_data = each.value

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_secret_manager_secret_iam_member" "config" {
  for_each = { for pair in setproduct(keys(local.config_parts), keys(local.functions)) : "${pair[1]}/${pair[0]}" => { part = pair[0], function = pair[1] } }

  project   = var.project
  secret_id = google_secret_manager_secret.config[each.value.part].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.functions[each.value.function].member

  lifecycle {
    create_before_destroy = true
  }
}
