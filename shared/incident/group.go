package incident

import (
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// group lets incidents that have much in common be told in one thread: those of
// GroupAt databases or more form a group, later ones join it.
func (e *engine) group() {
	if e.p.GroupAt < 2 {
		return
	}
	alike := map[string][]*Incident{}
	for _, id := range sorted(e.incidents) {
		if inc := e.incidents[id]; e.groupable(inc) {
			key := e.groupKey(inc)
			alike[key] = append(alike[key], inc)
		}
	}
	for _, key := range sorted(alike) {
		if g := e.openGroup(key); g != nil {
			if g.Suppressed == "" { // else nobody would hear of what nobody has silenced
				e.join(g, untold(alike[key]))
			}
			continue
		}
		if len(untold(alike[key])) > 0 && databases(alike[key]) >= e.p.GroupAt {
			e.form(key, alike[key])
		}
	}
}

func (e *engine) groupable(inc *Incident) bool {
	return inc.Open() && inc.Group == "" && inc.Suppressed == "" && !inc.Drill &&
		inc.Series.Database != report.MonitorDatabase
}

// groupKey is what members share: class, severity and who is told.
func (e *engine) groupKey(inc *Incident) string {
	r := e.p.Route(inc.Series.Database, inc.Severity)
	return strings.Join([]string{
		string(inc.Cause.Class()), string(inc.Severity), strings.Join(r.Receivers, ","), strings.Join(r.Escalate, ","),
	}, "|")
}

// Formed is the class that the members had in common when the group was formed: the first
// part of its key.
func (g Group) Formed() cause.Class {
	class, _, _ := strings.Cut(g.Key, "|")
	return cause.Class(class)
}

func (e *engine) openGroup(key string) *Group {
	for _, id := range sorted(e.groups) {
		if g := e.groups[id]; g.Open() && g.Key == key {
			return g
		}
	}
	return nil
}

func untold(incidents []*Incident) []*Incident {
	var out []*Incident
	for _, inc := range incidents {
		if inc.Marks.openAt() == 0 {
			out = append(out, inc)
		}
	}
	return out
}

func databases(incidents []*Incident) int {
	names := map[string]bool{}
	for _, inc := range incidents {
		names[inc.Series.Database] = true
	}
	return len(names)
}

func (e *engine) form(key string, members []*Incident) {
	g := &Group{
		ID: newID(e.s.Shard, "group "+key, e.now), Thread: newThread(), Key: key,
		Class: members[0].Cause.Class(), Severity: members[0].Severity, Opened: e.now,
	}
	for _, inc := range members {
		if !inc.Escalated.IsZero() {
			g.Escalated = inc.Escalated // whoever was called hears of the group, too
		}
	}
	e.groups[g.ID] = g
	e.join(g, members)
}

func (e *engine) join(g *Group, members []*Incident) {
	for _, inc := range members {
		inc.Group = g.ID
		inc.RemindAt = time.Time{} // the group reminds
		g.Members = append(g.Members, inc.ID)
		if g.Since.IsZero() || inc.Since.Before(g.Since) {
			g.Since = inc.Since
		}
	}
	g.Region = e.region(g)
}

// region returns the configured region that all members' databases share, if their
// causes are ones that a region has.
func (e *engine) region(g *Group) string {
	region := ""
	for _, id := range g.Members {
		inc, ok := e.incidents[id]
		if !ok {
			continue
		}
		of := e.p.Databases[inc.Series.Database].Region
		if of == "" || region != "" && of != region {
			return ""
		}
		if inc.Cause.Class() != cause.ClassNetwork && inc.Cause != cause.Provider5xx {
			return ""
		}
		region = of
	}
	return region
}

// tellGroup tells what happened to a group's members as one event of the group.
func (e *engine) tellGroup(g *Group, members []news) {
	if g == nil {
		return
	}
	before := g.Severity
	anyOpen, allGone := false, true
	for _, id := range g.Members {
		inc, ok := e.incidents[id]
		if !ok {
			continue
		}
		anyOpen = anyOpen || inc.Open()
		allGone = allGone && inc.Gone
		if inc.Open() && inc.Suppressed == "" {
			g.Severity = g.Severity.Max(inc.Severity)
		}
	}
	g.Region = e.region(g)
	switch {
	case g.Marks.openAt() == 0 && !g.Withheld:
		e.tell(g.ID, Opened)
	case g.Open() && !anyOpen:
		g.Resolved = e.now
		g.Waiting = nil
		if allGone {
			e.tell(g.ID, NoLongerWatched)
		} else {
			e.tell(g.ID, Resolved)
		}
	case !g.Open() && anyOpen:
		g.Resolved, g.Ack, g.Reminded, g.Reopened = time.Time{}, nil, 0, e.now
		e.tell(g.ID, reopening(members))
	case !g.Open():
	case g.Severity.Compare(before) > 0:
		e.tell(g.ID, Raised)
	default:
		e.tellChange(g, members)
	}
}

// reopening is Unstable where a member's reopening was.
func reopening(members []news) Event {
	for _, n := range members {
		if n.event == Unstable {
			return Unstable
		}
	}
	return Reopened
}

// tellChange tells a change inside a group that stays open.
func (e *engine) tellChange(g *Group, members []news) {
	changed := false
	for _, n := range members {
		switch n.event {
		case Opened, Reopened, Resumed:
			if inc, ok := e.incidents[n.incident]; ok && inc.Suppressed != "" {
				continue // it is told when that ends
			}
			g.Waiting = append(g.Waiting, n.incident)
			changed = true
		case Unstable, Flapping:
			if g.Marks[n.event] == 0 {
				e.tell(g.ID, n.event)
				return
			}
		case Updated:
		default:
			changed = true
		}
	}
	if class := e.class(g); class != "" && class != g.Class {
		g.Class = class
		e.tell(g.ID, CauseChanged)
		return
	}
	if e.tellJoined(g) || !changed && e.now.Sub(g.Edited) < e.p.EditEvery {
		return
	}
	e.tell(g.ID, Updated)
}

// class is that of all open members' causes, empty where they differ.
func (e *engine) class(g *Group) cause.Class {
	var class cause.Class
	for _, id := range g.Members {
		inc, ok := e.incidents[id]
		if !ok || !inc.Open() {
			continue
		}
		if class != "" && inc.Cause.Class() != class {
			return ""
		}
		class = inc.Cause.Class()
	}
	return class
}

// tellJoined tells who joined, once the time in which a group is expected to grow
// is over or somebody has taken it. Until then they are only edited in, which
// receivers that cannot edit do not see.
func (e *engine) tellJoined(g *Group) bool {
	if len(g.Waiting) == 0 || g.Ack == nil && e.now.Sub(g.Opened) < e.p.JoinQuiet {
		return false
	}
	slices.Sort(g.Waiting)
	g.Joined, g.Waiting = slices.Compact(g.Waiting), nil
	e.tell(g.ID, Joined)
	return true
}

// groupsDue tells of joiners whose quiet time is over.
func (e *engine) groupsDue() {
	for _, id := range sorted(e.groups) {
		if g := e.groups[id]; g.Open() && g.Marks.openAt() > 0 {
			e.tellJoined(g)
		}
	}
}
