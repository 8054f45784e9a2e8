package incident

import (
	"maps"
	"slices"
)

// Clone returns a deep copy, none of whose maps is nil. An observation is the one
// thing that both states share: nothing changes one after it was made.
func (s State) Clone() State {
	s.Jobs = cloned(s.Jobs)
	s.Commands = cloned(s.Commands)
	s.Canary = cloned(s.Canary)
	s.Leaving = cloned(s.Leaving)
	s.Silences, s.Changes = slices.Clone(s.Silences), slices.Clone(s.Changes)
	s.Series, s.Incidents, s.Groups = cloned(s.Series), cloned(s.Incidents), cloned(s.Groups)
	for i := range s.Changes {
		s.Changes[i].Databases = slices.Clone(s.Changes[i].Databases)
	}
	for key, ss := range s.Series {
		out := *ss
		out.Sources = slices.Clone(ss.Sources)
		s.Series[key] = &out
	}
	for id, inc := range s.Incidents {
		out := *inc
		out.Thread = inc.Thread.clone()
		out.CauseTold = cloned(inc.CauseTold)
		out.Down, out.Voters, out.Mock = slices.Clone(inc.Down), slices.Clone(inc.Voters), slices.Clone(inc.Mock)
		out.Reopenings, out.Impacts = slices.Clone(inc.Reopenings), slices.Clone(inc.Impacts)
		if inc.Changed != nil {
			out.Changed = new(*inc.Changed)
			out.Changed.Databases = slices.Clone(inc.Changed.Databases)
		}
		s.Incidents[id] = &out
	}
	for id, g := range s.Groups {
		out := *g
		out.Thread = g.Thread.clone()
		out.Members, out.Joined, out.Waiting = slices.Clone(g.Members), slices.Clone(g.Joined), slices.Clone(g.Waiting)
		s.Groups[id] = &out
	}
	return s
}

func (t Thread) clone() Thread {
	t.Marks, t.Deliveries = cloned(t.Marks), cloned(t.Deliveries)
	t.Timeline = slices.Clone(t.Timeline)
	if t.Ack != nil {
		ack := *t.Ack
		t.Ack = &ack
	}
	return t
}

// cloned returns a copy of a map, empty where it is nil.
func cloned[M ~map[K]V, K comparable, V any](m M) M {
	out := make(M, len(m))
	maps.Copy(out, m)
	return out
}
