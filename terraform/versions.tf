terraform {
  # Write-only arguments and ephemeral variables keep secrets out of state and plans.
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.33, < 9"
    }
    time = {
      source  = "hashicorp/time"
      version = "~> 0.12"
    }
  }
}
