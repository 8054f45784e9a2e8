package policy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestRoute(t *testing.T) {
	own := Reminders{Critical: []time.Duration{time.Hour}}
	p := Policy{
		Environment: "test",
		Databases:   map[string]Database{"prod-a": {Environment: "production"}, "test-b": {Environment: "test"}},
		Receivers:   map[string]Receiver{"slack": {}, "mail": {}, "boss": {}},
		Reminders:   Reminders{Warning: []time.Duration{time.Minute}}, EscalateAfter: 15 * time.Minute,
		Routes: []Route{
			{Environments: []string{"test"}, Severities: []cause.Severity{cause.SeverityWarning}, Receivers: []string{"mail"}},
			{Databases: []string{"prod-*"}, Receivers: []string{"slack"}, Fallback: []string{"mail"}, Escalate: []string{"boss"}, EscalateAfter: time.Minute, Reminders: &own, Continue: true},
			{Databases: []string{"test-?", "prod-a"}, Receivers: []string{"slack", "mail"}, Fallback: []string{"mail", "boss"}, Escalate: []string{"slack"}, EscalateAfter: time.Hour},
			{Databases: []string{"prod-a"}, Receivers: []string{"never"}},
			{Databases: []string{"["}, Receivers: []string{"never"}},
		},
	}
	for _, tt := range []struct {
		name, database string
		severity       cause.Severity
		want           Route
	}{
		{"all conditions match", "test-b", cause.SeverityWarning, Route{Receivers: []string{"mail"}, EscalateAfter: 15 * time.Minute, Reminders: &p.Reminders}},
		{"one does not: the next that matches", "test-b", cause.SeverityCritical, Route{
			Receivers: []string{"slack", "mail"}, Fallback: []string{"mail", "boss"}, Escalate: []string{"slack"}, EscalateAfter: time.Hour, Reminders: &p.Reminders,
		}},
		{"one that continues: the next as well, whose receivers are added once, and whose times do not count", "prod-a", cause.SeverityWarning, Route{
			Receivers: []string{"slack", "mail"}, Fallback: []string{"mail", "boss"}, Escalate: []string{"boss", "slack"}, EscalateAfter: time.Minute, Reminders: &own,
		}},
		{"one that continues where no other matches", "prod-b", cause.SeverityCritical, Route{
			Receivers: []string{"slack"}, Fallback: []string{"mail"}, Escalate: []string{"boss"}, EscalateAfter: time.Minute, Reminders: &own,
		}},
		{"pongwatch itself, in its own environment", report.MonitorDatabase, cause.SeverityWarning, Route{Receivers: []string{"mail"}, EscalateAfter: 15 * time.Minute, Reminders: &p.Reminders}},
		{"none: all receivers", "other", cause.SeverityCritical, Route{Receivers: []string{"boss", "mail", "slack"}, EscalateAfter: 15 * time.Minute, Reminders: &p.Reminders}},
	} {
		if diff := cmp.Diff(tt.want, p.Route(tt.database, tt.severity)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestRule(t *testing.T) {
	p := Policy{
		Rules:     map[report.Check]Rule{report.Ping: {Threshold: Threshold{Open: 7}}},
		Databases: map[string]Database{"a": {Rules: map[report.Check]Rule{report.Ping: {Threshold: Threshold{Open: 9}}}}},
	}
	for _, tt := range []struct {
		name   string
		series report.Series
		want   int
	}{
		{"the database's", report.Series{Database: "a", Check: report.Ping}, 9},
		{"the policy's", report.Series{Database: "b", Check: report.Ping}, 7},
	} {
		if got := p.Rule(tt.series).Open; got != tt.want {
			t.Errorf("%s opens after %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestJob(t *testing.T) {
	for _, tt := range []struct {
		job       Job
		key, text string
	}{
		{Job{Job: report.HealthCheck, Region: "us"}, "healthcheck@us", "healthcheck in us"},
		{Job{Job: report.Metrics}, "metrics@", "metrics"},
	} {
		if tt.job.Key() != tt.key || tt.job.String() != tt.text {
			t.Errorf("%+v is %q, %q", tt.job, tt.job.Key(), tt.job.String())
		}
	}
}

func TestAWindowThatHappensOnce(t *testing.T) {
	w := Window{Databases: []string{"prod-*"}, Environments: []string{"production"}, Start: noon, End: noon.Add(time.Hour)}
	for _, tt := range []struct {
		database, environment string
		want                  bool
	}{{"prod-a", "production", true}, {"test-a", "production", false}, {"prod-a", "test", false}} {
		if got := w.Covers(tt.database, tt.environment); got != tt.want {
			t.Errorf("covers %s in %s: %t", tt.database, tt.environment, got)
		}
	}
	if !(Window{}).Covers("any", "thing") {
		t.Error("a window without conditions covers all")
	}
	for _, tt := range []struct {
		name string
		at   time.Time
		want bool
	}{{"its beginning", noon, true}, {"before", noon.Add(-1), false}, {"its last moment", noon.Add(time.Hour - 1), true}, {"its end", noon.Add(time.Hour), false}} {
		if got := w.Active(tt.at); got != tt.want {
			t.Errorf("%s: active %t", tt.name, got)
		}
	}
}

func TestThreshold(t *testing.T) {
	rule := Rule{
		Threshold: Threshold{Open: 2, OpenBad: 3, OpenOf: 5, Close: 2, Reclose: 4},
		Classes:   map[cause.Class]Threshold{cause.ClassAuth: {Open: 1}},
	}
	for _, tt := range []struct {
		name  string
		rule  Rule
		cause cause.Cause
		want  Threshold
	}{
		{"the rule's", rule, cause.TimeoutResponse, Threshold{Open: 2, OpenBad: 3, OpenOf: 5, Close: 2, Reclose: 4}},
		{"its class's, in which one result opens and closes", rule, cause.AuthInvalid, Threshold{Open: 1, Close: 1, Reclose: 1}},
		{"none: one result opens", Rule{}, cause.Slow, Threshold{Open: 1, Close: 1, Reclose: 1}},
		{"some of none open nothing, so one result does", Rule{Threshold: Threshold{OpenBad: 2}}, "", Threshold{Open: 1, OpenBad: 2, Close: 1, Reclose: 1}},
		{"none of some as well", Rule{Threshold: Threshold{OpenOf: 2}}, "", Threshold{Open: 1, OpenOf: 2, Close: 1, Reclose: 1}},
		{"some of some alone", Rule{Threshold: Threshold{OpenBad: 2, OpenOf: 3}}, "", Threshold{OpenBad: 2, OpenOf: 3, Close: 1, Reclose: 1}},
		{"reclosing takes at least as many as closing", Rule{Threshold: Threshold{Open: 1, Close: 3, Reclose: 2}}, "", Threshold{Open: 1, Close: 3, Reclose: 3}},
	} {
		if diff := cmp.Diff(tt.want, tt.rule.For(tt.cause)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
