package message

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/text"
)

// width is where plain text is wrapped: mail readers quote without breaking it.
const width = 76

// Text returns the whole message as plain text for a mail: the first line is the
// phone's, links stand on lines of their own.
func (m Message) Text() string {
	var b strings.Builder
	b.WriteString(m.Push + "\n")
	line(&b, LabelImpact, m.Impact)
	if len(m.Fix) > 0 {
		line(&b, LabelFirst, m.Fix[0].Text)
		paste(&b, m.Fix[0])
	}
	paragraph(&b, "", m.News)
	b.WriteString("\n")
	for _, a := range m.Actions {
		if a.URL != "" {
			fmt.Fprintf(&b, "%s:\n%s\n", a.Label, a.URL)
		}
	}
	for _, l := range m.Links {
		fmt.Fprintf(&b, "%s: %s\n", l.Label, l.URL)
	}
	b.WriteString("\n")
	for _, f := range m.Facts {
		fmt.Fprintf(&b, "%-14s %s\n", f.Label+":", text.Wrap(f.String(), width-15, strings.Repeat(" ", 15)))
	}
	for _, n := range m.Notes {
		b.WriteString(text.Wrap(n.String(), width, "") + "\n")
	}
	if m.Sparkline != "" {
		fmt.Fprintf(&b, "%s: %s\n", LabelTrend, m.Sparkline)
	}
	if len(m.Members) > 0 {
		fmt.Fprintf(&b, "\n%s:\n  %s\n", LabelMembers, strings.Join(m.MemberLines(), "\n  "))
	}
	for _, e := range m.Evidence {
		fmt.Fprintf(&b, "\n%s (%s):\n%s\n", LabelEvidence, e.Label, "    "+text.Wrap(e.Text, width-4, "    "))
	}
	if m.CauseText != "" {
		paragraph(&b, LabelCause, m.CauseTitle+". "+m.CauseText)
	}
	if len(m.Fix) > 0 {
		b.WriteString("\n" + LabelFix + ":\n")
		for i, step := range m.Fix {
			fmt.Fprintf(&b, " %d. %s\n", i+1, text.Wrap(step.Text, width-4, "    "))
			paste(&b, step)
		}
	}
	paragraph(&b, LabelNext, m.Next)
	b.WriteString("\n-- \n" + m.Footer + "\n")
	return b.String()
}

// MemberLines returns a line for each of a group's incidents, such as
// "prod-cache: Redis refuses the token, since 18:22 UTC (INC-7F3A9K)".
func (m Message) MemberLines() []string {
	lines := make([]string, len(m.Members))
	for i, x := range m.Members {
		why, when := "", "over"
		if m.Cause == "" && x.Cause != "" {
			why = ": " + lowerFirst(x.Cause.Info().Title)
		}
		if x.Open {
			when = strings.TrimPrefix(since(x.Since, x.Again, m.At), ", ")
		}
		lines[i] = fmt.Sprintf("%s%s, %s (%s)", x.Database, why, when, x.Short)
	}
	return lines
}

// String returns the fact's value.
func (f Fact) String() string {
	switch {
	case f.At.IsZero():
		return f.Text
	case f.Text == "":
		return text.Stamp(f.At)
	}
	return text.Stamp(f.At) + " (" + f.Text + ")"
}

// FirstStep returns what to do first, "" once there is nothing to do.
func (m Message) FirstStep() string {
	if len(m.Fix) == 0 {
		return ""
	}
	return m.Fix[0].Text
}

// paste writes a step's commands on lines of their own, whole.
func paste(b *strings.Builder, s Step) {
	for _, command := range s.Commands {
		b.WriteString("    " + command + "\n")
	}
}

// Person returns who, for media that know nothing of the channel's users.
func (n Note) Person() string {
	by := text.Clip(n.By, 80)
	switch {
	case by == "":
		return ""
	case n.Via == "slack":
		return "Slack user " + by
	case by == "link":
		return "a person with the link"
	}
	return by
}

// String returns the note as a sentence.
func (n Note) String() string {
	s := n.Text
	if who := n.Person(); who != "" {
		s += " by " + who
	}
	if !n.At.IsZero() {
		s += " at " + text.Stamp(n.At)
	}
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// paragraph writes a labelled text behind an empty line.
func paragraph(b *strings.Builder, label, text string) {
	if text != "" {
		b.WriteString("\n")
		line(b, label, text)
	}
}

func line(b *strings.Builder, label, said string) {
	if said != "" {
		b.WriteString(text.Wrap(strings.TrimPrefix(label+": ", ": ")+said, width, "") + "\n")
	}
}

func (c Context) footer(parts ...string) string {
	if c.Version != "" {
		parts = append(parts, "pongwatch "+c.Version)
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " · ")
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
