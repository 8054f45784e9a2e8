# The least: one database, one Slack channel. Ten minutes from here to the first report.
#
#   export TF_VAR_database_tokens='{"prod-cache":"<UPSTASH_REDIS_REST_TOKEN>"}'
#   export TF_VAR_secret_values='{"slack-webhook":"https://hooks.slack.com/services/…"}'
#   terraform init && terraform apply
terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.33, < 9"
    }
  }
}

variable "project" {
  description = "The id of the Google Cloud project."
  type        = string
}

variable "database_tokens" {
  description = "The Standard REST token of each database."
  type        = map(string)
  ephemeral   = true
  sensitive   = true
}

variable "secret_values" {
  description = "The values of the other secrets."
  type        = map(string)
  ephemeral   = true
  sensitive   = true
}

module "pongwatch" {
  source = "../.."

  project      = var.project
  region       = "us-east4"
  oncall_email = "oncall@example.com"

  databases = {
    prod-cache = { url = "https://merry-cat-32748.upstash.io" }
  }

  receivers = {
    slack-oncall = { slack = { webhook = "secret:slack-webhook" } }
  }

  # Count a secret up to write its value anew.
  secret_versions = { databases = 1, slack-webhook = 1 }
  database_tokens = var.database_tokens
  secret_values   = var.secret_values
}

output "health_commands" {
  description = "Ask whether Redis can be used, and whether pongwatch runs."
  value       = module.pongwatch.health_commands
}
