package alert

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

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
	p := Policy(c, "main")

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
	if z := Policy(c, "far").Databases["z"]; z.Home != "asia" || z.Environment != "staging" {
		t.Errorf("database z: %+v", z)
	}
	wantJobs := []incident.Job{
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

	if p.GroupAt != 0 || p.FlapHigh != incident.Never || p.MissAfter != 5 || p.Grace != time.Minute {
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

// The defaults of the two packages are the same decision, made once.
func TestDefaultsAgree(t *testing.T) {
	c := parse(t, document)
	got, want := Policy(c, "main"), incident.DefaultPolicy()
	got.Databases, got.Jobs, got.Receivers, got.Routes, got.Windows, got.Rules = nil, nil, nil, nil, nil, nil
	want.Rules = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-incident +config):\n%s", diff)
	}
}

func TestAShardThatIsGoneHasNoDatabases(t *testing.T) {
	p := Policy(parse(t, document), "gone")
	if p.Databases == nil || len(p.Databases) != 0 || len(p.Jobs) != 0 {
		t.Errorf("databases %v, jobs %v; want an empty map and none", p.Databases, p.Jobs)
	}
}
