package judge

import (
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

func (s *shard) open(key report.Series, ss *incident.SeriesState, v verdict) {
	inc := &incident.Incident{
		ID: incident.NewID(s.Shard, key.String(), s.now), Series: key, Since: v.since, Opened: s.now, LastOK: ss.LastOK,
		CauseTold: map[cause.Class]time.Time{v.cause.Class(): s.now},
	}
	s.Incidents[inc.ID] = inc
	ss.Incident = inc.ID
	take(inc, v, s.policy.Rule(key))
	s.compareRedis(inc)
	s.announce(inc, incident.Opened)
}

func (s *shard) reopen(inc *incident.Incident, ss *incident.SeriesState, v verdict) {
	failAgain(inc, ss, v)
	inc.Resolved = time.Time{}
	inc.Reopened++
	inc.RedisBack = time.Time{}
	s.compareRedis(inc)
	from := s.now.Add(-s.policy.UnstableWithin)
	inc.Reopenings = append(slices.DeleteFunc(inc.Reopenings, func(t time.Time) bool { return t.Before(from) }), s.now)
	runs := inc.Runs + v.runs
	take(inc, v, s.policy.Rule(inc.Series))
	inc.Runs = runs
	if !inc.Unstable && len(inc.Reopenings) >= s.policy.UnstableAfter {
		inc.Unstable = true
		s.announce(inc, incident.Unstable)
		return
	}
	s.announce(inc, incident.Reopened)
}

// failAgain notes since when it fails again, and that it was good before.
func failAgain(inc *incident.Incident, ss *incident.SeriesState, v verdict) {
	inc.FailAgain(v.since)
	inc.LastOK = later(inc.LastOK, ss.LastOK)
}

// take copies what the verdict says into the incident.
func take(inc *incident.Incident, v verdict, rule policy.Rule) {
	inc.Status, inc.Cause, inc.Down, inc.Voters = v.status, v.cause, named(v.down), named(v.voters)
	inc.Severity = inc.Severity.Max(Severity(rule, v.status, v.cause))
	inc.Runs = max(inc.Runs, v.runs)
	switch {
	case v.lead.Observation != nil:
		inc.Observation = *v.lead.Observation
	case inc.Observation.At.IsZero() && v.seen != nil:
		inc.Observation = *v.seen
	}
}

// named leaves out the source without a name, which checks have that have only one.
func named(sources []string) []string {
	return slices.DeleteFunc(slices.Clone(sources), func(name string) bool { return name == "" })
}

// update brings an open incident up to date with a verdict that is still bad.
func (s *shard) update(inc *incident.Incident, ss *incident.SeriesState, v verdict) {
	rule := s.policy.Rule(inc.Series)
	s.noise(inc, ss)
	again := !inc.Good.IsZero()
	if again {
		failAgain(inc, ss, v)
	}
	before := *inc
	changed := false
	if confirmed(v.lead, rule.For(v.cause)) && (v.lead.Observation != nil || v.cause == inc.Cause) {
		changed = v.cause != inc.Cause
	} else if v.cause != inc.Cause {
		// The cause stays, and with it the observation that shows it: a cause and the evidence of
		// another reading would be two truths in one message.
		lead := *v.lead
		lead.Observation = nil
		v.lead, v.cause, v.status = &lead, inc.Cause, inc.Status
	} else {
		v.status = inc.Status
	}
	runs := inc.Runs
	if s.fresh[inc.Series] {
		runs++
	}
	take(inc, v, rule)
	inc.Runs = max(runs, v.runs)
	if changed {
		inc.Previous = before.Cause
	}
	switch {
	case inc.Severity.Compare(before.Severity) > 0:
		s.announce(inc, incident.Raised)
	case changed && s.newClass(inc):
		s.announce(inc, incident.CauseChanged)
	case changed, again, !slices.Equal(inc.Down, before.Down), inc.Status != before.Status:
		s.announce(inc, incident.Updated)
	case s.fresh[inc.Series]:
		s.changes = append(s.changes, incident.Change{ID: inc.ID, Event: incident.Updated, Routine: true})
	}
}

// newClass reports whether the cause's class is news, and notes that it no longer is.
func (s *shard) newClass(inc *incident.Incident) bool {
	class := inc.Cause.Class()
	told, ok := inc.CauseTold[class]
	if class == inc.Previous.Class() || ok && s.now.Sub(told) < s.policy.CauseQuiet {
		return false
	}
	inc.CauseTold[class] = s.now
	return true
}

// noise starts and ends flapping.
func (s *shard) noise(inc *incident.Incident, ss *incident.SeriesState) {
	was := inc.Flapping
	inc.Flapping = flapping(ss, was, s.policy)
	switch {
	case inc.Flapping && !was && !inc.Unstable:
		s.announce(inc, incident.Flapping)
	case inc.Flapping != was:
		s.announce(inc, incident.Updated)
	}
}

// close resolves an incident whose series is good, unless it is too noisy for that
// to mean anything.
func (s *shard) close(inc *incident.Incident, ss *incident.SeriesState) {
	s.noise(inc, ss)
	if inc.Flapping || inc.Unstable && s.now.Sub(ss.LastBad) < s.policy.Settle {
		if inc.Good.IsZero() {
			inc.Good = s.now
			s.announce(inc, incident.Updated)
		}
		return
	}
	s.resolve(inc, incident.Resolved)
}

func (s *shard) resolve(inc *incident.Incident, event incident.Event) {
	inc.Resolved = s.now
	inc.Gone = event == incident.NoLongerWatched
	inc.Unstable, inc.Flapping, inc.Stale = false, false, time.Time{}
	s.announce(inc, event)
}

func (s *shard) announce(inc *incident.Incident, event incident.Event) {
	s.changes = append(s.changes, incident.Change{ID: inc.ID, Event: event})
}
