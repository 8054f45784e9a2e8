package deploytest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"google.golang.org/api/cloudbuild/v1"
)

// decodeBuild reads a build as Cloud Build does: a key that it does not know is refused.
func decodeBuild(text string) (*cloudbuild.Build, error) {
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(asJSON))
	d.DisallowUnknownFields()
	var build cloudbuild.Build
	return &build, d.Decode(&build)
}

func build(t *testing.T) *cloudbuild.Build {
	t.Helper()
	b, err := decodeBuild(read(t, "cloudbuild.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheBuildHasOnlyKeysThatCloudBuildKnows(t *testing.T) {
	build(t)
	if _, err := decodeBuild(strings.Replace(read(t, "cloudbuild.yaml"), "waitFor:", "wait_for:", 1)); err == nil {
		t.Error("a misspelt key is not noticed")
	}
}

func TestTheBuildLogsAsAServiceAccountOfItsOwnMust(t *testing.T) {
	if got := build(t).Options.Logging; got != "CLOUD_LOGGING_ONLY" {
		t.Errorf("options.logging is %q: Cloud Build starts nothing as a user's account without CLOUD_LOGGING_ONLY", got)
	}
}

func TestTheBuildChecksPlansAppliesAndTriesInThisOrder(t *testing.T) {
	var order []string
	for _, step := range build(t).Steps {
		for _, before := range step.WaitFor {
			if before != "-" && !slices.Contains(order, before) {
				t.Errorf("step %s waits for %s, which is no step before it", step.Id, before)
			}
		}
		order = append(order, step.Id)
	}
	want := []string{"check", "vulnerabilities", "terraform-test", "plan", "apply", "smoke"}
	if !slices.Equal(order, want) {
		t.Errorf("steps are %q, want %q", order, want)
	}
}

// What is run must not depend on a tag, a state or a registry that others can change.
func TestTheBuildRunsWhatWasPinned(t *testing.T) {
	b := build(t)
	for _, step := range b.Steps {
		if !slices.Contains([]string{"$_GO_IMAGE", "$_TERRAFORM_IMAGE"}, step.Name) {
			t.Errorf("step %s runs in %s, which is no digest that the trigger sets", step.Id, step.Name)
		}
		for line := range strings.SplitSeq(strings.Join(step.Args, "\n"), "\n") {
			if regexp.MustCompile(`\bterraform\b.* init\b`).MatchString(line) && !strings.Contains(line, "-lockfile=readonly") {
				t.Errorf("step %s takes any provider: %s", step.Id, line)
			}
			if strings.Contains(line, " plan -input") && !strings.Contains(line, `"$lock"`) && !strings.Contains(line, `"$$lock"`) {
				t.Errorf("step %s locks the state, which a proposal's account cannot write: %s", step.Id, line)
			}
		}
	}
	for _, name := range []string{"_GO_IMAGE", "_TERRAFORM_IMAGE"} {
		if got := b.Substitutions[name]; got != "" {
			t.Errorf("%s is %q without a trigger; want nothing, so that no tag is used by accident", name, got)
		}
	}
}

// Each root that the build initialises is one whose providers scripts/lock writes down.
func TestEveryRootHasItsProvidersLocked(t *testing.T) {
	roots := regexp.MustCompile(`for root in (.*); do`)
	in, written := roots.FindStringSubmatch(read(t, "cloudbuild.yaml")), roots.FindStringSubmatch(read(t, "scripts/lock"))
	if in == nil || written == nil || in[1] != written[1] {
		t.Errorf("cloudbuild.yaml has the roots %q, scripts/lock %q", in, written)
	}
}

func TestOnlyAnApprovedBuildChangesAnything(t *testing.T) {
	for _, step := range build(t).Steps {
		script := strings.Join(step.Args, "\n")
		changes := strings.Contains(script, "terraform -chdir=terraform apply") || step.Id == "smoke"
		if changes && !strings.Contains(script, `if [ "$_APPLY" != true ]; then`) {
			t.Errorf("step %s runs in builds without an approval", step.Id)
		}
	}
	if got := build(t).Substitutions["_APPLY"]; got != "false" {
		t.Errorf("_APPLY is %q where no trigger sets it, want false", got)
	}
}

func TestEverySubstitutionIsUsedSetAndDocumented(t *testing.T) {
	text := read(t, "cloudbuild.yaml")
	head, body, _ := strings.Cut(text, "\nsteps:\n")
	b := build(t)
	// Of what Cloud Build itself sets, the build uses this.
	given := []string{"PROJECT_ID", "SERVICE_ACCOUNT_EMAIL"}
	used := map[string]bool{}
	// A dollar before a dollar, or before a parenthesis, is the shell's.
	for _, match := range regexp.MustCompile(`(^|[^$])\$\{?([A-Za-z_][A-Za-z0-9_]*)`).FindAllStringSubmatch(body, -1) {
		name := match[2]
		used[name] = true
		if _, ok := b.Substitutions[name]; !ok && !slices.Contains(given, name) {
			t.Errorf("$%s is no substitution: write $$%s for a variable of the shell", name, name)
		}
	}
	for name := range b.Substitutions {
		if !used[name] {
			t.Errorf("substitution %s is not used", name)
		}
		if !regexp.MustCompile(`(?m)^#   ` + name + ` {2,}\S`).MatchString(head) {
			t.Errorf("substitution %s is not documented at the head of cloudbuild.yaml", name)
		}
	}
	for _, name := range unique(found(t, "cloud-build/triggers.tf", `(_[A-Z_]+) += `)) {
		if _, ok := b.Substitutions[name]; !ok {
			t.Errorf("a trigger sets %s, which the build does not know", name)
		}
	}
}

func TestEveryRootTakesTheSameVersions(t *testing.T) {
	var tools, providers []string
	for _, name := range []string{
		"versions.tf", "modules/source/versions.tf", "cloud-build/versions.tf", "upstash-database/versions.tf",
		"examples/complete/main.tf", "examples/consumer/main.tf", "examples/minimal/main.tf",
	} {
		tools = append(tools, found(t, name, `required_version = "(.*)"`)...)
		for _, match := range regexp.MustCompile(`(?s)source  = "hashicorp/google"\n +version = "(.*?)"`).FindAllStringSubmatch(read(t, "terraform/"+name), -1) {
			providers = append(providers, match[1])
		}
	}
	if len(unique(tools)) != 1 || len(tools) != 7 {
		t.Errorf("Terraform: %q", tools)
	}
	if len(unique(providers)) != 1 || len(providers) != 6 {
		t.Errorf("Google's provider: %q", providers)
	}
	images := regexp.MustCompile(`hashicorp/terraform:([\d.]+)`).FindAllString(read(t, "cloudbuild.yaml")+read(t, "docs/operations.md"), -1)
	if len(unique(images)) > 1 {
		t.Errorf("builds run different Terraforms: %q", images)
	}
}

// The step that tries an applied pongwatch asks a HealthCheck of any region, as Cloud Build may run elsewhere, and
// no page that asks for a read token.
func TestTheBuildTriesWhatItMayRead(t *testing.T) {
	steps := build(t).Steps
	smoke := steps[len(steps)-1]
	script := strings.NewReplacer("$$", "$", "$_APPLY", "true", "$SERVICE_ACCOUNT_EMAIL", "ci@example.com").Replace(smoke.Args[len(smoke.Args)-1])
	for _, tt := range []struct {
		name, access, asked string
	}{
		{"behind IAM", `{"api":"iam","dashboard":"iam","health":"iam"}`, "https://health/health preflight https://metrics"},
		{"public", `{"api":"public","dashboard":"public","health":"public"}`, "https://health/health preflight https://metrics"},
		{"pages by token", `{"api":"token","dashboard":"token","health":"iam"}`, "https://health/health"},
		{"health by token", `{"api":"iam","dashboard":"iam","health":"token"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{
				"urls.json":      `{"alert":"https://alert","healthcheck/europe-west1":"https://health","metrics":"https://metrics"}`,
				"pongwatch.json": `{"access":` + tt.access + `,"links":{"dashboard":"https://metrics"}}`,
				"curl":           "#!/bin/sh\nfor last; do :; done\ncase $last in */health) echo $last >>asked ;; *) echo '{\"access_token\": \"a\", \"token\": \"t\"}' ;; esac\n",
				"go":             "#!/bin/sh\necho $3 $5 >>asked\n",
				"sleep":          "#!/bin/sh\nexit 1\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), "bash", "-euc", script)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			asked, _ := os.ReadFile(filepath.Join(dir, "asked"))
			if got := strings.Join(strings.Fields(string(asked)), " "); err != nil || got != tt.asked {
				t.Errorf("it asks %q, %v, want %q\n%s", got, err, tt.asked, out)
			}
		})
	}
}
