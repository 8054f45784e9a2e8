// Package notify turns changes of incidents into what is owed to whom. It knows no source.
// Its stages do no I/O and read no clock. Each changes the state that it is given, which
// is its caller's own copy, and returns what happened.
//
//	incident → thread → delivery
//
// An incident, or a group of several, is a thread of notifications. A thread owes each
// receiver a level, its [incident.Delivery]. [Claim] and [Record] are the two halves of
// delivering.
package notify

import (
	"maps"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Transition is one event of an incident or a group, for logs, metrics and tests.
type Transition struct {
	// ID is of the incident or group.
	ID       string
	Series   report.Series // zero for a group
	Event    incident.Event
	Severity cause.Severity
	Cause    cause.Cause
	// Withheld says why no receiver is told: "silenced", "maintenance", "grouped" or "noisy".
	Withheld string
	// Dropped is the address that is owed nothing any more, because it is no longer configured.
	// Then Event is empty.
	Dropped string
}

// shard is the state that a stage changes, with what it decides by and what it has told.
type shard struct {
	*incident.State
	policy policy.Policy
	now    time.Time
	told   []Transition
}

// thread is an incident or a group as a thread of notifications.
type thread struct {
	*incident.Thread
	id       string
	database string
	severity cause.Severity
	open     bool
	incident *incident.Incident
	group    *incident.Group
}

func (s *shard) thread(id string) (thread, bool) {
	if inc, ok := s.Incidents[id]; ok {
		return thread{Thread: &inc.Thread, id: id, database: inc.Series.Database, severity: inc.Severity, open: inc.Open(), incident: inc}, true
	}
	g, ok := s.Groups[id]
	if !ok {
		return thread{}, false
	}
	t := thread{Thread: &g.Thread, id: id, severity: g.Severity, open: g.Open(), group: g}
	for _, inc := range s.members(g) { // they share their receivers
		t.database = inc.Series.Database
		if _, configured := s.policy.Databases[t.database]; configured {
			break // of one that is gone, no route is known
		}
	}
	return t, true
}

// threads returns the threads of all incidents, then those of all groups, in the order
// of their ids.
func (s *shard) threads() []thread {
	var all []thread
	for _, id := range slices.Concat(slices.Sorted(maps.Keys(s.Incidents)), slices.Sorted(maps.Keys(s.Groups))) {
		t, _ := s.thread(id)
		all = append(all, t)
	}
	return all
}

// members returns a group's incidents in the order of joining.
func (s *shard) members(g *incident.Group) []*incident.Incident {
	var members []*incident.Incident
	for _, id := range g.Members {
		if inc, ok := s.Incidents[id]; ok {
			members = append(members, inc)
		}
	}
	return members
}

func (s *shard) route(t thread) policy.Route { return s.policy.Route(t.database, t.severity) }

// Prune forgets commands, incidents and groups that no longer matter.
func Prune(state *incident.State, p policy.Policy, now time.Time) {
	maps.DeleteFunc(state.Commands, func(_ string, at time.Time) bool { return now.Sub(at) > commandMemory })
	keeps := func(t incident.Thread, open bool, resolved time.Time) bool {
		if since := now.Sub(resolved); open || since <= p.Reopen {
			return true
		} else if since > p.Keep {
			return false
		}
		for _, d := range t.Deliveries {
			// A receiver that refuses may still show what was open.
			if d.Pending() || d.Lease.Held(now) || d.Refused != "" && d.Open && d.Want > d.Done {
				return true
			}
		}
		return false
	}
	listing := map[string]bool{} // groups that are kept, and list their members
	for id, g := range state.Groups {
		listing[id] = keeps(g.Thread, g.Open(), g.Resolved)
	}
	used := map[string]bool{} // groups of an incident that is kept itself
	for id, inc := range state.Incidents {
		if keeps(inc.Thread, inc.Open(), inc.Resolved) {
			used[inc.Group] = true
		} else if !listing[inc.Group] {
			delete(state.Incidents, id)
		}
	}
	maps.DeleteFunc(state.Groups, func(id string, _ *incident.Group) bool { return !listing[id] && !used[id] })
}
