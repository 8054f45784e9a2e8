output "backend" {
  description = "Moves the state of pongwatch's own root into the bucket, after a first apply by hand."
  value       = "printf 'terraform {\\n  backend \"gcs\" {}\\n}\\n' >terraform/backend_override.tf && terraform -chdir=terraform init -migrate-state -backend-config=bucket=${google_storage_bucket.state.name} -backend-config=prefix=${var.prefix}"
}

output "reader" {
  description = "Belongs in `readers` of pongwatch's own root: the account whose smoke test asks the pages."
  value       = google_service_account.builds["apply"].member
}

output "variables_command" {
  description = "Hands terraform.tfvars to the builds."
  value       = "gcloud secrets versions add ${google_secret_manager_secret.variables.secret_id} --project=${var.project} --data-file=terraform/terraform.tfvars"
}
