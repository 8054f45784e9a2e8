// Package policy says what the configuration means for Alert, in the words of incidents.
package policy

import (
	"maps"
	"path"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/cron"
	"github.com/pongwatch/pongwatch/shared/report"
)

// SignalShift is how far ahead of Alert's a signal's clock may be. A signature accepts the
// same five minutes (Standard Webhooks), and an app whose signal was accepted does not repeat it.
const SignalShift = 5 * time.Minute

// Policy is what the configuration says about one shard, in the words of incidents.
type Policy struct {
	// Databases are those of the shard. Nil says that the configuration could not be
	// read, so that nothing is closed as no longer watched. An empty map closes all.
	Databases map[string]Database
	// Environment is that of pongwatch itself, as its messages say.
	Environment string
	// Elsewhere are the databases of other shards, with their shard.
	Elsewhere map[string]string
	// Jobs are the runs that must keep coming; empty means those seen so far.
	Jobs []Job
	// Routes are tried in order; the first that matches decides.
	Routes []Route
	// Receivers holds every address that routes name.
	Receivers map[string]Receiver
	// Rules say how each check opens and closes.
	Rules map[report.Check]Rule
	// Windows are the maintenance windows.
	Windows []Window

	// Shift is how far in the future a report may be, Stale how old before it
	// changes no status, and SignalAge how old a signal may be.
	Shift, Stale, SignalAge time.Duration
	// Replaced is how long a revision in mock mode may say nothing once another one of
	// its service has spoken; it is three times as long as an app's repeats.
	Replaced time.Duration
	// Silence of MissAfter intervals and Grace counts as missing.
	MissAfter int
	Grace     time.Duration

	// Reopen is how soon after its resolution a failure continues an incident.
	Reopen time.Duration
	// UnstableAfter reopenings within UnstableWithin make an incident unstable until
	// it was good for Settle.
	UnstableAfter          int
	UnstableWithin, Settle time.Duration
	// FlapHigh and FlapLow are per cent of changes among the last results. An infinite FlapHigh
	// switches flap detection off.
	FlapHigh, FlapLow float64

	// GroupAt databases with one class of cause make a group. One that joins after
	// JoinQuiet, or after an acknowledge, is told at once.
	GroupAt   int
	JoinQuiet time.Duration

	// Reminders and EscalateAfter are for routes that say nothing else.
	Reminders     Reminders
	EscalateAfter time.Duration
	// UndeliveredAfter is how long a critical waits for its receivers before a
	// fallback stands in and the failure is reported.
	UndeliveredAfter time.Duration
	// SilenceMost is the longest silence.
	SilenceMost time.Duration
	// EditEvery is the least time between silent edits that no change of state asks for.
	EditEvery time.Duration
	// CauseQuiet is how long a change to a class that was announced before stays silent.
	CauseQuiet time.Duration

	// Keep is how long a resolved incident waits for receivers that cannot be reached.
	Keep time.Duration
	// The network canary's failure counts only if it worked within CanaryWithin and
	// CanaryDatabases fail with it.
	CanaryWithin    time.Duration
	CanaryDatabases int
	// DrillFor is how long a drill stays open.
	DrillFor time.Duration
}

// Database is what the policy needs to know of a database.
type Database struct {
	Environment string
	// Home is the region of pongwatch that alone decides whether the database is down.
	Home string
	// Region is where the database lives, for the words "regional outage".
	Region string
	// Checks are those that are on; empty means all.
	Checks []report.Check
	// Services are the apps that the configuration names, and that signals may be about; nil
	// means all.
	Services []string
	// Apps holds, by service, the sources by which runs ask an app about mock mode; nil means all.
	Apps map[string][]string
	// Limiters are the apps whose limiter is watched.
	Limiters []string
	// Rules replace the policy's for this database.
	Rules map[report.Check]Rule
}

// Job is a producer that must report every so often; without a region, from anywhere.
type Job struct {
	Job    report.Job
	Region string
	Every  time.Duration
}

// Key returns "job@region".
func (j Job) Key() string { return string(j.Job) + "@" + j.Region }

// String names the job for people.
func (j Job) String() string {
	if j.Region == "" {
		return string(j.Job)
	}
	return string(j.Job) + " in " + j.Region
}

// Rule says how one check opens and closes, and how severe it is.
type Rule struct {
	// Severity is the least severity of a failure; its cause may raise it.
	Severity cause.Severity
	Threshold
	// Classes replace the threshold for causes of a class.
	Classes map[cause.Class]Threshold
}

// For returns the rule's threshold for a cause, in which nothing opens or closes without a result.
func (r Rule) For(c cause.Cause) Threshold {
	t := r.Threshold
	if byClass, ok := r.Classes[c.Class()]; ok {
		t = byClass
	}
	if t.OpenBad == 0 || t.OpenOf == 0 {
		t.Open = max(1, t.Open)
	}
	t.Close = max(1, t.Close)
	t.Reclose = max(t.Close, t.Reclose)
	return t
}

// Threshold counts results of one source. Open results in a row that are bad open,
// and so do OpenBad of the last OpenOf; 0 switches either condition off. Close results in a row
// that are beyond the closing value close, Reclose after a recent reopening.
type Threshold struct {
	Open, OpenBad, OpenOf, Close, Reclose int
}

// Receiver is what the policy needs to know of an address.
type Receiver struct {
	// Pages says that it wakes people. A critical counts as delivered only there.
	Pages bool
	// Reminds says that the receiver reminds and escalates by itself, as PagerDuty
	// does. Then pongwatch does neither.
	Reminds bool
	// Fallback are the addresses that stand in when this one refuses for good; empty
	// means the route's.
	Fallback []string
	// Settings changes with the receiver's settings, Place with those that say where its messages go.
	Settings, Place string
}

// Reminders are the pauses before each reminder, the last one repeated; none is never.
type Reminders struct {
	// Of unacknowledged critical incidents, of acknowledged ones, and of warnings.
	Critical, Acknowledged, Warning []time.Duration
}

// Route says who is told of what. Empty conditions match everything.
type Route struct {
	Environments []string
	// Databases are names, or patterns with * and ?.
	Databases  []string
	Severities []cause.Severity
	// Continue asks the next routes as well.
	Continue bool

	// Receivers are the addresses that are told. Fallback stands in for one that has no
	// fallback of its own. Escalate is told when no one acknowledges.
	Receivers, Fallback, Escalate []string
	// EscalateAfter and Reminders replace the policy's; zero and nil do not.
	EscalateAfter time.Duration
	Reminders     *Reminders
}

func (r Route) matches(database, environment string, s cause.Severity) bool {
	return anyOf(r.Environments, environment) && anyOf(r.Severities, s) && anyName(r.Databases, database)
}

func anyOf[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }

func anyName(patterns []string, name string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// Route returns what the routes that match say together: the first one and, while
// one says Continue, the next. Where none matches, all receivers are told, because an
// unreported incident is the worst answer to a gap in the routes.
func (p Policy) Route(database string, s cause.Severity) Route {
	environment := p.Environment
	if d, known := p.Databases[database]; known {
		environment = d.Environment
	}
	var out Route
	found := false
	for _, r := range p.Routes {
		if !r.matches(database, environment, s) {
			continue
		}
		if !found {
			out.EscalateAfter, out.Reminders = r.EscalateAfter, r.Reminders
		}
		found = true
		out.Receivers = union(out.Receivers, r.Receivers)
		out.Fallback = union(out.Fallback, r.Fallback)
		out.Escalate = union(out.Escalate, r.Escalate)
		if !r.Continue {
			break
		}
	}
	if !found {
		out.Receivers = slices.Sorted(maps.Keys(p.Receivers))
	}
	if out.EscalateAfter == 0 {
		out.EscalateAfter = p.EscalateAfter
	}
	if out.Reminders == nil {
		out.Reminders = &p.Reminders
	}
	return out
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// Rule returns the rule for a check of a database.
func (p Policy) Rule(s report.Series) Rule {
	if r, ok := p.Databases[s.Database].Rules[s.Check]; ok {
		return r
	}
	return p.Rules[s.Check]
}

// Window is a maintenance window: nothing new is told of what it covers while it is
// in force.
type Window struct {
	Name string
	// Reason says why, for people.
	Reason string
	// Databases (names, or patterns with * and ?) and Environments that it covers; an
	// empty list covers all.
	Databases, Environments []string
	// Start and End bound a window that happens once.
	Start, End time.Time
	// Cron, in Zone (nil is UTC) and lasting For, makes one that repeats.
	Cron *cron.Schedule
	Zone *time.Location
	For  time.Duration
}

// String is the window for people: "sunday-upgrade: monthly upgrade of the plan".
func (w Window) String() string {
	if w.Reason == "" {
		return w.Name
	}
	return w.Name + ": " + w.Reason
}

// Covers reports whether the window is about the database.
func (w Window) Covers(database, environment string) bool {
	return anyName(w.Databases, database) && anyOf(w.Environments, environment)
}

// Maintenance returns the window in force that covers a database.
func (p Policy) Maintenance(database string, t time.Time) (w Window, planned bool) {
	for _, w := range p.Windows {
		if w.Covers(database, p.Databases[database].Environment) && w.Active(t) {
			return w, true
		}
	}
	return Window{}, false
}

// Active reports whether the window is in force at t.
func (w Window) Active(t time.Time) bool {
	if w.Cron == nil {
		return !t.Before(w.Start) && t.Before(w.End)
	}
	zone := w.Zone
	if zone == nil {
		zone = time.UTC
	}
	return w.Cron.Active(t, w.For, zone)
}
