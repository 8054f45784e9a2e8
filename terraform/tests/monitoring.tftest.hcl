# Who watches the watcher: Cloud Monitoring, through a channel of its own.

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
  receivers = { slack = { slack = { webhook = "secret:slack-webhook" } } }
}

run "on_call_hears_of_pongwatch_without_pongwatch" {
  assert {
    condition     = google_monitoring_notification_channel.oncall.type == "email" && google_monitoring_notification_channel.oncall.labels.email_address == "oncall@example.com"
    error_message = "The native channel is the mail to oncall_email."
  }
  assert {
    condition     = toset(keys(google_monitoring_alert_policy.self)) == toset(["alert_fails", "dead_letters", "errors", "runs_absent", "ticks_absent", "unacknowledged", "undelivered"])
    error_message = "A failure of pongwatch would go unnoticed."
  }
  assert {
    condition     = alltrue([for policy in concat(values(google_monitoring_alert_policy.self), google_monitoring_alert_policy.health) : contains(policy.notification_channels, google_monitoring_notification_channel.oncall.name) && length(policy.documentation[0].content) > 80])
    error_message = "Every policy tells on-call, and what to do."
  }
}

run "absence_lasts_three_intervals_and_at_least_two_minutes" {
  assert {
    condition     = alltrue([for name in ["runs_absent", "ticks_absent"] : google_monitoring_alert_policy.self[name].conditions[0].condition_absent[0].duration == "300s"])
    error_message = "Cloud Monitoring refuses less than 120 s, and Alert counts a report as missing after 300 s."
  }
  assert {
    condition     = google_monitoring_alert_policy.self["runs_absent"].conditions[0].condition_absent[0].aggregations[0].group_by_fields == tolist(["metric.label.shard", "metric.label.region"])
    error_message = "One shard in one region may fall silent alone."
  }
}

run "log_matches_are_limited_and_only_they" {
  assert {
    condition     = alltrue([for name, policy in google_monitoring_alert_policy.self : length(policy.alert_strategy[0].notification_rate_limit) == (name == "errors" ? 1 : 0)])
    error_message = "Cloud Monitoring requires the limit for log matches and refuses it elsewhere."
  }
}

run "an_absence_stays_open_while_nothing_comes" {
  assert {
    condition     = alltrue([for name, policy in google_monitoring_alert_policy.self : policy.alert_strategy[0].auto_close == (endswith(name, "_absent") ? "604800s" : "1800s")])
    error_message = "A policy on absence must not close itself because there is no data."
  }
}

run "a_503_that_is_answered_by_design_is_no_error" {
  assert {
    condition     = alltrue([for filter in [google_monitoring_alert_policy.self["errors"].conditions[0].condition_matched_log[0].filter, google_logging_metric.runs.filter, google_logging_metric.probes.filter, google_logging_metric.latency.filter, google_logging_metric.undelivered.filter] : strcontains(filter, "NOT logName:\"run.googleapis.com%2Frequests\"")])
    error_message = "Cloud Run's request log has severity ERROR for each 503 of an unhealthy database."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.self["alert_fails"].conditions[0].condition_threshold[0].filter, "resource.label.service_name=\"pongwatch-alert\" AND metric.label.response_code_class=\"5xx\"")
    error_message = "Alert alone must not answer 5xx."
  }
}

run "a_new_installation_is_not_unhealthy_before_its_first_runs" {
  assert {
    condition     = google_monitoring_alert_policy.health[0].conditions[0].condition_threshold[0].duration == "600s"
    error_message = "Metrics runs for the first time within five minutes, and /health says \"never\" until then."
  }
}

run "metrics_are_made_of_the_line_that_is_logged" {
  assert {
    condition     = alltrue([for metric in [google_logging_metric.runs, google_logging_metric.probes, google_logging_metric.latency] : alltrue([for label in metric.metric_descriptor[0].labels : metric.label_extractors[label.key] == "EXTRACT(jsonPayload.${label.key})"]) && strcontains(metric.filter, "jsonPayload.event=\"probe\"")])
    error_message = "A label is taken from another field, or from none."
  }
}

run "health_is_asked_from_outside" {
  assert {
    condition     = google_monitoring_uptime_check_config.health[0].monitored_resource[0].labels.host == "pongwatch-healthcheck-123456789012.us-east4.run.app" && google_monitoring_uptime_check_config.health[0].http_check[0].path == "/health" && google_monitoring_uptime_check_config.health[0].http_check[0].service_agent_authentication[0].type == "OIDC_TOKEN"
    error_message = "A job that never ran leaves no series whose absence could be noticed."
  }
  assert {
    condition     = google_monitoring_uptime_check_config.health[0].period == "300s" && google_monitoring_uptime_check_config.health[0].selected_regions == tolist(["USA_VIRGINIA", "EUROPE", "ASIA_PACIFIC"])
    error_message = "Six regions each minute cost ten times as much, and tell no more than the ticks do."
  }
  assert {
    condition     = tonumber(trimsuffix(google_monitoring_alert_policy.health[0].conditions[0].condition_threshold[0].aggregations[0].alignment_period, "s")) > 900
    error_message = "Between two looks of a region there is no point, which must not look like a success."
  }
}

run "policies_wait_for_the_metrics_that_they_name" {
  assert {
    condition     = toset(values(time_sleep.metrics.triggers)) == toset([google_logging_metric.runs.id, google_logging_metric.ticks.id, google_logging_metric.undelivered.id]) && time_sleep.metrics.create_duration == "60s"
    error_message = "Cloud Monitoring refuses a policy on a metric that it has just been told of."
  }
}

run "many_databases_are_no_label_and_one_bad_look_tells_nobody" {
  variables {
    metrics_per_database = false
    uptime_period        = 900
  }
  assert {
    condition     = google_monitoring_uptime_check_config.health[0].period == "900s" && google_monitoring_alert_policy.health[0].conditions[0].condition_threshold[0].duration == "1200s"
    error_message = "A look counts until the next one: one that failed would page on-call."
  }
  assert {
    condition     = !strcontains(jsonencode(google_logging_metric.probes.label_extractors), "database") && !strcontains(jsonencode(google_logging_metric.latency.label_extractors), "database")
    error_message = "Each database costs series, which are billed."
  }
}

run "a_page_by_token_cannot_be_asked_by_cloud_monitoring" {
  variables {
    access = { health = "token", tokens = ["secret:read-token"] }
  }
  assert {
    condition     = length(google_monitoring_uptime_check_config.health) == 0 && length(google_monitoring_alert_policy.health) == 0
    error_message = "The check would fail for ever: it has no read token."
  }
}

run "two_installations_in_one_project_share_nothing" {
  command = plan
  variables {
    prefix = "pongwatch-staging"
  }
  assert {
    condition     = google_firestore_database.this[0].name == "pongwatch-staging" && output.environment.alert.PONGWATCH_FIRESTORE_DATABASE == "pongwatch-staging"
    error_message = "Two installations would write one state."
  }
  assert {
    condition     = alltrue([for policy in concat(values(google_monitoring_alert_policy.self), google_monitoring_alert_policy.health) : startswith(policy.display_name, "pongwatch-staging: ")]) && jsondecode(google_monitoring_dashboard.this.dashboard_json).displayName == "pongwatch-staging"
    error_message = "A mail of Cloud Monitoring would not say of which installation it is."
  }
}

run "the_other_installations_jobs_are_not_ours" {
  command = plan
  assert {
    condition     = alltrue([for job, ours in { pongwatch-tick = true, pongwatch-healthcheck-main = true, pongwatch-metrics-main = true, pongwatch-staging-tick = false, pongwatch-staging-healthcheck-main = false } : can(regex(regex("job_id=~\"([^\"]+)\"", google_monitoring_alert_policy.self["errors"].conditions[0].condition_matched_log[0].filter)[0], job)) == ours])
    error_message = "The failure of a job of another installation would be told as one of this."
  }
  assert {
    condition     = !strcontains(google_monitoring_dashboard.this.dashboard_json, "starts_with")
    error_message = "The dashboard would show another installation's functions."
  }
}

run "a_short_prefix_still_names_a_database" {
  command = plan
  variables {
    prefix = "pw"
  }
  assert {
    condition     = google_firestore_database.this[0].name == "pw-pongwatch"
    error_message = "Firestore takes no id of less than four characters."
  }
}
