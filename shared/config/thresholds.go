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
	// The span of that percentile, at least that of three pings.
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

// Rules returns the severity and the confirmation of each check.
func (t *Thresholds) Rules() map[report.Check]Rule {
	return map[report.Check]Rule{
		report.Ping: t.Ping.Rule, report.Latency: t.Latency.Rule, report.Write: t.Write, report.MockMode: t.MockMode, report.Limiter: t.MockMode,
		report.HitRate: t.HitRate.Rule, report.Memory: t.Memory.Rule, report.Commands: t.Commands.Rule, report.Bandwidth: t.Bandwidth.Rule,
		report.Budget: t.Budget.Rule, report.Connections: t.Connections.Rule, report.Eviction: t.Eviction,
		report.Isolation: t.Isolation.Rule, report.Values: t.Values.Rule, report.RoundTrip: t.RoundTrip,
		report.ConfigLoad: t.Config, report.Monitor: t.Monitor,
	}
}

// check takes what was there before in place of numbers that could never open an incident.
func (c *confirm) check(v *validator, path string, before any) {
	never, tooMany := c.Runs == 0 && c.Failures == 0, c.Failures > c.Of
	switch {
	case v.BadUnder(path): // one of them was left out
	case never:
		v.Report(path, "never opens: runs and failures are both 0", "runs: 2")
	case tooMany:
		v.Report(path+".failures", fmt.Sprintf("is %d, more than of, which is %d", c.Failures, c.Of), "failures: 3, of: 5")
	}
	if never || tooMany {
		*c, _ = before.(confirm)
	}
}

func (l *latencyRule) check(v *validator, path string, before any) {
	late, low := l.Close > l.Open, l.Critical > 0 && l.Critical < l.Open
	if late {
		v.reportUnless(path, ".close", fmt.Sprintf("is %s, want at most open, which is %s", text.Short(l.Close), text.Short(l.Open)), text.Short(l.Open))
	}
	if low {
		v.reportUnless(path, ".critical", fmt.Sprintf("is %s, want 0s or at least open, which is %s", text.Short(l.Critical), text.Short(l.Open)), "2s")
	}
	if late || low {
		rule := l.Rule
		*l, _ = before.(latencyRule)
		l.Rule = rule
	}
}

func (h *hitRateRule) check(v *validator, path string, before any) {
	if h.Close < h.Open {
		v.reportUnless(path, ".close", fmt.Sprintf("is %v, want at least open, which is %v", h.Close, h.Open), "0.65")
		old, _ := before.(hitRateRule)
		h.Open, h.Close = old.Open, old.Close
	}
}

func (u *UsageRule) check(v *validator, path string, before any) {
	if !(u.WarnClose <= u.Warn && u.Warn <= u.CriticalClose && u.CriticalClose <= u.Critical) {
		v.reportUnless(path, "", "wants warn_close ≤ warn ≤ critical_close ≤ critical", "warn_close: 0.75, warn: 0.80, critical_close: 0.90, critical: 0.95")
		rule := u.Rule
		*u, _ = before.(UsageRule)
		u.Rule = rule
	}
}

// reportUnless reports a problem with a key of the object at path, unless one of its keys has a
// problem of its own, of which this one follows.
func (v *validator) reportUnless(path, key, what, example string) {
	if !v.BadUnder(path) {
		v.Report(path+key, what, example)
	}
}

// fill lets latency close where it opens, if nothing else is said.
func (l *latencyRule) fill() {
	if l.Close == 0 {
		l.Close = l.Open
	}
}
