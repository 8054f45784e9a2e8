# Regions × shards.

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
  regions      = ["us-east4", "europe-west1"]
  oncall_email = "oncall@example.com"

  # Set, as Terraform asks of ephemeral variables in tests.
  database_tokens = {}
  secret_values   = {}

  databases = {
    prod-cache  = { url = "https://merry-cat-32748.upstash.io" }
    eu-sessions = { url = "https://calm-owl-11223.upstash.io", shard = "europe" }
    asia-cache  = { url = "https://brave-fox-44556.upstash.io", shard = "asia" }
  }
  shards    = { asia = { regions = ["asia-southeast1"], home = "asia-southeast1" } }
  receivers = { slack = { slack = { webhook = "secret:slack-webhook" } } }
}

run "a_shard_has_a_job_in_each_region_that_watches_it" {
  assert {
    condition     = toset(keys(google_cloud_scheduler_job.healthcheck)) == toset(["main/us-east4", "main/europe-west1", "europe/us-east4", "europe/europe-west1", "asia/asia-southeast1"])
    error_message = "Jobs are missing or left over: ${join(", ", keys(google_cloud_scheduler_job.healthcheck))}"
  }
  assert {
    condition     = alltrue([for key, job in google_cloud_scheduler_job.healthcheck : job.region == split("/", key)[1] && jsondecode(base64decode(job.http_target[0].body)).shard == split("/", key)[0]])
    error_message = "A job asks for another shard, or from another region."
  }
  assert {
    condition     = toset(keys(google_cloud_scheduler_job.metrics)) == toset(["main", "europe", "asia"])
    error_message = "Metrics has a job for each shard."
  }
}

run "functions_grow_with_their_shards" {
  assert {
    condition     = toset(keys(google_cloudfunctions2_function.healthcheck)) == toset(["us-east4", "europe-west1", "asia-southeast1"])
    error_message = "HealthCheck runs where a shard is watched from."
  }
  assert {
    condition     = google_cloudfunctions2_function.healthcheck["us-east4"].service_config[0].max_instance_count == 4 && google_cloudfunctions2_function.healthcheck["asia-southeast1"].service_config[0].max_instance_count == 3 && google_cloudfunctions2_function.metrics.service_config[0].max_instance_count == 5
    error_message = "All shards must be able to run at once."
  }
  assert {
    condition     = google_cloudfunctions2_function.alert.service_config[0].max_instance_count == 2
    error_message = "When the store is down each instance of Alert may send a message of its own."
  }
  assert {
    condition     = alltrue([for function in concat(values(google_cloudfunctions2_function.healthcheck), [google_cloudfunctions2_function.metrics, google_cloudfunctions2_function.alert]) : function.service_config[0].available_cpu == "1"])
    error_message = "Latency measured on a share of a CPU is not Redis', and concurrency needs a whole one."
  }
  assert {
    condition     = alltrue([for region, function in google_cloudfunctions2_function.healthcheck : function.service_config[0].environment_variables.PONGWATCH_REGION == region])
    error_message = "A region's word is taken for another's."
  }
}

run "the_limit_of_gos_memory_follows_from_the_functions" {
  command = plan
  variables {
    scaling = { alert = { memory = "1Gi" }, healthcheck = { memory = "512Mi" }, metrics = { memory = "64Mi" } }
  }
  assert {
    condition     = google_cloudfunctions2_function.alert.service_config[0].environment_variables.GOMEMLIMIT == "819MiB" && google_cloudfunctions2_function.healthcheck["us-east4"].service_config[0].environment_variables.GOMEMLIMIT == "409MiB"
    error_message = "Four fifths of the memory, in the unit that Go reads."
  }
  assert {
    condition     = google_cloudfunctions2_function.metrics.service_config[0].available_memory == "64Mi" && google_cloudfunctions2_function.metrics.service_config[0].environment_variables.GOMEMLIMIT == "51MiB"
    error_message = "Never more than four fifths of the memory, however many databases the pages show."
  }
}

run "two_thousand_databases_and_eight_requests_fit_the_memory_of_few" {
  command = plan
  variables {
    databases = { for n in setproduct(range(8), range(250)) : format("database-%d-%03d", n...) => { url = "https://merry-cat-${n[0]}-${n[1]}.upstash.io", shard = "shard-${n[0]}" } }
    shards    = {}
  }
  assert {
    condition = (
      google_cloudfunctions2_function.metrics.service_config[0].available_memory == "256Mi"
      && google_cloudfunctions2_function.metrics.service_config[0].environment_variables.GOMEMLIMIT == "80MiB"
      && google_cloudfunctions2_function.metrics.service_config[0].max_instance_request_concurrency == 8
    )
    error_message = "With 80 MiB `scripts/bench pages` stays below 100 MB."
  }
}

run "images_lie_in_every_region_and_are_cleaned_up" {
  assert {
    condition     = toset(keys(google_artifact_registry_repository.images)) == toset(["us-east4", "europe-west1", "asia-southeast1"]) && alltrue([for repository in google_artifact_registry_repository.images : length(repository.cleanup_policies) == 2])
    error_message = "A function's image must lie in its region, and old ones must go."
  }
}

run "a_network_is_used_where_it_is_given" {
  variables {
    vpc = { us-east4 = { network = "vpc", subnetwork = "functions" } }
  }
  assert {
    condition     = google_cloudfunctions2_function.healthcheck["us-east4"].service_config[0].direct_vpc_egress == "VPC_EGRESS_ALL_TRAFFIC" && google_cloudfunctions2_function.healthcheck["us-east4"].service_config[0].direct_vpc_network_interface[0].subnetwork == "functions" && length(google_cloudfunctions2_function.healthcheck["europe-west1"].service_config[0].direct_vpc_network_interface) == 0 && google_cloudfunctions2_function.metrics.service_config[0].direct_vpc_egress == "VPC_EGRESS_ALL_TRAFFIC"
    error_message = "An allow list at Upstash would refuse the functions."
  }
}
