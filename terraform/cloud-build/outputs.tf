output "backend" {
  description = "Moves the state of pongwatch's own root into the bucket, after a first apply by hand."
  value       = "terraform -chdir=terraform init -migrate-state -backend-config=bucket=${google_storage_bucket.state.name} -backend-config=prefix=${var.prefix}"
}

output "variables_command" {
  description = "Hands terraform.tfvars to the builds."
  value       = "gcloud secrets versions add ${google_secret_manager_secret.variables.secret_id} --project=${var.project} --data-file=terraform/terraform.tfvars"
}
