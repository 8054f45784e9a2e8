# What may run, as whom, and what it may change.

mock_provider "google" {}

variables {
  project    = "my-project"
  location   = "us-east4"
  repository = "projects/my-project/locations/us-east4/connections/github/repositories/pongwatch"

  own_project = true
  images = {
    go        = "golang:1.27@sha256:0000000000000000000000000000000000000000000000000000000000000001"
    terraform = "hashicorp/terraform:1.15@sha256:0000000000000000000000000000000000000000000000000000000000000002"
  }
}

run "nothing_is_applied_without_approval" {
  assert {
    condition     = google_cloudbuild_trigger.apply.approval_config[0].approval_required && google_cloudbuild_trigger.apply.substitutions._APPLY == "true" && google_cloudbuild_trigger.apply.repository_event_config[0].push[0].branch == "^main$"
    error_message = "What is applied was merged, and approved."
  }
  assert {
    condition     = google_cloudbuild_trigger.plan.substitutions._APPLY == "false" && google_cloudbuild_trigger.plan.repository_event_config[0].pull_request[0].comment_control == "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY"
    error_message = "A stranger's request must not run by itself."
  }
}

run "a_proposal_may_look_and_change_nothing" {
  assert {
    condition     = google_cloudbuild_trigger.plan.service_account == google_service_account.builds["plan"].id && google_cloudbuild_trigger.apply.service_account == google_service_account.builds["apply"].id
    error_message = "A pull request runs as the account that may change things."
  }
  assert {
    condition     = toset([for key, grant in google_project_iam_member.builds : grant.role if startswith(key, "plan/")]) == toset(["roles/iam.securityReviewer", "roles/logging.logWriter", "roles/viewer"])
    error_message = "A pull request could change the project."
  }
  # init runs the providers that the state names, so that who writes the state runs code as who applies.
  assert {
    condition     = google_storage_bucket_iam_member.state["plan"].role == "roles/storage.objectViewer" && google_storage_bucket_iam_member.state["plan"].member == google_service_account.builds["plan"].member
    error_message = "A pull request could write Terraform's state."
  }
  # Everything that the account of proposals holds, anywhere: only what reads, and its own log.
  assert {
    condition = alltrue([for grant in concat(
      values(google_project_iam_member.builds), values(google_storage_bucket_iam_member.state), values(google_secret_manager_secret_iam_member.variables),
      values(google_service_account_iam_member.apply_acts_as), values(google_service_account_iam_member.apply_administers),
      [google_project_iam_member.apply_grants, google_project_iam_member.plan_configuration, google_service_account_iam_member.apply_identity],
    ) : contains(["roles/viewer", "roles/iam.securityReviewer", "roles/storage.objectViewer", "roles/secretmanager.secretAccessor", "roles/logging.logWriter"], grant.role) if grant.member == google_service_account.builds["plan"].member])
    error_message = "The account that looks can write something besides its log."
  }
}

run "a_proposals_log_is_not_public" {
  assert {
    condition     = google_cloudbuild_trigger.plan.include_build_logs == "INCLUDE_BUILD_LOGS_UNSPECIFIED" && google_cloudbuild_trigger.apply.include_build_logs != "INCLUDE_BUILD_LOGS_WITH_STATUS"
    error_message = "The plan would be shown on the pull request, to everyone."
  }
}

run "images_are_named_by_their_digest" {
  assert {
    condition     = alltrue([for trigger in [google_cloudbuild_trigger.plan, google_cloudbuild_trigger.apply] : trigger.substitutions._GO_IMAGE == var.images.go && trigger.substitutions._TERRAFORM_IMAGE == var.images.terraform])
    error_message = "A build runs in another image."
  }
}

run "an_image_by_its_tag_is_refused" {
  command = plan
  variables {
    images = { go = "golang:1.27", terraform = "hashicorp/terraform:1.15@sha256:0000000000000000000000000000000000000000000000000000000000000002" }
  }
  expect_failures = [var.images]
}

run "a_shared_project_is_refused" {
  command = plan
  variables {
    own_project = false
  }
  expect_failures = [var.own_project]
}

run "no_account_can_make_itself_an_owner" {
  assert {
    condition     = !anytrue([for grant in google_project_iam_member.builds : contains(["roles/owner", "roles/editor", "roles/resourcemanager.projectIamAdmin", "roles/iam.serviceAccountAdmin", "roles/iam.serviceAccountUser", "roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountKeyAdmin"], grant.role)])
    error_message = "A build has a role that holds all others."
  }
  assert {
    condition     = google_project_iam_member.apply_grants.condition[0].expression == "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/datastore.user', 'roles/logging.logWriter', 'roles/storage.objectViewer'])"
    error_message = "The account that applies can grant roles that pongwatch does not."
  }
}

run "a_proposal_reads_a_long_configuration_and_no_secret" {
  assert {
    condition     = google_project_iam_member.plan_configuration.role == "roles/secretmanager.secretAccessor" && google_project_iam_member.plan_configuration.member == google_service_account.builds["plan"].member && google_project_iam_member.plan_configuration.condition[0].expression == "resource.name.extract('/secrets/{name}/').startsWith('pongwatch-config-')"
    error_message = "A pull request's plan could read tokens, or cannot read the parts of the configuration."
  }
}

run "the_smoke_test_can_make_itself_a_token" {
  assert {
    condition     = google_service_account_iam_member.apply_identity.role == "roles/iam.serviceAccountOpenIdTokenCreator" && google_service_account_iam_member.apply_identity.member == google_service_account.builds["apply"].member && google_service_account_iam_member.apply_identity.service_account_id == google_service_account.builds["apply"].name && contains(keys(google_project_service.apis), "iamcredentials.googleapis.com")
    error_message = "A build's metadata server gives no identity token: the account makes its own, and for no other account."
  }
}

run "the_state_moves_by_the_command_that_is_printed" {
  assert {
    condition     = strcontains(output.backend, "backend \"gcs\" {}") && strcontains(output.backend, ">terraform/backend_override.tf && terraform -chdir=terraform init -migrate-state -backend-config=bucket=my-project-pongwatch-state -backend-config=prefix=pongwatch")
    error_message = "Without a backend in the root, init moves nothing and only warns."
  }
}

run "the_account_that_applies_may_act_as_each_of_pongwatch" {
  assert {
    condition     = toset(keys(google_service_account_iam_member.apply_acts_as)) == toset(["alert", "build", "healthcheck", "metrics", "push", "scheduler", "webhook"])
    error_message = "Deploying as an account needs the right to act as it."
  }
  assert {
    condition     = alltrue([for grant in concat(values(google_service_account_iam_member.apply_acts_as), values(google_service_account_iam_member.apply_administers)) : can(regex("^projects/my-project/serviceAccounts/pongwatch-(alert|build|healthcheck|metrics|push|scheduler|webhook)@my-project\\.iam\\.gserviceaccount\\.com$", grant.service_account_id))])
    error_message = "The account that applies could act as somebody who is not pongwatch's."
  }
}

run "the_state_has_a_past" {
  assert {
    condition     = google_storage_bucket.state.versioning[0].enabled && google_storage_bucket.state.public_access_prevention == "enforced"
    error_message = "A damaged state must have a version before it."
  }
}

run "a_repository_by_its_short_name_is_refused" {
  command = plan
  variables {
    repository = "pongwatch"
  }
  expect_failures = [var.repository]
}

run "secrets_lie_where_they_may" {
  command = plan
  variables {
    secret_locations = ["europe-west1", "europe-west4"]
  }
  assert {
    condition     = length(google_secret_manager_secret.variables.replication[0].auto) == 0 && [for replica in google_secret_manager_secret.variables.replication[0].user_managed[0].replicas : replica.location] == ["europe-west1", "europe-west4"]
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

run "a_project_of_a_domain_is_refused" {
  command = plan
  variables {
    project = "example.com:my-project"
  }
  expect_failures = [var.project]
}

run "a_project_number_is_refused" {
  command = plan
  variables {
    project = "123456789012"
  }
  expect_failures = [var.project]
}

run "the_accounts_are_those_of_pongwatchs_own_root" {
  command = plan
  assert {
    condition     = google_service_account_iam_member.apply_acts_as["scheduler"].service_account_id == "projects/my-project/serviceAccounts/pongwatch-scheduler@my-project.iam.gserviceaccount.com"
    error_message = "The account that applies would act as an account that pongwatch does not make."
  }
}

run "builds_find_the_state_where_it_was_moved" {
  variables {
    location = "us-central1"
    prefix   = "staging"
  }
  assert {
    condition     = alltrue([for trigger in [google_cloudbuild_trigger.plan, google_cloudbuild_trigger.apply] : trigger.substitutions._PREFIX == "staging" && strcontains(output.backend, "-backend-config=prefix=${trigger.substitutions._PREFIX}") && strcontains(output.backend, "-backend-config=bucket=${trigger.substitutions._STATE_BUCKET}")])
    error_message = "A build would begin with an empty state and make everything anew."
  }
  assert {
    condition     = google_secret_manager_secret.variables.secret_id == "staging-tfvars"
    error_message = "Two installations in one project would share their variables."
  }
}
