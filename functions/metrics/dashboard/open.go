package dashboard

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/docs/playbooks"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Open is what is wrong: an incident, or a group of some that one thread tells of.
type Open struct {
	incidents.Incident // of a group, its worst member with the group's id, state and receivers
	Title              string
	// Databases are those that fail, and Environment is theirs if they share one.
	Databases []string
	Impact    string
	// Life binds a command to this opening of an incident; groups have none.
	Life bool
}

// Own says that the incident is pongwatch's own.
func (o Open) Own() bool { return o.Database == report.MonitorDatabase }

// Asked is what the reader has just asked for.
type Asked struct {
	Action            report.Action
	Incident, Command string
}

// Troubles are the open incidents and groups, the most severe and oldest first.
func (v *View) Troubles() []Open {
	all := v.All.Incidents
	var out []Open
	grouped := map[string]int{}
	for _, i := range all.Open {
		at, known := grouped[i.Group]
		if known {
			out[at].Databases = append(out[at].Databases, i.Database)
			if i.Cause != out[at].Cause {
				out[at].Cause = "" // they share none
			}
			if i.Environment != out[at].Environment {
				out[at].Environment = ""
			}
			continue
		}
		o := Open{Incident: i, Title: lowerFirst(i.Title), Databases: []string{i.Database}, Impact: impact(i), Life: true}
		if g := slices.IndexFunc(all.Groups, func(g incidents.Group) bool { return g.ID == i.Group && g.Resolved.IsZero() }); g >= 0 {
			group := &all.Groups[g]
			grouped[i.Group] = len(out)
			o.ID, o.FullID, o.State, o.Handling, o.Told, o.Life = group.ID, group.FullID, group.State, group.Handling, group.Told, false
			o.Since, o.Opened, o.DurationSeconds, o.Severity = group.Since, group.Opened, group.DurationSeconds, group.Severity
		}
		out = append(out, o)
	}
	for i := range out {
		o := &out[i]
		if o.Life {
			continue
		}
		slices.Sort(o.Databases)
		o.Databases = slices.Compact(o.Databases)
		o.Title = text.Count(len(o.Databases), "database", "databases") + ": " + o.Title
		if o.Cause == "" {
			o.Title += ", and other causes"
			o.Impact = ""
		} else {
			o.Impact = strings.TrimSpace(playbooks.UsersSee(o.Cause))
		}
	}
	return out
}

// impact says what users notice, then what was observed.
func impact(i incidents.Incident) string {
	parts := []string{}
	if seen := strings.TrimSuffix(playbooks.UsersSee(i.Cause), "."); seen != "" {
		parts = append(parts, seen)
	}
	if i.Check == report.Ping && len(i.SeenBy) > 0 {
		parts = append(parts, "PING fails from "+strings.Join(i.SeenBy, " and "))
	}
	if len(i.Mock) > 0 {
		parts = append(parts, "In mock mode meanwhile: "+strings.Join(i.Mock, ", "))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ". ") + "."
}

// Notice says what came of what the reader has asked for, or nothing where that names no
// incident of the page.
func (v *View) Notice() string {
	id, handling, over := "", incidents.Handling{}, false
	for _, i := range slices.Concat(v.All.Incidents.Open, v.All.Incidents.Resolved) {
		if i.FullID == v.Asked.Incident {
			id, handling, over = i.ID, i.Handling, !i.Resolved.IsZero()
		}
	}
	for _, g := range v.All.Incidents.Groups {
		if g.FullID == v.Asked.Incident {
			id, handling, over = g.ID, g.Handling, !g.Resolved.IsZero()
		}
	}
	silence := v.Asked.Action == report.Silence
	switch done := slices.Contains(v.All.Incidents.Commands, v.Asked.Command); {
	case id == "" || !silence && v.Asked.Action != report.Acknowledge:
		return ""
	case over:
		return id + " is over."
	case done && silence && !handling.SilencedUntil.IsZero():
		return fmt.Sprintf("%s is silenced until %s UTC. If it is still failing then, you are notified.", id, handling.SilencedUntil.UTC().Format("15:04"))
	case !silence && handling.Acknowledged != nil:
		return fmt.Sprintf("%s is acknowledged by %s. Reminders become rare and the incident is not escalated.", id, handling.Acknowledged.By)
	case done:
		return "Alert has carried out what you asked about " + id + "."
	}
	return fmt.Sprintf("Asked to %s %s. This page shows it within a few seconds.", v.Asked.Action, id)
}

// Pending says that what the reader has asked for is not carried out yet.
func (v *View) Pending() bool { return strings.HasPrefix(v.Notice(), "Asked to ") }

// Class is one family of causes, with their titles.
type Class struct {
	Name   string
	Causes []cause.Info
}

// classNames are the headings of the list of playbooks, in its order.
var classNames = []struct {
	class cause.Class
	name  string
}{
	{cause.ClassNetwork, "Redis cannot be reached"},
	{cause.ClassAuth, "The token is refused"},
	{cause.ClassQuota, "Quotas and budget"},
	{cause.ClassCapacity, "Capacity"},
	{cause.ClassProvider, "Upstash itself"},
	{cause.ClassPerformance, "Performance"},
	{cause.ClassProtocol, "Unexpected answers"},
	{cause.ClassConfig, "Configuration"},
	{cause.ClassMock, "Mock mode"},
	{cause.ClassData, "Data"},
	{cause.ClassMonitor, "pongwatch itself"},
}

// Classes are the page's causes by their family.
func (p Page) Classes() []Class {
	var out []Class
	for _, c := range classNames {
		one := Class{Name: c.name}
		for _, of := range p.Causes {
			if of.Class() == c.class {
				one.Causes = append(one.Causes, of.Info())
			}
		}
		if len(one.Causes) > 0 {
			out = append(out, one)
		}
	}
	return out
}
