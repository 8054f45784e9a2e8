# pongwatch from a root of one's own, by a release of it. With a registry, such as that of HCP Terraform:
#
#   source  = "pongwatch/pongwatch/google//terraform"
#   version = "~> 0.1"
terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.33, < 9"
    }
  }

  # backend "gcs" { bucket = "my-project-pongwatch-tfstate" }
}

variable "project" {
  description = "The id of the Google Cloud project."
  type        = string
}

module "pongwatch" {
  source = "git::https://github.com/pongwatch/pongwatch.git//terraform?ref=v0.1.0"

  project      = var.project
  region       = "us-east4"
  oncall_email = "oncall@example.com"

  databases = {
    prod-cache = { url = "https://merry-cat-32748.upstash.io" }
  }
  receivers = {
    slack-oncall = { slack = { webhook = "secret:slack-webhook" } }
  }
}

# Terraform writes no secret here: these commands do, after the first apply.
output "secret_commands" {
  description = "Add a version to each secret."
  value       = module.pongwatch.secret_commands
}
