package incident

import (
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Age says what a report's time of schedule allows it to change.
type Age string

// The ages of a report.
const (
	Fresh  Age = "fresh"
	Known  Age = "known"  // this run or a later one was seen already: changes nothing
	Stale  Age = "stale"  // too old to change a status; it may move "since" and "last ok" back
	Future Age = "future" // from a clock that is wrong: refused
)

// Age judges a report before it is applied.
func (s State) Age(r report.Report, p Policy, now time.Time) Age {
	switch {
	case r.Scheduled.After(now.Add(p.Shift)):
		return Future
	case now.Sub(r.Scheduled) > p.Stale:
		return Stale
	case !r.Scheduled.After(s.Jobs[jobKey(r.Job, r.Region)].Scheduled):
		return Known
	}
	return Fresh
}

// run is the run that an observation belongs to.
type run struct {
	scheduled time.Time
	// previous is the run before it, as far as known.
	previous time.Time
}

func (e *engine) report(r report.Report) {
	age := e.s.Age(r, e.p, e.now)
	if age == Future || age == Known {
		return
	}
	key := jobKey(r.Job, r.Region)
	last := e.s.Jobs[key]
	if r.Scheduled.After(last.Scheduled) {
		e.s.Jobs[key] = JobState{Scheduled: r.Scheduled.UTC(), Every: r.Every, Version: r.Version}
	}
	unseen := e.canary(r, age)
	of := run{r.Scheduled, last.Scheduled}
	for i := range r.Observations {
		o := &r.Observations[i]
		switch {
		case !e.watched(o.Series()):
		case age == Stale:
			e.backdate(*o)
		case o.Check == report.Ping && unseen[o.Database]:
			hidden := *o
			hidden.Status = report.Unknown
			e.observe(&hidden, of)
		case o.Database == report.MonitorDatabase && o.Subject == subjectNetwork:
			// judged by canary
		default:
			e.observe(o, of)
		}
	}
}

// watched reports whether the configuration knows the series; without a readable
// configuration everything is watched.
func (e *engine) watched(key report.Series) bool {
	if e.p.Databases == nil || key.Database == report.MonitorDatabase {
		return true
	}
	db, known := e.p.Databases[key.Database]
	return known && (len(db.Checks) == 0 || slices.Contains(db.Checks, key.Check))
}

// observe applies one observation to its source. It keeps the pointer, and never
// writes through it.
func (e *engine) observe(o *report.Observation, r run) {
	key := o.Series()
	ss, known := e.series[key]
	if !known {
		if o.Status == report.OK {
			return // plainly good
		}
		ss = &SeriesState{LastOK: lastGood(o, r)}
		e.series[key] = ss
	}
	src := ss.source(o.Source)
	src.Every = o.Every
	if o.Status == report.Unknown {
		src.unknown(*o)
		return
	}
	if !r.scheduled.After(src.Scheduled) {
		return
	}
	src.Scheduled = r.scheduled.UTC()
	src.decide(o, e.p.Rule(key), e.reclosing(ss))
	if o.Status.Bad() {
		ss.fresh = true
		ss.LastBad = later(ss.LastBad, o.At)
	} else {
		ss.LastOK = later(ss.LastOK, o.At)
	}
}

// lastGood is when a series that was absent from the state was last known good: in
// the last run in which its check was due, which is arithmetic on its interval.
func lastGood(o *report.Observation, r run) time.Time {
	if r.previous.IsZero() {
		return time.Time{}
	}
	due := r.scheduled.Add(-o.Every).UTC()
	if due.Before(r.previous) {
		return due
	}
	return r.previous
}

// source returns the state of a source, made if it is new. The pointer is good until
// the next call.
func (ss *SeriesState) source(name string) *SourceState {
	i, found := slices.BinarySearchFunc(ss.Sources, name, func(s SourceState, name string) int { return strings.Compare(s.Source, name) })
	if !found {
		ss.Sources = slices.Insert(ss.Sources, i, SourceState{Source: name})
	}
	return &ss.Sources[i]
}

func (ss *SeriesState) removeSource(name string) {
	ss.Sources = slices.DeleteFunc(ss.Sources, func(s SourceState) bool { return s.Source == name })
}

// backdate lets a report that is too old to change a status tell that a failure
// began earlier, or that the series was good later, than was known.
func (e *engine) backdate(o report.Observation) {
	ss, ok := e.series[o.Series()]
	if !ok || len(ss.Sources) == 0 {
		return
	}
	at := o.At.UTC()
	inc := e.openIncident(o.Series())
	switch {
	case o.Status == report.OK && at.After(ss.LastOK) && inc != nil && at.Before(inc.Since):
		ss.LastOK = at
		inc.LastOK = at
	case o.Status.Bad() && inc != nil && at.After(ss.LastOK) && at.Before(inc.Since):
		inc.Since = at
	}
}

// subject values of the monitor's own series that Alert itself judges.
const (
	subjectReports   = "reports"
	subjectReceivers = "receivers"
	subjectNetwork   = "network"
	subjectState     = "state"
)

func monitorSeries(subject string) report.Series {
	return report.Series{Database: report.MonitorDatabase, Check: report.Monitor, Subject: subject}
}

// assert makes a source of one of the monitor's own series bad, as Alert itself
// sees it, without thresholds.
func (e *engine) assert(subject, source string, status report.Status, c cause.Cause, evidence string, since time.Time) {
	evidence = report.CutEvidence(evidence)
	key := monitorSeries(subject)
	ss, ok := e.series[key]
	if !ok {
		ss = &SeriesState{}
		e.series[key] = ss
	}
	src := ss.source(source)
	if src.Down && src.Status == status && src.Cause == c {
		if o := src.Observation; o != nil && o.Evidence != evidence { // more is known of it
			said := *o
			said.Evidence, said.At = evidence, e.now
			src.Observation, ss.fresh = &said, true
		}
		return
	}
	o := report.Observation{
		Database: key.Database, Check: key.Check, Subject: subject, Source: source,
		Status: status, Cause: c, Evidence: evidence, At: e.now, Every: time.Minute,
	}
	*src = SourceState{
		Source: source, Scheduled: e.now, Seen: e.now, Every: o.Every, Status: status, Cause: c,
		History: 1, Known: 1, Bad: 1, Runs: 1, Down: true, Since: since, Observation: &o,
	}
	ss.LastBad = e.now
	ss.fresh = true
}

// retract ends what assert said.
func (e *engine) retract(subject, source string) {
	ss, ok := e.series[monitorSeries(subject)]
	if !ok {
		return
	}
	i := slices.IndexFunc(ss.Sources, func(s SourceState) bool { return s.Source == source && s.Down })
	if i < 0 {
		return
	}
	src := &ss.Sources[i]
	*src = SourceState{Source: source, Scheduled: e.now, Seen: e.now, Every: src.Every, Status: report.OK, Clear: true, Good: 1, Known: 1}
	ss.LastOK = e.now
}

// asideFor is how long a state that was set aside is called to mind: nothing else
// would end that.
const asideFor = 24 * time.Hour

// setAside opens an incident about a state that could not be read.
func (e *engine) setAside(key string) {
	if key != "" {
		e.assert(subjectState, subjectState, report.Fail, cause.MonitorState, "kept as "+key, e.now)
		return
	}
	if inc := e.openIncident(monitorSeries(subjectState)); inc != nil && e.now.Sub(inc.Opened) >= asideFor {
		e.retract(subjectState, subjectState)
	}
}

func (e *engine) receivers(health []ReceiverHealth) {
	for _, h := range health {
		if h.Problem == "" {
			e.retract(subjectReceivers, h.Address)
			continue
		}
		e.assert(subjectReceivers, h.Address, report.Fail, cause.MonitorReceiver, h.Address+": "+h.Problem, e.now)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b.UTC()
	}
	return a
}
