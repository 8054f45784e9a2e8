package message_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

func rendered(e incident.Event, c cause.Cause, change func(*incident.Notice)) message.Message {
	n := messagetest.Notice(e, c)
	change(&n)
	return message.Render(n, messagetest.Context())
}

// What a message says of the incident comes from the notice, field by field.
func TestFieldsComeFromTheNotice(t *testing.T) {
	m := rendered(incident.Reminder, cause.AuthInvalid, func(n *incident.Notice) {
		n.Shard, n.Want, n.Events = "eu", 9, []incident.Event{incident.Reminder, incident.Raised}
		n.Incident.Sparkline = "▁▂▃"
	})
	if m.Shard != "eu" || m.Revision != 9 || len(m.Events) != 2 || m.Event != incident.Reminder || m.Sparkline != "▁▂▃" || !m.At.Equal(messagetest.Now) || !m.Since.Equal(messagetest.Since) {
		t.Errorf("%+v", m)
	}
	if m.Check != report.Ping || m.Database != "prod-cache" || m.Environment != "production" || m.Cause != cause.AuthInvalid || m.Severity != cause.SeverityCritical || m.Footer != m.Short+" · ping · auth_invalid · critical · production · shard eu" {
		t.Errorf("%+v", m)
	}
}

// A receiver has nothing of a thread only before its first message.
func TestOpening(t *testing.T) {
	for _, tt := range []struct {
		done int
		prev incident.Ref
		want bool
	}{{0, incident.Ref{}, true}, {1, incident.Ref{}, false}, {0, incident.Ref{ID: "1"}, false}, {1, incident.Ref{ID: "1"}, false}} {
		m := rendered(incident.Reminder, cause.AuthInvalid, func(n *incident.Notice) { n.Done, n.Previous = tt.done, tt.prev })
		if m.Opening != tt.want {
			t.Errorf("done %d with %+v: opening %v", tt.done, tt.prev, m.Opening)
		}
	}
}

// Handling is noted: who, how and until when.
func TestNotes(t *testing.T) {
	now := messagetest.Now
	for name, tt := range map[string]struct {
		change func(*incident.Notice)
		want   []string
	}{
		"nothing":         {func(*incident.Notice) {}, nil},
		"taken in Slack":  {func(n *incident.Notice) { n.Incident.Ack = &incident.Ack{By: "U1", Via: "slack", At: now} }, []string{"Acknowledged by Slack user U1 at 2026-11-22 18:34:04 UTC."}},
		"taken by a link": {func(n *incident.Notice) { n.Incident.Ack = &incident.Ack{By: "link", Via: "link", At: now} }, []string{"Acknowledged by a person with the link at 2026-11-22 18:34:04 UTC."}},
		"a silence":       {func(n *incident.Notice) { n.Incident.SilencedUntil, n.Incident.SilencedBy = now.Add(1), "ann" }, []string{"Silenced until 18:34 UTC by ann."}},
		"a silence from Slack": {func(n *incident.Notice) {
			n.Incident.SilencedUntil, n.Incident.SilencedBy, n.Incident.SilencedVia = now.Add(1), "U1", "slack"
		}, []string{"Silenced until 18:34 UTC by Slack user U1."}},
		"a silence that ends":  {func(n *incident.Notice) { n.Incident.SilencedUntil = now }, nil},
		"a maintenance window": {func(n *incident.Notice) { n.Incident.Suppressed = "maintenance" }, []string{"In maintenance (a window is open)."}},
		"with its reason": {func(n *incident.Notice) {
			n.Incident.Suppressed, n.Incident.Window = "maintenance", "sunday: upgrade of the plan"
		}, []string{"In maintenance (sunday: upgrade of the plan)."}},
		"evidence that is stale": {func(n *incident.Notice) {
			n.Incident.Stale, n.Incident.Series.Check = now.Add(-time.Hour), report.MockMode
		}, []string{
			"Not confirmed since 17:34 UTC: the app no longer says whether it uses Redis.",
		}},
		"an outage that no check confirms": {func(n *incident.Notice) { n.Incident.Stale = now.Add(-time.Hour) }, []string{
			"Not confirmed since 17:34 UTC: no check has given an answer.",
		}},
		"one reopening":       {func(n *incident.Notice) { n.Incident.Reopened = 1 }, []string{"Reopened 1 time."}},
		"two reopenings":      {func(n *incident.Notice) { n.Incident.Reopened = 2 }, []string{"Reopened 2 times."}},
		"in place of another": {func(n *incident.Notice) { n.Instead = "slack-a" }, []string{"Sent here because slack-a did not take a message."}},
		"maybe a repetition":  {func(n *incident.Notice) { n.Maybe = true }, []string{"This may have reached you already: the answer to the first try was lost."}},
	} {
		var got []string
		for _, n := range rendered(incident.Reminder, cause.AuthInvalid, tt.change).Notes {
			got = append(got, n.String())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, over := range []int{0, 1} {
		if got := (message.Note{By: strings.Repeat("é", 80+over)}).Person(); strings.Count(got, "é") != 80-over {
			t.Errorf("%d over: a name of %d characters", over, strings.Count(got, "é"))
		}
	}
}

// What happens next follows from the state and the reminder.
func TestNext(t *testing.T) {
	now := messagetest.Now
	for name, tt := range map[string]struct {
		change func(*incident.Notice)
		state  message.State
		want   string
	}{
		"open":           {func(n *incident.Notice) { n.Next = now.Add(time.Hour) }, message.Open, "You are notified when it is over. The next reminder is at 19:34 UTC."},
		"no reminder":    {func(n *incident.Notice) { n.Next = time.Time{} }, message.Open, "You are notified when it is over."},
		"a reminder now": {func(n *incident.Notice) { n.Next = now }, message.Open, "You are notified when it is over."},
		"silenced":       {func(n *incident.Notice) { n.Incident.SilencedUntil = now.Add(time.Hour) }, message.Silenced, "No new messages until 19:34 UTC. If it is still failing then, you are notified."},
		"unstable":       {func(n *incident.Notice) { n.Incident.Unstable, n.Next = true, time.Time{} }, message.Unstable, "No new messages until it is stable."},
		"flapping":       {func(n *incident.Notice) { n.Incident.Flapping, n.Next = true, now.Add(time.Hour) }, message.Unstable, "No new messages until it is stable. The next reminder is at 19:34 UTC."},
		"a drill that is over": {func(n *incident.Notice) {
			n.Events, n.Incident.Drill, n.Incident.Resolved = []incident.Event{incident.Resolved}, true, now
		}, message.Resolved, "No action needed."},
		"taken":              {func(n *incident.Notice) { n.Incident.Ack, n.Next = &incident.Ack{By: "ann"}, time.Time{} }, message.Acknowledged, "You are notified when it is over."},
		"taken and silenced": {func(n *incident.Notice) { n.Incident.Ack, n.Incident.SilencedUntil = &incident.Ack{}, now.Add(1) }, message.Silenced, "No new messages until 18:34 UTC. If it is still failing then, you are notified."},
	} {
		m := rendered(incident.Reminder, cause.AuthInvalid, tt.change)
		if m.State != tt.state || m.Next != tt.want {
			t.Errorf("%s: %s, %q; want %s, %q", name, m.State, m.Next, tt.state, tt.want)
		}
	}
}

// A headline keeps its time, whatever it cuts, and 140 characters.
func TestHeadlinesAreCutBeforeTheirTime(t *testing.T) {
	const since = ", since 18:22 UTC"
	whole := rendered(incident.Opened, cause.AuthInvalid, func(n *incident.Notice) { n.Incident.Series.Database = "" }).Headline
	room := 140 - utf8.RuneCountInString(whole)
	for _, over := range []int{0, 1} {
		m := rendered(incident.Opened, cause.AuthInvalid, func(n *incident.Notice) { n.Incident.Series.Database = strings.Repeat("é", room+over) })
		if utf8.RuneCountInString(m.Headline) != 140 || !strings.HasSuffix(m.Headline, since) || strings.Contains(m.Headline, "…") != (over == 1) {
			t.Errorf("%d over: %q", over, m.Headline)
		}
	}
}

// What only a minority of the regions sees is worded by region.
func TestRegionsThatDisagree(t *testing.T) {
	for _, tt := range []struct {
		status       report.Status
		check        report.Check
		down, voters []string
		want         string
	}{
		{report.Warn, report.Ping, []string{"a"}, []string{"a", "b"}, "x fails from a, works from b: "},
		{report.Warn, report.Latency, []string{"a"}, []string{"a", "b", "c"}, "x is slow from a, fast from b and c: "},
		{report.Warn, report.Ping, []string{"a", "b"}, []string{"a", "b", "c"}, "x is down: "},
		{report.Fail, report.Ping, []string{"a"}, []string{"a", "b"}, "x is down: "},
		{report.Warn, report.Ping, nil, []string{"a", "b"}, "x is down: "},
		{report.Warn, report.Write, []string{"a"}, []string{"a", "b"}, "x refuses writes: "},
		{report.Warn, "other", []string{"a"}, []string{"a", "b"}, "x fails other: "},
		{report.Fail, "100%s", nil, nil, "x fails 100%s: "},
	} {
		m := rendered(incident.Opened, cause.AuthInvalid, func(n *incident.Notice) {
			i := n.Incident
			i.Status, i.Series.Check, i.Series.Database, i.Down, i.Voters = tt.status, tt.check, "x", tt.down, tt.voters
		})
		if !strings.HasPrefix(m.Headline, "[production] CRITICAL "+tt.want) {
			t.Errorf("%+v: %q", tt, m.Headline)
		}
	}
}

// A value is shown with its limit, and a limit of zero is none.
func TestMeasuredValues(t *testing.T) {
	value, limit, zero := 812.0, 600.0, 0.0
	for want, o := range map[string]report.Observation{
		"PING takes 812 ms, limit 600 ms": {Check: report.Latency, Value: &value, Threshold: &limit, Unit: report.Milliseconds},
		"PING takes 812 ms":               {Check: report.Latency, Value: &value, Threshold: &zero, Unit: report.Milliseconds},
		"812 keys were dropped":           {Check: report.Eviction, Value: &value, Unit: report.Count},
		"812 ms":                          {Check: report.Write, Value: &value, Unit: report.Milliseconds},
		"":                                {Check: report.Latency, Threshold: &limit, Unit: report.Milliseconds},
	} {
		m := rendered(incident.Opened, cause.Slow, func(n *incident.Notice) { n.Incident.Observation = o })
		got := ""
		for _, f := range m.Facts {
			if f.Label == "Measured" {
				got = f.Text
			}
		}
		if got != want {
			t.Errorf("%+v: %q, want %q", o, got, want)
		}
	}
}

// Attempts and answers are facts; there are at most ten.
func TestFacts(t *testing.T) {
	fact := func(label string, change func(*incident.Incident)) string {
		m := rendered(incident.Opened, cause.AuthInvalid, func(n *incident.Notice) { change(n.Incident) })
		if len(m.Facts) > 10 {
			t.Errorf("%d facts", len(m.Facts))
		}
		for _, f := range m.Facts {
			if f.Label == label {
				return f.String()
			}
		}
		return ""
	}
	tries := func(runs, attempts int) string {
		return fact("Failed checks", func(i *incident.Incident) { i.Runs, i.Observation.Attempts = runs, attempts })
	}
	answer := func(status int, check report.Check, phases *report.Phases) string {
		return fact("Answer", func(i *incident.Incident) {
			i.Observation.HTTPStatus, i.Observation.Check, i.Observation.Phases = status, check, phases
		})
	}
	timing := func(p report.Phases) string {
		return fact("Timing", func(i *incident.Incident) { i.Observation.Phases = &p })
	}
	for _, tt := range []struct{ got, want string }{
		{tries(0, 0), ""},
		{tries(0, 2), ""},
		{tries(1, 0), "1"},
		{tries(1, 1), "1"},
		{tries(1, 2), "1 (tried twice)"},
		{tries(3, 2), "3 (the last one tried twice)"},
		{tries(2, 3), "2 (the last one tried 3 times)"},
		{tries(1200, 1), "1,200"},
		{answer(401, report.Ping, nil), "HTTP 401"},
		{answer(0, report.Ping, &report.Phases{}), "none"},
		{answer(0, report.Ping, nil), ""},
		{answer(0, report.Write, &report.Phases{}), ""},
		{fact("Last good", func(i *incident.Incident) { i.LastOK = time.Time{} }), "never seen"},
		{fact("Last good", func(i *incident.Incident) { i.LastOK, i.Series = time.Time{}, incident.MonitorSeries("receivers") }), ""},
		{timing(report.Phases{Connect: 11, TLS: 14, Wait: 21, Total: 47, Reached: "read"}), "connect 11 ms, TLS 14 ms, first byte 21 ms, total 47 ms"},
		{timing(report.Phases{TLS: 1, Total: 2, Reached: "read"}), "connect 0 ms, TLS 1 ms, first byte 0 ms, total 2 ms"},
		{timing(report.Phases{DNS: 1, Connect: 2, Total: 3, Reached: "tls"}), "DNS 1 ms, connect 2 ms, total 3 ms; the TLS handshake did not finish"},
		{timing(report.Phases{DNS: 1, Total: 5001, Reached: "connect"}), "DNS 1 ms, total 5,001 ms; no connection was made"},
		{timing(report.Phases{DNS: 5000, Total: 5000, Reached: "dns"}), "DNS 5,000 ms, total 5,000 ms; the host name was not resolved"},
		{timing(report.Phases{Connect: 1, TLS: 2, Total: 3, Reached: "write"}), "connect 1 ms, TLS 2 ms, total 3 ms; the request was not sent"},
		{timing(report.Phases{Connect: 1, TLS: 2, Total: 5000, Reached: "wait"}), "connect 1 ms, TLS 2 ms, total 5,000 ms; no answer came"},
		{timing(report.Phases{Total: 7}), "total 7 ms"},
		{fact("Seen by", func(i *incident.Incident) { i.Down = []string{""} }), ""},
		{fact("Until", func(i *incident.Incident) { i.Resolved = messagetest.Now }), "2026-11-22 18:34:04 UTC"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}

// A group lists the open incidents first, keeps their order and names what it must.
func TestGroupsListTheirMembers(t *testing.T) {
	n := messagetest.Group(incident.Joined, 4)
	n.Members[0].Resolved, n.Members[2].Resolved = messagetest.Now, messagetest.Now
	n.Members[1].Mock = []string{"backend", "worker"}
	n.Members[3].Mock = []string{"backend"}
	n.Members[3].Cause = cause.QuotaDaily
	n.Members[3].Severity, n.Members[1].Severity = cause.SeverityCritical, cause.SeverityWarning
	m := message.Render(n, messagetest.Context())
	var order []string
	for _, x := range m.Members {
		order = append(order, fmt.Sprint(x.Database, " ", x.Open))
	}
	if want := []string{"prod-002 true", "prod-004 true", "prod-001 false", "prod-003 false"}; !slices.Equal(order, want) {
		t.Errorf("members %v, want %v", order, want)
	}
	if want := "Logins may fail, caches miss and rate limits are off. Failing now: prod-002 and prod-004. In mock mode meanwhile: backend and worker."; m.Impact != want {
		t.Errorf("impact %q, want %q", m.Impact, want)
	}
	if m.Cause != "" || !strings.HasPrefix(m.CauseTitle, "Several; of prod-004: ") || !strings.HasPrefix(m.Evidence[0].Label, "prod-004, ") {
		t.Errorf("cause %q, %q; evidence %+v", m.Cause, m.CauseTitle, m.Evidence)
	}
	if m.News != "2 more databases joined: prod-003 and prod-004." {
		t.Errorf("news %q", m.News)
	}
	lines := "  " + strings.Join(m.MemberLines(), "\n  ")
	if want := "  prod-002: this month's Redis commands are used up, since 18:22 UTC ("; !strings.HasPrefix(lines, want) || !strings.Contains(lines, "prod-001: this month's Redis commands are used up, over (") {
		t.Errorf("lines %q, want %q first", lines, want)
	}
	if len(m.Actions) != 2 || !strings.HasSuffix(m.Actions[0].Control, "|"+fmt.Sprint(message.AnyLife)) || m.Actions[0].URL == "" {
		t.Errorf("actions %+v", m.Actions)
	}
	n.Group.Ack = &incident.Ack{By: "ann"}
	if m := message.Render(n, messagetest.Context()); len(m.Actions) != 1 || m.Actions[0].Kind != report.Silence {
		t.Errorf("actions once taken: %+v", m.Actions)
	}
	for k := range n.Members {
		n.Members[k].Gone, n.Members[k].Resolved = true, messagetest.Now
	}
	n.Group.Resolved = messagetest.Now
	if m := message.Render(n, messagetest.Context()); m.State != message.Gone || len(m.Actions) != 0 || m.Fix != nil || m.Impact != "" {
		t.Errorf("a group that is no longer watched: %+v", m)
	}
	n.Members[0].Gone = false
	if m := message.Render(n, messagetest.Context()); m.State != message.Resolved {
		t.Errorf("a group of which one is watched: %s", m.State)
	}
}

// Without its store, Alert names what failed once in each half hour.
func TestStoreDownIsOneMessageASlot(t *testing.T) {
	at := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	failure := messagetest.Incident("prod-cache", cause.AuthInvalid).Observation
	other := messagetest.Incident("prod-queue", cause.TimeoutConnect).Observation
	render := func(now time.Time, failures ...report.Observation) message.Message {
		return message.RenderStoreDown("eu", failures, now, messagetest.Context())
	}
	m := render(at, failure)
	if m.ID != "store-eu-20261122T1800Z" || render(at.Add(30*time.Minute-1), failure).ID != m.ID || render(at.Add(30*time.Minute), failure).ID == m.ID {
		t.Errorf("ids %s and %s", m.ID, render(at.Add(30*time.Minute), failure).ID)
	}
	if !m.Loud || !m.Opening || m.State != message.Open || m.Severity != cause.SeverityCritical || m.Cause != "" || m.Shard != "eu" || len(m.Members) != 1 || m.Members[0].Cause != failure.Cause || !m.Members[0].Open {
		t.Errorf("%+v", m)
	}
	if m.Headline != "[production] CRITICAL 1 database fails: prod-cache (store down, duplicates possible), seen 18:00 UTC" || !strings.HasPrefix(render(at, failure, other).Headline, "[production] CRITICAL 2 databases fail: prod-cache and prod-queue (") {
		t.Errorf("headline %q", m.Headline)
	}
	// The failures of a database and of its apps are of one database.
	app := messagetest.Incident("prod-cache", cause.Mock).Observation
	twice := render(at, failure, app)
	if twice.Headline != m.Headline || len(twice.Members) != 2 || !strings.Contains(message.RenderStoreBack(twice, at).News, "named prod-cache. ") {
		t.Errorf("a database and its app: %q, %q", twice.Headline, message.RenderStoreBack(twice, at).News)
	}
	if got, want := render(at, app).Headline, "[production] CRITICAL 1 database's app fails: prod-cache ("; !strings.HasPrefix(got, want) {
		t.Errorf("an app alone: %q, want %q", got, want)
	}
	c := messagetest.Context()
	c.Databases = map[string]message.Database{"prod-cache": {Environment: "staging"}}
	if got, want := message.RenderStoreDown("eu", []report.Observation{failure}, at, c).Headline, "[staging] CRITICAL 1 database fails"; !strings.HasPrefix(got, want) {
		t.Errorf("of staging: %q, want %q", got, want)
	}
	if want := "prod-cache: " + cause.AuthInvalid.Info().Fix[0]; !strings.HasPrefix(m.Impact, "Logins may fail") || m.FirstStep() != want {
		t.Errorf("impact %q, first step %q, want %q", m.Impact, m.FirstStep(), want)
	}
	if len(m.Links) == 0 || len(m.Actions) != 0 {
		t.Errorf("links %v, actions %v", m.Links, m.Actions)
	}
}

// What is removed need not be the database.
func TestHeadlinesOfWhatIsNoLongerWatched(t *testing.T) {
	of := func(database string, check report.Check, subject string) func(*incident.Incident) {
		return func(i *incident.Incident) {
			i.Series, i.Down, i.Voters = report.Series{Database: database, Check: check, Subject: subject}, nil, nil
		}
	}
	for want, change := range map[string]func(*incident.Incident){
		"old-cache is no longer watched; was down":                                                        of("old-cache", report.Ping, ""),
		"prod-cache: latency is no longer watched; was slow":                                              of("prod-cache", report.Latency, ""),
		"prod-cache: mock mode of service backend is no longer watched; service backend was in mock mode": of("prod-cache", report.MockMode, "backend"),
		"prod-cache: config of backend is no longer watched; had a configuration problem":                 of("prod-cache", report.ConfigLoad, "backend"),
		"prod-cache: ping from eu is no longer watched; failed from eu, worked from us": func(i *incident.Incident) {
			i.Status, i.Down, i.Voters = report.Warn, []string{"eu"}, []string{"eu", "us"}
		},
		"pongwatch itself: monitor of network is no longer watched; had a problem": of(report.MonitorDatabase, report.Monitor, "network"),
	} {
		m := rendered(incident.NoLongerWatched, cause.AuthInvalid, func(n *incident.Notice) { change(n.Incident) })
		if got := strings.TrimPrefix(m.Headline, m.Tag); !strings.HasPrefix(got, want) {
			t.Errorf("headline %q, want %q", got, want)
		}
	}
}
