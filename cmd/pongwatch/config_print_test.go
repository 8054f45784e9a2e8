package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/shared/config"
)

// What is printed is a document that says the same: every default is in it, and a second print adds nothing.
func TestConfigPrintIsADocumentThatSaysTheSame(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"minimal.yaml", "complete.yaml"} {
		text, err := os.ReadFile("../../examples/config/" + file)
		if err != nil {
			t.Fatal(err)
		}
		want, problems := config.Parse(false, config.Document{Name: file, Text: text})
		if problems.Err() != nil {
			t.Fatal(problems)
		}
		for _, flag := range []string{"--local=false", "--json"} {
			code, stdout, stderr := pongwatch(t, "config", "print", flag, "../../examples/config/"+file)
			if code != exitOK {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			printed := filepath.Join(dir, "printed.yaml")
			if err := os.WriteFile(printed, []byte(stdout), 0o600); err != nil {
				t.Fatal(err)
			}
			got, problems := config.Parse(false, config.Document{Name: printed, Text: []byte(stdout)})
			if err := problems.Err(); err != nil || got == nil {
				t.Fatalf("%s %s: %v\n%s", file, flag, err, stdout)
			}
			if got.Hash() != want.Hash() {
				a, _ := json.MarshalIndent(want, "", " ")
				b, _ := json.MarshalIndent(got, "", " ")
				t.Errorf("%s %s: it says something else:\n%s\n%s\n%s", file, flag, stdout, a, b)
			}
		}
	}
}

func TestConfigPrintFillsInDefaultsAndShowsNoSecret(t *testing.T) {
	const document = `
databases: [{name: a, url: "https://a.upstash.io", token: "AX-the-secret-token"}]
receivers: [{name: s, slack: {webhook: "https://hooks.slack.com/services/T00000000/B00000000/secret"}}]
proof_key: sm://projects/p/secrets/proof
`
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := pongwatch(t, "config", "print", "--local", file)
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, want := range []string{"schedule:\n  healthcheck: 1m\n", "    url: \"https://a.upstash.io\"\n    token: \"[redacted]\"\n", "proof_key: \"sm://projects/p/secrets/proof\"\n", "  reopen_within: "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("it has no %q:\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "secret-token") || strings.Contains(stdout, "B00000000") {
		t.Errorf("it shows a secret:\n%s", stdout)
	}
}

// An empty mapping is left out as a missing one is.
func TestConfigPrintLeavesOutWhatIsEmpty(t *testing.T) {
	for _, services := range []string{"", "services: {}\n", "services: {backend: a}\n"} {
		file := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(file, []byte(services+"databases: [{name: a, url: 'https://a.upstash.io', token: AX}]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out := expect(t, exitOK, "", "config", "print", "--local", file)
		if want := strings.Contains(services, "backend"); strings.Contains(out, "\nservices:") != want || strings.Contains(out, "\nservices:\n  backend: a\n") != want {
			t.Errorf("of %q it prints:\n%s", services, out)
		}
	}
}

const routesDocument = `
environment: production
databases:
  - {name: prod-cache, url: "https://a.upstash.io", token: sm://projects/p/secrets/a}
  - {name: staging-cache, environment: staging, url: "https://b.upstash.io", token: sm://projects/p/secrets/b}
receivers:
  - {name: slack-oncall, pages: true, slack: {webhook: sm://projects/p/secrets/w}}
  - {name: slack-staging, slack: {webhook: sm://projects/p/secrets/x}}
  - {name: pager, pagerduty: {routing_key: sm://projects/p/secrets/r}}
routes:
  - {environments: staging, receivers: slack-staging}
  - {severities: critical, receivers: slack-oncall, escalate_to: pager, escalate_after: 15m, continue: true}
  - {databases: 'prod-*', severities: critical, receivers: pager, fallback: slack-staging}
`

func TestConfigRoutesSaysWhoAndWhy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte(routesDocument), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args []string
		code int
		want string
	}{
		"a route that continues": {
			[]string{"--database", "prod-cache"}, exitOK, `prod-cache (production), critical: notifies slack-oncall, pager
  because routes[1] matches severities critical, and continues
  because routes[2] matches databases prod-*; severities critical
  after 15m without an acknowledgement, notifies pager as well
  in place of a receiver that refuses for good, notifies slack-staging
`,
		},
		"the first that matches": {
			[]string{"--database", "staging-cache"}, exitOK, "staging-cache (staging), critical: notifies slack-staging\n  because routes[0] matches environments staging\n",
		},
		"no route": {
			[]string{"--database", "prod-cache", "--severity", "warning"},
			exitOK,
			"prod-cache (production), warning: notifies pager, slack-oncall, slack-staging\n  because no route matches, so every receiver is notified\n",
		},
		"a slip of the name": {[]string{"--database", "prod-cahce"}, exitFailed, "did you mean prod-cache?"},
		"no name":            {nil, exitFailed, "want one of prod-cache, staging-cache"},
		"no such severity":   {[]string{"--database", "prod-cache", "--severity", "page"}, exitFailed, "want one of critical, warning, info"},
		"as JSON":            {[]string{"--database", "staging-cache", "--json"}, exitOK, `"receivers": [`},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, tt.code, tt.want, append(append([]string{"config", "routes"}, tt.args...), file)...)
		})
	}
}

func TestConfigCheckReadsTheStandardInput(t *testing.T) {
	for name, tt := range map[string]struct {
		document string
		local    bool
		code     int
		want     string
	}{
		"a good one":                {routesDocument, false, exitOK, "2 database(s) in 1 shard(s), 3 receiver(s)"},
		"a bad one, with its place": {"databases: [{name: a, url: 1}]", false, exitNo, "-:1:23: databases[0].url"},
		"a slip of a key":           {routesDocument + "  - {receivers: pager, webhook_url: x}\n", false, exitNo, "webhook_url is not a key here"},
		"what local accepts":        {"databases: [{name: a, url: 'https://a.upstash.io', token: AX}]", false, exitNo, "check a document for it with --local"},
		"what local accepts, asked": {"databases: [{name: a, url: 'https://a.upstash.io', token: AX}]", true, exitOK, "no problems"},
		"what nobody accepts":       {"databases: [{name: a, url: 'rediss://a', token: sm://projects/p/secrets/a}]", false, exitNo, "1 problem(s)\n"},
		"the key of another name": {
			"databases: [{name: a, url: 'https://a.upstash.io', token: sm://projects/p/secrets/a}]\nreceivers: [{name: s, slack: {webhook_url: sm://projects/p/secrets/w}}]", false, exitNo,
			"webhook_url is not a key here; did you mean webhook?",
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := rootCommand()
			var out strings.Builder
			args := []string{"config", "check", "-"}
			if tt.local {
				args = append(args, "--local")
			}
			root.SetArgs(args)
			root.SetIn(strings.NewReader(tt.document))
			root.SetOut(&out)
			err := root.ExecuteContext(t.Context())
			if (err == nil) != (tt.code == exitOK) || !strings.Contains(out.String(), tt.want) {
				t.Errorf("%v, want exit code %d and %q:\n%s", err, tt.code, tt.want, &out)
			}
			if strings.Contains(tt.want, "1 problem(s)\n") && strings.Contains(out.String(), "--local") {
				t.Errorf("--local helps nobody here:\n%s", &out)
			}
		})
	}
}

// The recipes of the manual are documents without a problem.
func TestTheRecipesOfTheManual(t *testing.T) {
	manual, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, recipes, _ := strings.Cut(string(manual), "\n## Recipes\n")
	recipes, _, _ = strings.Cut(recipes, "\n## ")
	blocks := strings.Split(recipes, "```yaml\n")[1:]
	if len(blocks) < 4 {
		t.Errorf("%d recipes", len(blocks))
	}
	for i, block := range blocks {
		document, _, _ := strings.Cut(block, "```")
		file := filepath.Join(t.TempDir(), "recipe.yaml")
		if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"config", "check", file}
		if strings.HasPrefix(document, "# --local\n") {
			args = append(args, "--local")
		}
		if code, stdout, stderr := pongwatch(t, args...); code != exitOK {
			t.Errorf("recipe %d: exit code %d\n%s%s\n%s", i+1, code, stdout, stderr, document)
		}
	}
}
