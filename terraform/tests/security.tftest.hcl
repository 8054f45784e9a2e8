# Who may do what. What is asserted here is what an audit asks.

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

  databases = {
    prod-cache  = { url = "https://merry-cat-32748.upstash.io", app = [{ service = "backend", cloud_run = "projects/app-project/locations/us-east1/services/backend" }] }
    prod-queue  = { url = "secret:queue-url", token = "secret:queue-token" }
    eu-sessions = { url = "https://calm-owl-11223.upstash.io", token = "sm://projects/other-project/secrets/eu-token/versions/7" }
  }
  receivers = {
    slack = { slack = { bot_token = "secret:slack-bot-token", channel = "C0123456789" } }
    mail  = { email = { host = "smtp.example.com", from = "alerts@example.com", to = ["oncall@example.com"], username = "alerts", password = "secret:smtp-password" } }
    pd    = { pagerduty = { routing_key = "secret:pagerduty-key" } }
    audit = { webhook = { url = "https://hooks.example.com/pongwatch", keys = ["secret:webhook-key"] } }
  }
  inbound    = { slack_signing_secret = "secret:slack-signing-secret", event_keys = ["secret:event-key"], link_keys = ["secret:link-key"] }
  management = { email = "ops@example.com", api_key = "secret:upstash-api-key" }
  proof_key  = "secret:proof-key"
  heartbeat  = { url = "secret:heartbeat-url" }
  access     = { tokens = ["secret:read-token"] }

  secret_versions = { databases = 1, slack-bot-token = 3 }
  secret_values   = { slack-bot-token = "canary-slack-3f9c" }
  database_tokens = { prod-cache = "canary-upstash-77b1" }
}

run "nothing_is_public_by_default" {
  variables {
    inbound = null
    access  = {}
  }

  assert {
    condition = !anytrue([for members in concat(
      [for binding in google_cloud_run_v2_service_iam_binding.healthcheck : binding.members],
      [google_cloud_run_v2_service_iam_binding.metrics.members, google_cloud_run_v2_service_iam_binding.alert.members],
    ) : contains(members, "allUsers") || contains(members, "allAuthenticatedUsers")])
    error_message = "Strangers could start runs, or read what the databases hold."
  }
  assert {
    condition     = length(google_cloudfunctions2_function.webhook) == 0 && length(google_cloud_run_v2_service_iam_binding.webhook) == 0
    error_message = "Without \"inbound\" there is no public function."
  }
  assert {
    condition     = contains(keys(google_service_account.functions), "webhook") && !anytrue([for key in concat(keys(google_secret_manager_secret_iam_member.readers), keys(google_pubsub_topic_iam_member.publishers), keys(google_project_iam_member.documents)) : startswith(key, "webhook")])
    error_message = "The account of AlertWebhook, which Cloud Build acts as, is there without it, and may nothing."
  }
}

run "changes_and_impact_are_readable_only_where_they_are_asked_for" {
  variables {
    changes = ["deployments", "secrets", "audit_log"]
    databases = {
      prod-cache  = { url = "https://merry-cat-32748.upstash.io", app = [{ service = "backend", cloud_run = "projects/app-project/locations/us-east1/services/backend", impact = true }, { service = "web", cloud_run = "projects/web-project/locations/us-east1/services/web" }] }
      prod-queue  = { url = "secret:queue-url", token = "secret:queue-token" }
      eu-sessions = { url = "https://calm-owl-11223.upstash.io", token = "sm://projects/other-project/secrets/eu-token/versions/7" }
      eu-cache    = { url = "https://calm-owl-11224.upstash.io", token = "sm://projects/other-project/secrets/eu-cache" }
    }
  }

  assert {
    condition = {
      for key, member in google_cloud_run_v2_service_iam_member.changes : key => "${member.project} ${member.location} ${member.name} ${member.role}"
      } == {
      "projects/app-project/locations/us-east1/services/backend" = "app-project us-east1 backend roles/run.viewer"
      "projects/web-project/locations/us-east1/services/web"     = "web-project us-east1 web roles/run.viewer"
    } && alltrue([for member in google_cloud_run_v2_service_iam_member.changes : member.member == google_service_account.functions["metrics"].member])
    error_message = "Metrics reads the deployments of the services that databases name."
  }
  assert {
    condition = {
      for key, member in google_secret_manager_secret_iam_member.changes : key => "${member.project} ${member.secret_id} ${member.role}"
      } == {
      "secret:databases"                             = "my-project pongwatch-databases roles/secretmanager.viewer"
      "secret:queue-url"                             = "my-project pongwatch-queue-url roles/secretmanager.viewer"
      "secret:queue-token"                           = "my-project pongwatch-queue-token roles/secretmanager.viewer"
      "sm://projects/other-project/secrets/eu-cache" = "other-project eu-cache roles/secretmanager.viewer"
    } && alltrue([for member in google_secret_manager_secret_iam_member.changes : member.member == google_service_account.functions["metrics"].member])
    error_message = "Metrics reads when versions of the databases' secrets were added: not those of others, and none that is fixed."
  }
  assert {
    condition     = { for key, member in google_project_iam_member.impact : key => "${member.role} ${member.member}" } == { app-project = "roles/monitoring.viewer ${google_service_account.functions["metrics"].member}" }
    error_message = "Metrics reads Cloud Monitoring where an app asks for its impact, and nowhere else."
  }
  assert {
    condition     = jsonencode(jsondecode(local.whole).changes) == jsonencode(["deployments", "secrets", "audit_log"]) && jsondecode(local.whole).databases[2].app[0].impact
    error_message = "The configuration has both."
  }
}

run "without_them_metrics_reads_neither" {
  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.changes) + length(google_secret_manager_secret_iam_member.changes) + length(google_project_iam_member.impact) == 0 && !can(jsondecode(local.whole).changes)
    error_message = "Both are off unless asked for."
  }
}

run "each_secret_is_readable_by_exactly_the_functions_that_need_it" {
  assert {
    condition = toset(keys(google_secret_manager_secret_iam_member.readers)) == toset([
      "alert/secret:heartbeat-url",
      "alert/secret:link-key",
      "alert/secret:pagerduty-key",
      "alert/secret:slack-bot-token",
      "alert/secret:smtp-password",
      "alert/secret:webhook-key",
      "healthcheck/secret:databases",
      "healthcheck/secret:queue-token",
      "healthcheck/secret:queue-url",
      "healthcheck/secret:read-token",
      "healthcheck/sm://projects/other-project/secrets/eu-token",
      "metrics/secret:databases",
      "metrics/secret:proof-key",
      "metrics/secret:queue-token",
      "metrics/secret:queue-url",
      "metrics/secret:read-token",
      "metrics/secret:upstash-api-key",
      "metrics/sm://projects/other-project/secrets/eu-token",
      "webhook/secret:event-key",
      "webhook/secret:link-key",
      "webhook/secret:slack-signing-secret",
    ])
    error_message = "A function can read a secret that is not its own, or cannot read one of its own: ${join(", ", keys(google_secret_manager_secret_iam_member.readers))}"
  }
  assert {
    condition     = alltrue([for key, grant in google_secret_manager_secret_iam_member.readers : grant.role == "roles/secretmanager.secretAccessor" && grant.member == google_service_account.functions[split("/", key)[0]].member])
    error_message = "A grant goes to another account, or is more than reading the value."
  }
  assert {
    condition     = google_secret_manager_secret_iam_member.readers["healthcheck/sm://projects/other-project/secrets/eu-token"].project == "other-project" && google_secret_manager_secret_iam_member.readers["healthcheck/sm://projects/other-project/secrets/eu-token"].secret_id == "eu-token"
    error_message = "A secret that exists is granted where it is."
  }
  assert {
    condition     = google_secret_manager_secret_iam_member.readers["alert/secret:smtp-password"].secret_id == "pongwatch-smtp-password"
    error_message = "A secret of the module is granted by its own name."
  }
}

run "the_module_makes_the_secrets_that_are_named_and_no_others" {
  assert {
    condition = toset([for secret in google_secret_manager_secret.managed : secret.secret_id]) == toset([for name in [
      "databases", "event-key", "heartbeat-url", "link-key", "pagerduty-key", "proof-key", "queue-token", "queue-url",
      "read-token", "slack-bot-token", "slack-signing-secret", "smtp-password", "upstash-api-key", "webhook-key",
    ] : "pongwatch-${name}"])
    error_message = "Secrets are missing or left over."
  }
}

run "no_secret_value_is_kept" {
  assert {
    condition     = alltrue([for version in google_secret_manager_secret_version.managed : version.secret_data_wo == null && version.secret_data == null])
    error_message = "A secret's value would be in the state."
  }
  assert {
    condition     = toset(keys(google_secret_manager_secret_version.managed)) == toset(["databases", "slack-bot-token"]) && google_secret_manager_secret_version.managed["slack-bot-token"].secret_data_wo_version == "3"
    error_message = "Terraform writes the secrets that secret_versions counts, at the number that it says."
  }
  assert {
    condition     = google_secret_manager_secret_version.managed["databases"].secret_data_wo_version == tostring(parseint(substr(sha256(jsonencode([1, ["prod-cache"]])), 0, 12), 16))
    error_message = "The bundle is written anew when it is counted up, and when a database joins or leaves it."
  }
  assert {
    condition     = alltrue([for version in google_secret_manager_secret_version.managed : version.deletion_policy == "DISABLE"])
    error_message = "The version before must remain, for the way back."
  }
  assert {
    condition     = !strcontains(output.configuration, "canary")
    error_message = "The document holds a secret."
  }
}

run "a_new_database_writes_the_bundle_anew" {
  variables {
    databases = {
      prod-cache = { url = "https://merry-cat-32748.upstash.io" }
      prod-new   = { url = "https://new-cat-32749.upstash.io" }
    }
    database_tokens = { prod-cache = "canary-upstash-77b1", prod-new = "canary-upstash-77b2" }
  }

  assert {
    condition     = google_secret_manager_secret_version.managed["databases"].secret_data_wo_version != tostring(parseint(substr(sha256(jsonencode([1, ["prod-cache"]])), 0, 12), 16)) && can(tonumber(google_secret_manager_secret_version.managed["databases"].secret_data_wo_version))
    error_message = "The bundle would lack the new database's token until its version was raised by hand."
  }
}

run "every_function_has_an_account_of_its_own" {
  assert {
    condition     = toset([for account in google_service_account.functions : account.account_id]) == toset(["pongwatch-alert", "pongwatch-healthcheck", "pongwatch-metrics", "pongwatch-webhook"])
    error_message = "Each function has its own account."
  }
  assert {
    condition = alltrue(concat(
      [for function in google_cloudfunctions2_function.healthcheck : function.service_config[0].service_account_email == google_service_account.functions["healthcheck"].email],
      [
        google_cloudfunctions2_function.metrics.service_config[0].service_account_email == google_service_account.functions["metrics"].email,
        google_cloudfunctions2_function.alert.service_config[0].service_account_email == google_service_account.functions["alert"].email,
        google_cloudfunctions2_function.webhook[0].service_config[0].service_account_email == google_service_account.functions["webhook"].email,
      ],
    ))
    error_message = "A function runs as another one."
  }
  assert {
    condition     = alltrue([for function in concat(values(google_cloudfunctions2_function.healthcheck), [google_cloudfunctions2_function.metrics, google_cloudfunctions2_function.alert, google_cloudfunctions2_function.webhook[0]]) : function.build_config[0].service_account == google_service_account.build.id])
    error_message = "Builds run as the pinned account: the default one may do nothing, or everything."
  }
}

run "roles_of_the_whole_project_are_bound_by_a_condition" {
  assert {
    condition     = toset(keys(google_project_iam_member.documents)) == toset(["alert", "healthcheck", "metrics"])
    error_message = "AlertWebhook, which is public, must not reach the documents."
  }
  assert {
    condition     = alltrue([for name, grant in google_project_iam_member.documents : grant.role == "roles/datastore.user" && grant.member == google_service_account.functions[name].member && grant.condition[0].expression == "resource.name == \"projects/my-project/databases/pongwatch\""])
    error_message = "A function could read other Firestore databases of the project, or cannot read ours."
  }
  assert {
    condition     = google_project_iam_member.build_source.role == "roles/storage.objectViewer" && strcontains(google_project_iam_member.build_source.condition[0].expression, "gcf-v2-sources-123456789012-") && strcontains(google_project_iam_member.build_source.condition[0].expression, "projects/_/buckets/my-project-pongwatch-source/") && google_project_iam_member.build_source.member == google_service_account.build.member
    error_message = "The build may read the source, and no other bucket."
  }
  assert {
    condition     = google_project_iam_member.build_logs.role == "roles/logging.logWriter" && google_project_iam_member.build_logs.member == google_service_account.build.member
    error_message = "The build may write its log, and nothing else of the project."
  }
  assert {
    condition     = alltrue([for grant in google_artifact_registry_repository_iam_member.build_images : grant.role == "roles/artifactregistry.writer" && grant.member == google_service_account.build.member])
    error_message = "The build may write images."
  }
}

run "each_function_publishes_only_where_it_must" {
  assert {
    condition     = toset(keys(google_pubsub_topic_iam_member.publishers)) == toset(["healthcheck/reports", "metrics/reports", "webhook/reports", "webhook/signals"])
    error_message = "Alert publishes nothing; only AlertWebhook publishes signals."
  }
  assert {
    condition     = alltrue([for key, grant in google_pubsub_topic_iam_member.publishers : grant.role == "roles/pubsub.publisher" && grant.topic == "pongwatch-${split("/", key)[1]}" && grant.member == google_service_account.functions[split("/", key)[0]].member])
    error_message = "A grant to publish is on another topic, or of another account."
  }
}

run "only_schedulers_and_subscriptions_start_functions" {
  assert {
    condition = alltrue([for binding in concat(values(google_cloud_run_v2_service_iam_binding.healthcheck), [
      google_cloud_run_v2_service_iam_binding.metrics, google_cloud_run_v2_service_iam_binding.alert, google_cloud_run_v2_service_iam_binding.webhook[0],
    ]) : binding.role == "roles/run.invoker"])
    error_message = "Cloud Run's invoker is what guards a function of the second generation."
  }
  assert {
    condition = (
      toset(google_cloud_run_v2_service_iam_binding.healthcheck["us-east4"].members) == toset([google_service_account.scheduler.member, "serviceAccount:service-123456789012@gcp-sa-monitoring-notification.iam.gserviceaccount.com"])
      && toset(google_cloud_run_v2_service_iam_binding.metrics.members) == toset([google_service_account.scheduler.member])
      && toset(google_cloud_run_v2_service_iam_binding.alert.members) == toset([google_service_account.push.member])
      && toset(google_cloud_run_v2_service_iam_binding.webhook[0].members) == toset(["allUsers"])
    )
    error_message = "An account may invoke a function that it should not, or may not invoke one that it should."
  }
  assert {
    condition     = google_cloudfunctions2_function.alert.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY" && google_cloudfunctions2_function.webhook[0].service_config[0].ingress_settings == "ALLOW_ALL"
    error_message = "Alert is reached by Pub/Sub only; AlertWebhook by everybody."
  }
  assert {
    condition     = google_cloudfunctions2_function.webhook[0].service_config[0].max_instance_count <= 3
    error_message = "What strangers can make AlertWebhook cost must be bounded."
  }
}

run "tokens_name_the_address_that_is_called" {
  assert {
    condition = alltrue([for job in google_cloud_scheduler_job.healthcheck : (
      job.http_target[0].uri == "https://pongwatch-healthcheck-123456789012.us-east4.run.app/"
      && job.http_target[0].oidc_token[0].audience == "https://pongwatch-healthcheck-123456789012.us-east4.run.app"
      && job.http_target[0].oidc_token[0].service_account_email == google_service_account.scheduler.email
    )])
    error_message = "A wrong audience is the classic 401."
  }
  assert {
    condition = alltrue([for job in google_cloud_scheduler_job.metrics : (
      job.http_target[0].uri == "https://pongwatch-metrics-123456789012.us-east4.run.app/"
      && job.http_target[0].oidc_token[0].audience == "https://pongwatch-metrics-123456789012.us-east4.run.app"
      && job.http_target[0].oidc_token[0].service_account_email == google_service_account.scheduler.email
    )])
    error_message = "A wrong audience is the classic 401."
  }
  assert {
    condition = alltrue([for name, subscription in google_pubsub_subscription.alert : (
      subscription.push_config[0].push_endpoint == "https://pongwatch-alert-123456789012.us-east4.run.app/projects/my-project/topics/pongwatch-${name}"
      && subscription.push_config[0].oidc_token[0].audience == "https://pongwatch-alert-123456789012.us-east4.run.app"
      && subscription.push_config[0].oidc_token[0].service_account_email == google_service_account.push.email
    )])
    error_message = "A push needs a token for Alert's own address, and the topic in its path."
  }
  assert {
    condition     = google_service_account_iam_member.push_tokens.role == "roles/iam.serviceAccountTokenCreator" && google_service_account_iam_member.push_tokens.service_account_id == google_service_account.push.name && google_service_account_iam_member.push_tokens.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    error_message = "In older projects Pub/Sub cannot make tokens without this."
  }
}

run "an_open_page_opens_its_function_and_no_other" {
  variables {
    access = { api = "token", badges = "public", dashboard = "token", openmetrics = "token", playbooks = "public", tokens = ["secret:read-token"], act_tokens = ["secret:act-token"] }
  }

  assert {
    condition     = contains(keys(google_secret_manager_secret_iam_member.readers), "metrics/secret:act-token") && length([for key in keys(google_secret_manager_secret_iam_member.readers) : key if endswith(key, "/secret:act-token")]) == 1
    error_message = "Metrics alone has the dashboard, and reads who may act on it."
  }

  assert {
    condition     = contains(google_cloud_run_v2_service_iam_binding.metrics.members, "allUsers") && !contains(google_cloud_run_v2_service_iam_binding.healthcheck["us-east4"].members, "allUsers")
    error_message = "Badges are pages of Metrics."
  }
  assert {
    condition     = jsondecode(output.configuration).access.invokers == ["pongwatch-scheduler@my-project.iam.gserviceaccount.com"] && output.environment.metrics.PONGWATCH_AUDIENCE == "https://pongwatch-metrics-123456789012.us-east4.run.app"
    error_message = "An open function checks itself who starts a run, and must know who that is."
  }
}

run "an_open_health_page_opens_healthcheck" {
  variables {
    access = { health = "public" }
  }

  assert {
    condition     = contains(google_cloud_run_v2_service_iam_binding.healthcheck["us-east4"].members, "allUsers") && !contains(google_cloud_run_v2_service_iam_binding.metrics.members, "allUsers")
    error_message = "Health is a page of HealthCheck."
  }
}

# Whoever may read a page holds run.invoker, which lets them post as well: each function asks
# who posts, and lets these start a run or push, and nobody else.
run "readers_may_do_exactly_get" {
  variables {
    readers = ["group:sre@example.com", "serviceAccount:pongwatch-ci-apply@my-project.iam.gserviceaccount.com"]
  }

  assert {
    condition     = alltrue([for environment in values(output.environment) : can(regex("^https://pongwatch-[a-z]+-123456789012\\.us-east4\\.run\\.app$", environment.PONGWATCH_AUDIENCE)) if !can(environment.PONGWATCH_TOPIC_SIGNALS)]) && length([for environment in values(output.environment) : environment if can(environment.PONGWATCH_AUDIENCE)]) == 3
    error_message = "A function that does not know its own address cannot tell whom a token is for."
  }
  assert {
    condition     = jsondecode(output.configuration).access.invokers == ["${google_service_account.scheduler.account_id}@my-project.iam.gserviceaccount.com"] && output.environment.alert.PONGWATCH_PUSH_ACCOUNT == "${google_service_account.push.account_id}@my-project.iam.gserviceaccount.com"
    error_message = "Somebody besides Scheduler could start a run, or somebody besides the subscriptions could push."
  }
  assert {
    condition = length(setintersection(
      toset([for reader in ["group:sre@example.com", "serviceAccount:pongwatch-ci-apply@my-project.iam.gserviceaccount.com"] : trimprefix(reader, "serviceAccount:")]),
      toset(concat(jsondecode(output.configuration).access.invokers, [output.environment.alert.PONGWATCH_PUSH_ACCOUNT])),
    )) == 0
    error_message = "A reader could start a run."
  }
  assert {
    condition     = length([for member in google_cloud_run_v2_service_iam_binding.alert.members : member if member != google_service_account.push.member]) == 0
    error_message = "Somebody besides the subscriptions reaches Alert."
  }
}

run "an_app_on_cloud_run_may_be_looked_at" {
  assert {
    condition = alltrue([for grant in google_cloud_run_v2_service_iam_member.apps : (
      grant.role == "roles/run.viewer" && grant.project == "app-project" && grant.location == "us-east1" && grant.name == "backend"
      && grant.member == google_service_account.functions["healthcheck"].member
    )]) && length(google_cloud_run_v2_service_iam_member.apps) == 1
    error_message = "HealthCheck may see how the app's own service is deployed, of that service only."
  }
}

run "the_source_is_private" {
  assert {
    condition     = google_storage_bucket.source.public_access_prevention == "enforced" && google_storage_bucket.source.uniform_bucket_level_access
    error_message = "The bucket must not be opened to the public, object by object or as a whole."
  }
}
