package deploytest

import (
	"regexp"
	"strings"
	"testing"
)

// block is the text of a resource of terraform/.
func block(t *testing.T, file, resource string) string {
	t.Helper()
	kind, name, _ := strings.Cut(resource, ".")
	text := found(t, file, `(?ms)^(resource "`+regexp.QuoteMeta(kind)+`" "`+name+`" \{\n.*?^\}\n)`)
	return regexp.MustCompile(`(?m)^ *#.*\n`).ReplaceAllString(text[0], "")
}

// The order of an apply, and what becomes of what is replaced, show in no plan that a test of Terraform sees.
func TestWhatTerraformsOwnTestsCannotSee(t *testing.T) {
	for _, tt := range []struct{ name, file, resource, want string }{
		{"Alert is updated before HealthCheck", "functions.tf", "google_cloudfunctions2_function.healthcheck", `depends_on = \[\n +google_cloudfunctions2_function\.alert,`},
		{"Alert is updated before Metrics", "functions.tf", "google_cloudfunctions2_function.metrics", `depends_on = \[\n +google_cloudfunctions2_function\.alert,`},
		{"Alert is updated before AlertWebhook", "functions.tf", "google_cloudfunctions2_function.webhook", `depends_on = \[\n +google_cloudfunctions2_function\.alert,`},
		{"a build waits until its account's rights hold", "functions.tf", "google_cloudfunctions2_function.alert", `time_sleep\.build_grants`},
		{"a function starts when its secrets can be read", "functions.tf", "google_cloudfunctions2_function.alert", `google_secret_manager_secret_iam_member\.readers`},
		{"HealthCheck made anew gets its invokers again", "invokers.tf", "google_cloud_run_v2_service_iam_binding.healthcheck", `replace_triggered_by = \[google_cloudfunctions2_function\.healthcheck\[each\.key\]\.id\]`},
		{"Metrics made anew gets its invokers again", "invokers.tf", "google_cloud_run_v2_service_iam_binding.metrics", `replace_triggered_by = \[google_cloudfunctions2_function\.metrics\.id\]`},
		{"Alert made anew gets its invokers again", "invokers.tf", "google_cloud_run_v2_service_iam_binding.alert", `replace_triggered_by = \[google_cloudfunctions2_function\.alert\.id\]`},
		{"AlertWebhook made anew gets its invokers again", "invokers.tf", "google_cloud_run_v2_service_iam_binding.webhook", `replace_triggered_by = \[google_cloudfunctions2_function\.webhook\[count\.index\]\.id\]`},
		{"a secret's new version is there before the old one goes", "secrets.tf", "google_secret_manager_secret_version.managed", `create_before_destroy = true`},
		{"a configuration's new part is there before the old one goes", "secrets.tf", "google_secret_manager_secret.config", `create_before_destroy = true`},
		{"the old source stays until the functions have the new one", "source.tf", "google_storage_bucket_object.source", `create_before_destroy = true`},
		{"a policy waits until its metrics are known", "monitoring.tf", "google_monitoring_alert_policy.self", `depends_on = \[time_sleep\.metrics\]`},
		{"a push begins when Alert lets it in", "pubsub.tf", "google_pubsub_subscription.alert", `google_cloud_run_v2_service_iam_binding\.alert`},
		{"services stay for others when pongwatch goes", "apis.tf", "google_project_service.apis", `disable_on_destroy = false`},
		{"a database at Upstash is never replaced with its data", "upstash-database/database.tf", "upstash_redis_database.this", `prevent_destroy = true`},
		{"its token is written before the old version goes", "upstash-database/secrets.tf", "google_secret_manager_secret_version.token", `create_before_destroy = true`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if text := block(t, tt.file, tt.resource); !regexp.MustCompile(tt.want).MatchString(text) {
				t.Errorf("terraform/%s: %s has nothing like %s:\n%s", tt.file, tt.resource, tt.want, text)
			}
		})
	}
}

// Without it an upgrade would make a second database beside the one that has the history, and end in 409.
func TestTheDatabaseOfAnOlderVersionIsTheSame(t *testing.T) {
	if !strings.Contains(read(t, "terraform/firestore.tf"), "\nmoved {\n  from = google_firestore_database.this\n  to   = google_firestore_database.this[0]\n}\n") {
		t.Error("terraform/firestore.tf does not move google_firestore_database.this")
	}
}
