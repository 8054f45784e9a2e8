package notify

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Group lets incidents that have much in common be told in one thread. Those of GroupAt
// databases or more form a group, and later ones join it.
func Group(state *incident.State, p policy.Policy, now time.Time) {
	if p.GroupAt < 2 {
		return
	}
	s := &shard{State: state, policy: p, now: now}
	alike := map[string][]*incident.Incident{}
	for _, id := range slices.Sorted(maps.Keys(s.Incidents)) {
		inc := s.Incidents[id]
		if inc.Open() && inc.Group == "" && inc.Suppressed == "" && !inc.Drill && inc.Series.Database != report.MonitorDatabase {
			r := p.Route(inc.Series.Database, inc.Severity)
			key := strings.Join([]string{
				string(inc.Cause.Class()), string(inc.Severity), strings.Join(r.Receivers, ","), strings.Join(r.Escalate, ","),
			}, "|")
			alike[key] = append(alike[key], inc)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(alike)) {
		var untold []*incident.Incident
		databases := map[string]bool{}
		for _, inc := range alike[key] {
			databases[inc.Series.Database] = true
			if inc.Marks.OpenAt() == 0 {
				untold = append(untold, inc)
			}
		}
		var g *incident.Group
		for _, id := range slices.Backward(slices.Sorted(maps.Keys(s.Groups))) {
			if open := s.Groups[id]; open.Open() && open.Key == key {
				g = open // the first by id
			}
		}
		switch {
		case g == nil && len(untold) > 0 && len(databases) >= p.GroupAt:
			s.form(key, alike[key])
		case g != nil && g.Suppressed == "": // otherwise a silenced group would also mute what no one has silenced
			s.join(g, untold)
		}
	}
}

func (s *shard) form(key string, members []*incident.Incident) {
	g := &incident.Group{
		ID: incident.NewID(s.Shard, "group "+key, s.now), Key: key,
		Class: members[0].Cause.Class(), Severity: members[0].Severity, Opened: s.now,
	}
	for _, inc := range members {
		if !inc.Escalated.IsZero() {
			g.Escalated = inc.Escalated // the escalation receivers are told of the group as well
		}
	}
	s.Groups[g.ID] = g
	s.join(g, members)
}

func (s *shard) join(g *incident.Group, members []*incident.Incident) {
	for _, inc := range members {
		inc.Group = g.ID
		inc.RemindAt = time.Time{} // the group reminds
		g.Members = append(g.Members, inc.ID)
		if g.Since.IsZero() || inc.Since.Before(g.Since) {
			g.Since = inc.Since
		}
	}
	g.Region = s.region(g)
}

// region returns the configured region that all members' databases share, if their
// causes are ones that a region has.
func (s *shard) region(g *incident.Group) string {
	region := ""
	for _, inc := range s.members(g) {
		of := s.policy.Databases[inc.Series.Database].Region
		if of == "" || region != "" && of != region || inc.Cause.Class() != cause.ClassNetwork && inc.Cause != cause.Provider5xx {
			return ""
		}
		region = of
	}
	return region
}

// tellGroup tells what happened to a group's members as one event of the group.
func (s *shard) tellGroup(g *incident.Group, changes []incident.Change) {
	before := g.Severity
	anyOpen, allGone := false, true
	for _, inc := range s.members(g) {
		anyOpen = anyOpen || inc.Open()
		allGone = allGone && inc.Gone
		if inc.Open() && inc.Suppressed == "" {
			g.Severity = g.Severity.Max(inc.Severity)
		}
	}
	g.Region = s.region(g)
	told := g.Open() && g.Marks.OpenAt() > 0
	waited := len(g.Waiting)
	resumed := false
	// The incidents that fail since the group was told are told of together. Those that are
	// suppressed are told when that ends. Of one that was told before, only that is news.
	for _, c := range changes {
		inc := s.Incidents[c.ID]
		switch ends := c.Event == incident.Resumed; {
		case !ends && c.Event != incident.Opened && c.Event != incident.Reopened:
		case !told || !anyOpen:
		case inc.Suppressed != "":
			inc.Withheld = true
		case ends && !inc.Withheld:
			resumed = !g.Resumed.Equal(s.now) // otherwise the silence was the group's, and its end is told
		default:
			g.Waiting, inc.Withheld = append(g.Waiting, c.ID), false
		}
	}
	switch {
	case g.Marks.OpenAt() == 0 && !g.Withheld:
		s.tell(g.ID, incident.Opened)
	case g.Open() && !anyOpen:
		g.Resolved, g.Waiting = s.now, nil
		if allGone {
			s.tell(g.ID, incident.NoLongerWatched)
		} else {
			s.tell(g.ID, incident.Resolved)
		}
	case !g.Open() && anyOpen:
		again := s.now
		for _, inc := range s.members(g) {
			if since := inc.Failing(); inc.Open() && since.Before(again) {
				again = since
			}
		}
		g.FailAgain(again)
		g.Resolved, g.Ack, g.Reminded, g.Reopened = time.Time{}, nil, 0, s.now
		if slices.ContainsFunc(changes, func(c incident.Change) bool { return c.Event == incident.Unstable }) {
			s.tell(g.ID, incident.Unstable)
		} else {
			s.tell(g.ID, incident.Reopened)
		}
	case !g.Open():
	case g.Severity.Compare(before) > 0:
		s.renew(&g.Thread)
		s.tell(g.ID, incident.Raised)
	case resumed && len(g.Waiting) == waited:
		s.tell(g.ID, incident.Resumed)
	default:
		s.tellChange(g, changes, len(g.Waiting) > waited)
	}
}

// tellChange tells a change inside a group that stays open.
func (s *shard) tellChange(g *incident.Group, changes []incident.Change, changed bool) {
	for _, c := range changes {
		switch c.Event {
		case incident.Opened, incident.Reopened, incident.Resumed:
		case incident.Unstable, incident.Flapping:
			if g.Marks[c.Event] == 0 {
				s.tell(g.ID, c.Event)
				return
			}
		case incident.Updated:
		default:
			changed = true
		}
	}
	switch class := s.class(g); {
	case class != "" && class != g.Class:
		g.Class = class
		s.tell(g.ID, incident.CauseChanged)
	case s.tellJoined(g):
	case changed || s.now.Sub(g.Edited) >= s.policy.EditEvery:
		s.tell(g.ID, incident.Updated)
	}
}

// class is that of all open members' causes, empty where they differ.
func (s *shard) class(g *incident.Group) cause.Class {
	var class cause.Class
	for _, inc := range s.members(g) {
		if !inc.Open() {
			continue
		}
		if class != "" && inc.Cause.Class() != class {
			return ""
		}
		class = inc.Cause.Class()
	}
	return class
}

// tellJoined tells which incidents joined, once the time in which a group is expected to
// grow is over or the group is acknowledged. Until then they are only edited in, which
// receivers that cannot edit do not see.
func (s *shard) tellJoined(g *incident.Group) bool {
	g.Waiting = slices.DeleteFunc(g.Waiting, func(id string) bool { inc, ok := s.Incidents[id]; return !ok || !inc.Open() })
	if len(g.Waiting) == 0 || g.Ack == nil && s.now.Sub(g.Opened) < s.policy.JoinQuiet {
		return false
	}
	slices.Sort(g.Waiting)
	g.Joined, g.Waiting = slices.Compact(g.Waiting), nil
	if g.Ack != nil {
		s.renew(&g.Thread)
	} else {
		g.Generation++ // it may have been acknowledged elsewhere
	}
	s.tell(g.ID, incident.Joined)
	return true
}
