// Package judge turns evidence into changes of incidents. It knows no receiver, does no
// I/O and reads no clock. It changes the state that it is given, which is its caller's own
// copy.
//
//	observation → source → series → incident
//
// A source (a region, a kind of evidence) passes its own thresholds. The sources of a
// series make one verdict, and a bad verdict opens an incident.
package judge

import (
	"maps"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// shard is the state that is changed, with what it decides by.
type shard struct {
	*incident.State
	policy policy.Policy
	now    time.Time
	// fresh holds the series of which this step has seen something bad.
	fresh   map[report.Series]bool
	changes []incident.Change
}

// Why a confirmed failure is not opened.
const (
	heldByPing  = "ping"
	heldByWrite = "write"
	heldByVote  = "vote"
)

// Judge counts the evidence, makes the verdict of every series, and opens, updates and resolves
// incidents. It also returns the ids of the open incidents that another one explains.
func Judge(state *incident.State, e Evidence, p policy.Policy, now time.Time) (changes []incident.Change, explained map[string]bool) {
	s := &shard{State: state, policy: p, now: now, fresh: map[report.Series]bool{}}
	s.hear(e)
	s.closeGone()
	heard := s.heardRegions()
	// Pings come first, so that what they explain is held back in the same step. No other
	// verdict depends on another series.
	for key, ss := range s.Series {
		if key.Check == report.Ping {
			s.judge(key, ss, heard)
		}
	}
	for key, ss := range s.Series {
		if key.Check != report.Ping {
			s.judge(key, ss, heard)
		}
	}
	s.relateMock(len(heard) > 0)
	explained = map[string]bool{}
	for id, inc := range s.Incidents {
		switch {
		case !inc.Open():
		case inc.Drill && s.now.Sub(inc.Opened) >= p.DrillFor: // nothing else ends a drill
			s.resolve(inc, incident.Resolved)
		case !inc.Series.Check.OfApp() && s.held(inc.Series) != "":
			explained[id] = true
		}
	}
	return s.changes, explained
}

func (s *shard) judge(key report.Series, ss *incident.SeriesState, heard []string) {
	inc := s.openOf(ss)
	if inc == nil && !slices.ContainsFunc(ss.Sources, func(src incident.SourceState) bool { return src.Down }) {
		ss.Held = ""
		return
	}
	home := ""
	if votes(key.Check) {
		home = s.policy.Databases[key.Database].Home
	}
	v := aggregate(key.Check, ss.Sources, heard, home, s.now)
	switch {
	case v.status.Bad() && inc == nil:
		s.consider(key, ss, v)
	case v.status.Bad():
		s.update(inc, ss, v)
	case v.status == report.OK && inc != nil:
		s.close(inc, ss)
	case v.status == report.OK:
		ss.Held = ""
	}
	if inc = s.openOf(ss); inc != nil && !key.Check.OfApp() && key.Database != report.MonitorDatabase {
		s.confirm(inc, ss)
	}
}

// confirm notes since when no check has given a decided answer about what is open. It goes on, but
// nothing may be said of it that is not known.
func (s *shard) confirm(inc *incident.Incident, ss *incident.SeriesState) {
	stale := ss.LastBad
	for i := range ss.Sources {
		if src := &ss.Sources[i]; s.now.Sub(later(src.Scheduled, inc.Opened)) <= s.silent(src.Every) {
			stale = time.Time{}
		}
	}
	if !stale.Equal(inc.Stale) {
		inc.Stale = stale
		s.announce(inc, incident.Updated)
	}
}

// heardRegions returns the regions whose health check reported lately.
func (s *shard) heardRegions() []string {
	var regions []string
	for _, key := range slices.Sorted(maps.Keys(s.Jobs)) {
		job, region, _ := cutJob(key)
		if last := s.Jobs[key]; job == report.HealthCheck && s.now.Sub(last.Scheduled) <= 3*last.Every+slack {
			regions = append(regions, region)
		}
	}
	return regions
}

// consider opens an incident unless something else explains the failure.
func (s *shard) consider(key report.Series, ss *incident.SeriesState, v verdict) {
	voted := ss.Held == heldByVote
	if ss.Held = s.held(key); ss.Held == "" && s.beforePing(key, v.lead) {
		ss.Held = heldByPing
	}
	if ss.Held != "" {
		s.attachMock(key)
		return
	}
	// What was seen while the series was held back may be over by now, so it needs a new
	// bad result. Evidence about an app stands until it is withdrawn.
	if !s.fresh[key] && !voted && !key.Check.OfApp() {
		return
	}
	wait := time.Duration(0)
	switch {
	case v.alone && unconfirmed(ss, s.now): // its next run decides, and may come a little late
		wait = v.lead.Every + slack
	case v.alone && s.votesMissing(v.lead):
		wait = v.lead.Every
	}
	if wait > 0 && !voted {
		ss.HeldAt = s.now
	}
	if s.now.Sub(ss.HeldAt) < wait {
		ss.Held = heldByVote
		return
	}
	if inc, ok := s.Incidents[ss.Incident]; ok && !inc.Open() && !inc.Gone && s.now.Sub(inc.Resolved) <= s.policy.Reopen {
		s.reopen(inc, ss, v)
		return
	}
	s.open(key, ss, v)
}

// votesMissing reports whether another region may still report on the run in which one
// region alone was found down. Its word decides between a warning and an outage, so it
// is waited for one interval: otherwise people would be told twice within seconds.
func (s *shard) votesMissing(lead *incident.SourceState) bool {
	for key, js := range s.Jobs {
		if job, _, _ := cutJob(key); job == report.HealthCheck && js.Scheduled.Before(lead.Scheduled) && s.now.Sub(js.Scheduled) <= 3*js.Every {
			return true
		}
	}
	return false
}

// held says what explains a failure of the series, if anything.
func (s *shard) held(key report.Series) string {
	if key.Check == report.Ping || key.Database == report.MonitorDatabase {
		return ""
	}
	write, ok := s.Series[report.Series{Database: key.Database, Check: report.Write}]
	full := key.Check == report.Memory && ok && slices.ContainsFunc(write.Sources, func(src incident.SourceState) bool { return src.Cause == cause.StorageFull })
	if ok && pending(write, s.now) && (full || key.Check == report.RoundTrip) { // it says what is refused, and why
		return heldByWrite
	}
	ping, ok := s.Series[report.Series{Database: key.Database, Check: report.Ping}]
	if !ok {
		return ""
	}
	inc := s.openOf(ping)
	switch {
	case inc != nil && inc.Status != report.Fail:
		return "" // most regions get an answer
	case inc != nil, pending(ping, s.now):
		return heldByPing
	case key.Check.OfApp() && !settled(ping, s.now):
		return heldByPing // Redis is back since this run only, and the app may notice by itself
	}
	return ""
}

// beforePing reports whether the app told of its mock mode before a ping could find out why.
// An app that falls back notices an outage sooner than the next ping does.
func (s *shard) beforePing(key report.Series, lead *incident.SourceState) bool {
	if !key.Check.OfApp() || !signals(lead) || !s.watched(report.Series{Database: key.Database, Check: report.Ping}) {
		return false
	}
	waits := false
	for run, js := range s.Jobs {
		if job, _, _ := cutJob(run); job != report.HealthCheck || js.Scheduled.IsZero() {
			continue
		}
		if js.Scheduled.After(lead.Since) {
			return false
		}
		waits = waits || s.now.Sub(lead.Since) <= js.Every+slack
	}
	return waits
}

// unconfirmed reports whether a source that is not down was bad in its latest result.
func unconfirmed(ss *incident.SeriesState, now time.Time) bool {
	return slices.ContainsFunc(ss.Sources, func(src incident.SourceState) bool { return src.Bad > 0 && !src.Down && heard(&src, now) })
}

// pending reports whether the latest result of a source that was heard lately is bad.
func pending(ss *incident.SeriesState, now time.Time) bool {
	return slices.ContainsFunc(ss.Sources, func(src incident.SourceState) bool { return (src.Bad > 0 || src.Down) && heard(&src, now) })
}

// settled reports whether every source that was heard lately was good twice.
func settled(ss *incident.SeriesState, now time.Time) bool {
	return !slices.ContainsFunc(ss.Sources, func(src incident.SourceState) bool { return src.Good < 2 && heard(&src, now) })
}

// openIncident returns the series' incident if it is open.
func (s *shard) openIncident(key report.Series) *incident.Incident {
	if ss, ok := s.Series[key]; ok {
		return s.openOf(ss)
	}
	return nil
}

func (s *shard) openOf(ss *incident.SeriesState) *incident.Incident {
	if inc, ok := s.Incidents[ss.Incident]; ok && inc.Open() {
		return inc
	}
	return nil
}

// Severity comes from the check, is raised by the cause, and is capped by a warning.
func Severity(rule policy.Rule, status report.Status, c cause.Cause) cause.Severity {
	severity := rule.Severity.Max(c.Severity())
	if status == report.Warn {
		severity = severity.Min(cause.SeverityWarning)
	}
	return severity
}
