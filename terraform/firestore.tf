locals {
  # The collections of the code: the first segment of its keys.
  collections = ["aside", "days", "gauges", "hot", "incidents", "overviews", "samples", "state"]

  # Its id has at least four characters.
  firestore_name     = coalesce(var.firestore.database, length(var.prefix) < 4 ? "${var.prefix}-pongwatch" : var.prefix)
  firestore_location = coalesce(var.firestore.location, var.region)
  # One that exists is used by its name and not kept by Terraform: after a destroy, or beside other apps.
  firestore_database = var.firestore.existing ? local.firestore_name : google_firestore_database.this[0].name
}

moved {
  from = google_firestore_database.this
  to   = google_firestore_database.this[0]
}

resource "google_firestore_database" "this" {
  count = var.firestore.existing ? 0 : 1

  project     = var.project
  name        = local.firestore_name
  location_id = local.firestore_location
  type        = "FIRESTORE_NATIVE"

  # The history and every open incident. Both must be changed on purpose to lose them.
  delete_protection_state = var.firestore.protected ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy         = var.firestore.protected ? "ABANDON" : "DELETE"

  dynamic "cmek_config" {
    for_each = compact([local.kms_keys.firestore])
    content {
      kms_key_name = cmek_config.value
    }
  }

  depends_on = [google_project_service.apis]
}

# Documents are one compressed field each, which no query searches: an index on it would only cost. A database of
# pongwatch's own needs none at all, which is one change; in another's only our fields are changed, one by one
# (https://cloud.google.com/firestore/docs/reference/rest/v1/projects.databases.collectionGroups.fields/patch).
resource "google_firestore_field" "data" {
  for_each = var.firestore.existing ? { for collection in local.collections : collection => "data" } : { "__default__" = "*" }

  project    = var.project
  database   = local.firestore_database
  collection = each.key
  field      = each.value

  index_config {}

  # The documents may stay after a destroy, and are to expire then as before.
  deletion_policy = "ABANDON"
}

resource "google_firestore_field" "expire_at" {
  for_each = toset(local.collections)

  project    = var.project
  database   = local.firestore_database
  collection = each.key
  field      = "expire_at"

  ttl_config {}
  index_config {}

  deletion_policy = "ABANDON"

  # Firestore changes one field of a database at a time.
  depends_on = [google_firestore_field.data]
}

# IAM cannot split documents. Of the project's databases the functions reach this one
# alone.
resource "google_project_iam_member" "documents" {
  for_each = { for name, function in local.functions : name => function if function.documents }

  project = var.project
  role    = "roles/datastore.user"
  member  = google_service_account.functions[each.key].member

  condition {
    title      = "pongwatch-documents"
    expression = "resource.name == \"projects/${var.project}/databases/${local.firestore_database}\""
  }
}
