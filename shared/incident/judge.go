package incident

import (
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Why a confirmed failure is not opened.
const (
	heldByPing = "ping"
	heldByVote = "vote"
)

// judge makes the verdict of every series and opens, updates and resolves. Pings
// come first, so that what they explain is held back in the same step; otherwise no
// series' verdict depends on another's.
func (e *engine) judge() {
	heard := e.heardRegions()
	for key, ss := range e.series {
		if key.Check == report.Ping {
			e.judgeSeries(key, ss, heard)
		}
	}
	for key, ss := range e.series {
		if key.Check != report.Ping {
			e.judgeSeries(key, ss, heard)
		}
	}
	e.relateMock()
}

func (e *engine) judgeSeries(key report.Series, ss *SeriesState, heard []string) {
	inc := e.openOf(ss)
	if inc == nil && !slices.ContainsFunc(ss.Sources, func(s SourceState) bool { return s.Down }) {
		ss.Held = ""
		return
	}
	// Where regions do not vote, one source that is down is a failure whatever the others
	// say: there is nothing to count up about what is explained.
	if inc == nil && !votes(key.Check) && e.hold(key, ss) {
		return
	}
	v := Aggregate(key.Check, ss.Sources, heard, e.home(key), e.now)
	switch {
	case v.Status.Bad() && inc == nil:
		e.consider(key, ss, v)
	case v.Status.Bad():
		e.update(inc, ss, v)
	case v.Status == report.OK && inc != nil:
		e.close(inc, ss)
	case v.Status == report.OK:
		ss.Held = ""
	}
}

// home is the home region of the series' database, for checks on which regions vote.
func (e *engine) home(key report.Series) string {
	if !votes(key.Check) {
		return ""
	}
	return e.p.Databases[key.Database].Home
}

// heardRegions names the regions whose health check reported lately.
func (e *engine) heardRegions() []string {
	var regions []string
	for _, key := range sorted(e.s.Jobs) {
		job, region, _ := cutJob(key)
		last := e.s.Jobs[key]
		if job == report.HealthCheck && e.now.Sub(last.Scheduled) <= 3*last.Every+slack {
			regions = append(regions, region)
		}
	}
	return regions
}

// consider opens an incident unless something else explains the failure.
func (e *engine) consider(key report.Series, ss *SeriesState, v Verdict) {
	voted := ss.Held == heldByVote
	if e.hold(key, ss) {
		return
	}
	// What was seen while it was held back may be over by now: it needs a new bad
	// result. Evidence of mock mode stands until it is withdrawn.
	if !ss.fresh && !voted && key.Check != report.MockMode {
		return
	}
	if v.Alone && e.votesMissing(v.Lead) {
		if !voted {
			ss.HeldAt = e.now
		}
		if e.now.Sub(ss.HeldAt) < v.Lead.Every {
			ss.Held = heldByVote
			return
		}
	}
	if inc := e.reopenable(ss); inc != nil {
		e.reopen(inc, v)
		return
	}
	e.open(key, ss, v)
}

// hold holds back a failure that something else explains, and reports whether it did.
func (e *engine) hold(key report.Series, ss *SeriesState) bool {
	ss.Held = e.held(key)
	if ss.Held == "" {
		return false
	}
	e.attachMock(key)
	return true
}

// votesMissing reports whether another region may still report on the run in which
// one region alone was found down: its word decides between a warning and an outage,
// and nobody should be told twice within seconds. It is waited for one interval.
func (e *engine) votesMissing(lead *SourceState) bool {
	for key, js := range e.s.Jobs {
		if job, _, _ := cutJob(key); job == report.HealthCheck && js.Scheduled.Before(lead.Scheduled) && e.now.Sub(js.Scheduled) <= 3*js.Every {
			return true
		}
	}
	return false
}

// held says what explains a failure of the series, if anything.
func (e *engine) held(key report.Series) string {
	ping := report.Series{Database: key.Database, Check: report.Ping}
	if key.Check == report.Ping || key.Database == report.MonitorDatabase {
		return ""
	}
	ss, ok := e.series[ping]
	if !ok {
		return ""
	}
	inc := e.openOf(ss)
	switch {
	case inc != nil && inc.Status != report.Fail:
		return "" // from most regions it answers
	case inc != nil:
		return heldByPing
	case key.Check == report.MockMode:
		if ss.Incident != "" && !ss.settled() {
			return heldByPing // Redis is back since this run only: the app may notice by itself
		}
		return ""
	case ss.pending(e.now):
		return heldByPing
	}
	return ""
}

// pending reports whether the latest result of a source that was heard lately is bad.
func (ss *SeriesState) pending(now time.Time) bool {
	return slices.ContainsFunc(ss.Sources, func(s SourceState) bool { return (s.Bad > 0 || s.Down) && s.heard(now) })
}

// settled reports whether every source was good twice.
func (ss *SeriesState) settled() bool {
	return !slices.ContainsFunc(ss.Sources, func(s SourceState) bool { return s.Good < 2 && !s.Scheduled.IsZero() })
}

func (e *engine) open(key report.Series, ss *SeriesState, v Verdict) {
	inc := &Incident{
		ID: newID(e.s.Shard, key.String(), e.now), Series: key, Opened: e.now, LastOK: ss.LastOK,
		Thread: newThread(), CauseTold: map[cause.Class]time.Time{},
	}
	e.incidents[inc.ID] = inc
	ss.Incident = inc.ID
	inc.take(v, e.p.Rule(key))
	inc.Since = v.Since
	e.compareRedis(inc)
	inc.CauseTold[inc.Cause.Class()] = e.now
	e.announce(inc, Opened)
}

// reopenable returns the incident that a failure of the series continues, if any.
func (e *engine) reopenable(ss *SeriesState) *Incident {
	inc, ok := e.incidents[ss.Incident]
	if !ok || inc.Open() || inc.Gone || e.now.Sub(inc.Resolved) > e.p.Reopen {
		return nil
	}
	return inc
}

func (e *engine) reopen(inc *Incident, v Verdict) {
	inc.Resolved = time.Time{}
	inc.Reopened++
	inc.RedisBack = time.Time{}
	e.compareRedis(inc)
	inc.Reopenings = append(recent(inc.Reopenings, e.now.Add(-e.p.UnstableWithin)), e.now)
	inc.Ack = nil
	inc.Reminded = 0
	inc.take(v, e.p.Rule(inc.Series))
	event := Reopened
	if !inc.Unstable && len(inc.Reopenings) >= e.p.UnstableAfter {
		inc.Unstable = true
		event = Unstable
	}
	e.announce(inc, event)
}

func recent(times []time.Time, from time.Time) []time.Time {
	return slices.DeleteFunc(slices.Clone(times), func(t time.Time) bool { return t.Before(from) })
}

// take copies what the verdict says into the incident.
func (i *Incident) take(v Verdict, rule Rule) {
	i.Status, i.Down, i.Voters = v.Status, named(v.Down), named(v.Voters)
	i.Cause = v.Lead.Cause
	i.Severity = i.Severity.Max(severity(rule, v.Status, i.Cause))
	i.Runs = max(i.Runs, v.Runs)
	switch {
	case v.Lead.Observation != nil:
		i.Observation = *v.Lead.Observation
	case i.Observation.At.IsZero() && v.Seen != nil:
		i.Observation = *v.Seen
	}
}

// named leaves out the source of checks that have only one, which has no name.
func named(sources []string) []string {
	if !slices.Contains(sources, "") {
		return sources
	}
	return slices.DeleteFunc(slices.Clone(sources), func(s string) bool { return s == "" })
}

// update brings an open incident up to date with a verdict that is still bad.
func (e *engine) update(inc *Incident, ss *SeriesState, v Verdict) {
	rule := e.p.Rule(inc.Series)
	e.noise(inc, ss)
	before := *inc
	confirmed := v.Lead.confirmed(rule.threshold(v.Lead.Cause))
	changed := confirmed && inc.Cause != v.Lead.Cause
	runs := inc.Runs
	if ss.fresh {
		runs++
	}
	if !confirmed {
		v.Status, v.Lead = before.Status, &SourceState{Cause: before.Cause, Observation: v.Lead.Observation}
	}
	inc.take(v, rule)
	inc.Runs = max(runs, v.Runs)
	if changed {
		inc.Previous = before.Cause
	}
	switch {
	case inc.Severity.Compare(before.Severity) > 0:
		e.announce(inc, Raised)
	case changed && e.newClass(inc):
		e.announce(inc, CauseChanged)
	case changed, !slices.Equal(inc.Down, before.Down), inc.Status != before.Status:
		e.announce(inc, Updated)
	case ss.fresh && e.now.Sub(later(inc.Edited, inc.Opened)) >= e.p.EditEvery:
		e.announce(inc, Updated)
	}
}

// newClass reports whether the cause's class is news, and notes that it no longer is.
func (e *engine) newClass(inc *Incident) bool {
	class := inc.Cause.Class()
	if class == inc.Previous.Class() {
		return false
	}
	told, ok := inc.CauseTold[class]
	if ok && e.now.Sub(told) < e.p.CauseQuiet {
		return false
	}
	inc.CauseTold[class] = e.now
	return true
}

// noise starts and ends flapping.
func (e *engine) noise(inc *Incident, ss *SeriesState) {
	was := inc.Flapping
	inc.Flapping = ss.flapping(was, e.p)
	switch {
	case inc.Flapping && !was && !inc.Unstable:
		e.announce(inc, Flapping)
	case inc.Flapping != was:
		e.announce(inc, Updated)
	}
}

// close resolves an incident whose series is good, unless it is too noisy for that
// to mean anything.
func (e *engine) close(inc *Incident, ss *SeriesState) {
	e.noise(inc, ss)
	if inc.Flapping || inc.Unstable && e.now.Sub(ss.LastBad) < e.p.Settle {
		return
	}
	e.resolve(inc, Resolved)
}

func (e *engine) resolve(inc *Incident, event Event) {
	inc.Resolved = e.now
	inc.Gone = event == NoLongerWatched
	inc.Unstable, inc.Flapping = false, false
	e.announce(inc, event)
}

// reclosing reports whether the series' incident was reopened so lately that it
// needs more good results to close.
func (e *engine) reclosing(ss *SeriesState) bool {
	if ss.Incident == "" {
		return false
	}
	inc, ok := e.incidents[ss.Incident]
	return ok && len(inc.Reopenings) > 0 && e.now.Sub(inc.Reopenings[len(inc.Reopenings)-1]) < e.p.Reopen
}

// announce queues an event until it is known which thread tells it.
func (e *engine) announce(inc *Incident, event Event) {
	e.news = append(e.news, news{inc.ID, event})
}
