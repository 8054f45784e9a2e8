package message

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/text"
)

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
		return m.cut("Nothing was wrong: "+name, ", "+span(i.Since, i.Resolved, m.At))
	case i.Drill:
		return m.cut("Nothing is wrong: "+name, since)
	case m.State == Gone:
		return m.cut(c.gone(i)+" is no longer watched; "+strings.TrimLeft(p.was, ": "), strings.TrimPrefix(since, ","))
	case m.State == Resolved && (m.Event == incident.Past || m.Opening):
		return m.cut(name+p.was+" "+between(i.Since, i.Resolved, m.At)+" ("+lasted(i.Duration(m.At), i.Before)+")"+why, "")
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

// FirstLine is the symbol, environment and severity, what is new in a word, and the headline.
func (m Message) FirstLine() string {
	what := strings.TrimPrefix(m.Headline, m.Tag)
	if over := utf8.RuneCountInString(m.lead()+m.Headline) - maxHeadline; over > 0 {
		// The time at its end stays.
		at := max(0, strings.LastIndex(what, againMark), strings.LastIndex(what, sinceMark))
		what = text.Clip(what[:at], utf8.RuneCountInString(what[:at])-over) + what[at:]
	}
	return m.Symbol + " " + m.Tag + m.lead() + what
}

var leads = map[incident.Event]string{
	incident.Reopened:     "Again: ",
	incident.Escalated:    "Not acknowledged: ",
	incident.Raised:       "Now more severe: ",
	incident.CauseChanged: "Cause has changed: ",
	incident.Unstable:     "Unstable: ",
	incident.Flapping:     "Flapping: ",
	incident.Resumed:      "Still failing: ", // after a silence or maintenance
	incident.Joined:       "More databases: ",
	incident.Reminder:     "Still: ",
}

func (m Message) lead() string {
	if m.State == Resolved || m.State == Gone {
		return ""
	}
	if m.Event == incident.Escalated && m.State == Acknowledged {
		return "" // by now it is
	}
	return leads[m.Event]
}
