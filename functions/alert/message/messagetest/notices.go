// Package messagetest makes notices of every kind, for the tests of messages and
// of the receivers that lay them out.
package messagetest

import (
	"fmt"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/signature"
)

// Since is when the failures of all notices began, Now when they are rendered.
var (
	Since = time.Date(2026, 11, 22, 18, 22, 1, 0, time.UTC)
	Now   = Since.Add(12*time.Minute + 3*time.Second)
)

// Hostile is evidence that tries everything a stranger could put into a log line, as it came.
const Hostile = "<!channel> *bold* `code` <https://evil.example|click> & <script>alert(1)</script> \u202egnp.exe {{.}} %s"

// Context returns a context with every link set.
func Context() message.Context {
	key, err := signature.ParseKey("messagetest-key-that-is-long-enough")
	if err != nil {
		panic(err)
	}
	return message.Context{
		Playbook:  "https://pongwatch.example.com/playbooks/{cause}",
		Dashboard: "https://pongwatch.example.com/?database={database}",
		Console:   "https://console.upstash.com/redis/{database_id}",
		Logs:      "https://console.cloud.google.com/logs/query?project=example",
		Status:    "https://status.upstash.com",
		Inbound:   "https://inbound.example.com",
		LinkKey:   key,
		Silences:  []time.Duration{time.Hour, 4 * time.Hour, 24 * time.Hour},
		Databases: map[string]message.Database{"prod-cache": {
			Environment: "production", ID: "6a1f2c3d", TokenSecret: "projects/my-project/secrets/prod-cache-token",
			Apps: []message.App{
				{Service: "backend", CloudRun: "projects/my-project/locations/us-east4/services/backend"},
				{Service: "web", Vercel: "web", Address: "https://www.example.com/api/v1/health/redis"},
			},
		}},
		Environment: "production",
		Reopen:      15 * time.Minute,
	}
}

// Events returns the events of which there is a notice, in the order of a life.
func Events() []incident.Event {
	return []incident.Event{
		incident.Opened, incident.Updated, incident.Acknowledged, incident.Silenced, incident.Unsilenced, incident.Resumed,
		incident.Reminder, incident.Escalated, incident.Raised, incident.CauseChanged, incident.Reopened, incident.Unstable,
		incident.Flapping, incident.Resolved, incident.Past, incident.NoLongerWatched, incident.Drill,
	}
}

// Notice returns a notice of that event about an incident of that cause.
func Notice(e incident.Event, c cause.Cause) incident.Notice {
	i := Incident("prod-cache", c)
	n := incident.Notice{Shard: "main", Address: "receiver", Done: 1, Want: 2, Events: []incident.Event{e}, Now: Now}
	n.Previous = incident.Ref{Channel: "C0ALERTS", ID: "1795371721.000000"}
	n.Next = Since.Add(32 * time.Minute)
	switch e {
	case incident.Opened:
		n.Done, n.Want, n.Previous = 0, 1, incident.Ref{}
	case incident.Acknowledged:
		i.Ack = &incident.Ack{By: "U0ONCALL", Via: "slack", At: Since.Add(4 * time.Minute)}
		n.Next = Since.Add(4*time.Hour + 4*time.Minute)
	case incident.Silenced:
		i.SilencedUntil, i.SilencedBy = Now.Add(time.Hour), "alice@example.com"
		i.Suppressed = "silenced"
	case incident.CauseChanged:
		i.Previous = cause.TimeoutResponse
	case incident.Reopened:
		i.Reopened = 1
	case incident.Unstable:
		i.Reopened, i.Unstable = 3, true
	case incident.Flapping:
		i.Flapping = true
	case incident.Resolved:
		i.Resolved, n.Next = Now, time.Time{}
	case incident.Past:
		i.Resolved, n.Next = Now, time.Time{}
		n.Done, n.Previous = 0, incident.Ref{}
		n.Events = []incident.Event{incident.Past, incident.Resolved, incident.Opened}
	case incident.NoLongerWatched:
		i.Resolved, i.Gone, n.Next = Now, true, time.Time{}
	case incident.Drill:
		i.Drill, i.Severity = true, cause.SeverityCritical
		n.Done, n.Want, n.Previous = 0, 1, incident.Ref{}
	}
	n.Incident = &i
	return n
}

// Incident returns an open incident of that cause, as its check would find it.
func Incident(database string, c cause.Cause) incident.Incident {
	o := observation(database, c)
	status := report.Fail
	if c.Info().Severity != cause.SeverityCritical {
		status = report.Warn
	}
	o.Status = status
	i := incident.Incident{
		ID: "20261122T182201Z-7F3A9K2M4QXT", Series: o.Series(), Severity: c.Info().Severity, Status: status, Cause: c,
		Observation: o, Runs: 11, Since: Since, LastOK: Since.Add(-time.Minute), Opened: Since.Add(time.Minute),
		Sparkline: "▁▁▂▁▁▁▃▁▁▂▁▇", Down: []string{o.Source}, Voters: []string{o.Source},
	}
	if o.Check == report.Ping {
		i.Down, i.Voters = []string{"us-east4", "europe-west1"}, []string{"us-east4", "europe-west1", "asia-east1"}
	}
	return i
}

// observation returns what the check that finds c would say.
func observation(database string, c cause.Cause) report.Observation {
	o := report.Observation{
		Database: database, Check: report.Ping, Source: "us-east4", Cause: c, HTTPStatus: 401, Attempts: 2,
		Evidence: report.CutEvidence(Hostile), At: Now.Add(-20 * time.Second), Every: time.Minute,
		Phases: &report.Phases{DNS: 2, Connect: 11, TLS: 14, Wait: 21, Total: 48, Reached: "answer"},
	}
	value := func(check report.Check, v, limit float64, unit report.Unit) {
		o.Check, o.Source, o.HTTPStatus, o.Attempts, o.Phases = check, "", 0, 0, nil
		o.Value, o.Threshold, o.Unit = new(v), new(limit), unit
	}
	switch info := c.Info(); {
	case c == cause.Slow:
		value(report.Latency, 812, 600, report.Milliseconds)
		o.Source = "us-east4"
		o.Phases = &report.Phases{DNS: 1, Connect: 2, TLS: 3, Wait: 812, Total: 818}
	case c == cause.HitRateLow:
		value(report.HitRate, 0.47, 0.6, report.Ratio)
	case c == cause.MemoryHigh:
		value(report.Memory, 0.902, 0.8, report.Ratio)
	case c == cause.CommandsHigh:
		value(report.Commands, 480_000, 475_000, report.Count)
	case c == cause.BandwidthHigh:
		value(report.Bandwidth, 0.902, 0.8, report.Ratio)
	case c == cause.BudgetHigh:
		value(report.Budget, 0.902, 0.8, report.Ratio)
	case c == cause.ConnectionsHigh:
		value(report.Connections, 0.902, 0.8, report.Ratio)
	case c == cause.EvictionRisk:
		value(report.Eviction, 12, 0, report.Count)
	case c == cause.IsolationViolation:
		value(report.Isolation, 12, 0, report.Count)
	case c == cause.ValueNotJSON:
		value(report.Values, 3, 0, report.Count)
	case c == cause.RoundTripFailed:
		o.Check, o.Phases = report.RoundTrip, nil
	case c == cause.StatsState:
		o.Check, o.Source, o.HTTPStatus, o.Attempts, o.Phases = report.Commands, "", 0, 0, nil
	case c == cause.StorageFull, c == cause.ReadonlyToken, c == cause.WritePaused, c == cause.WriteMismatch, c == cause.CommandBlocked, c == cause.RequestTooBig:
		o.Check, o.Source, o.Phases = report.Write, "", nil
	case info.Class == cause.ClassMock:
		o.Check, o.Subject, o.Source, o.HTTPStatus, o.Attempts, o.Phases = report.MockMode, "backend", report.SourceApp, 0, 0, nil
		if c == cause.LimiterOpen {
			o.Check, o.Source = report.Limiter, report.SourceProof
		}
	case info.Class == cause.ClassConfig:
		o.Check, o.Source, o.HTTPStatus, o.Attempts, o.Phases = report.ConfigLoad, "healthcheck@us-east4", 0, 0, nil
	case info.Class == cause.ClassMonitor:
		o.Database, o.Check, o.Source, o.HTTPStatus, o.Attempts, o.Phases = report.MonitorDatabase, report.Monitor, "healthcheck@us-east4", 0, 0, nil
	}
	return o
}

// Group returns a notice of that event about a group of n databases.
func Group(e incident.Event, n int) incident.Notice {
	notice := Notice(e, cause.QuotaMonthly)
	g := incident.Group{
		ID: "20261122T182201Z-GR0VP000000A", Class: cause.ClassQuota, Key: "quota|critical", Severity: cause.SeverityCritical,
		Since: Since, Opened: Since.Add(time.Minute), Thread: notice.Incident.Thread,
	}
	for k := range n {
		i := Incident(fmt.Sprintf("prod-%03d", k+1), cause.QuotaMonthly)
		i.ID = fmt.Sprintf("20261122T182201Z-M%05d000000", k)
		i.Group = g.ID
		i.Since = Since.Add(time.Duration(k) * time.Second)
		i.Resolved = notice.Incident.Resolved
		i.Gone = notice.Incident.Gone
		g.Members = append(g.Members, i.ID)
		notice.Members = append(notice.Members, i)
	}
	g.Resolved = notice.Incident.Resolved
	if e == incident.Joined {
		g.Joined = g.Members[len(g.Members)-2:]
	}
	notice.Group, notice.Incident = &g, nil
	return notice
}
