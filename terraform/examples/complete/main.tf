# Two regions, two shards, a Slack bot with buttons, mail, PagerDuty, a network of one's
# own, and pages that a team may read. Secrets that exist already are named by "sm://…".
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

variable "project_number" {
  description = "Its number."
  type        = string
}

variable "database_tokens" {
  description = "The Standard REST token of each database that names no secret."
  type        = map(string)
  ephemeral   = true
  sensitive   = true
}

module "pongwatch" {
  source = "../.."

  project        = var.project
  project_number = var.project_number
  region         = "us-east4"
  regions        = ["us-east4", "europe-west1"]
  home           = "us-east4"
  oncall_email   = "oncall@example.com"
  labels         = { team = "platform" }

  databases = {
    prod-cache = {
      url         = "https://merry-cat-32748.upstash.io"
      plan        = "payg"
      region      = "us-east-1"
      database_id = "6a1f2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
      budget      = { commands = 50000 }
      app         = [{ service = "backend", health_url = "https://app.example.com/api/v1/health/redis", proof = true }]
      thresholds = {
        latency = { open = "250ms", close = "200ms" }
        memory  = { warn = 0.70, warn_close = 0.65 }
      }
    }
    prod-queue = {
      url    = "https://calm-owl-11223.upstash.io"
      plan   = "fixed-1gb"
      checks = { hit_rate = { enabled = false }, values = { enabled = false } }
      app    = [{ service = "worker", cloud_run = "projects/my-project/locations/us-east4/services/worker", impact = true }]
    }
    eu-sessions = {
      shard     = "europe"
      url       = "https://brave-fox-44556.upstash.io"
      token     = "sm://projects/my-project/secrets/eu-sessions-token"
      plan      = "custom"
      limits    = { memory = "512MB", commands = 5000000 }
      objective = 0.995
    }
    staging = {
      environment = "staging"
      url         = "https://shy-bee-77889.upstash.io"
      checks      = { isolation = { every = "168h" } }
    }
  }
  shards   = { europe = { regions = ["europe-west1"], home = "europe-west1" } }
  services = { backend-jobs = "prod-cache" }

  receivers = {
    slack-oncall = {
      fallback = "mail-oncall"
      slack = {
        bot_token = "sm://projects/my-project/secrets/slack-bot-token"
        channel   = "C0123456789"
        mention   = ["S0123456789"]
        approvers = ["U0123456789"]
        app_id    = "A0123456789"
        team_id   = "T0123456789"
      }
    }
    mail-oncall = {
      email = {
        host     = "smtp.example.com"
        username = "alerts@example.com"
        password = "sm://projects/my-project/secrets/smtp-password"
        from     = "pongwatch <alerts@example.com>"
        to       = ["oncall@example.com", "lead@example.com"]
      }
    }
    pager = { pagerduty = { routing_key = "sm://projects/my-project/secrets/pagerduty-routing-key" } }
    slack-staging = {
      pages = false
      slack = { webhook = "sm://projects/my-project/secrets/slack-webhook-staging" }
    }
    audit = {
      pages   = false
      webhook = { url = "https://hooks.example.com/pongwatch", keys = ["secret:webhook-key"] }
    }
  }
  routes = [
    { environments = ["staging"], receivers = ["slack-staging"] },
    { severities = ["critical"], receivers = ["slack-oncall", "audit"], fallback = ["mail-oncall"], escalate_after = "10m", escalate_to = ["pager"] },
    { receivers = ["slack-oncall", "audit"], reminders = { warning = ["24h"] } },
  ]
  alerting = {
    reminders = { critical = ["30m", "1h", "2h", "4h", "24h"], acknowledged = ["4h", "24h"] }
    silences  = { choices = ["30m", "4h", "24h"] }
  }
  maintenance = [
    { name = "sunday-upgrade", cron = "0 3 * * SUN", for = "2h", zone = "Europe/Berlin", databases = ["prod-*"] },
  ]
  oncall = { name = "platform team", actors = ["alice@example.com"] }

  # Buttons, links and signed events of apps: deploys AlertWebhook, which is public.
  inbound = {
    slack_signing_secret = "sm://projects/my-project/secrets/slack-signing-secret"
    event_keys           = ["secret:event-key"]
    link_keys            = ["secret:link-key"]
  }
  proof_key  = "secret:proof-key"
  changes    = ["deployments", "secrets", "audit_log", "limits", "configuration"]
  management = { email = "ops@example.com", api_key = "secret:upstash-api-key" }
  heartbeat  = { url = "secret:heartbeat-url" }

  access  = { api = "token", badges = "public", dashboard = "token", openmetrics = "token", playbooks = "public", tokens = ["secret:read-token"] }
  readers = ["group:sre@example.com"]

  # Requests to Upstash leave by the network's NAT, whose address its allow list holds.
  vpc = {
    us-east4     = { network = "prod", subnetwork = "functions-us" }
    europe-west1 = { network = "prod", subnetwork = "functions-eu" }
  }

  scaling               = { healthcheck = { min_instances = 1 } }
  notification_channels = ["projects/my-project/notificationChannels/1234567890123456789"]
  log_sink              = { filter = "resource.labels.service_name!=\"load-test\"" }

  # The other secrets' versions are added by the commands of the output secret_commands.
  secret_versions = { databases = 1 }
  database_tokens = var.database_tokens
}

output "inbound_urls" {
  description = "What to enter at Slack, and in apps."
  value       = module.pongwatch.inbound_urls
}

output "secret_commands" {
  description = "Add a version to each secret."
  value       = module.pongwatch.secret_commands
}
