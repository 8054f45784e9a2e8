package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

const initKey = "management-key-of-the-test"

// fiveDatabases starts an emulated Upstash account. Their servers are its databases' endpoints.
func fiveDatabases(t *testing.T, tls bool) []*upstashtest.Server {
	t.Helper()
	var all []*upstashtest.Server
	for i, d := range []struct {
		name, plan string
		bytes      int64
		eviction   bool
	}{
		{"Prod Cache", "payg", 100 << 30, true},
		{"prod-queue", "paid", 1 << 30, false},
		{"staging", "free", 256 << 20, false},
		{"staging", "free", 256 << 20, false},
		{"größe", "pro", 3 << 30, false},
	} {
		s := upstashtest.Start(t, upstashtest.Options{TLS: tls, APIKey: initKey, DatabaseID: fmt.Sprintf("id-%d", i+1), Token: fmt.Sprintf("AX8sASQgN2M0Token%d", i+1)})
		for field, value := range map[string]any{"database_name": d.name, "db_disk_threshold": d.bytes, "eviction": d.eviction, "type": d.plan, "endpoint": strings.TrimPrefix(s.URL(), "https://")} {
			s.SetSetting(field, value)
		}
		all = append(all, s)
	}
	all[0].Join(all[1:]...)
	return all
}

// asApp sets the variables of an app, and no other that init reads.
func asApp(t *testing.T, variables ...string) {
	t.Helper()
	for _, name := range []string{"PONGWATCH_CONFIG", "UPSTASH_API_KEY", "UPSTASH_REDIS_URL", "UPSTASH_REDIS_TOKEN", "SLACK_WEBHOOK_URL", "SLACK_BOT_TOKEN", "SMTP_HOST"} {
		t.Setenv(name, "")
	}
	for _, v := range variables {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
}

func runCLI(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = run(t.Context(), args, &out, &problems)
	return code, out.String(), problems.String()
}

var (
	appDatabase = []string{"UPSTASH_REDIS_URL=https://merry-cat-32748.upstash.io", "UPSTASH_REDIS_TOKEN=AX8sASQgN2M0"}
	appSlack    = "SLACK_WEBHOOK_URL=https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
	appMail     = []string{"SMTP_HOST=smtp.example.com", "SMTP_PORT=465", "SMTP_FROM=alerts@example.com", "SMTP_USERNAME=u", "SMTP_PASSWORD=it's", "ALERT_EMAIL_TO=a@example.com, b@example.com"}
)

// What init writes has no secret in the document and no problem by config check, and what holds
// the secrets is its owner's alone.
func TestInit(t *testing.T) {
	account := fiveDatabases(t, false)
	url := account[0].ManagementURL()
	for _, s := range account { // addresses that are the same in each run
		id := strings.TrimPrefix(s.DatabaseID(), "id-")
		s.SetSetting("endpoint", "merry-cat-"+id)
	}
	tests := []struct {
		name      string
		variables []string
		args      []string
		check     []string // arguments of config check
	}{
		{"variables", append(appDatabase, appSlack), nil, []string{"--local", "pongwatch.yaml", "pongwatch-secrets.yaml"}},
		{"variables-project", append(appDatabase, append(appMail, "SLACK_BOT_TOKEN=xoxb-1-2-abc", "SLACK_CHANNEL=C0123456789")...), []string{"--project", "my-project"}, []string{"pongwatch.yaml"}},
		{"account", []string{"UPSTASH_API_KEY=" + initKey + "\r\n", appSlack}, []string{"--account", "ops@example.com", "--all", "--management-url", url}, []string{"--local", "pongwatch.yaml", "pongwatch-secrets.yaml"}},
		{
			"account-terraform", append(appMail, "UPSTASH_API_KEY="+initKey, appSlack),
			[]string{"--account", "ops@example.com", "--database", "prod-queue,id-1", "--management-url", url, "--terraform", "--project", "my-project", "--region", "us-east4", "--oncall-email", "oncall@example.com"},
			nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asApp(t, tt.variables...)
			golden, err := filepath.Abs("testdata/init")
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			t.Chdir(dir)
			code, out, problems := runCLI(t, append([]string{"init"}, tt.args...)...)
			if code != exitOK {
				t.Fatalf("exit code %d: %s", code, problems)
			}
			files, err := filepath.Glob("*")
			if err != nil || len(files) != 2 {
				t.Fatalf("files %q, %v; want the configuration and its secrets", files, err)
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				out += "\n==== " + file + "\n" + string(text)
				info, err := os.Stat(file)
				secret := strings.Contains(file, "secrets")
				if err != nil || secret && info.Mode().Perm() != 0o600 {
					t.Errorf("%s has mode %v, %v; want 0600", file, info.Mode(), err)
				}
				for _, hidden := range []string{"AX8sASQgN2M0", initKey, "hooks.slack.com", "xoxb", "it's"} {
					if !secret && strings.Contains(string(text), hidden) {
						t.Errorf("%s holds %s", file, hidden)
					}
				}
			}
			goldentest.Compare(t, filepath.Join(golden, tt.name+".txt"), []byte(strings.NewReplacer(url, "URL", dir, "DIR").Replace(out)))
			if tt.check != nil {
				if code, out, problems := runCLI(t, append([]string{"config", "check"}, tt.check...)...); code != exitOK || !strings.Contains(out, "no problems") {
					t.Errorf("config check exits %d:\n%s%s", code, out, problems)
				}
			}
			if code, _, problems := runCLI(t, append([]string{"init"}, tt.args...)...); code != exitFailed || !strings.Contains(problems, "exists; --force replaces it") {
				t.Errorf("again: exit code %d, %q; want a refusal to replace", code, problems)
			}
			if code, _, problems := runCLI(t, append([]string{"init", "--force"}, tt.args...)...); code != exitOK {
				t.Errorf("with --force: exit code %d, %q", code, problems)
			}
		})
	}
}

func TestInitRefuses(t *testing.T) {
	account := fiveDatabases(t, false)[0]
	tests := []struct {
		name      string
		variables []string
		args      []string
		want      string
	}{
		{"nothing to begin with", nil, nil, "no database: set UPSTASH_REDIS_URL and UPSTASH_REDIS_TOKEN"},
		{"a URL of Redis' own protocol", []string{"UPSTASH_REDIS_URL=rediss://a.upstash.io:6379", "UPSTASH_REDIS_TOKEN=AX8s"}, nil, "rediss://"},
		{"no key", nil, []string{"--account", "ops@example.com"}, "set UPSTASH_API_KEY"},
		{"a key in quotes", []string{`UPSTASH_API_KEY="` + initKey + `"`}, []string{"--account", "ops@example.com"}, "the management API key, UPSTASH_API_KEY: "},
		{"a wrong key", []string{"UPSTASH_API_KEY=wrong"}, []string{"--account", "ops@example.com"}, "HTTP 401"},
		{"several databases and no choice", []string{"UPSTASH_API_KEY=" + initKey}, []string{"--account", "ops@example.com"}, "want --all, or --database with one of prod-cache, prod-queue, staging, staging-2, gr--e"},
		{"a name that is not there", []string{"UPSTASH_API_KEY=" + initKey}, []string{"--account", "ops@example.com", "--database", "prod"}, `no database "prod"; want one of prod-cache`},
		{"both choices", []string{"UPSTASH_API_KEY=" + initKey}, []string{"--account", "ops@example.com", "--all", "--database", "staging"}, "want one of them"},
		{"a choice without an account", appDatabase, []string{"--all"}, "give --account"},
		{"Terraform without a project", appDatabase, []string{"--terraform"}, "needs --project, --region and --oncall-email"},
		{"Terraform in a project by its number", append(appDatabase, appSlack), []string{"--terraform", "--project", "123456789012", "--region", "us-east4", "--oncall-email", "a@example.com"}, `--project "123456789012": want the project's id`},
		{"Terraform in a zone", append(appDatabase, appSlack), []string{"--terraform", "--project", "my-project", "--region", "us-east4-a", "--oncall-email", "a@example.com"}, `--region "us-east4-a": want a region`},
		{"Terraform without a mail address", append(appDatabase, appSlack), []string{"--terraform", "--project", "my-project", "--region", "us-east4", "--oncall-email", "alice"}, `--oncall-email "alice": want a mail address`},
		{"a port that is none", slices.Concat(appDatabase, appMail, []string{"SMTP_PORT=smtp"}), nil, "receivers[0].email.port is a text, want a whole number"},
		{"Terraform without a receiver", appDatabase, []string{"--terraform", "--project", "my-project", "--region", "us-east4", "--oncall-email", "a@example.com"}, "no receiver: set SLACK_WEBHOOK_URL"},
		{"the secrets' own file", append(appDatabase, appSlack), []string{"--out", "./pongwatch-secrets.yaml"}, "--out ./pongwatch-secrets.yaml is the name of the file with the secrets"},
		{"a webhook that is none", append(appDatabase, "SLACK_WEBHOOK_URL=hooks.slack.com/services"), nil, "receivers[0].slack.webhook"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asApp(t, tt.variables...)
			t.Chdir(t.TempDir())
			code, _, problems := runCLI(t, append([]string{"init", "--management-url", account.ManagementURL()}, tt.args...)...)
			if code != exitFailed || !strings.Contains(problems, tt.want) {
				t.Errorf("exit code %d, %q; want 2 and %q", code, problems, tt.want)
			}
			if files, err := filepath.Glob("*"); err != nil || len(files) > 0 {
				t.Errorf("it left %q, %v", files, err)
			}
		})
	}
}

// A database may have a name that YAML or Terraform would read as something else than a text.
func TestInitQuotesNames(t *testing.T) {
	asApp(t)
	s := setup{project: "my-project", region: "us-east4", oncall: "oncall@example.com", slack: "https://hooks.slack.com/services/T/B/X", getenv: os.Getenv}
	for _, name := range []string{"2024-cache", "0x1f", "0o17", "0777", "1e5", "12-5", "for", "null", "true", "prod-cache"} {
		s.databases = append(s.databases, watched{name: name, url: "https://merry-cat-32748.upstash.io", token: secrets.New("AX8sASQgN2M0")})
	}
	if _, _, err := s.documents(); err != nil {
		t.Errorf("YAML: %v", err)
	}
	s.terraform = true
	got, _, err := s.documents()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"2024-cache" = {`, `"0x1f"       = {`, `"for"        = {`, `"null"       = {`, `prod-cache   = {`} {
		if !strings.Contains(got, "\n  "+want) {
			t.Errorf("terraform.tfvars has no %s:\n%s", want, got)
		}
	}
}

// A person who answers on a terminal needs no flag. What is secret is not read from where it is shown.
func TestInitAsks(t *testing.T) {
	account := fiveDatabases(t, false)[0]
	tests := []struct {
		name, shown     string
		hidden          []string
		want            []string // the databases
		project, region string
	}{
		{"an account, all of it, on this machine", "ops@example.com\n\n\n", []string{initKey, ""}, []string{"prod-cache", "prod-queue", "staging", "staging-2", "gr--e"}, "", ""},
		{"two databases, for Terraform", "ops@example.com\nstaging, prod-queue\nmy-project\n\nus-east4\noncall@example.com\n", []string{initKey, "https://hooks.slack.com/services/T/B/X"}, []string{"staging", "prod-queue"}, "my-project", "us-east4"},
		{"one database by its URL, and a project without Terraform", "\nhttps://merry-cat-1.upstash.io\nmy-project\nn\n", []string{"AX8sASQgN2M0", ""}, []string{"redis"}, "my-project", ""},
		{"the input ends", "", nil, nil, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asApp(t)
			var out bytes.Buffer
			s := setup{getenv: os.Getenv, problems: &out, api: account.ManagementURL(), person: &person{in: strings.NewReader(tt.shown), out: &out, hidden: func() ([]byte, error) {
				if len(tt.hidden) == 0 {
					return nil, errors.New("one question too many")
				}
				answer := tt.hidden[0]
				tt.hidden = tt.hidden[1:]
				return []byte(answer), nil
			}}}
			if err := s.gather(t.Context()); (err == nil) != (tt.want != nil) {
				t.Fatalf("%v\n%s", err, &out)
			}
			var got []string
			for _, d := range s.databases {
				got = append(got, d.name)
			}
			if strings.Join(got, " ") != strings.Join(tt.want, " ") || s.project != tt.project || s.region != tt.region || s.terraform != (tt.region != "") || len(tt.hidden) > 0 {
				t.Errorf("databases %q, project %q, region %q, terraform %v, answers left %d\n%s", got, s.project, s.region, s.terraform, len(tt.hidden), &out)
			}
			if strings.Contains(out.String(), initKey) {
				t.Error("the key is shown")
			}
		})
	}
}

// command runs the binary, which must succeed.
func command(t *testing.T, env []string, args ...string) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("pongwatch %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// From an Upstash account with five databases to the first alert, without an editor.
func TestFromAnAccountToTheFirstAlert(t *testing.T) {
	if os.Getenv("PONGWATCH_TEST_PROCESSES") != "1" {
		t.Skip("runs pongwatch local as a process: PONGWATCH_TEST_PROCESSES=1")
	}
	account := fiveDatabases(t, true)
	slack, err := slacktest.New(slacktest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer slack.Close()
	dir := t.TempDir()
	var authorities []byte
	for _, s := range account {
		authorities = append(authorities, s.CAPEM()...)
	}
	trusted := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(trusted, authorities, 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"SSL_CERT_FILE=" + trusted}
	document, hidden := filepath.Join(dir, "pongwatch.yaml"), filepath.Join(dir, "pongwatch-secrets.yaml")
	command(t, append(env, "UPSTASH_API_KEY="+initKey, "SLACK_WEBHOOK_URL="+slack.WebhookURL("alerts")),
		"init", "--account", "ops@example.com", "--all", "--management-url", account[0].ManagementURL(), "--out", document)
	command(t, nil, "config", "check", "--local", document, hidden)

	p := startLocal(t, append(env, "PONGWATCH_CONFIG="+document+","+hidden), "--every", "1s")
	eventually(t, 30*time.Second, "five databases are connected", func() string { return health(t, p.url) }, is("connected"))
	if err := account[1].Break(upstashtest.Fault{Mode: upstashtest.Refuse}); err != nil {
		t.Fatal(err)
	}
	first := eventually(t, time.Minute, "an alert in Slack", slack.Messages, func(m []slacktest.Message) bool { return len(m) > 0 })[0]
	if said := first.Text + string(first.Blocks); !strings.Contains(said, "prod-queue") || !strings.Contains(said, "tcp_refused") {
		t.Errorf("the first alert does not say that prod-queue refuses:\n%s", said)
	}
}
