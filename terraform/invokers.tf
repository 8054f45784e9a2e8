# Who may call which function: each list is complete. A function
# that is made anew loses its list, which is then made anew with it.
locals {
  invokers = {
    # Cloud Monitoring asks /health in one region.
    healthcheck = { for region in local.healthcheck_regions : region => concat(
      [google_service_account.scheduler.member],
      local.uptime_enabled && region == local.uptime_region ? ["serviceAccount:${local.service_agents.monitoring}"] : [],
      local.public.healthcheck ? ["allUsers"] : var.readers,
    ) }
    metrics = concat([google_service_account.scheduler.member], local.public.metrics ? ["allUsers"] : var.readers)
    alert   = [google_service_account.push.member]
    webhook = ["allUsers"]
  }
}

resource "google_cloud_run_v2_service_iam_binding" "healthcheck" {
  for_each = google_cloudfunctions2_function.healthcheck

  project  = var.project
  location = each.value.location
  name     = each.value.name
  role     = "roles/run.invoker"
  members  = local.invokers.healthcheck[each.key]

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.healthcheck[each.key].id]
  }

  # Cloud Monitoring's account appears with the first channel or check of the project.
  depends_on = [
    google_monitoring_notification_channel.oncall,
    google_monitoring_uptime_check_config.health,
  ]
}

resource "google_cloud_run_v2_service_iam_binding" "metrics" {
  project  = var.project
  location = google_cloudfunctions2_function.metrics.location
  name     = google_cloudfunctions2_function.metrics.name
  role     = "roles/run.invoker"
  members  = local.invokers.metrics

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.metrics.id]
  }
}

resource "google_cloud_run_v2_service_iam_binding" "alert" {
  project  = var.project
  location = google_cloudfunctions2_function.alert.location
  name     = google_cloudfunctions2_function.alert.name
  role     = "roles/run.invoker"
  members  = local.invokers.alert

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.alert.id]
  }
}

resource "google_cloud_run_v2_service_iam_binding" "webhook" {
  count = var.inbound == null ? 0 : 1

  project  = var.project
  location = google_cloudfunctions2_function.webhook[0].location
  name     = google_cloudfunctions2_function.webhook[0].name
  role     = "roles/run.invoker"
  members  = local.invokers.webhook

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.webhook[count.index].id]
  }
}

# HealthCheck reads how an app's own service is deployed, where a database names it.
resource "google_cloud_run_v2_service_iam_member" "apps" {
  for_each = toset(compact(flatten([for database in var.databases : [for app in database.app : app.cloud_run]])))

  project  = split("/", each.key)[1]
  location = split("/", each.key)[3]
  name     = split("/", each.key)[5]
  role     = "roles/run.viewer"
  member   = google_service_account.functions["healthcheck"].member
}

# Metrics reads what was deployed of it last, where changes are asked for.
resource "google_cloud_run_v2_service_iam_member" "changes" {
  for_each = contains(var.changes, "deployments") ? toset(compact(flatten([for database in var.databases : [for app in database.app : app.cloud_run]]))) : toset([])

  project  = split("/", each.key)[1]
  location = split("/", each.key)[3]
  name     = split("/", each.key)[5]
  role     = "roles/run.viewer"
  member   = google_service_account.functions["metrics"].member
}

# Metrics reads how an app's requests are answered. Cloud Monitoring grants by project alone, so that this
# role shows it every metric there.
resource "google_project_iam_member" "impact" {
  for_each = toset(flatten([for database in var.databases : [for app in database.app : split("/", app.cloud_run)[1] if app.impact == true && app.cloud_run != null]]))

  project = each.key
  role    = "roles/monitoring.viewer"
  member  = google_service_account.functions["metrics"].member
}
