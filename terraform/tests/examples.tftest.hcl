# The examples are applied as they are.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}
mock_provider "time" {}

override_module {
  target  = module.pongwatch.module.source
  outputs = { archive = "source.zip", files = [], hash = "0123456789abcdef" }
}
override_module {
  target  = module.source
  outputs = { archive = "source.zip", files = [], hash = "0123456789abcdef" }
}

variables {
  project         = "my-project"
  project_number  = "123456789012"
  database_tokens = { prod-cache = "AX9sASQg", prod-queue = "AX9sASQg", staging = "AX9sASQg" }
  secret_values   = { slack-webhook = "https://hooks.slack.com/services/T0/B0/x" }
}

run "the_minimal_example_watches_one_database" {
  module {
    source = "./examples/minimal"
  }
  providers = {
    google = google
    time   = time
  }

  assert {
    condition     = keys(output.health_commands) == ["health/us-east4", "redis/us-east4"]
    error_message = "The example must tell how to ask."
  }
}

run "the_complete_example_has_every_kind_of_thing" {
  module {
    source = "./examples/complete"
  }
  providers = {
    google = google
    time   = time
  }

  assert {
    condition     = toset(keys(output.secret_commands)) == toset(["event-key", "heartbeat-url", "link-key", "proof-key", "read-token", "upstash-api-key", "webhook-key"])
    error_message = "The example must tell how to fill the secrets that it leaves empty."
  }
  assert {
    condition     = output.inbound_urls.slack == "https://pongwatch-webhook-123456789012.us-east4.run.app/slack/interactions"
    error_message = "The example must tell what to enter at Slack."
  }
}
