// Package outside holds what receivers send to what others have written about it: Slack's
// published types, the library of Standard Webhooks, and Python's mail parser.
package outside

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/email"
	"github.com/pongwatch/pongwatch/functions/alert/email/emailtest"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/functions/alert/webhook"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

func needNode(t *testing.T) {
	t.Helper()
	if os.Getenv("PONGWATCH_TEST_NODE") != "1" {
		t.Skip("needs Node.js and npm: PONGWATCH_TEST_NODE=1 runs it")
	}
	if _, err := os.Stat("node_modules/@slack/types"); err != nil {
		t.Fatalf("run npm ci --ignore-scripts in functions/alert/outside first: %v", err)
	}
}

// run starts a program with input and returns its output.
func run(t *testing.T, input []byte, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// TestSlackBlocksHaveSlacksTypes has tsc check the blocks of every golden file of package
// slack, in bot mode and webhook mode, of every cause and event.
func TestSlackBlocksHaveSlacksTypes(t *testing.T) {
	needNode(t)
	files, err := filepath.Glob("../slack/testdata/*.txtar")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	program, n := strings.Builder{}, 0
	program.WriteString("import type { KnownBlock } from \"@slack/types\";\nexport const blocks: KnownBlock[] = [\n")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, `{"type":`) {
				// Slack documents a list's offset, slack-go always writes it, and the types lack it.
				program.WriteString(strings.NewReplacer(`,"offset":0`, "", `"offset":0,`, "").Replace(strings.TrimSpace(line)) + ",\n")
				n++
			}
		}
	}
	program.WriteString("];\n")
	if n < 100 {
		t.Fatalf("%d blocks in %d files", n, len(files))
	}
	check := func(source string) (string, error) {
		dir := t.TempDir()
		modules, err := filepath.Abs("node_modules")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "blocks.ts"), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "node", filepath.Join(modules, "typescript", "bin", "tsc"),
			"--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022", "--types", "", "blocks.ts")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := check(program.String()); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	// The check can fail.
	if out, err := check(strings.Replace(program.String(), `"type":"plain_text"`, `"type":"plain"`, 1)); err == nil || !strings.Contains(out, "plain") {
		t.Errorf("tsc accepts a wrong type: %v\n%s", err, out)
	}
}

// TestSignaturesAreStandardWebhooks verifies a delivery with npm's library.
func TestSignaturesAreStandardWebhooks(t *testing.T) {
	needNode(t)
	const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	type delivery struct {
		Key     string            `json:"key"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	}
	var got delivery
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = delivery{Key: key, Headers: map[string]string{}, Body: string(body)}
		for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			got.Headers[name] = r.Header.Get(name)
		}
	}))
	defer server.Close()
	r, err := webhook.New(webhook.Options{
		Name: "x", URL: message.Fixed(secrets.New(server.URL)), Keys: []message.Credential{message.Fixed(secrets.New(key))}, AllowLoopback: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Deliver(t.Context(), message.Render(messagetest.Notice(incident.Opened, cause.AuthInvalid), messagetest.Context()), message.Ref{}); err != nil {
		t.Fatal(err)
	}
	input, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if out := run(t, input, "node", "verify.mjs"); strings.TrimSpace(out) != "incident.opened" {
		t.Errorf("the library says %q", out)
	}
	got.Body += " "
	input, err = json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "verify.mjs")
	cmd.Stdin = bytes.NewReader(input)
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "No matching signature") {
		t.Errorf("the library accepts a changed body: %s", out)
	}
}

// TestMailsAreReadByPython parses a mail of every cause and event with Python's parser.
func TestMailsAreReadByPython(t *testing.T) {
	if os.Getenv("PONGWATCH_TEST_PYTHON") != "1" {
		t.Skip("needs Python 3: PONGWATCH_TEST_PYTHON=1 runs it")
	}
	s, err := emailtest.New(emailtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := email.New(email.Options{
		Name: "mail", Host: s.Host(), Port: s.Port(), RootCAs: s.RootCAs(), Timeout: 5 * time.Second,
		Username: message.Fixed(secrets.New(s.Username())), Password: message.Fixed(secrets.New(s.Password())),
		From: "pongwatch <alerts@example.com>", To: "Alice <alice@example.com>",
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []message.Message
	for _, c := range []cause.Cause{cause.AuthInvalid, cause.Mock, cause.Slow, cause.NotUpstash, cause.MonitorStore} {
		all = append(all, message.Render(messagetest.Notice(incident.Opened, c), messagetest.Context()))
	}
	all = append(all, message.Render(messagetest.Notice(incident.Resolved, cause.AuthInvalid), messagetest.Context()), message.Render(messagetest.Group(incident.Opened, 5), messagetest.Context()))
	for k, m := range all {
		if _, _, err := r.Deliver(t.Context(), m, message.Ref{}); err != nil {
			t.Fatal(err)
		}
		var read struct {
			Subject, To, Text, HTML, Date string
			Defects                       []string
		}
		out := run(t, s.Mails()[k].Raw, "python3", "parse.py")
		if err := json.Unmarshal([]byte(out), &read); err != nil {
			t.Fatal(err)
		}
		if strings.TrimPrefix(read.Subject, "Re: ") != m.Subject || read.To != "alice@example.com" || len(read.Defects) > 0 || read.Date != "2026-11-22T18:34:04+00:00" {
			t.Errorf("%s: Python reads %+v", m.Subject, read)
		}
		if text := strings.ReplaceAll(read.Text, "\r\n", "\n"); text != m.Text() || !strings.Contains(read.HTML, "<h1") {
			t.Errorf("%s: Python reads the text\n%s\nwant\n%s", m.Subject, text, m.Text())
		}
	}
}
