package message

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pongwatch/pongwatch/docs/playbooks"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/signature"
	"github.com/pongwatch/pongwatch/shared/text"
)

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
	// Environment is that of pongwatch itself and of databases that are not configured.
	Environment string
	// Reopen is how soon after its end a failure continues an incident; zero is never.
	Reopen time.Duration
	// Version is pongwatch's own, for the footer.
	Version string
}

// Database is what a message tells of a database besides its name.
type Database struct {
	Environment string
	// ID is the database's id in the Upstash account.
	ID string
	// TokenSecret is the secret with the token, "projects/my-project/secrets/token"; empty
	// where the configuration names none.
	TokenSecret string
	// Apps are the services that use the database.
	Apps []App
}

// Render makes the message of a notice.
func Render(n incident.Notice, c Context) Message {
	m := Message{
		ID: n.ID(), Short: n.Short(), Shard: n.Shard, Revision: n.Want,
		Event: n.Event(), Events: n.Events, Opening: n.Previous.IsZero() && n.Done == 0,
		Loud: n.Event().Loud(), At: n.Now, Generation: n.Thread().Generation,
	}
	if n.Group != nil {
		c.group(&m, n)
	} else {
		c.single(&m, n)
	}
	m.Symbol = symbol(m.State, m.Severity, m.Drill)
	m.Notes = append(m.Notes, handling(n)...)
	if n.Instead != "" {
		m.Notes = append(m.Notes, Note{Text: "Sent here because " + n.Instead + " did not take a message."})
		if why := text.Clip(n.Why, report.MaxEvidence); why != "" {
			m.Evidence = append(m.Evidence, Evidence{"error of " + n.Instead, why})
		}
	}
	if n.Maybe {
		m.Notes = append(m.Notes, Note{Text: "This may have reached you already: the answer to the first try was lost."})
	}
	m.Next = next(m.State, n, c.Reopen)
	// A lock screen cuts after some 150 characters.
	m.Push = m.FirstLine() + " · " + m.Short
	if m.State == Resolved || m.State == Gone {
		// The end is short: what was seen and what to do stand in the messages before.
		m.Evidence, m.Sparkline, m.CauseText, m.Facts = nil, "", "", shortFacts(m.Facts)
		m.Links = slices.DeleteFunc(m.Links, func(l Link) bool { return l.Label != linkPlaybook && l.Label != linkDashboard })
	}
	return m
}

// environment returns a database's environment.
func (c Context) environment(database string) string {
	if d, ok := c.Databases[database]; ok {
		return d.Environment
	}
	return c.Environment
}

// single fills in the message of one incident.
func (c Context) single(m *Message, n incident.Notice) {
	i := *n.Incident
	facts := c.Databases[i.Series.Database]
	m.Severity, m.Cause, m.Check, m.Drill = i.Severity, i.Cause, i.Series.Check, i.Drill
	m.Database, m.Environment = DatabaseName(i.Series.Database), c.environment(i.Series.Database)
	m.Since, m.Until = i.Since, i.Resolved
	m.State = stateOf(i.Thread, i.Open(), i.Gone, i.Unstable || i.Flapping, n.Now)
	m.Tag = tag(m.Environment, m.State, i.Severity, i.Drill)
	m.Headline = c.headline(m, i)
	m.Subject = subject(m.Environment, i, m.Short)
	m.Impact = impact(i, n.Event() == incident.Past || m.Opening, n.Now)
	m.Facts = factsOf(i, n.Now)
	if i.Observation.Evidence != "" {
		m.Evidence = append(m.Evidence, Evidence{seenBy(i.Observation), quoted(i.Observation.Evidence)})
	}
	m.Sparkline = i.Sparkline
	info := i.Cause.Info()
	m.CauseTitle, m.CauseText = info.Title, info.Explanation
	if unanswered(i) {
		m.CauseTitle, m.CauseText = title(i), "The jobs run, but for too long this has had no decided answer. The last known state is kept; silence is not good news."
	}
	m.News = news(m, n, i.ToldSince(), i.Failing())
	if i.Open() || i.Gone {
		m.Fix = steps(i, facts)
	}
	m.Links = c.links(map[string]string{
		"database": i.Series.Database, "database_id": facts.ID, "shard": n.Shard, "environment": m.Environment,
		"incident": m.Short, "check": string(i.Series.Check), "cause": string(i.Cause),
	}, i.Open() && blamesProvider(info.Class))
	if i.Open() {
		m.explain(i)
		m.Actions = c.actions(m, Control{Shard: n.Shard, Incident: i.ID, Reopened: i.Reopened}, i.Ack != nil)
	}
	m.Footer = c.footer(m.Short, string(i.Series.Check), string(i.Cause), string(i.Severity), m.Environment, "shard "+n.Shard)
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

// maxHeadline leaves room for a symbol in Slack's 150 characters of a header.
const maxHeadline = 140

// maxTag bounds an environment's name in a headline.
const maxTag = 24

// tag says environment and severity, or the state of what is over.
func tag(environment string, s State, severity cause.Severity, drill bool) string {
	word := strings.ToUpper(string(severity))
	switch {
	case drill:
		word = "DRILL"
	case s == Resolved:
		word = "RESOLVED"
	case s == Gone:
		word = "CLOSED"
	}
	if environment != "" {
		word = strings.TrimSpace("[" + text.Clip(environment, maxTag) + "] " + word)
	}
	if word == "" {
		return ""
	}
	return word + " "
}

// headline answers what, which database and since when.
func (c Context) headline(m *Message, i incident.Incident) string {
	name, p := DatabaseName(i.Series.Database), phraseOf(i)
	since := since(i.Since, i.Again, m.At)
	if !i.Stale.IsZero() {
		since += ", not confirmed since " + text.Clock(i.Stale, m.At)
	}
	why := reason(i, p)
	if why != "" {
		why = ": " + why
	}
	switch {
	case i.Drill && !i.Open():
		return m.cut("Nothing was wrong: "+name, ", "+span(i.Since, i.Resolved, m.At, text.Duration(i.Duration(m.At))))
	case i.Drill:
		return m.cut("Nothing is wrong: "+name, since)
	case m.State == Gone:
		return m.cut(c.gone(i)+" is no longer watched; "+strings.TrimLeft(p.was, ": "), strings.TrimPrefix(since, ","))
	case m.State == Resolved && (m.Event == incident.Past || m.Opening):
		return m.cut(name+p.was+" "+span(i.Since, i.Resolved, m.At, lasted(i.Duration(m.At), i.Before))+why, "")
	case m.State == Resolved:
		return m.cut(name+p.again, " after "+lasted(i.Duration(m.At), i.Before)+" ("+between(i.Since, i.Resolved, m.At)+")")
	}
	if !i.Good.IsZero() { // and it is held open
		return m.cut(name+p.again+", not yet stable", sinceMark+text.Clock(i.Good, m.At))
	}
	return m.cut(name+p.is+why, since)
}

// sinceMark and againMark begin a headline's end.
const (
	sinceMark = ", since "
	againMark = ", again since "
)

// since says since when it fails, and since when again.
func since(first, again, now time.Time) string {
	if again.IsZero() {
		return sinceMark + text.Clock(first, now)
	}
	return againMark + text.Clock(again, now) + ", first at " + text.Clock(first, now)
}

// lasted says how long it failed; before is how long of that it failed before it was good for a while.
func lasted(d, before time.Duration) string {
	if before > 0 {
		return text.Duration(d) + " in all"
	}
	return text.Duration(d)
}

// cut returns a headline that fits. The time at its end is what it must not lose.
func (m Message) cut(what, end string) string {
	return m.Tag + text.Clip(what, maxHeadline-utf8.RuneCountInString(m.Tag+end)) + end
}

// subject returns a mail's subject: "[production] CRITICAL prod-cache down: Redis refuses
// the token (INC-7F3A9K)". It says what failed also once that is over, because mail
// readers part a thread whose subject changes.
func subject(environment string, i incident.Incident, short string) string {
	name, p := DatabaseName(i.Series.Database), phraseOf(i)
	what := strings.Replace(p.is, " is ", " ", 1)
	switch {
	case i.Drill:
		what = ""
	case i.Cause != "" && i.Cause != p.natural:
		what += ": " + title(i)
	}
	return tag(environment, Open, i.Severity, i.Drill) + name + what + " (" + short + ")"
}

// impact says what users notice, then what was observed. Of what is over it says only
// what was observed, and only to a receiver that is told for the first time.
func impact(i incident.Incident, first bool, now time.Time) string {
	var parts []string
	o := i.Observation
	switch {
	case i.Drill:
		return "None. This is a drill."
	case !i.Open() && !first:
		return ""
	case i.Open() && !i.Good.IsZero():
		return "Its checks have been good since " + text.Clock(i.Good, now) + "."
	case i.Open():
		parts = append(parts, cmp.Or(measuredImpact(i, now), strings.TrimSuffix(playbooks.UsersSee(i.Cause), ".")))
	}
	switch {
	case i.Series.Check == report.Ping && i.Open() && !i.Stale.IsZero():
		parts = append(parts, "PING failed"+from(i)+" since "+text.Clock(i.Failing(), now)+", and has had no result since "+text.Clock(i.Stale, now))
	case i.Series.Check == report.Ping && i.Open():
		parts = append(parts, "PING has failed"+from(i)+" since "+text.Clock(i.Failing(), now))
	case i.Series.Check == report.Ping:
		parts = append(parts, "PING failed"+from(i))
	case i.Series.Check == report.MockMode:
		if i.Cause == cause.Mock {
			parts = append(parts, mock(i)...)
		}
	case i.Series.Check == report.ConfigLoad && i.Severity == cause.SeverityCritical:
		parts = append(parts, "pongwatch cannot watch this database with these settings")
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
		return ""
	}
	return strings.Join(parts, ". ") + "."
}

// quoted returns evidence as it is shown: a web page by its title.
func quoted(evidence string) string {
	if title := text.PageTitle(evidence); title != "" {
		before, _, _ := strings.Cut(evidence, "<")
		before = strings.TrimSuffix(strings.TrimSpace(before), " beginning")
		return strings.TrimSpace(before + fmt.Sprintf(" a page titled %q", title))
	}
	return evidence
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

// mock says which app uses a fake, how that is known, and what Redis itself does: an app
// that is set up wrong differs from one that an outage left behind.
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
	uses := "used"
	if i.Open() {
		uses = "uses"
	}
	text := "The app " + uses + " an in-memory fake in place of Redis"
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
		names[k] = text.Clip(s, 60)
	}
	return names
}

// who names the app of a mock_mode incident.
func who(i incident.Incident) string {
	if i.Series.Subject == "" {
		return "the app"
	}
	return "service " + text.Clip(i.Series.Subject, 60)
}

func blamesProvider(c cause.Class) bool {
	return c == cause.ClassNetwork || c == cause.ClassProvider || c == cause.ClassPerformance
}

// ofAlert reports whether Alert itself has found it out: its sources are what is wrong, and saw nothing.
func ofAlert(s report.Series) bool { return s.Database == report.MonitorDatabase && s.Subject != "" }

func seenBy(o report.Observation) string {
	if ofAlert(o.Series()) {
		return "noted by Alert"
	}
	if o.Source == "" {
		return "seen by " + string(o.Check)
	}
	return "seen by " + sourceName(o.Source)
}
