package deploytest

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/report"
)

const repository = "../.."

// read gives a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// found gives what the first group of an expression matches in a file of terraform/.
func found(t *testing.T, name, expr string) []string {
	t.Helper()
	var all []string
	for _, match := range regexp.MustCompile(expr).FindAllStringSubmatch(read(t, "terraform/"+name), -1) {
		all = append(all, match[1])
	}
	if len(all) == 0 {
		t.Fatalf("terraform/%s has nothing like %s", name, expr)
	}
	return all
}

func unique(all []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(all)))
}

// registered are the entry points' names in a repository's root package.
func registered(t *testing.T, repository string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(repository, "functions.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "HTTP" {
			if name, ok := call.Args[0].(*ast.BasicLit); ok {
				unquoted, err := strconv.Unquote(name.Value)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, unquoted)
			}
		}
		return true
	})
	return unique(names)
}

func TestEveryDeployedEntryPointIsRegisteredAndEveryRegisteredOneDeployed(t *testing.T) {
	deployed := unique(found(t, "functions.tf", `entry_point = "(\w+)"`))
	if diff := cmp.Diff(registered(t, repository), deployed); diff != "" {
		t.Errorf("functions.go and terraform/functions.tf differ (-registered +deployed):\n%s", diff)
	}
}

func TestTheFunctionsReadTheVariablesThatTerraformSets(t *testing.T) {
	want := []string{
		gcp.AudienceVariable, gcp.DatabaseVariable, gcp.ProjectVariable, gcp.RegionVariable, gcp.ReportsVariable, gcp.SignalsVariable,
		alert.PusherVariable, config.EnvConfig, "GOMEMLIMIT", // read by Go's runtime
	}
	got := unique(found(t, "functions.tf", `(?m)^ +((?:GOMEMLIMIT|(?:GOOGLE_CLOUD|PONGWATCH)_[A-Z_]+)) +=`))
	if diff := cmp.Diff(unique(want), got); diff != "" {
		t.Errorf("(-read by the functions +set by Terraform):\n%s", diff)
	}
}

func TestMetricsAreMadeOfFieldsThatAreLogged(t *testing.T) {
	logged := found(t, "../functions/healthcheck/run.go", `(?:slog\.\w+|phase)\("(\w+)", `)
	var used []string
	for _, list := range found(t, "monitoring.tf", `(?m)^ +\w+_labels += (.*)$`) {
		for _, label := range regexp.MustCompile(`"(\w+)"`).FindAllStringSubmatch(list, -1) {
			used = append(used, label[1])
		}
	}
	used = append(used, found(t, "monitoring.tf", `jsonPayload\.(\w+)`)...)
	for _, field := range unique(used) {
		if !slices.Contains(logged, field) {
			t.Errorf("terraform/monitoring.tf uses jsonPayload.%s, which HealthCheck does not log", field)
		}
	}
}

func TestMonitoringLooksForEventsThatAreLogged(t *testing.T) {
	source := read(t, "functions/alert/log.go") + read(t, "functions/healthcheck/run.go")
	for _, event := range unique(found(t, "monitoring.tf", `jsonPayload\.event=\\"(\w+)\\"`)) {
		if !regexp.MustCompile(`(?i)event(?:\w* +=|",) "` + event + `"`).MatchString(source) {
			t.Errorf("terraform/monitoring.tf waits for the event %q, which no function logs", event)
		}
	}
}

func TestTheTickIsWhatAlertTakesForOne(t *testing.T) {
	text := found(t, "scheduler.tf", `attributes = \{ (.*) \}`)[0]
	got := map[string]string{}
	for _, pair := range regexp.MustCompile(`(\w+) = "([^"]*)"`).FindAllStringSubmatch(text, -1) {
		got[pair[1]] = pair[2]
	}
	if diff := cmp.Diff(report.Tick().Attributes, got); diff != "" {
		t.Errorf("(-Alert's +Scheduler's):\n%s", diff)
	}
}

func TestAJobsBodyIsWhatAFunctionReads(t *testing.T) {
	keys := unique(found(t, "scheduler.tf", `jsonencode\(\{ (\w+) =`))
	read := found(t, "../shared/job/runner.go", "Shard string `json:\"(\\w+)\"`")
	if diff := cmp.Diff(read, keys); diff != "" {
		t.Errorf("(-read +posted):\n%s", diff)
	}
}

func TestEveryCollectionOfTheCodeExpires(t *testing.T) {
	var written []string
	for _, dir := range []string{"shared", "functions"} {
		err := filepath.WalkDir(filepath.Join(repository, dir), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() && d.Name() == "node_modules" {
				return filepath.SkipDir
			}
			if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(filepath.Dir(path), "test") {
				return nil
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, match := range regexp.MustCompile(`(?m)^[^/\n]*"([a-z]+)/v1/`).FindAllStringSubmatch(string(content), -1) {
				if match[1] != "api" { // a path of the web
					written = append(written, match[1])
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var made []string
	if err := json.Unmarshal([]byte(found(t, "firestore.tf", `collections = (\[.*\])`)[0]), &made); err != nil {
		t.Fatal(err)
	}
	for _, collection := range unique(written) {
		if !slices.Contains(made, collection) {
			t.Errorf("the code keeps documents in %q, for which terraform/firestore.tf sets no expiry", collection)
		}
	}
}

func TestTheSinkSendsWhatAlertUnderstands(t *testing.T) {
	source := read(t, "functions/alert/signal.go")
	for _, word := range unique(found(t, "logsink.tf", `jsonPayload\.event=\\"(\w+)\\"`)) {
		if !new(report.Signal).Logged(word) {
			t.Errorf("the sink sends the event %q, which Alert does not know", word)
		}
	}
	if text := found(t, "logsink.tf", `textPayload=~\\"\^\[\^!-~\]\*\(\?i:([^)]+)\)\\"`)[0]; !strings.Contains(source, `"`+text+`"`) {
		t.Errorf("the sink sends lines with %q, which Alert does not look for", text)
	}
}

func TestOutputsNameThePathsOfAlertWebhook(t *testing.T) {
	outputs := read(t, "terraform/outputs.tf")
	for _, path := range []string{message.PathSlack, message.PathEvents} {
		if !strings.Contains(outputs, "}"+path+`"`) {
			t.Errorf("terraform/outputs.tf does not tell the path %s", path)
		}
	}
}

func TestEveryKeyOfTheDocumentCanBeSetAndNoOther(t *testing.T) {
	var schema struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal([]byte(read(t, "shared/config/schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	text := read(t, "terraform/configuration.tf")
	_, text, ok := strings.Cut(text, "document = {\n")
	if !ok {
		t.Fatal("terraform/configuration.tf has no document")
	}
	text, _, _ = strings.Cut(text, "\n  }\n")
	keys := []string{"databases"} // written beside the rest, since they may lie apart
	for _, match := range regexp.MustCompile(`(?m)^    (\w+) += `).FindAllStringSubmatch(text, -1) {
		keys = append(keys, match[1])
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(schema.Properties)), unique(keys)); diff != "" {
		t.Errorf("(-schema.json +terraform):\n%s", diff)
	}
}

func TestEveryRefusalIsASentenceWithAnExample(t *testing.T) {
	for _, name := range []string{"variables.tf", "upstash-database/variables.tf", "cloud-build/variables.tf"} {
		for _, text := range found(t, name, `error_message = "((?:[^"\\]|\\.)*)"`) {
			if !strings.Contains(text, ". ") && !strings.Contains(text, ": ") || !strings.Contains(text, "xample: ") {
				t.Errorf("terraform/%s: want a sentence and an example: %s", name, text)
			}
		}
	}
}

// The times of Alert's requests are those of its code: it stops sending before the function ends,
// and Pub/Sub waits longer than that.
func TestAlertHasTheTimeThatItTakes(t *testing.T) {
	t.Parallel()
	function := found(t, "functions.tf", `(?s)"google_cloudfunctions2_function" "alert" \{.*?timeout_seconds\s*= (\d+)`)
	if got, want := function[0], strconv.Itoa(int(alert.Timeout.Seconds())); got != want {
		t.Errorf("the function may take %s s, its code takes %s s", got, want)
	}
	subscription := found(t, "pubsub.tf", `(?s)"google_pubsub_subscription" "alert" \{.*?ack_deadline_seconds\s*= (\d+)`)
	if got, want := subscription[0], strconv.Itoa(int(alert.AckDeadline.Seconds())); got != want {
		t.Errorf("Pub/Sub waits %s s, the code wants %s s", got, want)
	}
	if alert.AckDeadline <= alert.Timeout || alert.DefaultLease <= alert.Timeout {
		t.Errorf("a request takes %v, which neither the acknowledge deadline of %v nor the lease of %v outlasts", alert.Timeout, alert.AckDeadline, alert.DefaultLease)
	}
}
