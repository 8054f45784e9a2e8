package message

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/docs/playbooks"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// group fills in the message of several incidents in one thread.
func (c Context) group(m *Message, n incident.Notice) {
	g := *n.Group
	m.Severity, m.Since, m.Until = g.Severity, g.Since, g.Resolved
	noisy := slices.ContainsFunc(n.Members, func(i incident.Incident) bool { return i.Open() && (i.Unstable || i.Flapping) })
	gone := len(n.Members) > 0 && every(n.Members, func(i incident.Incident) bool { return i.Gone })
	m.State = stateOf(g.Thread, g.Open(), gone, noisy, n.Now)
	why := classPhrase[g.Class]
	if all := causes(n.Members); len(all) == 1 && all[0] != "" {
		m.Cause, why = all[0], lowerFirst(all[0].Info().Title)
	}
	m.Members = c.members(n)
	var environments []string
	for _, i := range n.Members {
		environments = append(environments, c.environment(i.Series.Database))
	}
	m.Environment = together(environments)
	m.Tag = tag(m.Environment, m.State, g.Severity, false)
	m.Headline = groupHeadline(m, n, why)
	all := databases(n.Members, func(incident.Incident) bool { return true })
	m.Subject = fmt.Sprintf("%s%s: %s (%s)", tag(m.Environment, Open, g.Severity, false), text.Count(len(all), "database", "databases"), why, m.Short)
	m.News = news(m, n, g.ToldSince(), cmp.Or(g.Again, g.Since))
	m.Facts = groupFacts(m, n)
	m.Impact = groupImpact(n)
	worst := speaker(n.Members)
	if worst != nil {
		if worst.Observation.Evidence != "" {
			m.Evidence = append(m.Evidence, Evidence{DatabaseName(worst.Series.Database) + ", " + seenBy(worst.Observation), quoted(worst.Observation.Evidence)})
		}
		info := worst.Cause.Info()
		m.CauseTitle, m.CauseText = info.Title, info.Explanation
		if m.Cause == "" {
			m.CauseTitle = "Several; of " + DatabaseName(worst.Series.Database) + ": " + lowerFirst(info.Title)
		}
		if g.Open() {
			m.explain(*worst)
			m.Fix = steps(*worst, Database{}) // commands would be for one of the databases
		}
		values := map[string]string{"shard": n.Shard, "environment": m.Environment, "incident": m.Short, "cause": string(worst.Cause)}
		m.Links = c.links(values, g.Open() && blamesProvider(g.Class))
	}
	if g.Open() {
		m.Actions = c.actions(m, Control{Shard: n.Shard, Incident: g.ID, Reopened: AnyLife}, g.Ack != nil)
	}
	m.Footer = c.footer(m.Short, text.Count(len(n.Members), "incident", "incidents"), string(g.Severity), m.Environment, "shard "+n.Shard)
}

// failing reports whether an incident is open, and not just held open.
func failing(i incident.Incident) bool { return i.Open() && i.Good.IsZero() }

// together names the environments of several databases.
func together(environments []string) string {
	return list(slices.DeleteFunc(distinct(environments), func(s string) bool { return s == "" }), 2)
}

func groupHeadline(m *Message, n incident.Notice, why string) string {
	is, was, again := "fail", "failed", "are well again"
	if every(n.Members, func(i incident.Incident) bool { return i.Series.Check == report.Ping }) {
		is, was, again = "are down", "were down", "are up again"
	}
	verb := func(many int, verb string) string {
		if many == 1 {
			verb = strings.NewReplacer("are ", "is ", "were ", "was ", "failed", "failed", "fail", "fails").Replace(verb)
		}
		return " " + verb
	}
	g := *n.Group
	any := func(incident.Incident) bool { return true }
	count := func(n int) string { return text.Count(n, "database", "databases") }
	all, gone, open := databases(n.Members, any), databases(n.Members, func(i incident.Incident) bool { return i.Gone }), databases(n.Members, failing)
	after := " after " + lasted(g.Duration(m.At), g.Before) + " (" + between(g.Since, g.Resolved, m.At) + ")"
	who := count(len(all))
	switch {
	case m.State == Gone:
		return m.cut(who+verb(len(all), "are no longer watched")+";"+verb(len(all), was), strings.TrimPrefix(since(g.Since, g.Again, m.At), ","))
	case m.State == Resolved && (m.Event == incident.Past || m.Opening):
		return m.cut(who+verb(len(all), was)+" "+span(g.Since, g.Resolved, m.At, lasted(g.Duration(m.At), g.Before))+": "+why, "")
	case m.State == Resolved && len(gone) > 0:
		return m.cut(count(len(all)-len(gone))+verb(len(all)-len(gone), again)+after+"; "+count(len(gone))+" not watched any more", "")
	case m.State == Resolved:
		if len(all) > 1 {
			who = "All " + who
		}
		return m.cut(who+verb(len(all), again)+after, "")
	case len(open) == 0:
		return m.cut(who+verb(len(all), again)+", not yet stable", "")
	case len(open) < len(all):
		who = fmt.Sprintf("%d of %s", len(open), who)
	}
	if g.Region != "" {
		who = "Regional outage in " + g.Region + ": " + who
	}
	return m.cut(who+verb(len(open), is)+": "+why, since(g.Since, g.Again, m.At))
}

func groupFacts(m *Message, n incident.Notice) []Fact {
	g := *n.Group
	facts := []Fact{{Label: "Since", At: g.Since, Text: lasted(g.Duration(n.Now), g.Before)}}
	if !g.Open() {
		facts = append(facts, Fact{Label: "Until", At: g.Resolved})
	}
	if m.Cause == "" {
		var titles []string
		for _, c := range causes(n.Members) {
			titles = append(titles, lowerFirst(c.Info().Title))
		}
		facts = append(facts, Fact{Label: "Causes", Text: list(titles, 3)})
	}
	if g.Region != "" {
		facts = append(facts, Fact{Label: "Region", Text: g.Region})
	}
	return facts
}

func groupImpact(n incident.Notice) string {
	open := databases(n.Members, failing)
	if len(open) == 0 {
		return ""
	}
	text := "Failing now: " + list(open, 10) + "."
	measured := incident.Incident{Since: n.Group.Since, Again: n.Group.Again}
	for _, i := range n.Members {
		if i.Open() && len(i.Impacts) == 0 {
			i.Impacts = []report.Impact{{}} // not known
		}
		for _, m := range i.Impacts {
			if i.Open() && !slices.ContainsFunc(measured.Impacts, func(o report.Impact) bool { return o.Service == m.Service }) {
				measured.Impacts = append(measured.Impacts, m)
			}
		}
	}
	said := measuredImpact(measured, n.Now)
	switch all := causes(n.Members); {
	case said != "":
		text = said + ". " + text
	case len(all) == 1:
		text = playbooks.UsersSee(n.Members[0].Cause) + " " + text
	case every(n.Members, func(i incident.Incident) bool { return i.Series.Check == report.Ping }):
		text = "Logins may fail, caches miss and rate limits are off. " + text
	}
	var mock []string
	for _, i := range n.Members {
		mock = append(mock, services(i.Mock)...)
	}
	if len(mock) > 0 {
		text += " In mock mode meanwhile: " + list(distinct(mock), 5) + "."
	}
	return text
}

// members lists the open ones first, each kind by name.
func (c Context) members(n incident.Notice) []Member {
	all := make([]Member, len(n.Members))
	for k, i := range n.Members {
		all[k] = Member{
			ID: i.ID, Database: DatabaseName(i.Series.Database), Short: i.Short(), Environment: c.environment(i.Series.Database),
			Check: i.Series.Check, Severity: i.Severity, Open: i.Open(), Cause: i.Cause, Since: i.Since, Until: i.Resolved, Again: i.Again,
		}
	}
	open := slices.DeleteFunc(slices.Clone(all), func(m Member) bool { return !m.Open })
	return append(open, slices.DeleteFunc(all, func(m Member) bool { return m.Open })...)
}

func joined(n incident.Notice) string {
	if n.Group == nil || len(n.Group.Joined) == 0 {
		return "More databases have joined."
	}
	names := databases(n.Members, func(i incident.Incident) bool { return slices.Contains(n.Group.Joined, i.ID) })
	if len(names) == 1 {
		return "Joined: " + names[0] + "."
	}
	return fmt.Sprintf("%d more databases joined: %s.", len(names), list(names, 10))
}

// databases returns the distinct names of those that keep returns true for.
func databases(all []incident.Incident, keep func(incident.Incident) bool) []string {
	var names []string
	for _, i := range all {
		if keep(i) {
			names = append(names, DatabaseName(i.Series.Database))
		}
	}
	return distinct(names)
}

// causes returns the distinct causes of incidents.
func causes(all []incident.Incident) []cause.Cause {
	var causes []cause.Cause
	for _, i := range all {
		causes = append(causes, i.Cause)
	}
	return distinct(causes)
}

// distinct drops repetitions and keeps the order.
func distinct[T comparable](all []T) []T {
	seen := map[T]bool{}
	return slices.DeleteFunc(all, func(v T) bool {
		again := seen[v]
		seen[v] = true
		return again
	})
}

func every(all []incident.Incident, is func(incident.Incident) bool) bool {
	return !slices.ContainsFunc(all, func(i incident.Incident) bool { return !is(i) })
}

// speaker returns the incident that the evidence and the fix are taken from: the
// most severe open one, the first of several.
func speaker(all []incident.Incident) *incident.Incident {
	var best *incident.Incident
	for k := range all {
		i := &all[k]
		switch {
		case best == nil, i.Open() && !best.Open():
			best = i
		case i.Open() == best.Open() && i.Severity.Compare(best.Severity) > 0:
			best = i
		}
	}
	return best
}
