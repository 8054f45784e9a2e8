package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// target is an incident or a group that a command may name.
type target struct {
	id, fullID, shard string
	// what says in words what it is about.
	what     string
	resolved time.Time
	handling incidents.Handling
	// series is zero for a group; group is the one that notifies for it.
	series report.Series
	group  string
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
		return fmt.Errorf("%q is no incident's id: want one such as INC-7F3A9K", report.CutEvidence(text))
	}
	return nil
}

// targets returns all incidents, drills and groups.
func targets(v incidents.View) []target {
	var all []target
	add := func(i incidents.Incident, what string) {
		all = append(all, target{
			id: i.ID, fullID: i.FullID, shard: i.Shard, what: what, resolved: i.Resolved, handling: i.Handling,
			series: report.Series{Database: i.Database, Check: i.Check, Subject: i.Subject}, group: i.Group,
		})
	}
	for _, i := range slices.Concat(v.Open, v.Resolved) {
		what := message.DatabaseName(i.Database) + " " + string(i.Check)
		if i.Subject != "" {
			what += " of " + text.Line(i.Subject)
		}
		add(i, what+": "+i.Title)
	}
	for _, i := range v.Drills {
		add(i, "a drill")
	}
	for _, g := range v.Groups {
		all = append(all, target{
			id: g.ID, fullID: g.FullID, shard: g.Shard, resolved: g.Resolved, handling: g.Handling,
			what: fmt.Sprintf("a group of %d incidents: %s", len(g.Members), g.Class),
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
		switch named := incident.MatchID(c.Incident, t.fullID) && (c.Shard == "" || c.Shard == t.shard); {
		case named && t.resolved.IsZero():
			found = append(found, t)
		case named:
			over = append(over, t)
		case t.resolved.IsZero():
			open = append(open, t)
		}
	}
	switch {
	case len(found) == 1:
		a.target = found[0]
		c.Incident, c.Shard = a.target.fullID, a.target.shard
		fmt.Fprintf(a.OutOrStdout(), "%s is %s.\n", a.target.id, a.target.what)
		return nil
	case len(found) > 1:
		for i := range found {
			found[i].id = found[i].fullID
		}
		return refuse("%s means several; want one of\n%s", c.Incident, listTargets(found))
	case len(over) > 0:
		return refuse("%s (%s) was resolved at %s", over[0].id, over[0].what, text.Clock(over[0].resolved, v.At))
	case len(open) == 0:
		return refuse("there is no incident %s: nothing is open", c.Incident)
	}
	return refuse("there is no open incident %s; open are\n%s", c.Incident, listTargets(open))
}

func listTargets(all []target) string {
	const most = 20
	var lines []string
	for _, t := range all[:min(len(all), most)] {
		lines = append(lines, fmt.Sprintf("  %s  %s", t.id, t.what))
	}
	if more := len(all) - most; more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", more))
	}
	return strings.Join(lines, "\n")
}
