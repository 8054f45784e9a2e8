package config

import (
	"fmt"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Thresholds says, for each check, from which value it is bad (judged by the
// producers) and after how many runs an incident opens and closes (judged by Alert).
type Thresholds struct {
	// No answer to PING.
	Ping pingRule `yaml:"ping"`
	// A late answer to PING.
	Latency latencyRule `yaml:"latency"`
	// A refused or unreadable write.
	Write Rule `yaml:"write"`
	// The app in mock mode.
	MockMode Rule `yaml:"mock_mode"`
	// A low share of cache hits.
	HitRate hitRateRule `yaml:"hit_rate"`
	// Space used up.
	Memory UsageRule `yaml:"memory"`
	// The month's commands used up.
	Commands UsageRule `yaml:"commands"`
	// The month's traffic used up.
	Bandwidth UsageRule `yaml:"bandwidth"`
	// The budget spent.
	Budget UsageRule `yaml:"budget"`
	// The plan's connections used up.
	Connections UsageRule `yaml:"connections"`
	// Silent loss of keys when full.
	Eviction Rule `yaml:"eviction"`
	// Keys outside the workspace prefix.
	Isolation countRule `yaml:"isolation"`
	// Values that are not JSON.
	Values countRule `yaml:"values"`
	// A session, cache, rate-limit or queue pattern that misbehaves.
	RoundTrip Rule `yaml:"round_trip"`
	// An invalid setting, or a rotated token.
	Config Rule `yaml:"config"`
	// pongwatch itself.
	Monitor Rule `yaml:"monitor"`
}

// Rule is what every check has: how urgent it is, and how many runs confirm it.
type Rule struct {
	// The least severity of its incidents; the cause may raise it, and a status of warn limits it to warning.
	Severity cause.Severity `yaml:"severity" enum:"critical,warning,info" example:"critical"`
	// How many runs open and close an incident.
	Confirm confirm `yaml:"confirm"`
}

// confirm is how many bad runs open an incident and how many good ones close it. An
// incident opens when either condition holds.
type confirm struct {
	// Opens after this many bad runs in succession; 0 switches this condition off.
	Runs int `yaml:"runs" min:"0" max:"20" example:"2"`
	// Opens after this many bad runs among the last `of`; 0 switches this condition off.
	Failures int `yaml:"failures" min:"0" max:"20" example:"3"`
	// How many runs `failures` looks back.
	Of int `yaml:"of" min:"0" max:"20" example:"5"`
	// Closes after this many clear runs in succession.
	Close int `yaml:"close" min:"1" max:"20" example:"2"`
	// The same for an incident that has reopened. 0 is as many as `close`.
	CloseReopened int `yaml:"close_reopened" min:"0" max:"20" example:"3"`
}

// pingRule judges PING.
type pingRule struct {
	Rule
	// Classes of causes for which one run opens and one closes, since the producer has confirmed them and waiting would change nothing.
	Immediate []cause.Class `yaml:"immediate" single:"true" enum:"network,auth,quota,capacity,provider,performance,protocol,config,mock,data,monitor" example:"[auth, quota, config]"`
}

// latencyRule judges the first byte of the answer to PING.
type latencyRule struct {
	Rule
	// Slower is bad.
	Open time.Duration `yaml:"open" min:"1ms" max:"1m" example:"600ms"`
	// Up to this it counts towards closing. 0s is as `open`.
	Close time.Duration `yaml:"close" min:"0s" max:"1m" example:"600ms"`
	// Critical when the 95th percentile over `window` is slower than this; 0 is never.
	Critical time.Duration `yaml:"critical" min:"0s" max:"1m" example:"2s"`
	// The span of that percentile.
	Window time.Duration `yaml:"window" min:"1m" max:"24h" example:"15m"`
}

// hitRateRule judges the share of cache hits since the previous run.
type hitRateRule struct {
	Rule
	// Below is bad.
	Open float64 `yaml:"open" min:"0" max:"1" example:"0.60"`
	// Above this it counts towards closing.
	Close float64 `yaml:"close" min:"0" max:"1" example:"0.65"`
	// With fewer look-ups since the previous run nothing is judged.
	MinLookups int64 `yaml:"min_lookups" min:"1" example:"100"`
}

// UsageRule judges a share of a quota.
type UsageRule struct {
	Rule
	// From here it is a warning.
	Warn float64 `yaml:"warn" min:"0" max:"1" example:"0.80"`
	// Below this the warning counts towards closing.
	WarnClose float64 `yaml:"warn_close" min:"0" max:"1" example:"0.75"`
	// From here it is critical.
	Critical float64 `yaml:"critical" min:"0" max:"1" example:"0.95"`
	// Below this it is only a warning again.
	CriticalClose float64 `yaml:"critical_close" min:"0" max:"1" example:"0.90"`
}

// countRule judges a number of findings in a sample.
type countRule struct {
	Rule
	// From this many findings it is bad.
	Open int `yaml:"open" min:"1" max:"100000" example:"1"`
}

// Of returns the severity and the confirmation of that check; the zero Rule for one
// that is not in the closed set.
func (t *Thresholds) Of(check report.Check) Rule {
	if check == report.Limiter {
		check = report.MockMode
	}
	if r := t.rules()[check]; r != nil {
		return *r
	}
	return Rule{}
}

func (t *Thresholds) rules() map[report.Check]*Rule {
	return map[report.Check]*Rule{
		report.Ping: &t.Ping.Rule, report.Latency: &t.Latency.Rule, report.Write: &t.Write, report.MockMode: &t.MockMode,
		report.HitRate: &t.HitRate.Rule, report.Memory: &t.Memory.Rule, report.Commands: &t.Commands.Rule, report.Bandwidth: &t.Bandwidth.Rule,
		report.Budget: &t.Budget.Rule, report.Connections: &t.Connections.Rule, report.Eviction: &t.Eviction,
		report.Isolation: &t.Isolation.Rule, report.Values: &t.Values.Rule, report.RoundTrip: &t.RoundTrip,
		report.ConfigLoad: &t.Config, report.Monitor: &t.Monitor,
	}
}

// thresholds checks rules, and takes what is wrong with one from another source.
func (v *validator) thresholds(path string, t *Thresholds, from Thresholds) {
	for check, rule := range t.rules() {
		at, c := path+"."+string(check)+".confirm", &rule.Confirm
		switch wrong := c.Runs == 0 && c.Failures == 0 || c.Failures > c.Of; {
		case wrong && v.BadUnder(at): // one of them was left out
			*c = from.Of(check).Confirm
		case c.Runs == 0 && c.Failures == 0:
			v.Report(at, "never opens: runs and failures are both 0", "runs: 2")
			*c = from.Of(check).Confirm
		case c.Failures > c.Of:
			v.Report(at+".failures", fmt.Sprintf("is %d, more than of, which is %d", c.Failures, c.Of), "failures: 3, of: 5")
			*c = from.Of(check).Confirm
		}
	}
	given, standard := &t.Latency, from.Latency
	standard.Rule = given.Rule
	if t.Latency.Close > t.Latency.Open {
		v.reportUnless(path+".latency", path+".latency.close", fmt.Sprintf("is %s, want at most open, which is %s", text.Short(t.Latency.Close), text.Short(t.Latency.Open)), text.Short(t.Latency.Open))
		defer func() { *given = standard }() // after the rule below has seen it
	}
	if t.Latency.Critical > 0 && t.Latency.Critical < t.Latency.Open {
		v.reportUnless(path+".latency", path+".latency.critical", fmt.Sprintf("is %s, want 0s or at least open, which is %s", text.Short(t.Latency.Critical), text.Short(t.Latency.Open)), "2s")
		defer func() { *given = standard }()
	}
	if t.HitRate.Close < t.HitRate.Open {
		v.reportUnless(path+".hit_rate", path+".hit_rate.close", fmt.Sprintf("is %v, want at least open, which is %v", t.HitRate.Close, t.HitRate.Open), "0.65")
		t.HitRate.Open, t.HitRate.Close = from.HitRate.Open, from.HitRate.Close
	}
	shares := from.usage()
	for name, u := range t.usage() {
		if !(u.WarnClose <= u.Warn && u.Warn <= u.CriticalClose && u.CriticalClose <= u.Critical) {
			v.reportUnless(path+"."+name, path+"."+name, "wants warn_close ≤ warn ≤ critical_close ≤ critical", "warn_close: 0.75, warn: 0.80, critical_close: 0.90, critical: 0.95")
			rule := u.Rule
			*u = *shares[name]
			u.Rule = rule
		}
	}
}

// reportUnless reports a problem, unless a key below group has one of its own, of which this
// one follows.
func (v *validator) reportUnless(group, path, what, example string) {
	if !v.BadUnder(group) {
		v.Report(path, what, example)
	}
}

// usage returns the rules that judge shares, by their keys.
func (t *Thresholds) usage() map[string]*UsageRule {
	return map[string]*UsageRule{"memory": &t.Memory, "commands": &t.Commands, "bandwidth": &t.Bandwidth, "budget": &t.Budget, "connections": &t.Connections}
}

// fill lets latency close where it opens, if nothing else is said.
func (l *latencyRule) fill() {
	if l.Close == 0 {
		l.Close = l.Open
	}
}
