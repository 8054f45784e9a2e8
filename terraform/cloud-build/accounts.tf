# Two accounts: what anyone's pull request makes run may look, and only what was
# approved may change. Looking includes no write of Terraform's state, from which init takes
# providers to run. It also writes the build's log, where it can pretend to be any service.
locals {
  roles = {
    plan = [
      "roles/logging.logWriter", # the build's own log
      "roles/viewer",            # what there is
      "roles/iam.securityReviewer",
    ]
    apply = [
      "roles/artifactregistry.admin",
      "roles/cloudfunctions.developer",
      "roles/cloudscheduler.admin",
      "roles/datastore.owner",
      "roles/logging.configWriter",
      "roles/logging.logWriter",
      "roles/monitoring.editor",
      "roles/pubsub.admin",
      "roles/run.admin",
      "roles/secretmanager.admin",
      "roles/serviceusage.serviceUsageAdmin",
      "roles/storage.admin",
      "roles/viewer",
    ]
  }

  # The roles of the whole project that pongwatch's own root grants: this account can
  # grant these and no others. It administers pongwatch's accounts alone, so that it becomes
  # no other account of the project. It still could by what else runs there, such as
  # another workload's Cloud Run job with other arguments: see own_project.
  granted = ["roles/datastore.user", "roles/logging.logWriter", "roles/storage.objectViewer"]

  # These exist once pongwatch has been applied by hand for the first time.
  own_accounts = { for name in ["alert", "build", "healthcheck", "metrics", "push", "scheduler", "webhook"] :
    name => "projects/${var.project}/serviceAccounts/${var.prefix}-${name}@${var.project}.iam.gserviceaccount.com"
  }
}

resource "google_service_account" "builds" {
  for_each = local.roles

  project      = var.project
  account_id   = "${var.prefix}-ci-${each.key}"
  display_name = "${var.prefix}: Cloud Build, ${each.key}"
}

resource "google_project_iam_member" "builds" {
  for_each = merge([for build, roles in local.roles : { for role in roles : "${build}/${role}" => { build = build, role = role } }]...)

  project = var.project
  role    = each.value.role
  member  = google_service_account.builds[each.value.build].member
}

# https://cloud.google.com/iam/docs/setting-limits-on-granting-roles
resource "google_project_iam_member" "apply_grants" {
  project = var.project
  role    = "roles/resourcemanager.projectIamAdmin"
  member  = google_service_account.builds["apply"].member

  condition {
    title      = "pongwatch-grants"
    expression = "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([${join(", ", [for role in local.granted : "'${role}'"])}])"
  }
}

# Terraform reads the versions that it wrote. Of all secrets' these are a long configuration's
# parts, which hold no secret (https://cloud.google.com/iam/docs/conditions-attribute-reference#extract).
resource "google_project_iam_member" "plan_configuration" {
  project = var.project
  role    = "roles/secretmanager.secretAccessor"
  member  = google_service_account.builds["plan"].member

  condition {
    title      = "pongwatch-configuration"
    expression = "resource.name.extract('/secrets/{name}/').startsWith('${var.prefix}-config-')"
  }
}

# The smoke test asks private functions with a token of its own. A build's metadata server
# gives none (https://blog.salrashid.dev/articles/2022/cloud_build_id_token/), so the account makes one for itself.
resource "google_service_account_iam_member" "apply_identity" {
  service_account_id = google_service_account.builds["apply"].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = google_service_account.builds["apply"].member
}

resource "google_project_service" "apis" {
  for_each = toset(["cloudbuild.googleapis.com", "iamcredentials.googleapis.com", "secretmanager.googleapis.com"])

  project            = var.project
  service            = each.key
  disable_on_destroy = false
}

# Only an account that may act as a function's account may deploy it.
resource "google_service_account_iam_member" "apply_acts_as" {
  for_each = local.own_accounts

  service_account_id = each.value
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.builds["apply"].member
}

# With this role on the whole project it could let itself act as an owner's account.
resource "google_service_account_iam_member" "apply_administers" {
  for_each = local.own_accounts

  service_account_id = each.value
  role               = "roles/iam.serviceAccountAdmin"
  member             = google_service_account.builds["apply"].member
}

resource "google_storage_bucket_iam_member" "state" {
  for_each = { plan = "roles/storage.objectViewer", apply = "roles/storage.objectUser" }

  bucket = google_storage_bucket.state.name
  role   = each.value
  member = google_service_account.builds[each.key].member
}

resource "google_secret_manager_secret_iam_member" "variables" {
  for_each = google_service_account.builds

  project   = var.project
  secret_id = google_secret_manager_secret.variables.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value.member
}
