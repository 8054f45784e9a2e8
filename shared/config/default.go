package config

import (
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
)

const day = 24 * time.Hour

// Default returns the configuration in which no key is given.
func Default() *Config {
	return &Config{
		Version:     1,
		Environment: "production",
		Schedule:    schedule{HealthCheck: time.Minute, Metrics: 5 * time.Minute},
		Checks:      defaultChecks(),
		Thresholds:  defaultThresholds(),
		Budget:      budget{Share: 0.07, Commands: 35_000, StopAt: 0.95},
		Objective:   0.999,
		Alerting:    defaultAlerting(),
		Management:  Management{URL: "https://api.upstash.com/v2"},
		Access: access{
			Health: AccessIAM, Dashboard: AccessIAM, API: AccessIAM, OpenMetrics: AccessIAM, Badges: AccessIAM, Playbooks: AccessIAM,
		},
		Links:     Links{Console: "https://console.upstash.com/redis/{database_id}", Status: "https://status.upstash.com"},
		History:   history{HotDays: 3, SampleDays: 30, RollupDays: 400, IncidentDays: 400},
		Heartbeat: Heartbeat{Every: time.Minute},
	}
}

// defaultChecks cost 34,140 commands a month at most: 6.8 % of the free plan.
func defaultChecks() Checks {
	every := func(t time.Duration) Check { return Check{Enabled: true, Every: t} }
	return Checks{
		Ping: every(time.Minute), Latency: every(time.Minute), MockMode: every(time.Minute),
		HitRate: every(5 * time.Minute), Memory: every(5 * time.Minute), Eviction: every(5 * time.Minute), Connections: every(5 * time.Minute),
		Write: every(15 * time.Minute), Commands: every(15 * time.Minute), Bandwidth: every(15 * time.Minute), Budget: every(15 * time.Minute), RoundTrip: every(time.Hour),
		Isolation: isolation{Check: every(day), Pattern: `^ws:[^:]+:`, MaxCommands: 100},
		Values:    values{Check: every(day), MaxCommands: 30},
	}
}

// defaultThresholds open after one run where the producer has confirmed the failure
// itself or the question is asked seldom, else after two or three.
func defaultThresholds() Thresholds {
	share := func() UsageRule {
		return UsageRule{Rule: Rule{Severity: cause.SeverityCritical, Confirm: confirm{Runs: 2, Close: 1}}, Warn: 0.80, WarnClose: 0.75, Critical: 0.95, CriticalClose: 0.90}
	}
	rule := func(s cause.Severity, runs, closing int) Rule {
		return Rule{Severity: s, Confirm: confirm{Runs: runs, Close: closing}}
	}
	const critical, warning = cause.SeverityCritical, cause.SeverityWarning
	return Thresholds{
		Ping: pingRule{
			Rule:      Rule{Severity: critical, Confirm: confirm{Runs: 2, Failures: 3, Of: 5, Close: 2, CloseReopened: 3}},
			Immediate: []cause.Class{cause.ClassAuth, cause.ClassQuota, cause.ClassConfig},
		},
		Latency: latencyRule{
			Rule: Rule{Severity: warning, Confirm: confirm{Failures: 3, Of: 5, Close: 5}},
			Open: 600 * time.Millisecond, Critical: 2 * time.Second, Window: 15 * time.Minute,
		},
		Write:     rule(critical, 1, 1),
		MockMode:  rule(critical, 1, 2),
		HitRate:   hitRateRule{Rule: rule(warning, 3, 3), Open: 0.60, Close: 0.65, MinLookups: 100},
		Memory:    share(),
		Commands:  share(),
		Bandwidth: share(), Budget: share(), Connections: share(),
		Eviction:  rule(warning, 1, 1),
		Isolation: countRule{Rule: rule(warning, 1, 2), Open: 1},
		Values:    countRule{Rule: rule(warning, 1, 2), Open: 1},
		RoundTrip: rule(critical, 1, 1),
		Config:    rule(warning, 1, 1),
		Monitor:   rule(critical, 2, 2),
	}
}

func defaultAlerting() Alerting {
	return Alerting{
		Reminders: reminders{
			Critical:     []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, day},
			Acknowledged: []time.Duration{4 * time.Hour, day},
			Warning:      []time.Duration{day},
		},
		EscalateAfter:    15 * time.Minute,
		ReopenWithin:     15 * time.Minute,
		Unstable:         unstable{Reopenings: 3, Within: 6 * time.Hour, StableFor: 30 * time.Minute},
		Flapping:         flapping{Enabled: true, Start: 30, Stop: 15},
		Grouping:         grouping{Enabled: true, Databases: 3, JoinWithin: 10 * time.Minute},
		Missing:          missing{Intervals: 3, Grace: 2 * time.Minute},
		EditEvery:        5 * time.Minute,
		UndeliveredAfter: 3 * time.Minute,
		RotationNotice:   day,
		Silences:         Silences{Default: time.Hour, Max: day, Choices: []time.Duration{time.Hour, 4 * time.Hour, day}},
		Canary:           canaryAddress{Enabled: true, URL: "https://www.gstatic.com/generate_204", Within: day, Databases: 2},
	}
}

// prefill gives an entry of a list its defaults, some of which it inherits from the
// document. Entries are decoded after what they inherit.
func (c *Config) prefill(entry any) {
	switch entry := entry.(type) {
	case *Database:
		*entry = Database{
			Shard: DefaultShard, Environment: c.Environment, Plan: "free",
			Checks: c.Checks, Thresholds: c.Thresholds, Budget: c.Budget, Objective: c.Objective,
		}
	case *App:
		*entry = App{Service: "app", ProofEvery: multiple(15*time.Minute, c.Schedule.Metrics), LimiterEvery: multiple(time.Hour, c.Schedule.Metrics)}
	case *Receiver:
		*entry = Receiver{Pages: true}
	case *Slack:
		*entry = Slack{Buttons: true, APIURL: "https://slack.com/api/"}
	case *Email:
		*entry = Email{Port: 587}
	case *PagerDuty:
		*entry = PagerDuty{URL: "https://events.pagerduty.com/v2/enqueue"}
	case *Route:
		*entry = Route{EscalateAfter: c.Alerting.EscalateAfter, Reminders: c.Alerting.Reminders}
	case *window:
		*entry = window{Zone: "UTC"}
	}
}
