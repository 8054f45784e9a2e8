locals {
  # The collections of the code: the first segment of its keys.
  collections = ["aside", "days", "gauges", "hot", "incidents", "samples", "state"]
}

resource "google_firestore_database" "this" {
  project     = var.project
  name        = var.firestore.database
  location_id = coalesce(var.firestore.location, var.region)
  type        = "FIRESTORE_NATIVE"

  # The history and every open incident. Both must be changed on purpose to lose them.
  delete_protection_state = var.firestore.protected ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy         = var.firestore.protected ? "ABANDON" : "DELETE"

  depends_on = [google_project_service.apis]
}

# Documents are one compressed field each, which no query searches: an index on it would
# cost as much as the data.
resource "google_firestore_field" "data" {
  for_each = toset(local.collections)

  project    = var.project
  database   = google_firestore_database.this.name
  collection = each.key
  field      = "data"

  index_config {}
}

resource "google_firestore_field" "expire_at" {
  for_each = toset(local.collections)

  project    = var.project
  database   = google_firestore_database.this.name
  collection = each.key
  field      = "expire_at"

  ttl_config {}
  index_config {}

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
    expression = "resource.name == \"projects/${var.project}/databases/${google_firestore_database.this.name}\""
  }
}
