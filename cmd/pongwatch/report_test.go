package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// told returns an incident with all that a report can say.
func toldIncident(t *testing.T) incidents.Incident {
	t.Helper()
	var i incidents.Incident
	for _, open := range fullView(t).Open {
		if open.ID == "INC-7F3A9K" {
			i = open
		}
	}
	at := func(minutes int) time.Time { return i.Opened.Add(time.Duration(minutes) * time.Minute) }
	i.Evidence = "HTTP 401: | `WRONGPASS` <b>\n"
	i.SeenBy, i.Voters, i.Runs, i.Sparkline, i.PreviousCause = []string{"us"}, []string{"us", "eu"}, 13, "▁▁▂█", "timeout_response"
	i.Timeline = []incidents.Moment{
		{At: at(0), Event: incident.Opened},
		{At: at(0), Event: incident.Opened, Receiver: "slack-oncall"},
		{At: at(1), Event: incident.CauseChanged, Withheld: "silenced"},
		{At: at(3), Event: incident.Acknowledged, By: "anna@laptop", Via: "cli"},
		{At: at(3), Event: incident.Acknowledged, Receiver: "slack-oncall", Edited: true},
		{At: at(4), Event: incident.Joined, Withheld: "grouped"},
		{At: at(5), Event: incident.Past, Receiver: "email-oncall/a@example.com"},
	}
	i.Configuration = &incidents.Configuration{Hash: "0123456789ab", EverySeconds: 60, Open: 3, OpenBad: 3, OpenOf: 5, Close: 2}
	return i
}

func TestReportInMarkdown(t *testing.T) {
	i := received(t, toldIncident(t))
	r := newReport(i, i.Opened.Add(20*time.Minute))
	slow, p95 := 12.25, 700.5
	r.PlaybookURL = "https://metrics.example.com/playbooks/auth_invalid"
	r.Latency = &latency{Region: "us", LimitMS: 600, Points: []point{
		{At: i.Since.Add(-time.Minute), P50: &slow, P95: &p95, Good: 1}, {At: i.Since, Failed: 1},
	}}
	goldentest.Compare(t, "testdata/report.md", r.markdown())

	// A document of before has no timeline and no configuration.
	i.Timeline, i.Configuration, i.Evidence, i.Sparkline, i.Resolved = nil, nil, "", "", i.Opened.Add(time.Hour)
	goldentest.Compare(t, "testdata/report-sparse.md", newReport(i, i.Opened.Add(2*time.Hour)).markdown())
}

// Of many points as many are shown as fit, and every failure.
func TestReportShowsEachFailure(t *testing.T) {
	i := toldIncident(t)
	r := newReport(i, i.Opened)
	r.Latency = &latency{}
	for n := range 1000 {
		p := point{At: i.Since.Add(time.Duration(n) * time.Minute), Good: 1}
		if n == 501 {
			p.Failed = 1
		}
		r.Latency.Points = append(r.Latency.Points, p)
	}
	text := r.markdown()
	if n := strings.Count(text, "| 0 |\n"); n < 50 || n > latencyRows {
		t.Errorf("%d rows of good points, want at most %d", n, latencyRows)
	}
	if n := strings.Count(text, "| 1 | 1 |\n"); n != 1 {
		t.Errorf("the failure is shown %d times", n)
	}
}

func TestReportByURL(t *testing.T) {
	f := newFakeLocal(t, "prod-cache")
	expect(t, exitNo, "there is no incident INC-7F3A9K", "report", "INC-7F3A9K", "--url", f.URL)
	id := f.fail("prod-cache")[0]
	out := expect(t, exitOK, "", "report", id, "--url", f.URL+"/")
	for _, want := range []string{"# " + id + " · prod-cache ping: Redis refuses the token", "first failed check, seen by us", "failure confirmed", "## Cause", "Playbook: <" + f.URL + "/playbooks/auth_invalid>"} {
		if !strings.Contains(out, want) {
			t.Errorf("it lacks %q:\n%s", want, out)
		}
	}
	var r incidentReport
	if err := json.Unmarshal([]byte(expect(t, exitOK, "", "report", strings.ToLower(id), "--json", "--url", f.URL)), &r); err != nil || r.Incident.ID != id || len(r.Timeline) < 2 {
		t.Errorf("%v: %+v", err, r)
	}
	f.missing = []string{"readings of shard main", "past incidents of shard main"}
	expect(t, exitFailed, "looking for INC-ZZZZZZ: could not read past incidents of shard main", "report", "INC-ZZZZZZ", "--url", f.URL)
	f.missing = []string{"pings from us of shard main", "readings of shard main"}
	if out := expect(t, exitOK, "", "report", id, "--url", f.URL); !strings.Contains(out, "Could not read pings from us of shard main.\n\nNo pings around it were read.") {
		t.Errorf("it does not say what could not be read:\n%s", out)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"report"}, "which incident"},
		{[]string{"report", "prod-cache"}, "is not an incident's id"},
		{[]string{"report", id, "--url", f.URL, "--project", "p"}, "want one of them"},
		{[]string{"report", id, "more"}, "unexpected argument"},
	} {
		expect(t, exitFailed, tt.want, tt.args...)
	}
}

func TestReportFromDocuments(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	s := storetest.NewMemory(func() time.Time { return now })
	put := func(shard, id string, data []byte) {
		t.Helper()
		if _, err := s.Put(t.Context(), store.Doc{Key: incident.DocumentKey(shard, id), Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	for shard, id := range map[string]string{"main": "20261122T182201Z-7F3A9K2M4QXT", "eu": "20261123T182201Z-7F3A9K000000", "us": "20261124T182201Z-AAAAAA000000"} {
		inc := incident.Incident{ID: id, Cause: "auth_invalid", Since: now.Add(-time.Hour), Opened: now.Add(-time.Hour)}
		data, err := incident.EncodeDocument(incident.NewDocument(shard, inc, nil))
		if err != nil {
			t.Fatal(err)
		}
		put(shard, id, data)
	}
	put("main", "20261125T182201Z-AAAAAA000000", []byte("damaged"))
	put("main", "20261125T182201Z-BBBBBB000000", []byte("damaged"))
	r, err := documentReport(t.Context(), s, "INC-AAAAAA", now)
	if err != nil || r.Incident.Shard != "us" || r.Incident.State != incidents.StateOpen || r.Incident.DurationSeconds != 3600 {
		t.Errorf("%v: %+v", err, r.Incident)
	}
	if _, err := documentReport(t.Context(), s, "INC-7F3A9K", now); err == nil || !strings.Contains(err.Error(), "means several") || !strings.Contains(err.Error(), "20261123T182201Z-7F3A9K000000") {
		t.Errorf("an ambiguous id: %v", err)
	}
	if _, err := documentReport(t.Context(), s, "20261123T182201Z-7F3A9K000000", now); err != nil {
		t.Errorf("the full id: %v", err)
	}
	var no negative
	if _, err := documentReport(t.Context(), s, "INC-ZZZZZZ", now); !errors.As(err, &no) {
		t.Errorf("an unknown id: %v", err)
	}
	if _, err := documentReport(t.Context(), s, "INC-BBBBBB", now); err == nil || errors.As(err, &no) || !strings.Contains(err.Error(), "could not read incidents/v1/main/20261125T182201Z-BBBBBB000000") {
		t.Errorf("the id of a damaged document: %v", err)
	}
}

// The range is the shortest that holds the incident, in steps that the server takes.
func TestSpanOf(t *testing.T) {
	for _, tt := range []struct {
		back time.Duration
		name string
		step time.Duration
	}{
		{time.Hour, "1h", time.Minute},
		{time.Hour + 1, "6h", time.Minute},
		{24 * time.Hour, "24h", time.Minute},
		{25 * time.Hour, "7d", 7 * time.Minute},
		{8 * 24 * time.Hour, "30d", 29 * time.Minute},
		{90 * 24 * time.Hour, "30d", 29 * time.Minute},
	} {
		if name, step := spanOf(tt.back); name != tt.name || step != tt.step {
			t.Errorf("%v back: %s in steps of %v, want %s and %v", tt.back, name, step, tt.name, tt.step)
		}
	}
}
