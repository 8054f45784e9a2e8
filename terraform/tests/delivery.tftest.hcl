# That what is observed reaches Alert, on time and for certain.

# Zips some hundred files; modules/source has its own test.
override_module {
  target  = module.source
  outputs = { archive = "source.zip", files = [], hash = "0123456789abcdef" }
}

mock_provider "time" {}
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

variables {
  project      = "my-project"
  region       = "us-east4"
  oncall_email = "oncall@example.com"

  # Set, as Terraform asks of ephemeral variables in tests.
  database_tokens = {}
  secret_values   = {}

  databases = { prod-cache = { url = "https://merry-cat-32748.upstash.io" } }
  inbound   = { event_keys = ["secret:event-key"] }
  receivers = { slack = { slack = { webhook = "secret:slack-webhook" } } }
}

run "every_function_gets_exactly_the_environment_that_it_reads" {
  assert {
    condition = google_cloudfunctions2_function.healthcheck["us-east4"].service_config[0].environment_variables == tomap({
      GOMEMLIMIT                   = "204MiB"
      GOOGLE_CLOUD_PROJECT         = "my-project"
      PONGWATCH_AUDIENCE           = "https://pongwatch-healthcheck-123456789012.us-east4.run.app"
      PONGWATCH_CONFIG             = output.configuration
      PONGWATCH_FIRESTORE_DATABASE = "pongwatch"
      PONGWATCH_REGION             = "us-east4"
      PONGWATCH_TOPIC_REPORTS      = "projects/my-project/topics/pongwatch-reports"
    })
    error_message = "HealthCheck lacks a variable, or has one that it does not read."
  }
  assert {
    condition = google_cloudfunctions2_function.metrics.service_config[0].environment_variables == tomap({
      GOMEMLIMIT                   = "80MiB"
      GOOGLE_CLOUD_PROJECT         = "my-project"
      PONGWATCH_AUDIENCE           = "https://pongwatch-metrics-123456789012.us-east4.run.app"
      PONGWATCH_CONFIG             = output.configuration
      PONGWATCH_FIRESTORE_DATABASE = "pongwatch"
      PONGWATCH_REGION             = "us-east4"
      PONGWATCH_TOPIC_REPORTS      = "projects/my-project/topics/pongwatch-reports"
    })
    error_message = "Metrics lacks a variable, or has one that it does not read."
  }
  assert {
    condition = google_cloudfunctions2_function.alert.service_config[0].environment_variables == tomap({
      GOMEMLIMIT                   = "204MiB"
      GOOGLE_CLOUD_PROJECT         = "my-project"
      PONGWATCH_AUDIENCE           = "https://pongwatch-alert-123456789012.us-east4.run.app"
      PONGWATCH_CONFIG             = output.configuration
      PONGWATCH_FIRESTORE_DATABASE = "pongwatch"
      PONGWATCH_PUSH_ACCOUNT       = "pongwatch-push@my-project.iam.gserviceaccount.com"
    })
    error_message = "Alert lacks a variable, or has one that it does not read."
  }
  assert {
    condition = google_cloudfunctions2_function.webhook[0].service_config[0].environment_variables == tomap({
      GOMEMLIMIT              = "204MiB"
      GOOGLE_CLOUD_PROJECT    = "my-project"
      PONGWATCH_CONFIG        = output.configuration
      PONGWATCH_TOPIC_REPORTS = "projects/my-project/topics/pongwatch-reports"
      PONGWATCH_TOPIC_SIGNALS = "projects/my-project/topics/pongwatch-signals"
    })
    error_message = "AlertWebhook lacks a variable, or has one that it does not read."
  }
  assert {
    condition = jsonencode(output.environment) == jsonencode({
      "healthcheck/us-east4" = google_cloudfunctions2_function.healthcheck["us-east4"].service_config[0].environment_variables
      metrics                = google_cloudfunctions2_function.metrics.service_config[0].environment_variables
      alert                  = google_cloudfunctions2_function.alert.service_config[0].environment_variables
      webhook                = google_cloudfunctions2_function.webhook[0].service_config[0].environment_variables
    })
    error_message = "The output says what the functions get."
  }
}

run "every_function_is_built_from_the_source_at_its_content" {
  assert {
    condition = alltrue([for function in concat(values(google_cloudfunctions2_function.healthcheck), [google_cloudfunctions2_function.metrics, google_cloudfunctions2_function.alert, google_cloudfunctions2_function.webhook[0]]) : (
      function.build_config[0].source[0].storage_source[0].object == "source-0123456789abcdef.zip"
      && function.build_config[0].source[0].storage_source[0].bucket == google_storage_bucket.source.name
      && function.build_config[0].runtime == "go127"
      && function.build_config[0].environment_variables["GOOGLE_GOLDFLAGS"] == "-s -w"
    )])
    error_message = "A function that is not built from the object named by its content does not change when the code does."
  }
  assert {
    condition     = google_cloudfunctions2_function.healthcheck["us-east4"].build_config[0].entry_point == "HealthCheck" && google_cloudfunctions2_function.metrics.build_config[0].entry_point == "Metrics" && google_cloudfunctions2_function.alert.build_config[0].entry_point == "Alert" && google_cloudfunctions2_function.webhook[0].build_config[0].entry_point == "AlertWebhook"
    error_message = "A function is started by another's name."
  }
  assert {
    condition     = alltrue([for function in concat(values(google_cloudfunctions2_function.healthcheck), [google_cloudfunctions2_function.metrics, google_cloudfunctions2_function.alert, google_cloudfunctions2_function.webhook[0]]) : function.build_config[0].docker_repository == google_artifact_registry_repository.images[function.location].id])
    error_message = "An image lies in the region of its function."
  }
  assert {
    condition     = alltrue([for repository in google_artifact_registry_repository.images : toset([for policy in repository.cleanup_policies : policy.action]) == toset(["KEEP", "DELETE"])])
    error_message = "Without cleaning up the repository of images grows without limit."
  }
  assert {
    condition     = time_sleep.build_grants.create_duration == "180s" && time_sleep.build_grants.triggers.account == google_service_account.build.email
    error_message = "A build that starts before its account's grants hold everywhere fails."
  }
}

run "a_run_with_its_retry_ends_before_the_next" {
  assert {
    condition = alltrue([for job in concat(values(google_cloud_scheduler_job.healthcheck), values(google_cloud_scheduler_job.metrics)) : (
      (1 + job.retry_config[0].retry_count) * tonumber(trimsuffix(job.attempt_deadline, "s")) + tonumber(trimsuffix(job.retry_config[0].max_backoff_duration, "s")) < 60
    )])
    error_message = "Cloud Scheduler skips a run while the one before is unfinished."
  }
  assert {
    condition = alltrue([for function in concat(values(google_cloudfunctions2_function.healthcheck), [google_cloudfunctions2_function.metrics]) :
      function.service_config[0].timeout_seconds >= tonumber(trimsuffix(google_cloud_scheduler_job.metrics["main"].attempt_deadline, "s"))
    ])
    error_message = "A function would be cut off while its scheduler still waits."
  }
}

run "the_jobs_post_the_shard_and_the_tick_is_a_message" {
  assert {
    condition     = google_cloud_scheduler_job.healthcheck["main/us-east4"].schedule == "* * * * *" && google_cloud_scheduler_job.metrics["main"].schedule == "*/5 * * * *" && google_cloud_scheduler_job.tick.schedule == "* * * * *"
    error_message = "HealthCheck and the tick run each minute, Metrics each five."
  }
  assert {
    condition     = alltrue([for job in concat(values(google_cloud_scheduler_job.healthcheck), values(google_cloud_scheduler_job.metrics)) : job.http_target[0].http_method == "POST" && base64decode(job.http_target[0].body) == "{\"shard\":\"main\"}" && job.time_zone == "Etc/UTC"])
    error_message = "A job asks for one shard."
  }
  assert {
    condition     = google_cloud_scheduler_job.tick.pubsub_target[0].topic_name == "projects/my-project/topics/pongwatch-reports" && google_cloud_scheduler_job.tick.pubsub_target[0].attributes == tomap({ kind = "tick", v = "1" })
    error_message = "Alert knows a tick by its attributes."
  }
}

run "nothing_published_is_lost" {
  assert {
    condition = alltrue([for name, subscription in google_pubsub_subscription.alert : (
      subscription.topic == "projects/my-project/topics/pongwatch-${name}"
      && subscription.expiration_policy[0].ttl == ""
      && subscription.ack_deadline_seconds > google_cloudfunctions2_function.alert.service_config[0].timeout_seconds
      && subscription.dead_letter_policy[0].dead_letter_topic == "projects/my-project/topics/pongwatch-dead-letters"
      && subscription.dead_letter_policy[0].max_delivery_attempts >= 60
      && subscription.retry_policy[0].minimum_backoff == "10s"
      && subscription.message_retention_duration == "86400s"
    )]) && toset(keys(google_pubsub_subscription.alert)) == toset(["reports", "signals"])
    error_message = "A subscription is deleted after an idle month, sends a slow request twice, or gives up too soon."
  }
  assert {
    condition     = google_pubsub_subscription.dead_letters.topic == "projects/my-project/topics/pongwatch-dead-letters" && google_pubsub_subscription.dead_letters.expiration_policy[0].ttl == "" && length(google_pubsub_subscription.dead_letters.push_config) == 0
    error_message = "Dead letters wait for people."
  }
  assert {
    condition     = google_pubsub_topic_iam_member.dead_letters.topic == "pongwatch-dead-letters" && google_pubsub_topic_iam_member.dead_letters.role == "roles/pubsub.publisher" && google_pubsub_topic_iam_member.dead_letters.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    error_message = "Pub/Sub's own account moves dead letters, and must be allowed to."
  }
  assert {
    condition = toset([for grant in google_pubsub_subscription_iam_member.dead_letters : grant.subscription]) == toset(["pongwatch-reports-alert", "pongwatch-signals-alert"]) && alltrue([for grant in google_pubsub_subscription_iam_member.dead_letters : (
      grant.role == "roles/pubsub.subscriber" && grant.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    )])
    error_message = "Pub/Sub takes dead letters out of the subscription that they came to."
  }
}

run "apps_that_log_mock_mode_are_heard_and_pongwatch_itself_is_not" {
  assert {
    condition     = google_logging_project_sink.mock_mode[0].destination == "pubsub.googleapis.com/projects/my-project/topics/pongwatch-signals" && google_logging_project_sink.mock_mode[0].unique_writer_identity
    error_message = "The sink sends to the topic of signals."
  }
  assert {
    condition     = google_pubsub_topic_iam_member.mock_mode[0].member == google_logging_project_sink.mock_mode[0].writer_identity && google_pubsub_topic_iam_member.mock_mode[0].role == "roles/pubsub.publisher" && google_pubsub_topic_iam_member.mock_mode[0].topic == "pongwatch-signals"
    error_message = "The sink may publish to the topic of signals."
  }
  assert {
    condition     = alltrue([for word in ["textPayload=~\"^[^!-~]*(?i:MOCK MODE ACTIVE)\"", "jsonPayload.message=~\"^[^!-~]*(?i:MOCK MODE ACTIVE)\"", "redis_mock_mode_activated", "redis_mock_mode_deactivated", "NOT resource.labels.service_name=~\"^pongwatch-"] : strcontains(google_logging_project_sink.mock_mode[0].filter, word)])
    error_message = "An event is not heard, or pongwatch hears itself."
  }
}

run "documents_expire_and_have_no_index_on_their_data" {
  assert {
    condition     = { for key, field in google_firestore_field.data : key => field.field } == { "__default__" = "*" } && alltrue([for field in google_firestore_field.data : length(field.index_config) == 1 && length(field.index_config[0].indexes) == 0 && field.database == "pongwatch"])
    error_message = "Indexes that no query uses cost with every write; one change takes all of them away."
  }
  assert {
    condition     = alltrue([for field in concat(values(google_firestore_field.data), values(google_firestore_field.expire_at)) : field.deletion_policy == "ABANDON"])
    error_message = "What stays after a destroy would never expire."
  }
  assert {
    condition     = toset(keys(google_firestore_field.expire_at)) == toset(["aside", "days", "gauges", "hot", "incidents", "overviews", "samples", "state"]) && alltrue([for field in google_firestore_field.expire_at : length(field.ttl_config) == 1 && field.field == "expire_at" && field.database == "pongwatch"])
    error_message = "What has expired would stay, and be paid for."
  }
  assert {
    condition     = google_firestore_database.this[0].delete_protection_state == "DELETE_PROTECTION_ENABLED" && google_firestore_database.this[0].type == "FIRESTORE_NATIVE" && google_firestore_database.this[0].location_id == "us-east4"
    error_message = "History and open incidents must be lost on purpose only."
  }
}
