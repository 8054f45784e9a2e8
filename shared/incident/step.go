package incident

import (
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
	return e.finish()
}

// engine is one Step at work: deep copies of the state, and what has happened so far.
type engine struct {
	p   Policy
	now time.Time

	s         State
	series    map[report.Series]*SeriesState
	incidents map[string]*Incident
	groups    map[string]*Group

	// fresh holds the series with a bad observation in this input.
	fresh map[report.Series]bool
	news  []news
	out   []Transition
}

// news is an event that waits for grouping to say which thread tells it.
type news struct {
	incident string
	event    Event
}

func begin(s State, p Policy, now time.Time) *engine {
	e := &engine{
		p: p, now: now.UTC().Truncate(time.Millisecond), s: s,
		series:    make(map[report.Series]*SeriesState, len(s.Series)),
		incidents: make(map[string]*Incident, len(s.Incidents)),
		groups:    make(map[string]*Group, len(s.Groups)),
		fresh:     map[report.Series]bool{},
	}
	e.s.Jobs = cloneMap(s.Jobs)
	e.s.Commands = cloneMap(s.Commands)
	e.s.Canary = cloneMap(s.Canary)
	e.s.Silences = slices.Clone(s.Silences)
	for key, v := range s.Series {
		v.Sources = slices.Clone(v.Sources)
		e.series[key] = &v
	}
	for id, v := range s.Incidents {
		v = v.clone()
		e.incidents[id] = &v
	}
	for id, v := range s.Groups {
		v.Thread = v.Thread.clone()
		v.Members = slices.Clone(v.Members)
		v.Joined = slices.Clone(v.Joined)
		v.Waiting = slices.Clone(v.Waiting)
		e.groups[id] = &v
	}
	return e
}

func (e *engine) finish() (State, []Transition) {
	e.s.Series, e.s.Incidents, e.s.Groups = nil, nil, nil
	if len(e.series) > 0 {
		e.s.Series = make(map[report.Series]SeriesState, len(e.series))
		for key, v := range e.series {
			for i := range v.Sources {
				v.Sources[i].shorten(key)
			}
			e.s.Series[key] = *v
		}
	}
	if len(e.incidents) > 0 {
		e.s.Incidents = make(map[string]Incident, len(e.incidents))
		for id, v := range e.incidents {
			e.s.Incidents[id] = *v
		}
	}
	if len(e.groups) > 0 {
		e.s.Groups = make(map[string]Group, len(e.groups))
		for id, v := range e.groups {
			e.s.Groups[id] = *v
		}
	}
	return e.s, e.out
}

func (i Incident) clone() Incident {
	i.Thread = i.Thread.clone()
	i.CauseTold = cloneMap(i.CauseTold)
	i.Down = slices.Clone(i.Down)
	i.Voters = slices.Clone(i.Voters)
	i.Reopenings = slices.Clone(i.Reopenings)
	i.Mock = slices.Clone(i.Mock)
	return i
}

func (t Thread) clone() Thread {
	t.Marks = cloneMap(t.Marks)
	t.Deliveries = cloneMap(t.Deliveries)
	if t.Ack != nil {
		ack := *t.Ack
		t.Ack = &ack
	}
	return t
}

// cloneMap keeps nil nil and turns empty into nil, so that equal states are equal
// after a round through the codec.
func cloneMap[M ~map[K]V, K comparable, V any](m M) M {
	if len(m) == 0 {
		return nil
	}
	return maps.Clone(m)
}

// set writes to a map that may be nil.
func set[M ~map[K]V, K comparable, V any](m *M, k K, v V) {
	if *m == nil {
		*m = M{}
	}
	(*m)[k] = v
}

// sorted returns a map's keys in order: what Step decides must not depend on the
// order in which Go walks a map.
func sorted[K interface{ ~string }, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}

func (e *engine) transition(t Transition) {
	t.At = e.now
	e.out = append(e.out, t)
}

// openIncident returns the series' incident if it is open.
func (e *engine) openIncident(key report.Series) *Incident {
	ss, ok := e.series[key]
	if !ok || ss.Incident == "" {
		return nil
	}
	if inc, ok := e.incidents[ss.Incident]; ok && inc.Open() {
		return inc
	}
	return nil
}
