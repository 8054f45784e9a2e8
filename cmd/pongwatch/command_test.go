package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/local"
	"github.com/pongwatch/pongwatch/functions/metrics/incidents"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/gcp/pubsub"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// fakeLocal answers as pongwatch local does, with the real rules: commands are stepped
// through a state, and the statistics show it.
type fakeLocal struct {
	*httptest.Server
	t *testing.T

	mu     sync.Mutex
	state  incident.State
	policy incident.Policy
	asked  []report.Command
	// deaf keeps commands from being carried out, denied reading without a token.
	deaf   bool
	denied bool
	// refusing receivers take nothing, hesitating ones not yet.
	refusing, hesitating string
}

func newFakeLocal(t *testing.T, databases ...string) *fakeLocal {
	t.Helper()
	f := &fakeLocal{t: t, policy: incident.DefaultPolicy(), state: incident.New("main", time.Now())}
	f.policy.Databases = map[string]incident.Database{}
	for _, d := range databases {
		f.policy.Databases[d] = incident.Database{}
	}
	f.policy.Receivers = map[string]incident.Receiver{"slack-oncall": {Pages: true}, "email-oncall/a@example.com": {}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+statisticsPath, f.statistics)
	mux.HandleFunc("POST "+local.CommandsPath, f.command)
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeLocal) statistics(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.denied && r.Header.Get("Authorization") != "Bearer sesame" {
		http.Error(w, `{"error":"want a token"}`, http.StatusUnauthorized)
		return
	}
	type named struct {
		Name string `json:"name"`
	}
	answer := struct {
		Incidents incidents.View `json:"incidents"`
		Databases []named        `json:"databases"`
	}{Incidents: incidents.New(time.Now(), f.state)}
	for name := range f.policy.Databases {
		answer.Databases = append(answer.Databases, named{name})
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		f.t.Error(err)
	}
}

func (f *fakeLocal) command(w http.ResponseWriter, r *http.Request) {
	var q local.CommandRequest
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.Header.Get("Content-Type") != "application/json" {
		f.t.Errorf("a command that local refuses: %v", err)
	}
	c := q.Command
	c.For, c.At = time.Duration(q.For), time.Now().UTC()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, c)
	if !f.deaf {
		f.step(incident.Input{Command: &c})
	}
	w.WriteHeader(http.StatusAccepted)
	if err := json.NewEncoder(w).Encode(c); err != nil {
		f.t.Error(err)
	}
}

// step decides, delivers and keeps the state as it would be stored.
func (f *fakeLocal) step(in incident.Input) {
	now := time.Now()
	s, _ := incident.Step(f.state, in, f.policy, now)
	s, notices := incident.Claim(s, now, "worker", time.Minute, 1000)
	var results []incident.Result
	for _, n := range notices {
		r := incident.Result{ID: n.ID(), Address: n.Address, Owner: "worker", Want: n.Want, Open: n.Open, Outcome: incident.Delivered}
		switch n.Address {
		case f.refusing:
			r.Outcome, r.Error = incident.Refused, "channel_not_found"
		case f.hesitating:
			r.Outcome, r.Error = incident.Later, "451 try again later"
		}
		results = append(results, r)
	}
	data, err := incident.Encode(incident.Record(s, results, f.policy, now))
	if err != nil {
		f.t.Fatal(err)
	}
	if f.state, err = incident.Decode(data); err != nil {
		f.t.Fatal(err)
	}
}

// fail lets the pings of databases fail, and returns the short ids of what is open.
func (f *fakeLocal) fail(databases ...string) []string {
	now := time.Now()
	r := report.Report{Job: report.HealthCheck, Region: "us", Shard: "main", Scheduled: now, Finished: now, Every: time.Minute}
	for _, d := range databases {
		r.Observations = append(r.Observations, report.Observation{
			Database: d, Check: report.Ping, Source: "us", Status: report.Fail, Cause: cause.AuthInvalid, At: now, Every: time.Minute,
		})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.step(incident.Input{Report: &r})
	var ids []string
	for id, i := range f.state.Incidents {
		if i.Open() {
			ids = append(ids, incident.ShortID(id))
		}
	}
	slices.Sort(ids)
	if len(ids) == 0 {
		f.t.Fatal("nothing opened")
	}
	return ids
}

// one returns the only command that was asked.
func (f *fakeLocal) one() report.Command {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.asked) != 1 {
		f.t.Fatalf("%d commands were asked, want 1", len(f.asked))
	}
	return f.asked[0]
}

// pongwatch runs a subcommand and returns what it says.
func pongwatch(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems strings.Builder
	code = run(t.Context(), args, &out, &problems)
	return code, out.String(), problems.String()
}

// expect runs a subcommand and wants that code and text, on stdout for 0 and on
// stderr otherwise.
func expect(t *testing.T, code int, text string, args ...string) (stdout string) {
	t.Helper()
	got, stdout, stderr := pongwatch(t, args...)
	said := stdout
	if code != exitOK {
		said = stderr
	}
	if got != code || !strings.Contains(said, text) {
		t.Errorf("pongwatch %s\nexit code %d, want %d\nstdout: %s\nstderr: %s\nwant %q", strings.Join(args, " "), got, code, stdout, stderr, text)
	}
	return stdout
}

func TestAck(t *testing.T) {
	f := newFakeLocal(t, "prod-cache", "stage")
	ids := f.fail("prod-cache", "stage")
	id := ids[0]
	// As people write it: without prefix, in lower case.
	written := strings.ToLower(strings.TrimPrefix(id, "INC-"))
	out := expect(t, exitOK, "Done.", "ack", "--by", "anna", written, "--url", f.URL)
	if !strings.Contains(out, id+" is ") || !strings.Contains(out, "Redis refuses the token") {
		t.Errorf("it does not say what was acknowledged:\n%s", out)
	}
	c := f.one()
	want := report.Command{Action: report.Acknowledge, Shard: "main", By: "anna", Via: "cli"}
	if diff := cmp.Diff(want, c, cmpopts.IgnoreFields(report.Command{}, "ID", "At", "Incident")); diff != "" {
		t.Errorf("command (-want +got):\n%s", diff)
	}
	if len(c.ID) < 20 || incident.ShortID(c.Incident) != id || c.Incident == id {
		t.Errorf("command %s for %s, want a random id and the full id of %s", c.ID, c.Incident, id)
	}

	expect(t, exitOK, "anna acknowledged it at", "ack", id, "--url", f.URL)
	if n := len(f.asked); n != 1 {
		t.Errorf("%d commands were asked, want none for what is acknowledged already", n-1)
	}
	expect(t, exitNo, "there is no open incident INC-000000; open are\n  INC-", "ack", "INC-000000", "--url", f.URL)
}

// A group is acknowledged as a whole.
func TestAckGroup(t *testing.T) {
	f := newFakeLocal(t, "a", "b", "c")
	f.fail("a", "b", "c")
	s, err := openReader(t, f.URL).statistics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Incidents.Groups) != 1 {
		t.Fatalf("%d groups, want 1", len(s.Incidents.Groups))
	}
	expect(t, exitOK, "is a group of 3 incidents: auth", "ack", s.Incidents.Groups[0].ID, "--url", f.URL)
	s, err = openReader(t, f.URL).statistics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range s.Incidents.Open {
		if i.Acknowledged == nil {
			t.Errorf("%s is not acknowledged", i.ID)
		}
	}
}

func openReader(t *testing.T, url string) *reader {
	t.Helper()
	r := &reader{url: url}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSilence(t *testing.T) {
	f := newFakeLocal(t, "prod-cache", "stage")
	id := f.fail("prod-cache")[0]
	expect(t, exitOK, "(2 h), as ", "silence", id, "--for", "2h", "--reason", "Upstash is on it", "--url", f.URL)
	c := f.one()
	if c.For != 2*time.Hour || c.Reason != "Upstash is on it" || incident.ShortID(c.Incident) != id || c.Series.Database != "" {
		t.Errorf("asked %+v, want two hours for the incident with the reason", c)
	}
	out := expect(t, exitNo, "", "incidents", "--url", f.URL)
	for _, want := range []string{"silenced until", "Silences in force", "Upstash is on it"} {
		if !strings.Contains(out, want) {
			t.Errorf("incidents lacks %q:\n%s", want, out)
		}
	}
	expect(t, exitOK, "Done.", "unsilence", id, "--url", f.URL)
	expect(t, exitOK, "nothing to do", "unsilence", id, "--url", f.URL)
}

func TestSilenceDatabase(t *testing.T) {
	f := newFakeLocal(t, "prod-cache", "stage")
	expect(t, exitOK, "Asked to silence stage latency until", "silence", "--database", "stage", "--check", "latency", "--url", f.URL)
	c := f.one()
	if diff := cmp.Diff(report.Series{Database: "stage", Check: report.Latency}, c.Series); diff != "" || c.For != time.Hour || c.Incident != "" {
		t.Errorf("asked %+v, want an hour for stage's latency", c)
	}
	expect(t, exitNo, `there is no database "prod"; want one of `, "silence", "--database", "prod", "--url", f.URL)
	expect(t, exitOK, "nothing to do", "unsilence", "--database", "stage", "--check", "ping", "--url", f.URL)
	expect(t, exitOK, "Done.", "unsilence", "--database", "stage", "--url", f.URL)
	expect(t, exitOK, "nothing to do", "unsilence", "--database", "stage", "--url", f.URL)
}

// A member that its group's silence covers says where that silence is.
func TestUnsilenceMember(t *testing.T) {
	f := newFakeLocal(t, "a", "b", "c")
	member := f.fail("a", "b", "c")[0]
	s, err := openReader(t, f.URL).statistics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	group := s.Incidents.Groups[0].ID
	expect(t, exitOK, "Done.", "silence", group, "--url", f.URL)
	expect(t, exitNo, "pongwatch unsilence "+group, "unsilence", member, "--url", f.URL)
	expect(t, exitOK, "Done.", "unsilence", group, "--url", f.URL)
}

func TestDrill(t *testing.T) {
	tests := []struct {
		name                 string
		refusing, hesitating string
		args                 []string
		code                 int
		want                 []string
	}{
		{"everybody takes it", "", "", nil, exitOK, []string{"delivered  email-oncall/a@example.com  at ", "delivered  slack-oncall                at "}},
		{"one receiver", "", "", []string{"--receiver", "slack-oncall"}, exitOK, []string{"to slack-oncall", "delivered  slack-oncall  at "}},
		{"one refuses for good", "slack-oncall", "", nil, exitNo, []string{"failed     slack-oncall                channel_not_found", "delivered  email"}},
		{"one takes it later", "", "email-oncall/a@example.com", []string{"--wait", "300ms"}, exitNo, []string{"pending    email-oncall/a@example.com  since ", "1 try: 451 try again later", "delivered  slack"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakeLocal(t, "prod-cache")
			f.refusing, f.hesitating = tt.refusing, tt.hesitating
			code, out, problems := pongwatch(t, append([]string{"drill", "--url", f.URL}, tt.args...)...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d\n%s", code, tt.code, problems)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("it lacks %q:\n%s", want, out)
				}
			}
		})
	}
	f := newFakeLocal(t, "prod-cache")
	expect(t, exitNo, `is there a receiver "nobody"?`, "drill", "--receiver", "nobody", "--wait", "1ms", "--url", f.URL)
}

// Alert is late: the command is stored, which is said, with an exit code of its own.
func TestNoEffect(t *testing.T) {
	f := newFakeLocal(t, "prod-cache")
	id := f.fail("prod-cache")[0]
	f.deaf = true
	expect(t, exitNo, "is stored", "ack", id, "--wait", "10ms", "--url", f.URL)
	expect(t, exitOK, "Stored as command ", "ack", id, "--wait", "0", "--url", f.URL)
}

// Where reading needs a token, a command is taken all the same; with the token its
// effect is seen.
func TestCommandWhereReadingIsDenied(t *testing.T) {
	f := newFakeLocal(t, "prod-cache")
	id := f.fail("prod-cache")[0]
	f.denied = true
	expect(t, exitOK, "Stored as command ", "silence", id, "--url", f.URL)
	t.Setenv("READ_TOKEN", "sesame")
	expect(t, exitOK, "Done.", "ack", id, "--url", f.URL, "--token-env", "READ_TOKEN")
	expect(t, exitFailed, "--token-env", "incidents", "--url", f.URL)
	t.Setenv("READ_TOKEN", "wrong-token")
	_, _, problems := pongwatch(t, "incidents", "--url", f.URL, "--token-env", "READ_TOKEN")
	if !strings.Contains(problems, "the token in READ_TOKEN is not accepted") || strings.Contains(problems, "wrong-token") {
		t.Errorf("it says %q, want the variable named and not the token", problems)
	}
}

func TestCommandMistakes(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }))
	defer other.Close()
	elsewhere := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound))
	defer elsewhere.Close()
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no incident", []string{"ack"}, "such as INC-7F3A9K"},
		{"no id", []string{"ack", "prod-cache"}, `"prod-cache" is no incident's id`},
		{"two ids", []string{"ack", "INC-7F3A9K", "INC-7F3A9L"}, `unexpected argument "INC-7F3A9L"`},
		{"too long a silence", []string{"silence", "INC-7F3A9K", "--for", "25h"}, "at most 24h"},
		{"a silence for no time", []string{"silence", "INC-7F3A9K", "--for", "0s"}, "more than 0"},
		{"a silence for a word", []string{"silence", "INC-7F3A9K", "--for", "tomorrow"}, "2h or 45m"},
		{"a silence of nothing", []string{"silence"}, "--database NAME"},
		{"a silence of two things", []string{"silence", "INC-7F3A9K", "--database", "a"}, "want one of them"},
		{"a check without its database", []string{"silence", "--check", "ping"}, "--check needs --database"},
		{"an unknown check", []string{"silence", "--database", "a", "--check", "pong"}, "want one of ping, latency"},
		{"an argument for a drill", []string{"drill", "slack-oncall"}, `unexpected argument "slack-oncall"`},
		{"both ways at once", []string{"drill", "--url", "http://127.0.0.1:1", "--project", "p"}, "want one of them"},
		{"a topic without its project", []string{"drill", "--topic", "reports"}, "projects/PROJECT/topics/reports"},
		{"a topic with two projects", []string{"drill", "--project", "p", "--topic", "projects/q/topics/reports"}, "names its project"},
		{"an address that is none", []string{"drill", "--url", "local"}, "http://127.0.0.1:8080"},
		{"an address with a password", []string{"drill", "--url", "https://me:secret@example.com"}, "--url: want an address"},
		{"another machine", []string{"drill", "--url", "https://metrics.example.com"}, "--project PROJECT"},
		{"another machine in clear", []string{"incidents", "--url", "http://metrics.example.com"}, "want https://"},
		{"nobody there", []string{"drill", "--url", "http://127.0.0.1:1"}, `start "pongwatch local"`},
		{"somebody else there", []string{"drill", "--url", other.URL}, "is not pongwatch"},
		{"somebody who sends on", []string{"incidents", "--url", elsewhere.URL}, "answers 302"},
		{"nobody who asks", []string{"drill", "--by", "\u202e "}, "--by is empty"},
		{"a variable without a token", []string{"incidents", "--token-env", "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE: the variable is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := pongwatch(t, tt.args...)
			if code != exitFailed || !strings.Contains(stderr, tt.want) || stdout != "" {
				t.Errorf("exit code %d, stdout %q, stderr %q; want 2 and %q", code, stdout, stderr, tt.want)
			}
			if strings.Contains(stderr, "secret") {
				t.Errorf("it repeats a password: %q", stderr)
			}
		})
	}
}

// In the cloud a command travels over the topic of reports.
func TestPublish(t *testing.T) {
	server := pstest.NewServer()
	defer server.Close()
	const topic = "projects/my-project/topics/pongwatch-reports"
	if _, err := server.GServer.CreateTopic(t.Context(), &pubsubpb.Topic{Name: topic}); err != nil {
		t.Fatal(err)
	}
	t.Setenv(pubsub.EmulatorVariable, server.Addr)
	tests := []struct {
		name string
		args []string
		want report.Command
	}{
		{
			"the default topic of a project",
			[]string{"ack", "INC-7F3A9K", "--project", "my-project", "--by", "anna"},
			report.Command{Action: report.Acknowledge, Incident: "INC-7F3A9K", By: "anna", Via: "cli"},
		},
		{
			"a topic by its full name, and a shard",
			[]string{"silence", "--database", "prod-cache", "--for", "45m", "--topic", topic, "--shard", "main", "--by", "anna"},
			report.Command{Action: report.Silence, Shard: "main", Series: report.Series{Database: "prod-cache"}, For: 45 * time.Minute, By: "anna", Via: "cli"},
		},
		{
			"an unsilence",
			[]string{"unsilence", "INC-7F3A9K", "--topic", topic, "--by", "anna"},
			report.Command{Action: report.Unsilence, Incident: "INC-7F3A9K", By: "anna", Via: "cli"},
		},
		{
			"a drill of one receiver",
			[]string{"drill", "--receiver", "slack-oncall", "--project", "my-project", "--topic", "pongwatch-reports", "--by", "anna"},
			report.Command{Action: report.Drill, Receiver: "slack-oncall", By: "anna", Via: "cli"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server.ClearMessages()
			expect(t, exitOK, "Published to "+topic, tt.args...)
			got := server.Messages()
			if len(got) != 1 {
				t.Fatalf("%d messages, want 1", len(got))
			}
			d, err := report.Decode(report.Message{Data: got[0].Data, Attributes: got[0].Attributes}, time.Now())
			if err != nil || d.Command == nil {
				t.Fatalf("Alert cannot read it: %v", err)
			}
			if diff := cmp.Diff(tt.want, *d.Command, cmpopts.IgnoreFields(report.Command{}, "ID", "At")); diff != "" {
				t.Errorf("command (-want +got):\n%s", diff)
			}
			if len(d.Command.ID) < 20 || time.Since(d.Command.At) > time.Minute {
				t.Errorf("id %q at %v, want a random id, now", d.Command.ID, d.Command.At)
			}
		})
	}
	expect(t, exitFailed, "no such topic", "drill", "--project", "another")
	t.Setenv(pubsub.EmulatorVariable, "pubsub.example.com:443")
	expect(t, exitFailed, pubsub.EmulatorVariable, "drill", "--project", "my-project")
}

// The id of another shard is no incident of the one that is asked for.
func TestAmbiguous(t *testing.T) {
	v := incidents.View{Open: []incidents.Incident{
		{ID: "INC-7F3A9K", FullID: "20261122T182201Z-7F3A9K2M4QXT", Shard: "main", Database: "a", Check: report.Ping},
		{ID: "INC-7F3A9K", FullID: "20261122T182301Z-7F3A9KAAAAAA", Shard: "other", Database: "b", Check: report.Ping},
	}}
	var out, problems strings.Builder
	a := newAsker("ack", 0, &out, &problems)
	c := report.Command{Incident: "INC-7F3A9K"}
	if code, answered := a.resolve(v, &c); code != exitNo || !answered {
		t.Errorf("an ambiguous id: code %d, %t; want it refused", code, answered)
	}
	for _, want := range []string{"20261122T182201Z-7F3A9K2M4QXT  a ping", "20261122T182301Z-7F3A9KAAAAAA  b ping"} {
		if !strings.Contains(problems.String(), want) {
			t.Errorf("it lacks the candidate %q:\n%s", want, problems.String())
		}
	}
	c.Shard = "other"
	if code, answered := a.resolve(v, &c); answered || c.Incident != "20261122T182301Z-7F3A9KAAAAAA" {
		t.Errorf("with its shard: code %d, %t, %s; want the one in that shard", code, answered, c.Incident)
	}
}

func TestWhoami(t *testing.T) {
	if name, host, ok := strings.Cut(whoami(), "@"); !ok || name == "" || host == "" || strings.Contains(host, ".") {
		t.Errorf("%q, want user@host", whoami())
	}
}

func TestReason(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"what pongwatch says", `{"error":"the queue is full"}`, ": the queue is full"},
		{"what it says cannot move the cursor", "{\"error\":\"a\\u001b[2Jb\"}", ": a[2Jb"},
		{"somebody else's page", "<html>", ""},
	}
	for _, tt := range tests {
		if got := reason([]byte(tt.body)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
