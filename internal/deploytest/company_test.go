package deploytest

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/budget"
	"github.com/pongwatch/pongwatch/shared/config"
)

// creators are the roles of which each lets its holder make and change resources of a type, and no other of the list
// does (https://cloud.google.com/iam/docs/understanding-roles).
var creators = map[string]string{
	"google_artifact_registry_repository":            "artifactregistry.admin",
	"google_artifact_registry_repository_iam_member": "artifactregistry.admin",
	"google_cloud_run_v2_service_iam_binding":        "run.admin",
	"google_cloud_run_v2_service_iam_member":         "run.admin",
	"google_cloud_scheduler_job":                     "cloudscheduler.admin",
	"google_cloudfunctions2_function":                "cloudfunctions.developer",
	"google_firestore_database":                      "datastore.owner",
	"google_firestore_field":                         "datastore.owner",
	"google_logging_metric":                          "logging.configWriter",
	"google_logging_project_sink":                    "logging.configWriter",
	"google_monitoring_alert_policy":                 "monitoring.editor",
	"google_monitoring_dashboard":                    "monitoring.editor",
	"google_monitoring_notification_channel":         "monitoring.editor",
	"google_monitoring_uptime_check_config":          "monitoring.editor",
	"google_project_iam_member":                      "resourcemanager.projectIamAdmin",
	"google_project_service":                         "serviceusage.serviceUsageAdmin",
	"google_pubsub_subscription":                     "pubsub.admin",
	"google_pubsub_subscription_iam_member":          "pubsub.admin",
	"google_pubsub_topic":                            "pubsub.admin",
	"google_pubsub_topic_iam_member":                 "pubsub.admin",
	"google_secret_manager_secret":                   "secretmanager.admin",
	"google_secret_manager_secret_iam_member":        "secretmanager.admin",
	"google_secret_manager_secret_version":           "secretmanager.admin",
	"google_service_account":                         "iam.serviceAccountAdmin",
	"google_service_account_iam_member":              "iam.serviceAccountAdmin",
	"google_storage_bucket":                          "storage.admin",
	"google_storage_bucket_object":                   "storage.admin",
}

// actsAs lets its holder deploy what runs as an account: functions, jobs and pushes.
const actsAs = "iam.serviceAccountUser"

func TestAnInstallerGetsARoleForEachTypeOfResourceAndNoOther(t *testing.T) {
	needed := map[string]bool{actsAs: true}
	for _, kind := range unique(regexp.MustCompile(`(?m)^resource "(google_\w+)"`).FindAllString(newReference(t).roots["terraform"].sources, -1)) {
		kind = strings.Trim(strings.TrimPrefix(kind, "resource "), `"`)
		role, known := creators[kind]
		if !known {
			t.Errorf("no role is known that may make a %s", kind)
		}
		needed[role] = true
	}
	_, list, _ := strings.Cut(read(t, "docs/operations.md"), "\nfor role in ")
	list, _, _ = strings.Cut(list, "; do\n")
	got := strings.Fields(strings.ReplaceAll(list, "\\\n", " "))
	if diff := cmp.Diff(slices.Sorted(maps.Keys(needed)), unique(got)); diff != "" {
		t.Errorf("docs/operations.md lists other roles than terraform/ needs (-needed +listed):\n%s", diff)
	}
}

func TestTheInstallerMayGrantTheRolesThatTerraformGrantsOnTheProject(t *testing.T) {
	page := read(t, "docs/operations.md")
	for _, block := range regexp.MustCompile(`(?ms)^resource "google_project_iam_member" .*?^\}\n`).FindAllString(newReference(t).roots["terraform"].sources, -1) {
		if role := regexp.MustCompile(`role += "(.*)"`).FindStringSubmatch(block)[1]; !strings.Contains(page, "`"+role+"`") {
			t.Errorf("docs/operations.md does not say that %s is granted on the project", role)
		}
	}
}

func TestAKeyIsGrantedToTheAccountOfEveryServiceThatUsesIt(t *testing.T) {
	agents := map[string][]string{
		"google_artifact_registry_repository": {"gcp-sa-artifactregistry"},
		"google_cloudfunctions2_function":     {"gcf-admin-robot", "serverless-robot-prod"},
		"google_firestore_database":           {"gcp-sa-firestore"},
		"google_pubsub_topic":                 {"gcp-sa-pubsub"},
		"google_secret_manager_secret":        {"gcp-sa-secretmanager"},
		"google_storage_bucket":               {"gs-project-accounts"},
	}
	var want []string
	for _, block := range regexp.MustCompile(`(?ms)^resource "(\w+)" .*?^\}\n`).FindAllStringSubmatch(newReference(t).roots["terraform"].sources, -1) {
		if strings.Contains(block[0], "local.kms_keys[") || strings.Contains(block[0], "local.kms_keys.") {
			if agents[block[1]] == nil {
				t.Errorf("which account of Google's encrypts a %s?", block[1])
			}
			want = append(want, agents[block[1]]...)
		} else if agents[block[1]] != nil {
			t.Errorf("a %s has no key: %.80s", block[1], block[0])
		}
	}
	_, list, _ := strings.Cut(read(t, "docs/operations.md"), "\nfor agent in ")
	list, _, _ = strings.Cut(list, "; do\n")
	if diff := cmp.Diff(unique(want), unique(strings.Fields(list))); diff != "" {
		t.Errorf("docs/operations.md grants the key to others (-used by +granted to):\n%s", diff)
	}
}

// prepare runs terraform/prepare with stand-ins for its programs, and returns what it called.
func prepare(t *testing.T, version string, bucketExists bool, args ...string) (calls, backend string, err error) {
	t.Helper()
	dir, bin := t.TempDir(), t.TempDir()
	for _, name := range []string{"prepare", "apis.tf"} {
		copyFile(t, filepath.Join(repository, "terraform", name), filepath.Join(dir, name))
	}
	log := filepath.Join(dir, "calls")
	for name, script := range map[string]string{
		"terraform": "echo 'Terraform v" + version + "'; echo 'on linux_amd64'",
		"gcloud":    fmt.Sprintf("echo \"$*\" >>'%s'; case \"$*\" in *describe*) exit %d ;; esac", log, map[bool]int{true: 0, false: 1}[bucketExists]),
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "bash", append([]string{filepath.Join(dir, "prepare")}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	var said bytes.Buffer
	cmd.Stderr = &said
	err = cmd.Run()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, said.String())
	}
	text, _ := os.ReadFile(log)
	file, _ := os.ReadFile(filepath.Join(dir, "backend_override.tf"))
	return string(text), string(file), err
}

func TestAProjectIsPreparedOnce(t *testing.T) {
	calls, backend, err := prepare(t, "1.15.0", false, "my-project", "us-east4")
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range append(found(t, "apis.tf", `(?m)^    "(.*\.googleapis\.com)",`), "cloudbilling.googleapis.com") {
		if !strings.Contains(calls, " "+service+" ") {
			t.Errorf("%s is not enabled: %s", service, calls)
		}
	}
	r := newReference(t)
	for line := range strings.Lines(calls) {
		if wrong := r.wrongWithGcloud(strings.Fields(line)); wrong != "" {
			t.Error(wrong)
		}
	}
	if !strings.Contains(calls, "storage buckets create gs://my-project-pongwatch-tfstate --project=my-project --location=us-east4") {
		t.Errorf("no bucket is made: %s", calls)
	}
	_, documented, _ := strings.Cut(read(t, "docs/operations.md"), "# terraform/backend_override.tf\n")
	documented, _, _ = strings.Cut(documented, "```")
	if diff := cmp.Diff(documented, backend); diff != "" {
		t.Errorf("the backend is another than docs/operations.md says (-documented +written):\n%s", diff)
	}

	again, _, err := prepare(t, "1.11.4", true, "my-project", "us-east4")
	if err != nil || strings.Contains(again, "buckets create") {
		t.Errorf("the second time: %v %s", err, again)
	}
	_, other, err := prepare(t, "1.11.4", true, "my-project", "us-east4", "staging")
	if want := strings.Replace(backend, `prefix = "pongwatch"`, `prefix = "staging"`, 1); err != nil || other != want {
		t.Errorf("a second installation: %v, its state is that of the first: %s", err, other)
	}
	if word := regexp.MustCompile(`(?m)^[^#\n]*\b(mapfile|readarray|declare -A)\b`).FindString(read(t, "terraform/prepare")); word != "" {
		t.Errorf("the bash of macOS does not know %s", word)
	}
}

func TestAProjectIsNotPreparedForWhatCannotBeApplied(t *testing.T) {
	for name, tt := range map[string]struct {
		version string
		args    []string
		want    string
	}{
		"an old Terraform":        {"1.5.7", []string{"my-project", "us-east4"}, "terraform is 1.5"},
		"no version":              {"", []string{"my-project", "us-east4"}, "not installed"},
		"a region is not given":   {"1.15.0", []string{"my-project"}, "usage"},
		"nothing is given at all": {"1.15.0", nil, "usage"},
		"a project's number":      {"1.15.0", []string{"123456789012", "us-east4"}, "123456789012 is not a project's id"},
		"a project of a domain":   {"1.15.0", []string{"example.com:my-project", "us-east4"}, "is not a project's id"},
		"a zone":                  {"1.15.0", []string{"my-project", "us-east4-a"}, "us-east4-a is not a region"},
	} {
		calls, _, err := prepare(t, tt.version, false, tt.args...)
		if err == nil || !strings.Contains(err.Error(), tt.want) || calls != "" {
			t.Errorf("%s: %v, want %s, and nothing changed: %s", name, err, tt.want, calls)
		}
	}
}

func costsOf(t *testing.T, databases int) []budget.Cost {
	t.Helper()
	text := "credentials: sm://projects/p/secrets/databases\ndatabases:\n"
	for n := range databases {
		text += fmt.Sprintf("  - {name: cache-%d, shard: s%d}\n", n, n/250)
	}
	c, problems := config.Parse(false, config.Document{Name: "costs", Text: []byte(text)})
	if c == nil {
		t.Fatal(problems)
	}
	return budget.Cloud(c)
}

func TestTheBudgetCountsTheChecksAndPoliciesOfTerraform(t *testing.T) {
	_, regions, _ := strings.Cut(read(t, "terraform/variables.tf"), `variable "uptime_regions" {`)
	period, err := strconv.Atoi(found(t, "variables.tf", `(?ms)^variable "uptime_period" \{.*?^  default     = (\d+)$`)[0])
	if err != nil {
		t.Fatal(err)
	}
	looks := float64(30*24*3600/period) * float64(strings.Count(strings.SplitN(regions, "\n", 5)[3], `"`)/2)
	policies := float64(len(found(t, "monitoring.tf", `(?m)^      (absent|threshold) += `)) + len(found(t, "uptime.tf", `condition_threshold( )`)))
	for _, cost := range costsOf(t, 1) {
		if cost.Item == "Uptime check" && cost.Use != looks {
			t.Errorf("the budget counts %v looks a month, Terraform sets up %v", cost.Use, looks)
		}
		if cost.Item == "Alert policies" && cost.Use != policies {
			t.Errorf("the budget counts %v metrics of policies, Terraform names %v", cost.Use, policies)
		}
	}
}

func TestTheOperatorsPageSaysWhatTheBudgetSays(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\| ([\d,]+) \| [\d,]+ \| \$([\d.,]+) \| \$([\d.,]+) \| `).FindAllStringSubmatch(read(t, "docs/operations.md"), -1)
	if len(rows) != 5 {
		t.Fatalf("%d rows of costs", len(rows))
	}
	number := func(text string) float64 {
		n, err := strconv.ParseFloat(strings.ReplaceAll(text, ",", ""), 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, row := range rows {
		sum, gross := budget.Dollars(costsOf(t, int(number(row[1]))))
		if math.Abs(sum-number(row[2])) > 0.5 || math.Abs(gross-number(row[3])) > 0.5 {
			t.Errorf("%s databases: $%.2f and $%.2f without the free amounts, the page says $%s and $%s", row[1], sum, gross, row[2], row[3])
		}
	}
}
