package message

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/signature"
	"github.com/pongwatch/pongwatch/shared/text"
)

// maxHeadline leaves room for a symbol in Slack's 150 characters of a header.
const maxHeadline = 140

// Context is what a message needs besides the notice.
type Context struct {
	// Playbook, Dashboard, Console, Logs and Status are templates of addresses;
	// "{database}", "{database_id}", "{shard}", "{environment}", "{incident}",
	// "{check}" and "{cause}" are replaced. Empty ones are left out.
	Playbook, Dashboard, Console, Logs, Status string
	// Inbound is AlertWebhook's address and LinkKey signs links to it; without
	// either, messages carry no such links.
	Inbound string
	LinkKey signature.Key
	// Silences are the durations offered.
	Silences []time.Duration
	// Databases holds what the configuration says of each database.
	Databases map[string]Database
}

// Database is what a message tells of a database besides its name.
type Database struct {
	Environment string
	// ID is the database's id in the Upstash account.
	ID string
}

// Render makes the message of a notice.
func Render(n incident.Notice, c Context) Message {
	m := Message{
		ID: n.ID(), Short: n.Short(), Shard: n.Shard, Revision: n.Want,
		Event: n.Event(), Events: n.Events, Opening: n.Previous.IsZero() && n.Done == 0,
		Loud: n.Event().Loud(), At: n.Now,
	}
	if n.Group != nil {
		c.group(&m, n)
	} else {
		c.single(&m, n)
	}
	m.Symbol = symbol(m.State, m.Severity, m.Drill)
	m.Headline = text.Clip(m.Headline, maxHeadline)
	m.Notes = append(m.Notes, handling(n)...)
	if n.Instead != "" {
		m.Notes = append(m.Notes, Note{Text: "Sent here because " + text.Line(n.Instead) + " does not take notifications."})
		if n.Why != "" {
			m.Evidence = append(m.Evidence, Evidence{"answer of " + text.Line(n.Instead), text.Clip(text.Line(n.Why), report.MaxEvidence)})
		}
	}
	if n.Maybe {
		m.Notes = append(m.Notes, Note{Text: "This may have reached you already: the answer to the first try was lost."})
	}
	m.Next = next(m.State, n)
	// A lock screen cuts after some 150 characters.
	m.Push = m.FirstLine() + " · " + m.Short
	if m.State != Resolved && m.State != Gone && !m.Drill && m.Severity != "" {
		m.Push = m.Symbol + " " + strings.ToUpper(string(m.Severity)) + " " + m.lead() + m.Headline + " · " + m.Short
	}
	return m
}

// single fills in the message of one incident.
func (c Context) single(m *Message, n incident.Notice) {
	i := *n.Incident
	facts := c.Databases[i.Series.Database]
	m.Severity, m.Cause, m.Check, m.Drill = i.Severity, i.Cause, i.Series.Check, i.Drill
	m.Database, m.Environment = DatabaseName(i.Series.Database), facts.Environment
	m.Since, m.Until = i.Since, i.Resolved
	m.State = stateOf(i.Thread, i.Open(), i.Gone, i.Unstable || i.Flapping, n.Now)
	m.Headline = headline(m, i)
	m.Subject = subject(i, m.Short)
	m.Impact = impact(i)
	m.Facts = factsOf(i, n.Now)
	if i.Observation.Evidence != "" {
		m.Evidence = append(m.Evidence, Evidence{seenBy(i.Observation), text.Line(i.Observation.Evidence)})
	}
	m.Sparkline = i.Sparkline
	info := i.Cause.Info()
	m.CauseTitle, m.CauseText = info.Title, info.Explanation
	m.News = news(m, n, i.Opened)
	if i.Open() || i.Gone {
		m.Fix = info.Fix
	}
	m.Links = c.links(map[string]string{
		"database": i.Series.Database, "database_id": facts.ID, "shard": n.Shard, "environment": facts.Environment,
		"incident": m.Short, "check": string(i.Series.Check), "cause": string(i.Cause),
	}, i.Open() && blamesProvider(info.Class))
	if i.Open() {
		m.Actions = c.actions(Control{Shard: n.Shard, Incident: i.ID, Reopened: i.Reopened}, i.Ack != nil, n.Now)
	}
	m.Footer = footer(m.Short, string(i.Series.Check), string(i.Severity), facts.Environment, "shard "+n.Shard)
}

func stateOf(t incident.Thread, open, gone, noisy bool, now time.Time) State {
	switch {
	case gone && !open:
		return Gone
	case !open:
		return Resolved
	case t.SilencedUntil.After(now):
		return Silenced
	case t.Ack != nil:
		return Acknowledged
	case noisy:
		return Unstable
	}
	return Open
}

// headline answers what, which database and since when.
func headline(m *Message, i incident.Incident) string {
	name, p := DatabaseName(i.Series.Database), phraseOf(i)
	since := ", since " + text.Clock(i.Since, m.At)
	if !i.Again.IsZero() {
		since = ", again since " + text.Clock(i.Again, m.At) + ", first at " + text.Clock(i.Since, m.At)
	}
	why := reason(i, p)
	if why != "" {
		why = ": " + why
	}
	switch {
	case i.Drill && !i.Open():
		return "Drill is over, nothing was wrong: " + name + ", " + span(i.Since, i.Resolved, m.At)
	case i.Drill:
		return "Drill, nothing is wrong: " + name + since
	case m.State == Gone:
		return name + " is no longer watched; " + strings.TrimPrefix(name+p.was, name+" ") + strings.TrimPrefix(since, ",")
	case m.State == Resolved && (m.Event == incident.Past || m.Opening):
		return name + p.was + " " + span(i.Since, i.Resolved, m.At) + why
	case m.State == Resolved && i.Before > 0:
		return name + p.again + " after " + text.Duration(i.Duration(m.At)) + " in all (" + between(i.Since, i.Resolved, m.At) + ")"
	case m.State == Resolved:
		return name + p.again + " after " + text.Duration(i.Duration(m.At)) + " (" + between(i.Since, i.Resolved, m.At) + ")"
	}
	// The time is what a cut headline must not lose.
	return text.Clip(name+p.is+why, maxHeadline-len(since)) + since
}

// subject stays the same as long as the incident lives, or mail readers part the thread.
func subject(i incident.Incident, short string) string {
	name := DatabaseName(i.Series.Database)
	if i.Drill {
		return fmt.Sprintf("[pongwatch] Drill for %s (%s)", name, short)
	}
	i.Cause, i.Down = "", nil // the words of a check may depend on its cause, and on who sees it
	if i.Series.Check == report.Ping {
		return fmt.Sprintf("[pongwatch] %s: PING fails (%s)", name, short) // from one region, or from all
	}
	return fmt.Sprintf("[pongwatch] %s%s (%s)", name, phraseOf(i).is, short)
}

// impact says what was seen to fail, and where.
func impact(i incident.Incident) string {
	var parts []string
	o := i.Observation
	switch {
	case i.Drill:
		return "None, this is a drill."
	case i.Series.Check == report.Ping:
		parts = append(parts, tense(i, "PING fails", "PING failed")+from(i))
	case i.Series.Check == report.MockMode:
		if i.Cause == cause.Mock {
			parts = mock(i)
		}
	case i.Series.Check == report.ConfigLoad && i.Severity == cause.SeverityCritical:
		parts = append(parts, "pongwatch cannot watch this database with its present settings")
	case i.Series.Check == report.Write:
		parts = append(parts, "pongwatch's write to its own key failed")
	default:
		if text := measured(o); text != "" {
			parts = append(parts, upperFirst(text)+from(i))
		}
	}
	if len(i.Mock) > 0 {
		parts = append(parts, "In mock mode meanwhile: "+list(services(i.Mock), 5))
	}
	if len(parts) == 0 {
		// What pongwatch says of itself or of a setting has no measured impact: its
		// explanation begins with it.
		first, _, _ := strings.Cut(i.Cause.Info().Explanation, ". ")
		return strings.TrimSuffix(first, ".") + "."
	}
	return strings.Join(parts, ". ") + "."
}

// from names the regions that agree, where several look.
func from(i incident.Incident) string {
	if len(i.Down) == 0 || i.Down[0] == "" {
		return ""
	}
	seen := " from " + list(i.Down, 3)
	if len(i.Voters) > 1 {
		seen += fmt.Sprintf(" (%d of %s)", len(i.Down), text.Count(len(i.Voters), "region", "regions"))
	}
	return seen
}

// mock says which app uses a fake, how that is known, and, first because a receiver
// may cut the end, what Redis itself does: an app that is set up wrong differs from one
// that an outage left behind.
func mock(i incident.Incident) []string {
	var parts []string
	switch {
	case i.Open() && !i.RedisBack.IsZero():
		parts = append(parts, "Redis is back since "+text.Clock(i.RedisBack, i.RedisBack)+"; "+who(i)+" is still in mock mode: restart it")
	case i.Open() && i.RedisAnswers:
		parts = append(parts, "Redis itself answers: look at the app's settings, not for an outage")
	}
	words := map[string]string{
		report.SourceConfig: "the configuration says so",
		report.SourceApp:    "the app says so",
		report.SourceLogs:   "its log says so",
		report.SourceEvent:  "it sent the event",
		report.SourceProof:  "what it wrote is not in the real Redis",
	}
	var seen []string
	for _, s := range i.Down {
		kind, _ := report.CutEvidenceSource(s)
		if w, ok := words[kind]; ok && !slices.Contains(seen, w) {
			seen = append(seen, w)
		}
	}
	text := tense(i, "The app uses", "The app used") + " an in-memory fake in place of Redis"
	if len(seen) > 0 {
		text += ": " + list(seen, len(words))
	}
	return append(parts, text)
}

// sources names those that agree.
func sources(down []string) string {
	names := make([]string, len(down))
	for k, s := range down {
		names[k] = sourceName(s)
	}
	return list(names, 5)
}

// sourceName is a source for people: an app's signals with the revision that they are
// about.
func sourceName(s string) string {
	kind, revision := report.CutEvidenceSource(s)
	if revision == "" || kind != report.SourceEvent && kind != report.SourceLogs {
		return s
	}
	return kind + " of " + revision
}

// services returns the names of apps, short enough for a list.
func services(all []string) []string {
	names := make([]string, len(all))
	for k, s := range all {
		names[k] = text.Clip(text.Line(s), 60)
	}
	return names
}

// who names the app of a mock_mode incident.
func who(i incident.Incident) string {
	if i.Series.Subject == "" {
		return "the app"
	}
	return "service " + text.Clip(text.Line(i.Series.Subject), 60)
}

// tense returns what is true of an open incident, or was of a closed one.
func tense(i incident.Incident, is, was string) string {
	if i.Open() {
		return is
	}
	return was
}

func blamesProvider(c cause.Class) bool {
	return c == cause.ClassNetwork || c == cause.ClassProvider || c == cause.ClassPerformance
}

func seenBy(o report.Observation) string {
	if o.Source == "" {
		return "seen by " + string(o.Check)
	}
	return "seen by " + text.Line(sourceName(o.Source))
}

// FirstLine is the symbol, what is new in a word, and the headline.
func (m Message) FirstLine() string { return m.Symbol + " " + m.lead() + m.Headline }

var leads = map[incident.Event]string{
	incident.Reopened:     "Again: ",
	incident.Escalated:    "Nobody has acknowledged: ",
	incident.Raised:       "Now more severe: ",
	incident.CauseChanged: "Cause has changed: ",
	incident.Unstable:     "Unstable: ",
	incident.Flapping:     "Flapping: ",
	incident.Resumed:      "Still, after the silence: ",
	incident.Joined:       "More databases: ",
	incident.Reminder:     "Still: ",
}

func (m Message) lead() string {
	if m.State == Resolved || m.State == Gone {
		return ""
	}
	return leads[m.Event]
}

func footer(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " · ")
}
