package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// target is an incident or a group that a command may name. Of a group only the ids, the
// shard, the end and the handling are set.
type target struct {
	incidents.Incident
	// what says in words what it is about.
	what string
}

// anID matches what people may write for an incident. Which one they mean is for
// [incident.MatchID] to say.
var anID = regexp.MustCompile(`(?i)^(INC-)?[0-9A-Z]{6}$|^[0-9]{8}T[0-9]{6}Z-[0-9A-Z]{12}$`)

// checkID refuses what can be no incident's id.
func checkID(text string) error {
	if text == "" {
		return fmt.Errorf("which incident? want its id, such as INC-7F3A9K")
	}
	if !anID.MatchString(strings.TrimSpace(text)) {
		return fmt.Errorf("%q is not an incident's id: want one such as INC-7F3A9K", report.CutEvidence(text))
	}
	return nil
}

// targets returns all incidents, drills and groups.
func targets(v incidents.View) []target {
	var all []target
	for _, i := range slices.Concat(v.Open, v.Resolved) {
		what := message.DatabaseName(i.Database) + " " + string(i.Check)
		if i.Subject != "" {
			what += " of " + i.Subject
		}
		all = append(all, target{i, what + ": " + i.Title})
	}
	for _, i := range v.Drills {
		all = append(all, target{i, "a drill"})
	}
	for _, g := range v.Groups {
		all = append(all, target{
			incidents.Incident{ID: g.ID, FullID: g.FullID, Shard: g.Shard, Resolved: g.Resolved, Handling: g.Handling},
			fmt.Sprintf("a group of %d incidents: %s", len(g.Members), g.Class),
		})
	}
	return all
}

// resolve finds what the command names and makes it unambiguous. Where it names nothing,
// or several, the error lists the candidates.
func (a *asker) resolve(v incidents.View, c *report.Command) error {
	if c.Incident == "" {
		return nil
	}
	var found, over, open []target
	for _, t := range targets(v) {
		switch named := incident.MatchID(c.Incident, t.FullID) && (c.Shard == "" || c.Shard == t.Shard); {
		case named && t.Resolved.IsZero():
			found = append(found, t)
		case named:
			over = append(over, t)
		case t.Resolved.IsZero():
			open = append(open, t)
		}
	}
	switch {
	case len(found) == 1:
		a.target = found[0]
		c.Incident, c.Shard = a.target.FullID, a.target.Shard
		fmt.Fprintf(a.OutOrStdout(), "%s is %s.\n", a.target.ID, a.target.what)
		return nil
	case len(found) > 1:
		for i := range found {
			found[i].ID = found[i].FullID
		}
		return refuse("%s means several; want one of\n%s", c.Incident, listTargets(found))
	case len(over) > 0:
		return refuse("%s (%s) was resolved at %s", over[0].ID, over[0].what, text.Clock(over[0].Resolved, v.At))
	case len(v.Unread) > 0:
		return fmt.Errorf("looking for %s: Alert's state of %s cannot be read", c.Incident, strings.Join(v.Unread, ", "))
	case len(open) == 0:
		return refuse("there is no incident %s: nothing is open", c.Incident)
	}
	return refuse("there is no open incident %s; open are\n%s", c.Incident, listTargets(open))
}

func listTargets(all []target) string {
	const most = 20
	var lines []string
	for _, t := range all[:min(len(all), most)] {
		lines = append(lines, fmt.Sprintf("  %s  %s", t.ID, t.what))
	}
	if more := len(all) - most; more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", more))
	}
	return strings.Join(lines, "\n")
}
