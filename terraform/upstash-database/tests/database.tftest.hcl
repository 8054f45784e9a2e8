# The traps of the Upstash provider, each avoided. Plans only: what must not be destroyed
# could not be taken down after a test.

mock_provider "google" {}
mock_provider "upstash" {
  override_during = plan

  mock_resource "upstash_redis_database" {
    defaults = {
      database_id = "6a1f2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
      endpoint    = "merry-cat-32748.upstash.io"
      rest_token  = "canary-token-5d21"
    }
  }
}

variables {
  project        = "my-project"
  name           = "prod-cache"
  primary_region = "us-east-1"
}

run "the_second_apply_does_not_replace_the_database" {
  command = plan

  assert {
    condition     = upstash_redis_database.this.tls == true && upstash_redis_database.this.region == "global"
    error_message = "Without tls = true the second apply replaces the database, and its data is lost."
  }
}

run "url_and_token_reach_secret_manager" {
  command = plan

  assert {
    condition     = google_secret_manager_secret_version.url.secret_data == "https://merry-cat-32748.upstash.io" && google_secret_manager_secret_version.token.secret_data_wo == null && google_secret_manager_secret_version.token.secret_data == null
    error_message = "The URL is written, and the token is not kept a second time."
  }
  assert {
    condition     = output.database == { prod-cache = { database_id = "6a1f2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", eviction = "off", region = "us-east-1", token = "sm://projects/my-project/secrets/upstash-prod-cache-token", url = "https://merry-cat-32748.upstash.io" } }
    error_message = "The output is what pongwatch's variable takes."
  }
}

run "a_bare_endpoint_becomes_a_host" {
  command = plan

  override_resource {
    target          = upstash_redis_database.this
    override_during = plan
    values          = { endpoint = "calm-owl-11223", rest_token = "canary-token-5d22" }
  }
  variables {
    name = "prod-queue"
  }

  assert {
    condition     = output.database.prod-queue.url == "https://calm-owl-11223.upstash.io"
    error_message = "Old databases give a name, new ones a host."
  }
}

run "a_region_of_google_is_refused" {
  command = plan
  variables {
    primary_region = "us-east4"
  }
  expect_failures = [var.primary_region]
}

run "secrets_lie_where_they_may" {
  command = plan
  variables {
    secret_locations = ["europe-west1", "europe-west4"]
  }
  assert {
    condition     = alltrue([for secret in [google_secret_manager_secret.token, google_secret_manager_secret.url] : length(secret.replication[0].auto) == 0 && [for replica in secret.replication[0].user_managed[0].replicas : replica.location] == ["europe-west1", "europe-west4"]])
    error_message = "An organisation that limits locations refuses a secret that Google places."
  }
}

run "a_multi_region_for_secrets_is_refused" {
  command = plan
  variables {
    secret_locations = ["EU"]
  }
  expect_failures = [var.secret_locations]
}
