package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// full is a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// An answer that cannot be written exits with 2, also where the answer itself is "no".
func TestOutputThatCannotBeWritten(t *testing.T) {
	f := newFakeLocal(t, "prod-cache")
	f.fail("prod-cache")
	path := filepath.Join(t.TempDir(), "pongwatch.yaml")
	if err := os.WriteFile(path, []byte(budgetYAML+"checks: {write: {every: 5m}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	redis := upstashtest.Start(t, upstashtest.Options{})
	t.Setenv("PONGWATCH_CONFIG", "")
	t.Setenv("UPSTASH_REDIS_URL", redis.URL())
	t.Setenv("UPSTASH_REDIS_TOKEN", "wrong")
	for _, args := range [][]string{
		{"config", "schema"},
		{"config", "check", path},
		{"config", "check", "--json", path},
		{"budget", path},
		{"budget", "--json", path},
		{"explain", "auth_invalid"},
		{"incidents", "--url", f.URL},
		{"incidents", "--json", "--url", f.URL},
		{"probe", "--json"},
		{"preflight", "--quiet", "--only", "redis.write"},
		{"preflight", "--quiet", "--only", "redis.write", "--json"},
	} {
		t.Run(strings.Join(args[:min(3, len(args))], " "), func(t *testing.T) {
			var problems strings.Builder
			if code := run(t.Context(), args, full{}, &problems); code != exitFailed || !strings.Contains(problems.String(), "no space left") {
				t.Errorf("exit code %d, want 2 and the reason: %s", code, problems.String())
			}
		})
	}
}

// A command that local does not take exits with 2 and repeats the reason.
func TestCommandThatIsNotTaken(t *testing.T) {
	answers := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			io.WriteString(w, body)
		}
	}
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"the queue is full", answers(http.StatusServiceUnavailable, `{"error":"the command is not stored: the queue is full"}`), "answers 503: the command is not stored: the queue is full"},
		{"it wants a token", answers(http.StatusForbidden, `{}`), "answers 403: reading is denied"},
		{"its answer is no JSON", answers(http.StatusAccepted, "<html>"), "is not pongwatch"},
		{"its answer is cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "{")
		}, "unexpected EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakeLocal(t, "prod-cache")
			f.commands = tt.answer
			code, stdout, stderr := pongwatch(t, "drill", "--url", f.URL)
			if code != exitFailed || !strings.Contains(stderr, tt.want) || stdout != "" {
				t.Errorf("exit code %d, stdout %q, stderr %q; want 2 and %q alone", code, stdout, stderr, tt.want)
			}
		})
	}
}

// Statistics that fail for a moment do not hide the effect.
func TestEffectAfterFailedReads(t *testing.T) {
	f := newFakeLocal(t, "prod-cache")
	id := f.fail("prod-cache")[0]
	f.unreadable = 2
	expect(t, exitOK, "Done.", "ack", id, "--url", f.URL)
	if f.unreadable != 0 {
		t.Error("no read failed")
	}
	// Before the command is posted, a failed read is an error.
	f.unreadable = 1
	expect(t, exitFailed, "answers 500: reading the state: deadline exceeded", "ack", id, "--url", f.URL)
	f.unreadable = 1
	expect(t, exitFailed, "answers 500: reading the state: deadline exceeded", "incidents", "--url", f.URL)
}

// What people read of each command, word for word.
func TestWhatCommandsPrint(t *testing.T) {
	f := newFakeLocal(t, "prod-cache", "stage")
	id := f.fail("prod-cache")[0]
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"ack", id}, `ID is prod-cache ping: Redis refuses the token.
Asked to acknowledge ID, as anna.
Its messages are edited to say so; nothing escalates while it is yours.
Done.
`},
		{[]string{"ack", id}, "ID is prod-cache ping: Redis refuses the token.\nanna acknowledged it at TIME: nothing to do.\n"},
		{[]string{"silence", id, "--for", "2h"}, `ID is prod-cache ping: Redis refuses the token.
Asked to silence ID until TIME (2 h), as anna.
No new messages are sent about it until then. If it is still failing then, you are notified.
Done.
`},
		{[]string{"unsilence", id}, `ID is prod-cache ping: Redis refuses the token.
Asked to end the silence of ID, as anna.
You are notified at once of what is still failing.
Done.
`},
		{[]string{"unsilence", "--database", "stage", "--check", "ping"}, "No silence of stage ping is in force: nothing to do.\n"},
		{[]string{"drill", "--receiver", "slack-oncall"}, `Asked to rehearse an alert to slack-oncall, as anna.
The message is marked as a drill; it ends by itself after 15 min.
ID:
  delivered  slack-oncall  at TIME
`},
		{[]string{"drill", "--wait", "0"}, `Asked to rehearse an alert to every receiver, as anna.
The message is marked as a drill; it ends by itself after 15 min.
Stored as command COMMAND; "pongwatch incidents" shows what came of it.
`},
	}
	for _, tt := range tests {
		code, stdout, stderr := pongwatch(t, append(tt.args, "--by", "anna", "--url", f.URL)...)
		got := stdout
		for _, r := range []struct{ pattern, word string }{{`INC-[0-9A-Z]{6}`, "ID"}, {`(\d{4}-\d\d-\d\d )?\d\d:\d\d UTC`, "TIME"}, {`[A-Z2-7]{26}`, "COMMAND"}} {
			got = regexp.MustCompile(r.pattern).ReplaceAllString(got, r.word)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || code != exitOK || stderr != "" {
			t.Errorf("pongwatch %s: exit code %d, stderr %q (-want +got):\n%s", strings.Join(tt.args, " "), code, stderr, diff)
		}
	}
}

// With several shards a command goes to the one that holds what it names, and the view
// shows all of them.
func TestSeveralShards(t *testing.T) {
	f := newFakeLocal(t, "prod-cache")
	here := f.fail("prod-cache")[0]
	p := f.policy
	p.Databases = map[string]policy.Database{"eu-cache": {}, "eu-queue": {}}
	eu, _ := alert.Step(incident.New("eu", time.Now()), alert.Input{Report: failing("eu", "eu-cache", "eu-queue")}, p, time.Now())
	f.others = []incident.State{eu}
	there := openIDs(t, eu)

	out := expect(t, exitNo, "", "incidents", "--url", f.URL)
	for _, want := range append(there, here, "3 incidents open: 3 critical.", "prod-cache", "eu-cache", "eu-queue") {
		if !strings.Contains(out, want) {
			t.Errorf("incidents lacks %q:\n%s", want, out)
		}
	}
	for _, id := range append(there, here) {
		shard := "eu"
		if id == here {
			shard = "main"
		}
		f.asked = nil
		expect(t, exitOK, id+" is ", "silence", id, "--wait", "0", "--url", f.URL)
		if c := f.one(); c.Shard != shard || incident.ShortID(c.Incident) != id {
			t.Errorf("%s: asked shard %q for %s, want %s", id, c.Shard, c.Incident, shard)
		}
	}
	expect(t, exitNo, "there is no open incident "+here, "ack", here, "--shard", "eu", "--url", f.URL)
	f.asked = nil
	expect(t, exitOK, "", "silence", "--database", "prod-cache", "--shard", "main", "--wait", "0", "--url", f.URL)
	if c := f.one(); c.Shard != "main" {
		t.Errorf("a silence of a database asked shard %q, want main", c.Shard)
	}
}

// A database that fails outweighs one that could not be pinged, in any order.
func TestVerdict(t *testing.T) {
	tests := []struct {
		name     string
		statuses []report.Status
		code     int
	}{
		{"all answer, one slowly", []report.Status{report.OK, report.Warn}, exitOK},
		{"one could not be pinged", []report.Status{report.OK, report.Unknown, report.Warn}, exitFailed},
		{"one fails before one that could not be pinged", []report.Status{report.Fail, report.Unknown}, exitNo},
		{"one fails behind one that could not be pinged", []report.Status{report.Unknown, report.Fail}, exitNo},
	}
	for _, tt := range tests {
		var all []probed
		for i, s := range tt.statuses {
			all = append(all, probed{Database: fmt.Sprintf("db-%d", i), Status: s})
		}
		err, code := verdict(all), exitOK
		if _, no := errors.AsType[negative](err); no {
			code = exitNo
		} else if err != nil {
			code = exitFailed
		}
		if code != tt.code {
			t.Errorf("%s: exit code %d, want %d", tt.name, code, tt.code)
		}
	}
}

// The worst observation is the answer, and of equals the first.
func TestJudge(t *testing.T) {
	fails := report.Observation{Check: report.Ping, Status: report.Fail, Cause: cause.AuthInvalid, Evidence: "WRONGPASS", HTTPStatus: 401, TokenVersion: "7"}
	slow := report.Observation{Check: report.Latency, Status: report.Warn, Cause: cause.Slow, Evidence: "slow"}
	mock := report.Observation{Check: report.MockMode, Status: report.Fail, Cause: cause.Mock, Evidence: "MOCK_REDIS"}
	info := cause.AuthInvalid.Info()
	got := judge("cache", "eu", policy.Default(), []report.Observation{slow, fails, mock, {Check: report.Write, Status: report.OK}})
	want := probed{
		Database: "cache", Shard: "eu", Status: report.Fail, Cause: cause.AuthInvalid, Title: info.Title, Evidence: "WRONGPASS", HTTPStatus: 401,
		Fix: info.Fix, Findings: []report.Check{report.Latency, report.Ping, report.MockMode}, Severity: info.Severity, Token: "7",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The severity is that of the incident: of the check, raised by the cause, capped by a warning.
func TestJudgedSeverityIsTheIncidents(t *testing.T) {
	strict := policy.Default()
	strict.Rules = map[report.Check]policy.Rule{report.Latency: {Severity: cause.SeverityCritical}}
	tests := []struct {
		name   string
		policy policy.Policy
		seen   report.Observation
		want   cause.Severity
	}{
		{"a ping that fails for a cause that warns", policy.Default(), report.Observation{Check: report.Ping, Status: report.Fail, Cause: cause.RedisError}, cause.SeverityCritical},
		{"a critical cause raises a check that warns", policy.Default(), report.Observation{Check: report.Write, Status: report.Fail, Cause: cause.StorageFull}, cause.SeverityCritical},
		{"a warning caps a critical cause", policy.Default(), report.Observation{Check: report.MockMode, Status: report.Warn, Cause: cause.Mock}, cause.SeverityWarning},
		{"the configuration decides", strict, report.Observation{Check: report.Latency, Status: report.Fail, Cause: cause.Slow}, cause.SeverityCritical},
		{"what is unknown opens no incident", policy.Default(), report.Observation{Check: report.Ping, Status: report.Unknown, Cause: cause.Interrupted}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judge("cache", "eu", tt.policy, []report.Observation{tt.seen}); got.Severity != tt.want {
				t.Errorf("severity %q, want %q", got.Severity, tt.want)
			}
		})
	}
}

// A line has the phases that took time, and the status code where there was one.
func TestProbedLine(t *testing.T) {
	tests := []struct {
		probed probed
		want   string
	}{
		{probed{Status: report.OK, Phases: &report.Phases{Connect: 12.4, Wait: 9.96}}, "PONG in 10.0 ms (connect 12 ms, wait 10.0 ms)"},
		{probed{Status: report.Fail, Cause: "tls", Title: "T", HTTPStatus: 502, Phases: &report.Phases{DNS: 1, TLS: 2}}, "tls: T, HTTP 502 (dns 1.0 ms, tls 2.0 ms)"},
		{probed{Status: report.Fail, Cause: "tls", Title: "T", Phases: &report.Phases{}}, "tls: T"},
		{probed{Status: report.Fail, Cause: "tls", Title: "T"}, "tls: T"},
	}
	for _, tt := range tests {
		if got := tt.probed.line(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// An emulator that cannot write its authority does not serve.
func TestEmulatorWithoutItsAuthority(t *testing.T) {
	expect(t, exitFailed, "writing the certificate authority", "emulator", "--addr", "127.0.0.1:0", "--tls-ca", filepath.Join(t.TempDir(), "no", "ca.pem"))
}

// Several databases and shards are counted and priced each.
func TestSeveralDatabasesInTheConfiguration(t *testing.T) {
	text := `shards: [{name: main}, {name: eu}]
databases:
  - {name: a, url: https://a.upstash.io, token: sm://projects/p/secrets/a}
  - {name: b, url: https://b.upstash.io, token: sm://projects/p/secrets/b, shard: eu}
receivers: [{name: slack, slack: {webhook: sm://projects/p/secrets/s}}]
`
	path := filepath.Join(t.TempDir(), "pongwatch.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var c checked
	if err := json.Unmarshal([]byte(expect(t, exitOK, "", "config", "check", "--json", path)), &c); err != nil {
		t.Fatal(err)
	}
	if !c.OK || c.Databases != 2 || c.Shards != 2 || c.Receivers != 1 || c.Problems == nil {
		t.Errorf("%+v, want two databases in two shards with one receiver and a list of problems", c)
	}
	_, out, _ := budgetOf(t, text)
	for _, name := range []string{"a (plan free, ", "b (plan free, "} {
		if !strings.Contains(out, name) {
			t.Errorf("the budget has no table of %q:\n%s", name, out)
		}
	}
}
