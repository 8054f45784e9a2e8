package policy

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
)

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, problems := config.Parse(true, config.Document{Name: "test", Text: []byte(text)})
	if c == nil {
		t.Fatal(problems)
	}
	return c
}

func TestPolicySaysWhatTheConfigurationSays(t *testing.T) {
	c := parse(t, `
regions: [us, eu]
home: eu
shards: [{name: far, regions: [asia], home: asia}]
databases:
  - {name: a, url: "https://a.upstash.io", token: "sm://projects/p/secrets/a", region: us-east-1, checks: {write: {enabled: false}}}
  - {name: z, shard: far, environment: staging, url: "https://z.upstash.io", token: "sm://projects/p/secrets/z"}
receivers:
  - {name: slack, fallback: mail, slack: {webhook: "sm://projects/p/secrets/slack"}}
  - {name: mail, pages: false, email: {host: smtp.example.com, from: p@example.com, to: [x@example.com, y@example.com]}}
  - {name: pager, pagerduty: {routing_key: "sm://projects/p/secrets/pager"}}
routes:
  - {environments: [staging], receivers: [mail]}
  - {severities: [critical], receivers: [slack], escalate_to: [mail], escalate_after: 5m, continue: true}
  - {receivers: [pager], fallback: [mail], reminders: {critical: [], acknowledged: [], warning: []}}
alerting: {grouping: {enabled: false}, flapping: {enabled: false}, missing: {intervals: 5, grace: 1m}}
maintenance:
  - {name: weekly, cron: "0 3 * * SUN", for: 2h, zone: Europe/Berlin, databases: ["a*"]}
  - {name: once, from: "2026-12-24T22:00", until: "2026-12-25T06:00", zone: Europe/Berlin}
`)
	p := Of(c, "main")

	a, ok := p.Databases["a"]
	if !ok || a.Home != "eu" || a.Region != "us-east-1" {
		t.Errorf("database a: %+v", a)
	}
	if diff := cmp.Diff(len(report.Checks())-1, len(a.Checks)); diff != "" {
		t.Errorf("checks that are on (-want +got): %s", diff)
	}
	if _, ok := p.Databases["z"]; ok {
		t.Error("a database of another shard is in this one's policy")
	}
	if z := Of(c, "far").Databases["z"]; z.Home != "asia" || z.Environment != "staging" {
		t.Errorf("database z: %+v", z)
	}
	wantJobs := []Job{
		{Job: report.Metrics, Every: 5 * time.Minute},
		{Job: report.HealthCheck, Region: "us", Every: time.Minute},
		{Job: report.HealthCheck, Region: "eu", Every: time.Minute},
	}
	if diff := cmp.Diff(wantJobs, p.Jobs); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}

	critical := p.Route("a", cause.SeverityCritical)
	if diff := cmp.Diff([]string{"slack", "pager"}, critical.Receivers); diff != "" {
		t.Errorf("critical goes to (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"mail/x@example.com", "mail/y@example.com"}, critical.Escalate); diff != "" || critical.EscalateAfter != 5*time.Minute {
		t.Errorf("critical escalates after %v to (-want +got):\n%s", critical.EscalateAfter, diff)
	}
	warning := p.Route("a", cause.SeverityWarning)
	if diff := cmp.Diff([]string{"pager"}, warning.Receivers); diff != "" {
		t.Errorf("warnings go to (-want +got):\n%s", diff)
	}
	if len(warning.Reminders.Warning) != 0 {
		t.Errorf("warnings are reminded of after %v, want never", warning.Reminders.Warning)
	}
	if !p.Receivers["pager"].Reminds || p.Receivers["mail/x@example.com"].Pages || len(p.Receivers["slack"].Fallback) != 2 {
		t.Errorf("receivers: %+v", p.Receivers)
	}

	if p.GroupAt != 0 || p.FlapHigh != math.Inf(1) || p.MissAfter != 5 || p.Grace != time.Minute {
		t.Errorf("grouping from %d, flapping from %v, missing after %d × every + %v", p.GroupAt, p.FlapHigh, p.MissAfter, p.Grace)
	}
	sunday := time.Date(2026, 11, 22, 2, 30, 0, 0, time.UTC)
	if w := p.Windows[0]; !w.Covers("a", "production") || w.Covers("b", "production") || !w.Active(sunday) {
		t.Errorf("weekly window: %+v", w)
	}
	if w := p.Windows[1]; !w.Active(time.Date(2026, 12, 24, 21, 0, 0, 0, time.UTC)) || w.Active(time.Date(2026, 12, 25, 5, 0, 0, 0, time.UTC)) {
		t.Errorf("single window: %+v", w)
	}
}

// The defaults are a decision; a change of one is a change for users.
func TestDefaults(t *testing.T) {
	got, want := Default(), Policy{
		Environment: "production", Receivers: map[string]Receiver{},
		Shift: time.Minute, Stale: 10 * time.Minute, SignalAge: 24 * time.Hour,
		Replaced:  15 * time.Minute,
		MissAfter: 3, Grace: 2 * time.Minute,

		Reopen: 15 * time.Minute, UnstableAfter: 3, UnstableWithin: 6 * time.Hour, Settle: 30 * time.Minute,
		FlapHigh: 30, FlapLow: 15,
		GroupAt: 3, JoinQuiet: 10 * time.Minute,

		Reminders: Reminders{
			Critical:     []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 24 * time.Hour},
			Acknowledged: []time.Duration{4 * time.Hour, 24 * time.Hour},
			Warning:      []time.Duration{24 * time.Hour},
		},
		EscalateAfter: 15 * time.Minute, UndeliveredAfter: 3 * time.Minute, SilenceMost: report.MaxSilence,
		EditEvery: 5 * time.Minute, CauseQuiet: time.Hour,

		Keep: 72 * time.Hour, CanaryWithin: 24 * time.Hour, CanaryDatabases: 2, DrillFor: 15 * time.Minute,
	}
	got.Rules = nil // see TestDefaultRules
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestDefaultRules(t *testing.T) {
	rule := func(s cause.Severity, open, closing int) Rule {
		return Rule{Severity: s, Threshold: Threshold{Open: open, Close: closing}}
	}
	const critical, warning = cause.SeverityCritical, cause.SeverityWarning
	atOnce := Threshold{Open: 1, Close: 1, Reclose: 3}
	want := map[report.Check]Rule{
		report.Ping: {
			Severity: critical, Threshold: Threshold{Open: 2, OpenBad: 3, OpenOf: 5, Close: 2, Reclose: 3},
			Classes: map[cause.Class]Threshold{cause.ClassAuth: atOnce, cause.ClassConfig: atOnce, cause.ClassQuota: atOnce},
		},
		report.Latency:     {Severity: warning, Threshold: Threshold{OpenBad: 3, OpenOf: 5, Close: 5}},
		report.Write:       rule(critical, 1, 1),
		report.MockMode:    rule(critical, 1, 2),
		report.Limiter:     rule(critical, 1, 2),
		report.HitRate:     rule(warning, 3, 3),
		report.Memory:      rule(critical, 2, 1),
		report.Commands:    rule(critical, 2, 1),
		report.Bandwidth:   rule(critical, 2, 1),
		report.Budget:      rule(critical, 2, 1),
		report.Connections: rule(critical, 2, 1),
		report.Eviction:    rule(warning, 1, 1),
		report.Isolation:   rule(warning, 1, 2),
		report.Values:      rule(warning, 1, 2),
		report.RoundTrip:   rule(critical, 1, 1),
		report.ConfigLoad:  rule(warning, 1, 1),
		report.Monitor:     rule(critical, 2, 2),
	}
	if diff := cmp.Diff(want, Default().Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestAShardThatIsGoneHasNoDatabases(t *testing.T) {
	p := Of(parse(t, `databases: [{name: a, url: "https://a.upstash.io", token: "sm://projects/p/secrets/a"}]`), "gone")
	if p.Databases == nil || len(p.Databases) != 0 || len(p.Jobs) != 0 {
		t.Errorf("databases %v, jobs %v; want an empty map and none", p.Databases, p.Jobs)
	}
}
