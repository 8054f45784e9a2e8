package incident

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
)

// handover is what a shard knows of a database that another shard has now.
type handover struct {
	Series    []storedSeries `json:"series,omitempty"`
	Incidents []Incident     `json:"incidents,omitempty"`
	Groups    []Group        `json:"groups,omitempty"`
	Silences  []Silence      `json:"silences,omitempty"`
}

// Moving returns the shards that are to have something from here, elsewhere being the databases
// of other shards with their shard.
func (s State) Moving(elsewhere map[string]string) []string {
	to := map[string]bool{}
	for key := range s.Series {
		to[elsewhere[key.Database]] = true
	}
	for _, i := range s.Incidents {
		to[elsewhere[i.Series.Database]] = true
	}
	for _, x := range s.Silences {
		to[elsewhere[x.Series.Database]] = true
	}
	for name := range s.Leaving {
		to[elsewhere[name]] = true
	}
	delete(to, "") // what is not elsewhere
	return slices.Sorted(maps.Keys(to))
}

// Leave puts what is known of databases that another shard has now into Leaving, where nothing
// is decided and nothing is sent any more. While a worker may be sending about one of them, it
// does nothing. It returns a change of each group that has lost a member.
func (s *State) Leave(elsewhere map[string]string, now time.Time) []Change {
	var changes []Change
	for _, name := range slices.Sorted(maps.Keys(s.Leaving)) {
		if elsewhere[name] == "" { // it has come back, or is gone
			changes = append(changes, s.Arrive(s.Leaving[name], now)...)
			delete(s.Leaving, name)
		}
	}
	elsewhere = maps.Clone(elsewhere)
	for name := range s.Leaving {
		delete(elsewhere, name) // one handover after the other
	}
	if len(s.Moving(elsewhere)) == 0 || s.sendsAbout(elsewhere, now) {
		return changes
	}
	out := map[string]*handover{}
	at := func(name string) *handover { // nil of a database that stays
		if out[name] == nil && elsewhere[name] != "" {
			out[name] = &handover{}
		}
		return out[name]
	}
	of := map[string]string{} // the database with which an incident or a group leaves
	changes = append(changes, s.leaveGroups(elsewhere, func(name string, g *Group) {
		at(name).Groups = append(at(name).Groups, *g)
		of[g.ID] = name
	})...)
	for _, id := range slices.Sorted(maps.Keys(s.Incidents)) {
		i := s.Incidents[id]
		if h := at(i.Series.Database); h != nil {
			h.Incidents = append(h.Incidents, *i)
			of[id] = i.Series.Database
			delete(s.Incidents, id)
		}
	}
	for key, ss := range s.Series {
		if h := at(key.Database); h != nil {
			h.Series = append(h.Series, storedSeries{key, *ss})
			delete(s.Series, key)
		}
	}
	s.Silences = slices.DeleteFunc(s.Silences, func(x Silence) bool {
		h := at(cmp.Or(of[x.Incident], x.Series.Database))
		if h != nil {
			h.Silences = append(h.Silences, x)
		}
		return h != nil
	})
	for name, h := range out {
		slices.SortFunc(h.Series, storedSeries.compare)
		data, _ := json.Marshal(h) // of plain structs, it does not fail
		s.Leaving[name] = string(data)
	}
	return changes
}

// sendsAbout reports whether a worker may be sending about one of these databases.
func (s State) sendsAbout(elsewhere map[string]string, now time.Time) bool {
	held := func(t Thread) bool {
		for _, d := range t.Deliveries {
			if d.Lease.Held(now) {
				return true
			}
		}
		return false
	}
	for _, i := range s.Incidents {
		if elsewhere[i.Series.Database] == "" {
			continue
		}
		if g := s.Groups[i.Group]; held(i.Thread) || g != nil && held(g.Thread) {
			return true
		}
	}
	return false
}

// leaveGroups lets a group leave with its first member if all others leave as well. Those that
// go another way speak for themselves from then on.
func (s *State) leaveGroups(elsewhere map[string]string, leave func(with string, g *Group)) []Change {
	var changes []Change
	for _, id := range slices.Sorted(maps.Keys(s.Groups)) {
		g := s.Groups[id]
		to, stay := "", ""
		var leaving []*Incident
		for _, member := range g.Members {
			i := s.Incidents[member]
			switch {
			case i == nil:
			case elsewhere[i.Series.Database] == "":
				stay = member
			default:
				leaving = append(leaving, i)
			}
		}
		if len(leaving) == 0 {
			continue
		}
		if stay == "" {
			first := leaving[0].Series.Database
			to = elsewhere[first]
			leave(first, g)
			delete(s.Groups, id)
		} else {
			changes = append(changes, Change{ID: stay, Event: Updated})
		}
		for _, i := range leaving {
			if elsewhere[i.Series.Database] != to {
				i.detach(g)
			}
		}
	}
	return changes
}

// detach lets a member speak for itself: receivers that were notified of the group know of it.
func (i *Incident) detach(g *Group) {
	g.Members = slices.DeleteFunc(slices.Clone(g.Members), func(id string) bool { return id == i.ID })
	i.Group = ""
	if i.Ack == nil {
		i.Ack = g.Ack
	}
	if !i.Open() || i.Marks.Open() || !g.Marks.Open() {
		return
	}
	i.Rev++
	i.Marks, i.Deliveries, i.Escalated = cloned(i.Marks), cloned(i.Deliveries), g.Escalated
	i.Marks[Opened] = i.Rev
	for address, d := range g.Deliveries {
		if address != Documents && d.Open {
			i.Deliveries[address] = Delivery{Want: i.Rev, Done: i.Rev, Open: true, Sent: d.Sent}
		}
	}
}

// Arrive takes what another shard has handed over, and returns a change of each incident, so
// that messages lead here. What is here already stays. An incident whose series has another open
// one here is closed.
func (s *State) Arrive(text string, now time.Time) []Change {
	var h handover
	if json.Unmarshal([]byte(text), &h) != nil {
		return nil // of another version: the next reports open anew what fails
	}
	var changes []Change
	fails := func(key report.Series) bool { // here, by itself
		own := s.Series[key]
		return own != nil && s.Incidents[own.Incident] != nil && s.Incidents[own.Incident].Open()
	}
	for n := range h.Incidents {
		i := &h.Incidents[n]
		if s.Incidents[i.ID] != nil {
			continue
		}
		s.Incidents[i.ID] = i
		change := Change{ID: i.ID, Event: Updated}
		if i.Open() && fails(i.Series) {
			i.Resolved, i.Gone, change.Event = now, true, NoLongerWatched
		}
		changes = append(changes, change)
	}
	for n := range h.Series {
		if x := &h.Series[n]; !fails(x.Series) {
			s.Series[x.Series] = &x.SeriesState
		}
	}
	for n := range h.Groups {
		if g := &h.Groups[n]; s.Groups[g.ID] == nil {
			s.Groups[g.ID] = g
		}
	}
	for _, x := range h.Silences {
		if !slices.ContainsFunc(s.Silences, func(own Silence) bool { return own.ID == x.ID }) {
			s.Silences = append(s.Silences, x)
		}
	}
	return changes
}
