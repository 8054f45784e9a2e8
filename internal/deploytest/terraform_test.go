package deploytest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/version"
)

// needTerraform leaves a test out where Terraform is not to be had.
func needTerraform(t *testing.T) {
	t.Helper()
	if os.Getenv("PONGWATCH_TEST_TERRAFORM") != "1" {
		t.Skip("needs Terraform and its providers: set PONGWATCH_TEST_TERRAFORM=1, as scripts/test does")
	}
}

// workspace returns a root of a copy of the repository, initialised. The copy has no source of the functions, because
// Terraform reads all of it at each run of a test, also where the test overrides module.source: half of the time.
func workspace(t *testing.T, root string) string {
	t.Helper()
	needTerraform(t)
	dir := t.TempDir()
	copyTree(t, filepath.Join(repository, "terraform"), filepath.Join(dir, "terraform"))
	for _, name := range unarchived {
		copyFile(t, filepath.Join(repository, filepath.FromSlash(name)), filepath.Join(dir, filepath.FromSlash(name)))
	}
	dir = filepath.Join(dir, filepath.FromSlash(root))
	if out, err := terraform(t, dir, "init", "-backend=false", "-input=false"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// unarchived are the files that module.source names one by one, so that they must be there.
var unarchived = []string{"go.mod", "go.sum", "shared/config/schema.json"}

// sourceWorkspace is a workspace of the module that archives the source, with the source.
func sourceWorkspace(t *testing.T) string {
	t.Helper()
	root := workspace(t, "terraform/modules/source")
	top := filepath.Join(root, "..", "..", "..")
	for _, name := range []string{"functions", "shared", "docs/playbooks"} {
		copyTree(t, filepath.Join(repository, filepath.FromSlash(name)), filepath.Join(top, filepath.FromSlash(name)))
	}
	copyFile(t, filepath.Join(repository, "functions.go"), filepath.Join(top, "functions.go"))
	return root
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if slices.Contains([]string{".terraform", "node_modules", ".terraform.lock.hcl"}, d.Name()) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.Type().IsRegular() {
			name, err := filepath.Rel(from, file)
			if err != nil {
				return err
			}
			copyFile(t, file, filepath.Join(to, name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return // a file that was removed meanwhile
	}
	if err := errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o750), os.WriteFile(to, content, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// slots bounds how many Terraforms run at once: each starts a process for each provider.
var slots = make(chan struct{}, 2)

func terraform(t *testing.T, dir string, args ...string) (stdout string, err error) {
	t.Helper()
	return terraformWith(t, dir, filepath.Join(dir, ".terraform"), args...)
}

// terraformWith takes the initialised modules and providers of another root.
func terraformWith(t *testing.T, dir, data string, args ...string) (stdout string, err error) {
	t.Helper()
	slots <- struct{}{}
	defer func() { <-slots }()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "terraform", args...)
	cmd.Dir = dir
	// A quarter of a short Terraform's time is the collection of its garbage.
	cmd.Env = append(os.Environ(), "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1", "GOGC=400", "TF_DATA_DIR="+data)
	if args[0] != "init" {
		cmd.Env = append(cmd.Env, "TF_REATTACH_PROVIDERS="+reattached(t, data))
	}
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("terraform %s: %w\n%s", strings.Join(args, " "), err, said.String())
	}
	return out.String(), nil
}

// terraformOutputs applies a test file to mocks and gives the outputs of its last run.
func terraformOutputs(t *testing.T, root, file string) map[string]json.RawMessage {
	t.Helper()
	out, err := terraform(t, root, "test", "-json", "-verbose", "-filter=tests/"+file+".tftest.hcl")
	if err != nil {
		t.Fatalf("%v\n%s", err, diagnostics(out))
	}
	var outputs map[string]json.RawMessage
	for line := range strings.Lines(out) {
		var event struct {
			TestState struct {
				Outputs map[string]struct{ Value json.RawMessage } `json:"outputs"`
			} `json:"test_state"`
		}
		if json.Unmarshal([]byte(line), &event) != nil || event.TestState.Outputs == nil {
			continue
		}
		outputs = map[string]json.RawMessage{}
		for name, output := range event.TestState.Outputs {
			outputs[name] = output.Value
		}
	}
	if outputs == nil {
		t.Fatalf("tests/%s.tftest.hcl applied nothing", file)
	}
	return outputs
}

// diagnostics are the errors in the output of `terraform test -json`.
func diagnostics(out string) string {
	var said []string
	for line := range strings.Lines(out) {
		var event struct {
			Diagnostic struct{ Severity, Summary, Detail string } `json:"diagnostic"`
		}
		if json.Unmarshal([]byte(line), &event) == nil && event.Diagnostic.Severity == "error" {
			said = append(said, event.Diagnostic.Summary+": "+event.Diagnostic.Detail)
		}
	}
	return strings.Join(said, "\n")
}

func decodeOutput(t *testing.T, outputs map[string]json.RawMessage, name string, into any) {
	t.Helper()
	if err := json.Unmarshal(outputs[name], into); err != nil {
		t.Fatalf("output %s: %v", name, err)
	}
}

// rendering is a test file for the root: mocks, variables, and one apply.
func rendering(variables string) string {
	return `override_module {
  target  = module.source
  outputs = { archive = "source.zip", files = [], hash = "0123456789abcdef" }
}
mock_provider "time" {}
mock_provider "google" {}
variables {
  project        = "my-project"
  project_number = "123456789012"
  oncall_email   = "oncall@example.com"
` + variables + `
}
run "rendered" {}
`
}

// rendered gives the outputs of the root for variables.
func rendered(t *testing.T, variables string) map[string]json.RawMessage {
	t.Helper()
	root := workspace(t, "terraform")
	if err := os.WriteFile(filepath.Join(root, "tests", "rendered.tftest.hcl"), []byte(rendering(variables)), 0o600); err != nil {
		t.Fatal(err)
	}
	return terraformOutputs(t, root, "rendered")
}

// moduleArguments are the arguments that an example gives the module.
func moduleArguments(t *testing.T, example string) string {
	t.Helper()
	text := read(t, "terraform/examples/"+example+"/main.tf")
	_, text, found := strings.Cut(text, "\n  source = \"../..\"\n")
	if !found {
		t.Fatalf("examples/%s uses no module", example)
	}
	text, _, _ = strings.Cut(text, "\n}\n")
	var kept []string
	for line := range strings.SplitSeq(text, "\n") {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); !slices.Contains([]string{"project", "project_number", "oncall_email", "database_tokens", "secret_values", "secret_versions"}, name) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n") + "\ndatabase_tokens = {}\nsecret_values = {}\n"
}

var minimal = sync.OnceValue(func() string {
	return `region = "us-east4"
databases = { prod-cache = { url = "https://merry-cat-32748.upstash.io" } }
receivers = { slack = { slack = { webhook = "secret:slack-webhook" } } }
database_tokens = {}
secret_values = {}
`
})

func TestTheFunctionsAcceptTheDocumentsThatTerraformRenders(t *testing.T) {
	t.Parallel()
	for _, example := range []string{"minimal", "complete"} {
		t.Run(example, func(t *testing.T) {
			t.Parallel()
			var document string
			decodeOutput(t, rendered(t, moduleArguments(t, example)), "configuration", &document)
			c, problems := config.Parse(false, config.Document{Name: example, Text: []byte(document)})
			if c == nil || len(problems) > 0 {
				t.Errorf("%s:\n%v\n%s", example, problems, document)
			}
		})
	}
}

func TestADocumentInPartsIsTheSameAsWhole(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for n := range 440 {
		// No two neighbours have the same keys: a list of them is a tuple for Terraform.
		fmt.Fprintf(&many, "db-%03d = { url = \"https://database-%d-%s.upstash.io\", shard = %q, %s }\n", n, n, strings.Repeat("x", 40),
			[]string{"main", "other"}[n%2], []string{`plan = "payg"`, `environment = "staging"`, `objective = 0.99`}[n%3])
	}
	variables := strings.Replace(minimal(), `prod-cache = { url = "https://merry-cat-32748.upstash.io" }`, "\n"+many.String(), 1)
	outputs := rendered(t, variables)
	var whole string
	decodeOutput(t, outputs, "configuration", &whole)
	var parts []string
	decodeOutput(t, outputs, "configuration_parts", &parts)
	if len(parts) != 3 {
		t.Fatalf("%d parts, want the rest of the document and two of databases", len(parts))
	}
	var documents []config.Document
	for i, part := range parts {
		documents = append(documents, config.Document{Name: fmt.Sprint("part ", i), Text: []byte(part)})
	}
	one, problems := config.Parse(false, config.Document{Name: "whole", Text: []byte(whole)})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	merged, problems := config.Parse(false, documents...)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if one.Hash() != merged.Hash() {
		t.Error("the parts make another configuration than the whole")
	}
}

func TestTheCompleteExampleTakesTwoHundredDatabasesMore(t *testing.T) {
	t.Parallel()
	var more strings.Builder
	for n := range 200 {
		fmt.Fprintf(&more, "    more-%03d = { url = \"https://more-%d.upstash.io\", shard = %q, %s }\n", n, n, []string{"main", "europe", "more"}[n%3], []string{
			`plan = "payg"`, `checks = { write = { every = "30m" } }`, `thresholds = { latency = { open = "900ms" }, memory = { warn = 0.6, warn_close = 0.5 } }`,
			fmt.Sprintf(`app = [{ service = "more-%d", cloud_run = "projects/my-project/locations/us-east4/services/more-%d" }]`, n, n), `limits = { memory = "512MB" }`,
		}[n%5])
	}
	variables := strings.Replace(moduleArguments(t, "complete"), "databases = {\n", "databases = {\n"+more.String(), 1)
	var parts []string
	decodeOutput(t, rendered(t, variables), "configuration_parts", &parts)
	var documents []config.Document
	for i, part := range parts {
		documents = append(documents, config.Document{Name: fmt.Sprint("part ", i), Text: []byte(part)})
	}
	c, problems := config.Parse(false, documents...)
	if c == nil || len(problems) > 0 || len(c.Databases) != 204 {
		t.Errorf("%d parts: %v", len(parts), problems)
	}
}

func TestARootOfItsOwnTakesARelease(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(workspace(t, "terraform"), "examples", "consumer")
	text := read(t, "terraform/examples/consumer/main.tf")
	at := `"git::https://github.com/pongwatch/pongwatch.git//terraform?ref=` + version.Release + `"`
	if !strings.Contains(text, at) || !strings.Contains(read(t, "terraform/README.md"), at) {
		t.Errorf("the example or terraform/README.md takes another release than %s", version.Release)
	}
	// Stands for the release, which cannot be fetched here.
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(strings.Replace(text, at, `"../.."`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-backend=false", "-input=false"}, {"validate"}} {
		if out, err := terraform(t, dir, args...); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

func TestNoSecretIsInAPlanOrState(t *testing.T) {
	t.Parallel()
	const token, webhook = "canary-token-77b1c0", "canary-webhook-3f9ce2"
	root := workspace(t, "terraform")
	text := rendering(strings.NewReplacer(
		"database_tokens = {}", `database_tokens = { prod-cache = "`+token+`" }`,
		"secret_values = {}", `secret_values = { slack-webhook = "`+webhook+`" }`,
	).Replace(minimal())+"secret_versions = { databases = 1, slack-webhook = 1 }\n") + "run \"planned\" {\n  command = plan\n}\n"
	if err := os.WriteFile(filepath.Join(root, "tests", "canary.tftest.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"-json", "-no-color"} {
		out, err := terraform(t, root, "test", format, "-verbose", "-filter=tests/canary.tftest.hcl")
		if err != nil {
			t.Fatalf("%v\n%s", err, diagnostics(out))
		}
		if !strings.Contains(out, "pongwatch-slack-webhook") {
			t.Errorf("%s shows neither plan nor state", format)
		}
		for _, secret := range []string{token, webhook} {
			if strings.Contains(out, secret) {
				t.Errorf("%s shows a secret's value", format)
			}
		}
	}
}
