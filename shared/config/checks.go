package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Checks says which checks run and how often.
type Checks struct {
	// Whether the database answers PING. By HealthCheck.
	Ping Check `yaml:"ping"`
	// How long the first byte of the answer takes. By HealthCheck, from the same PING.
	Latency Check `yaml:"latency"`
	// Whether a value can be written, read back and deleted: finds a full database, a read-only token and a write pause. Three commands.
	Write Check `yaml:"write"`
	// Whether the app uses a mock in place of Redis, by the configuration's and the app's own word; and whether its limiter is open,
	// where `app.limiter` is on. By HealthCheck.
	MockMode Check `yaml:"mock_mode"`
	// How often the cache holds what is asked for.
	HitRate Check `yaml:"hit_rate"`
	// How much of the plan's space is used.
	Memory Check `yaml:"memory"`
	// How much of the month's commands is used. Exact with `management`, else a lower bound.
	Commands Check `yaml:"commands"`
	// How much of the month's traffic is used. Needs `management`.
	Bandwidth Check `yaml:"bandwidth"`
	// How much of a pay-as-you-go database's budget is spent, at which Upstash suspends it. Needs `management`.
	Budget Check `yaml:"budget"`
	// How many of the plan's TCP connections are open.
	Connections Check `yaml:"connections"`
	// Whether keys are dropped silently once the database is full.
	Eviction Check `yaml:"eviction"`
	// Whether keys lie outside the workspace prefix.
	Isolation isolation `yaml:"isolation"`
	// Whether sampled strings that should be JSON are.
	Values values `yaml:"values"`
	// Session, cache, rate limit and queue patterns as the app uses Redis, in pongwatch's own keys. Fourteen commands.
	RoundTrip Check `yaml:"round_trip"`
}

// Check is one check's switch and interval.
type Check struct {
	// Whether the check runs.
	Enabled bool `yaml:"enabled" example:"true"`
	// How often it runs: a multiple of its job's interval. Where it is not given it follows that interval.
	Every time.Duration `yaml:"every" min:"1s" max:"168h" example:"15m"`
}

// isolation is the check of key prefixes. It samples, and reports patterns, never keys.
type isolation struct {
	Check
	// The regular expression that every key must match.
	Pattern string `yaml:"pattern" pattern:"regexp" example:"'^ws:[^:]+:'"`
	// Prefixes of keys that need not match, besides those of Upstash's own libraries and of pongwatch.
	Exempt []string `yaml:"exempt" single:"true" example:"['feature-flags:', 'rl:']"`
	// The most commands a run.
	MaxCommands int `yaml:"max_commands" min:"1" max:"1000" example:"100"`
}

// values is the check of sampled values. It reports counts and patterns, never values.
type values struct {
	Check
	// The regular expression of the keys whose values should be JSON. Empty is every key that holds a string.
	Pattern string `yaml:"pattern" pattern:"regexp" example:"'^ws:[^:]+:session:'"`
	// The most commands a run.
	MaxCommands int `yaml:"max_commands" min:"1" max:"1000" example:"30"`
}

// Of returns the switch and interval of that check; the zero Check for those that
// always run, such as config and monitor.
func (c Checks) Of(check report.Check) Check {
	if check == report.Limiter {
		check = report.MockMode // the same pages say both
	}
	if p := c.all()[check]; p != nil {
		return *p
	}
	return Check{}
}

// Pings is how often a PING is sent, which serves the checks ping and latency.
func (c Checks) Pings() time.Duration {
	if c.Latency.Enabled && (!c.Ping.Enabled || c.Latency.Every < c.Ping.Every) {
		return c.Latency.Every
	}
	return c.Ping.Every
}

func (c *Checks) all() map[report.Check]*Check {
	return map[report.Check]*Check{
		report.Ping: &c.Ping, report.Latency: &c.Latency, report.Write: &c.Write, report.MockMode: &c.MockMode, report.HitRate: &c.HitRate,
		report.Memory: &c.Memory, report.Commands: &c.Commands, report.Bandwidth: &c.Bandwidth, report.Budget: &c.Budget,
		report.Connections: &c.Connections, report.Eviction: &c.Eviction, report.Isolation: &c.Isolation.Check,
		report.Values: &c.Values.Check, report.RoundTrip: &c.RoundTrip,
	}
}

// jobOf returns the job that runs the check.
func jobOf(check report.Check) report.Job {
	switch check {
	case report.Ping, report.Latency, report.MockMode:
		return report.HealthCheck
	default:
		return report.Metrics
	}
}

// follow gives each check without an interval of its own one that suits its job: what costs
// no commands runs every time, the others at the next multiple of the job's interval.
func (v *validator) follow() {
	for check, p := range v.config.Checks.all() {
		if at := "checks." + string(check) + ".every"; v.Given(at) && !v.Bad(at) {
			continue
		}
		every := v.config.Every(jobOf(check))
		switch check {
		case report.Ping, report.Latency, report.MockMode, report.HitRate, report.Memory, report.Eviction, report.Connections:
			p.Every = every
		default:
			p.Every = multiple(p.Every, every)
		}
	}
}

// multiple returns the least multiple of every that is not less than d.
func multiple(d, every time.Duration) time.Duration { return (d + every - 1) / every * every }

// check makes an interval that is given a multiple of its job's.
func (c *Check) check(v *validator, path string, _ any) {
	at := path + ".every"
	if !v.Given(at) || v.Bad(at) {
		return
	}
	job := jobOf(report.Check(path[strings.LastIndex(path, ".")+1:]))
	v.multiple(at, &c.Every, job, c.Enabled)
}

// multiple makes an interval at that path a multiple of the job's, and reports it if it is used.
func (v *validator) multiple(path string, interval *time.Duration, job report.Job, used bool) {
	every := v.config.Every(job)
	if used && *interval%every != 0 {
		v.Report(path, fmt.Sprintf("is %s, want a multiple of schedule.%s, which is %s", text.Short(*interval), job, text.Short(every)), text.Short(3*every))
	}
	*interval = multiple(*interval, every)
}
