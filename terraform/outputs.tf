output "configuration" {
  description = "The document that the functions read, as JSON. `pongwatch config check` says whether it is right."
  value       = local.whole
}

output "configuration_parts" {
  description = "The same document as it lies in Secret Manager, where it is too long for the environment."
  value       = [for number in sort(keys(local.config_parts)) : local.config_parts[number]]
}

output "dashboard_command" {
  description = "Opens the dashboard on this machine, with the identity that is signed in to gcloud."
  value       = "gcloud run services proxy ${var.prefix}-metrics --project=${var.project} --region=${var.region} --port=8080 # then http://localhost:8080/"
}

output "environment" {
  description = "The environment of each function, by function and, for HealthCheck, region."
  value = merge(
    { for region, environment in local.environment.healthcheck : "healthcheck/${region}" => environment },
    { metrics = local.environment.metrics, alert = local.environment.alert },
    var.inbound == null ? {} : { webhook = local.environment.webhook },
  )
}

output "health_commands" {
  description = "Ask pongwatch about Redis, and about itself, with the identity that is signed in to gcloud."
  value = merge([for region in sort(tolist(local.healthcheck_regions)) : {
    "redis/${region}"  = "curl -sS -H \"Authorization: Bearer $(gcloud auth print-identity-token)\" ${local.urls.healthcheck[region]}/api/v1/health/redis"
    "health/${region}" = "curl -sS -H \"Authorization: Bearer $(gcloud auth print-identity-token)\" ${local.urls.healthcheck[region]}/health"
  }]...)
}

output "inbound_urls" {
  description = "What to enter at Slack as the interactivity request URL, and in apps that send events."
  value       = var.inbound == null ? null : { slack = "${local.webhook_url}/slack/interactions", events = "${local.webhook_url}/events" }
}

output "preflight_command" {
  description = "Runs the production checklist against the deployment, with your own identity and your own right to read the databases' secret."
  value       = "PONGWATCH_CONFIG=pongwatch.json TOKEN=$(gcloud auth print-identity-token) pongwatch preflight --url ${local.urls.metrics} --health-url ${local.urls.healthcheck[local.uptime_region]} --token-env TOKEN # after: terraform -chdir=terraform output -raw configuration >pongwatch.json"
}

output "run_commands" {
  description = "Start each scheduled job now."
  value = merge(
    { for key, job in google_cloud_scheduler_job.healthcheck : "healthcheck/${key}" => "gcloud scheduler jobs run ${job.name} --project=${var.project} --location=${job.region}" },
    { for key, job in google_cloud_scheduler_job.metrics : "metrics/${key}" => "gcloud scheduler jobs run ${job.name} --project=${var.project} --location=${job.region}" },
  )
}

output "secret_commands" {
  description = "Add a version to each secret that Terraform does not fill. Each reads the value from standard input."
  value       = { for name in local.managed_secrets : name => "gcloud secrets versions add ${var.prefix}-${name} --project=${var.project} --data-file=-" if !contains(keys(local.written_secrets), name) }
}

output "service_accounts" {
  description = "The service account of each function, for grants outside this module."
  value       = { for name, account in google_service_account.functions : name => account.email }
}

output "source_files" {
  description = "The files that are deployed."
  value       = module.source.files
}

output "topics" {
  description = "The topics of reports and signals. `pongwatch ack`, `silence` and `drill` publish to the first."
  value       = { reports = local.topic_ids.reports, signals = local.topic_ids.signals }
}

output "urls" {
  description = "The address of each function."
  value = merge(
    { for region, url in local.urls.healthcheck : "healthcheck/${region}" => url },
    { metrics = local.urls.metrics, alert = local.urls.alert },
    var.inbound == null ? {} : { webhook = local.urls.webhook },
  )
}
