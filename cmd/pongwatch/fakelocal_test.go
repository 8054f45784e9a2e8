package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/local"
	"github.com/pongwatch/pongwatch/functions/alert"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/notify"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
)

// fakeLocal answers as pongwatch local does, with the real rules: commands are stepped
// through a state, and the statistics show it.
type fakeLocal struct {
	*httptest.Server
	t *testing.T

	mu     sync.Mutex
	state  incident.State
	policy policy.Policy
	asked  []report.Command
	// others are the states of more shards, which take no commands.
	others []incident.State
	// deaf keeps commands from being carried out, denied reading without a token.
	deaf   bool
	denied bool
	// unreadable counts the next answers that are 500, once a command was taken.
	unreadable int
	// missing is what the statistics could not read.
	missing []string
	// commands answers in place of the real rules, where it is set.
	commands http.HandlerFunc
	// refusing receivers take nothing, hesitating ones not yet.
	refusing, hesitating string
}

func newFakeLocal(t *testing.T, databases ...string) *fakeLocal {
	t.Helper()
	f := &fakeLocal{t: t, policy: policy.Default(), state: incident.New("main", time.Now())}
	f.policy.Databases = map[string]policy.Database{}
	for _, d := range databases {
		f.policy.Databases[d] = policy.Database{}
	}
	f.policy.Receivers = map[string]policy.Receiver{"slack-oncall": {Pages: true}, "email-oncall/a@example.com": {}}
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
	if f.unreadable > 0 && len(f.asked) > 0 {
		f.unreadable--
		http.Error(w, `{"error":"reading the state: deadline exceeded"}`, http.StatusInternalServerError)
		return
	}
	type named struct {
		Name string `json:"name"`
	}
	answer := struct {
		Incidents incidents.View `json:"incidents"`
		Databases []named        `json:"databases"`
		Missing   []string       `json:"missing,omitempty"`
	}{Incidents: incidents.New(time.Now(), append(f.others, f.state)...), Missing: f.missing}
	for name := range f.policy.Databases {
		answer.Databases = append(answer.Databases, named{name})
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		f.t.Error(err)
	}
}

func (f *fakeLocal) command(w http.ResponseWriter, r *http.Request) {
	if f.commands != nil {
		f.commands(w, r)
		return
	}
	var q local.CommandRequest
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.Header.Get("Content-Type") != "application/json" {
		f.t.Errorf("a command that local refuses: %v", err)
	}
	c := q.Command
	c.For, c.At = time.Duration(q.For), time.Now().UTC()
	f.mu.Lock()
	defer f.mu.Unlock()
	known := slices.Sorted(maps.Keys(f.policy.Databases))
	if name := c.Series.Database; name != "" && name != report.MonitorDatabase && !slices.Contains(known, name) {
		job.WriteError(w, http.StatusUnprocessableEntity, fmt.Sprintf("there is no database %q; want one of %s", name, strings.Join(known, ", ")))
		return
	}
	f.asked = append(f.asked, c)
	if !f.deaf {
		f.step(alert.Input{Command: &c})
	}
	w.WriteHeader(http.StatusAccepted)
	if err := json.NewEncoder(w).Encode(c); err != nil {
		f.t.Error(err)
	}
}

// step decides, delivers and keeps the state as it would be stored.
func (f *fakeLocal) step(in alert.Input) {
	now := time.Now()
	s, _ := alert.Step(f.state, in, f.policy, now)
	s, notices := notify.Claim(s, now, "worker", time.Minute, 1000)
	var results []notify.Result
	for _, n := range notices {
		r := notify.Result{ID: n.ID(), Address: n.Address, Owner: "worker", Want: n.Want, Open: n.Open, Outcome: message.Outcome{Result: message.Delivered}}
		switch n.Address {
		case f.refusing:
			r.Result, r.Reason = message.Refused, "channel_not_found"
		case f.hesitating:
			r.Result, r.Reason = message.Later, "451 try again later"
		}
		results = append(results, r)
	}
	data, err := incident.Encode(notify.Record(s, results, f.policy, now))
	if err != nil {
		f.t.Fatal(err)
	}
	if f.state, err = incident.Decode(data); err != nil {
		f.t.Fatal(err)
	}
}

// fail lets the pings of databases fail, and returns the short ids of what is open.
func (f *fakeLocal) fail(databases ...string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.step(alert.Input{Report: failing("main", databases...)})
	return openIDs(f.t, f.state)
}

func failing(shard string, databases ...string) *report.Report {
	now := time.Now()
	r := &report.Report{Job: report.HealthCheck, Region: "us", Shard: shard, Scheduled: now, Finished: now, Every: time.Minute}
	for _, d := range databases {
		r.Observations = append(r.Observations, report.Observation{
			Database: d, Check: report.Ping, Source: "us", Status: report.Fail, Cause: cause.AuthInvalid, At: now, Every: time.Minute,
		})
	}
	return r
}

func openIDs(t *testing.T, s incident.State) []string {
	t.Helper()
	var ids []string
	for id, i := range s.Incidents {
		if i.Open() {
			ids = append(ids, incident.ShortID(id))
		}
	}
	slices.Sort(ids)
	if len(ids) == 0 {
		t.Fatal("nothing opened")
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
