package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Alerting is the policy of notification: what is counted against what is in
// Thresholds.
type Alerting struct {
	// How often to remind about an open incident.
	Reminders reminders `yaml:"reminders"`
	// After how long without an acknowledge a critical incident is escalated.
	EscalateAfter time.Duration `yaml:"escalate_after" min:"1s" max:"24h" example:"15m"`
	// A failure so soon after a resolve continues the incident.
	ReopenWithin time.Duration `yaml:"reopen_within" min:"0s" max:"24h" example:"15m"`
	// When an incident that keeps reopening falls quiet.
	Unstable unstable `yaml:"unstable"`
	// When a check that keeps changing falls quiet (Nagios' algorithm over the last 21 runs).
	Flapping flapping `yaml:"flapping"`
	// When incidents of several databases become one message.
	Grouping grouping `yaml:"grouping"`
	// When silence counts as missing.
	Missing missing `yaml:"missing"`
	// The least time between edits of a message that say nothing new but the time.
	EditEvery time.Duration `yaml:"edit_every" min:"1s" max:"24h" example:"5m"`
	// How long a critical alert may stay undelivered before an error is logged, on which Cloud Monitoring alerts.
	UndeliveredAfter time.Duration `yaml:"undelivered_after" min:"1s" max:"1h" example:"3m"`
	// For how long to remind about a rotated token while the app has not shown that it holds the new one.
	RotationNotice time.Duration `yaml:"rotation_notice" min:"1s" max:"168h" example:"24h"`
	// What people may silence.
	Silences Silences `yaml:"silences"`
	// How pongwatch tells its own loss of network from an outage of everything.
	Canary canaryAddress `yaml:"canary"`
}

// reminders are the waits between notices about an incident that stays open; the
// last one repeats. An empty list is never.
type reminders struct {
	// Of a critical incident that is not acknowledged.
	Critical []time.Duration `yaml:"critical" single:"true" min:"1s" max:"168h" example:"[30m, 1h, 2h, 4h, 24h]"`
	// Of an acknowledged critical incident.
	Acknowledged []time.Duration `yaml:"acknowledged" single:"true" min:"1s" max:"168h" example:"[4h, 24h]"`
	// Of a warning.
	Warning []time.Duration `yaml:"warning" single:"true" min:"1s" max:"168h" example:"[24h]"`
}

// unstable says when an incident is unstable: one notice, then quiet.
type unstable struct {
	// After this many reopenings; 0 is never.
	Reopenings int `yaml:"reopenings" min:"0" max:"100" example:"3"`
	// Within this time.
	Within time.Duration `yaml:"within" min:"1m" max:"168h" example:"6h"`
	// Until it has been stable for this long.
	StableFor time.Duration `yaml:"stable_for" min:"1m" max:"24h" example:"30m"`
}

// flapping says when a check flaps: one notice, then quiet.
type flapping struct {
	// Whether it is looked for.
	Enabled bool `yaml:"enabled" example:"true"`
	// Begins at this many per cent of weighted changes.
	Start float64 `yaml:"start" min:"0" max:"100" example:"30"`
	// Ends at this many.
	Stop float64 `yaml:"stop" min:"0" max:"100" example:"15"`
}

// grouping says when incidents of a shard with causes of the same class share one message.
type grouping struct {
	// Whether they are.
	Enabled bool `yaml:"enabled" example:"true"`
	// From this many databases.
	Databases int `yaml:"databases" min:"2" max:"500" example:"3"`
	// Databases that join later than this get a reply in the thread.
	JoinWithin time.Duration `yaml:"join_within" min:"1s" max:"24h" example:"10m"`
}

// missing says when a series that has fallen silent is missing: after `intervals`
// times its interval and `grace`.
type missing struct {
	// How many intervals.
	Intervals int `yaml:"intervals" min:"1" max:"100" example:"3"`
	// And how much more.
	Grace time.Duration `yaml:"grace" min:"0s" max:"1h" example:"2m"`
}

// After returns how long after its last observation a series of that interval is missing.
func (m missing) After(every time.Duration) time.Duration {
	return time.Duration(m.Intervals)*every + m.Grace
}

// Silences bounds what people may silence by button, link or command line.
type Silences struct {
	// How long a silence lasts where none is said.
	Default time.Duration `yaml:"default" min:"1m" max:"24h" example:"1h"`
	// The longest one.
	Max time.Duration `yaml:"max" min:"1m" max:"24h" example:"24h"`
	// The choices that messages offer.
	Choices []time.Duration `yaml:"choices" single:"true" min:"1m" max:"24h" example:"[1h, 4h, 24h]"`
}

// For reads how long a person wants a silence, within what is allowed; empty is the default.
func (s Silences) For(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if text == "" {
		d, err = s.Default, nil
	}
	if limit := min(s.Max, report.MaxSilence); err != nil || d <= 0 || d > limit {
		return 0, fmt.Errorf("for is not a duration of at most %v, want one such as \"1h\"", limit)
	}
	return d, nil
}

// canaryAddress is an address that answers whenever the network works. Its failure
// explains a failure of several databases only if it succeeded recently.
type canaryAddress struct {
	// Whether it is asked.
	Enabled bool `yaml:"enabled" example:"true"`
	// The address. Any answer is a success.
	URL string `yaml:"url" pattern:"url" example:"https://www.gstatic.com/generate_204"`
	// It counts only if it succeeded within this time.
	Within time.Duration `yaml:"within" min:"1m" max:"168h" example:"24h"`
	// It is asked about from this many failing databases.
	Databases int `yaml:"databases" min:"1" max:"500" example:"2"`
}

func (f *flapping) check(v *validator, path string, before any) {
	if f.Stop >= f.Start {
		v.Report(path+".stop", fmt.Sprintf("is %v, want less than start, which is %v", f.Stop, f.Start), "15")
		old, _ := before.(flapping)
		f.Start, f.Stop = old.Start, old.Stop
	}
}

func (s *Silences) check(v *validator, path string, _ any) {
	atMost := func(key string, d *time.Duration) {
		if *d > s.Max {
			v.Report(path+key, fmt.Sprintf("is %s, more than max, which is %s", text.Short(*d), text.Short(s.Max)), text.Short(s.Max))
			*d = s.Max
		}
	}
	atMost(".default", &s.Default)
	for i := range s.Choices {
		atMost(fmt.Sprintf(".choices[%d]", i), &s.Choices[i])
	}
	s.Choices = slices.Compact(s.Choices)
}
