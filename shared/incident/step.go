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

// engine is one Step at work: copies of what it may change, and what has happened so
// far. The copies are shallow: what a series, an incident or a group refers to is
// shared with the state that Step was given, and replaced, never written to: [set] does
// so for maps. Only what begin copies may be changed in place: a series' sources and
// the members of a group.
type engine struct {
	p   Policy
	now time.Time

	s         State
	series    map[report.Series]*SeriesState
	incidents map[string]*Incident
	groups    map[string]*Group

	// list holds the series once more: it is walked several times a step, which takes a
	// map of thousands ten times as long.
	list []listed
	// ids are the incidents' in order, see incidentIDs.
	ids []string
	// asked is the database that was looked up last: a report has its checks in a row.
	asked lookup
	news  []news
	out   []Transition
}

// news is an event that waits for grouping to say which thread tells it.
type news struct {
	incident string
	event    Event
}

// listed is a series in the engine's list.
type listed struct {
	key report.Series
	*SeriesState
}

// lookup is what the policy says of a database.
type lookup struct {
	name   string
	known  bool
	checks []report.Check
}

func begin(s State, p Policy, now time.Time) *engine {
	e := beginThreads(s, p, now)
	e.copySeries()
	return e
}

// beginThreads is begin for what changes incidents and groups alone.
func beginThreads(s State, p Policy, now time.Time) *engine {
	e := &engine{
		p: p, now: now.UTC().Truncate(time.Millisecond), s: s,
		series: s.Series, incidents: copies(s.Incidents), groups: copies(s.Groups),
	}
	e.s.Jobs = cloneMap(s.Jobs)
	e.s.Commands = cloneMap(s.Commands)
	e.s.Canary = cloneMap(s.Canary)
	e.s.Silences = slices.Clone(s.Silences)
	for _, g := range e.groups {
		g.Members = slices.Clone(g.Members)
		g.Joined = slices.Clone(g.Joined)
		g.Waiting = slices.Clone(g.Waiting)
	}
	return e
}

// copySeries puts copies of the series with their sources in their place, all in two
// pieces of memory.
func (e *engine) copySeries() {
	of := e.s.Series
	e.series, e.list = make(map[report.Series]*SeriesState, len(of)), make([]listed, 0, len(of))
	copies, sources := make(slab[SeriesState], len(of)), make(slab[SourceState], len(of))
	for key, v := range of {
		ss := &copies.take(1)[0]
		*ss = *v
		if v.Sources != nil {
			ss.Sources = sources.take(len(v.Sources))
			copy(ss.Sources, v.Sources)
		}
		e.add(key, ss)
	}
}

// add adds a series.
func (e *engine) add(key report.Series, ss *SeriesState) {
	e.series[key] = ss
	e.list = append(e.list, listed{key, ss})
}

// copies returns a map of copies, which lie in one piece of memory.
func copies[V any](m map[string]*V) map[string]*V {
	out, values := make(map[string]*V, len(m)), make([]V, 0, len(m))
	for key, v := range m {
		values = append(values, *v)
		out[key] = &values[len(values)-1]
	}
	return out
}

func (e *engine) finish() (State, []Transition) {
	// Empty is nil, as after a round through the codec.
	e.s.Series, e.s.Incidents, e.s.Groups = emptyNil(e.series), emptyNil(e.incidents), emptyNil(e.groups)
	return e.s, e.out
}

// cloneMap keeps nil nil and turns empty into nil, so that equal states are equal
// after a round through the codec.
func cloneMap[M ~map[K]V, K comparable, V any](m M) M {
	if len(m) == 0 {
		return nil
	}
	return maps.Clone(m)
}

// set puts a copy with k as v in the place of a map that may be nil, and that may be
// another state's as well. It is for maps of a few entries.
func set[M ~map[K]V, K comparable, V any](m *M, k K, v V) {
	out := make(M, len(*m)+1)
	maps.Copy(out, *m)
	out[k] = v
	*m = out
}

// sorted returns a map's keys in order: what Step decides must not depend on the
// order in which Go walks a map.
func sorted[K interface{ ~string }, V any](m map[K]V) []K {
	if len(m) == 0 {
		return nil
	}
	return appendSorted(make([]K, 0, len(m)), m)
}

// fewKeys is how many keys of a map are sorted without a piece of memory for them:
// what a thread has of marks and receivers.
const fewKeys = 8

// appendSorted appends a map's keys in order.
func appendSorted[K interface{ ~string }, V any](keys []K, m map[K]V) []K {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (e *engine) transition(t Transition) {
	t.At = e.now
	e.out = append(e.out, t)
}

// incidentIDs returns the ids of all incidents in order. Several walks of a step share
// them: incidents are only added until prune, which is the last.
func (e *engine) incidentIDs() []string {
	if len(e.ids) != len(e.incidents) {
		e.ids = sorted(e.incidents)
	}
	return e.ids
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
