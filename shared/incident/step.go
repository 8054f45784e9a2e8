package incident

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
)

// Step returns the state after one input, and what happened. It changes neither
// argument and decides the same for the same arguments; s.Counter and s.Owner are
// the writer's business.
//
// An input is applied first; then, whatever it was, time passes: missing reports,
// the ends of silences and maintenance, reminders and escalation are due by now.
func Step(s State, in Input, p Policy, now time.Time) (State, []Transition) {
	e := begin(s, p, now)
	in = in.truncated()
	switch {
	case in.Report != nil:
		e.report(*in.Report)
	case in.Signal != nil:
		e.signal(*in.Signal)
	case in.Command != nil:
		e.command(*in.Command)
	}
	e.receivers(in.Receivers)
	e.setAside(in.SetAside)

	e.missing()
	e.gone()
	e.retireMock()
	e.judge()
	e.endDrills()

	e.suppress()
	e.group()
	e.tellNews()
	e.remind()
	e.escalate()
	e.standIn()
	e.prune()
	return e.s, e.out
}

// engine is one Step at work: a state of its own, and what has happened so far.
type engine struct {
	p   Policy
	now time.Time

	s         State
	series    map[report.Series]*SeriesState
	incidents map[string]*Incident
	groups    map[string]*Group

	news []news
	out  []Transition
}

// news is an event that waits for grouping to say which thread tells it.
type news struct {
	incident string
	event    Event
}

func begin(s State, p Policy, now time.Time) *engine {
	s = s.Clone()
	return &engine{
		p: p, now: now.UTC().Truncate(time.Millisecond), s: s,
		series: s.Series, incidents: s.Incidents, groups: s.Groups,
	}
}

// sorted returns a map's keys in order: what Step decides must not depend on the
// order in which Go walks a map.
func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func (e *engine) transition(t Transition) {
	t.At = e.now
	e.out = append(e.out, t)
}

// openIncident returns the series' incident if it is open.
func (e *engine) openIncident(key report.Series) *Incident {
	if ss, ok := e.series[key]; ok {
		return e.openOf(ss)
	}
	return nil
}

func (e *engine) openOf(ss *SeriesState) *Incident {
	if ss.Incident == "" {
		return nil
	}
	if inc, ok := e.incidents[ss.Incident]; ok && inc.Open() {
		return inc
	}
	return nil
}
