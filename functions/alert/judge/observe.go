package judge

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Evidence is what one step sees: at most one of Report and Signal, and what Alert has
// found out itself.
type Evidence struct {
	Report   *report.Report
	Signal   *report.Signal
	Findings []Finding
}

// Finding says of one source of the monitor's own series that it is bad or, without a
// cause, that this is over.
type Finding struct {
	Subject, Source string
	// Status is that of a bad finding; empty is Fail.
	Status   report.Status
	Cause    cause.Cause
	Evidence string
}

// hear counts the evidence towards the sources' thresholds, then lets time pass: it
// finds what is silent, and withdraws evidence of mock mode that is out of date.
func (s *shard) hear(e Evidence) {
	if e.Report != nil {
		s.report(*e.Report)
	}
	if e.Signal != nil {
		s.signal(*e.Signal)
	}
	for _, f := range e.Findings {
		if f.Cause == "" {
			s.retract(f.Subject, f.Source)
		} else {
			s.assert(f.Subject, f.Source, cmp.Or(f.Status, report.Fail), f.Cause, f.Evidence, s.now)
		}
	}
	s.missing()
	s.retireMock()
}

// report applies a report, unless its run or a later one was seen already. One that is
// from the future comes from a wrong clock and is refused. One that is stale changes no
// status.
func (s *shard) report(r report.Report) {
	key := policy.Job{Job: r.Job, Region: r.Region}.Key()
	previous := s.Jobs[key].Scheduled
	stale := s.now.Sub(r.Scheduled) > s.policy.Stale
	if r.Scheduled.After(s.now.Add(s.policy.Shift)) || !stale && !r.Scheduled.After(previous) {
		return
	}
	if r.Scheduled.After(previous) {
		s.Jobs[key] = incident.JobState{Scheduled: r.Scheduled, Every: r.Every}
	}
	var unseen map[string]bool
	if !stale {
		unseen = s.canary(r)
	}
	for i := range r.Observations {
		o := &r.Observations[i]
		switch {
		case !s.watched(o.Series()):
		case stale:
			s.backdate(*o)
		case o.Check == report.Ping && unseen[o.Database]:
			hidden := *o
			hidden.Status = report.Unknown
			s.observe(&hidden, r.Scheduled, previous)
		case o.Database == report.MonitorDatabase && o.Subject == subjectNetwork:
			// judged by canary
		default:
			s.observe(o, r.Scheduled, previous)
		}
	}
}

// watched reports whether the configuration knows the series. Without a readable
// configuration everything is watched.
func (s *shard) watched(key report.Series) bool {
	if s.policy.Databases == nil || key.Database == report.MonitorDatabase {
		return true
	}
	db, known := s.policy.Databases[key.Database]
	if !known || len(db.Checks) > 0 && !slices.Contains(db.Checks, key.Check) {
		return false
	}
	switch {
	case key.Check == report.MockMode && key.Subject == "":
		return len(db.Apps) == 0 // otherwise each app is a series of its own
	case key.Check == report.Limiter:
		return db.Apps == nil || slices.Contains(db.Limiters, key.Subject)
	case key.Check == report.MockMode: // otherwise anyone could open an incident of any name
		return db.Services == nil || slices.Contains(db.Services, key.Subject)
	}
	// A subject of another check is an app, by its health page.
	return key.Subject == "" || db.Apps == nil || slices.Contains(db.Apps[key.Subject], report.SourceApp)
}

// observe applies one observation of a run to its source.
func (s *shard) observe(o *report.Observation, scheduled, previous time.Time) {
	key := o.Series()
	ss, known := s.Series[key]
	if !known {
		if o.Status == report.OK {
			return // plainly good
		}
		ss = &incident.SeriesState{LastOK: lastGood(scheduled.Add(-o.Every), previous)}
		s.Series[key] = ss
	}
	src := source(ss, o.Source)
	src.Every = o.Every
	if o.Status == report.Unknown { // neither advances nor resets a threshold
		src.Seen = later(src.Seen, o.At)
		if src.UnknownSince.IsZero() {
			src.UnknownSince = o.At
		}
		return
	}
	if !scheduled.After(src.Scheduled) {
		return
	}
	src.Scheduled = scheduled
	decide(src, o, s.policy.Rule(key), s.reclosing(ss))
	if o.Status.Bad() {
		s.fresh[key] = true
		ss.LastBad = later(ss.LastBad, o.At)
	} else {
		ss.LastOK = later(ss.LastOK, o.At)
	}
}

// lastGood is when a series that was absent from the state was last known good: when its
// check was last due, or at the run before if that is earlier.
func lastGood(due, previous time.Time) time.Time {
	if due.Before(previous) {
		return due
	}
	return previous
}

// reclosing reports whether the series' incident was reopened so lately that it
// needs more good results to close.
func (s *shard) reclosing(ss *incident.SeriesState) bool {
	inc, ok := s.Incidents[ss.Incident]
	return ok && len(inc.Reopenings) > 0 && s.now.Sub(inc.Reopenings[len(inc.Reopenings)-1]) < s.policy.Reopen
}

// source returns the state of a source, made if it is new. The pointer is good until
// the next call.
func source(ss *incident.SeriesState, name string) *incident.SourceState {
	i, found := slices.BinarySearchFunc(ss.Sources, name, func(src incident.SourceState, name string) int { return strings.Compare(src.Source, name) })
	if !found {
		ss.Sources = slices.Insert(ss.Sources, i, incident.SourceState{Source: name})
	}
	return &ss.Sources[i]
}

// series returns the state of a series, made if it is new.
func (s *shard) series(key report.Series) *incident.SeriesState {
	ss, ok := s.Series[key]
	if !ok {
		ss = &incident.SeriesState{}
		s.Series[key] = ss
	}
	return ss
}

// backdate lets a report that is too old to change a status tell that a failure
// began earlier, or that the series was good later, than was known.
func (s *shard) backdate(o report.Observation) {
	inc := s.openIncident(o.Series())
	if inc == nil || !o.At.Before(inc.Since) {
		return
	}
	ss := s.Series[o.Series()]
	switch {
	case len(ss.Sources) == 0 || !o.At.After(ss.LastOK):
	case o.Status == report.OK:
		ss.LastOK, inc.LastOK = o.At, o.At
	case o.Status.Bad():
		inc.Since = o.At
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
