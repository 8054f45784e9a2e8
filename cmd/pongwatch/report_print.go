package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/text"
)

// happened says in words what an event is.
var happened = map[incident.Event]string{
	incident.Opened: "failure confirmed, incident opened", incident.Reopened: "failed again, incident reopened",
	incident.Resolved: "resolved", incident.NoLongerWatched: "no longer watched, incident closed",
	incident.Escalated: "escalated, because no one had acknowledged it", incident.Raised: "severity raised",
	incident.CauseChanged: "cause changed", incident.Unstable: "unstable: kept open until it stays good",
	incident.Flapping: "flapping: kept open until it settles", incident.Resumed: "still failing when the silence or maintenance ended",
	incident.Joined: "more databases joined the group", incident.Reminder: "reminder due", incident.Acknowledged: "acknowledged",
	incident.Silenced: "silenced", incident.Unsilenced: "silence ended", incident.Drill: "drill opened",
}

// news says in a word what a receiver was told.
var news = map[incident.Event]string{
	incident.Past: "opened and resolved at once", incident.NoLongerWatched: "no longer watched",
	incident.CauseChanged: "another cause", incident.Resumed: "still failing", incident.Joined: "the group grew", incident.Updated: "latest figures",
}

// timeline puts everything of an incident that has a time in order.
func timeline(i incidents.Incident) []entry {
	var out []entry
	add := func(at time.Time, format string, args ...any) {
		if !at.IsZero() {
			out = append(out, entry{at.UTC(), fmt.Sprintf(format, args...)})
		}
	}
	add(i.LastOK, "last good check")
	add(i.Since, "first failed check%s", seenBy(i))
	has := func(e incident.Event) bool {
		return slices.ContainsFunc(i.Timeline, func(m incidents.Moment) bool { return m.Event == e && m.Receiver == "" })
	}
	if !has(incident.Opened) && !has(incident.Drill) {
		add(i.Opened, "%s", happened[incident.Opened])
	}
	for _, m := range i.Timeline {
		add(m.At, "%s", momentText(m))
	}
	if a := i.Acknowledged; a != nil && !has(incident.Acknowledged) {
		add(a.At, "acknowledged by %s", a.By)
	}
	for _, t := range i.Told {
		told := slices.ContainsFunc(i.Timeline, func(m incidents.Moment) bool { return m.Receiver == t.Receiver })
		switch {
		case t.Delivery == incidents.DeliveryFailed:
			add(i.Opened, "%s refuses: %s", t.Receiver, t.Error)
		case !told:
			add(t.At, "%s notified for the last time", t.Receiver)
		}
	}
	if !has(incident.Resolved) && !has(incident.NoLongerWatched) {
		add(i.Resolved, "%s", happened[incident.Resolved])
	}
	slices.SortStableFunc(out, func(a, b entry) int { return a.At.Compare(b.At) })
	return out
}

func seenBy(i incidents.Incident) string {
	if len(i.SeenBy) == 0 {
		return ""
	}
	said := ", seen by " + strings.Join(i.SeenBy, ", ")
	if len(i.Voters) > len(i.SeenBy) {
		said += fmt.Sprintf(" (%d of %d that report)", len(i.SeenBy), len(i.Voters))
	}
	return said
}

func momentText(m incidents.Moment) string {
	if m.Receiver != "" {
		what := news[m.Event]
		if what == "" {
			what = strings.ReplaceAll(string(m.Event), "_", " ")
		}
		if m.Edited {
			return "message at " + m.Receiver + " edited: " + what
		}
		return m.Receiver + " notified: " + what
	}
	said := happened[m.Event]
	if said == "" {
		said = strings.ReplaceAll(string(m.Event), "_", " ")
	}
	if m.By != "" {
		said += " by " + m.By
	}
	if m.Via != "" {
		said += " (" + m.Via + ")"
	}
	switch m.Withheld {
	case "":
	case "grouped":
		said += "; its group has the message"
	default:
		said += "; not notified: " + m.Withheld
	}
	return said
}

// cell makes text fit for a cell of a table in Markdown.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "`", "'").Replace(s)
}

// markdown returns the report as Markdown.
func (r incidentReport) markdown() string {
	i, b := r.Incident, &strings.Builder{}
	fmt.Fprintf(b, "# %s · %s %s: %s\n\n| | |\n|---|---|\n", i.ID, cell(message.DatabaseName(i.Database)), i.Check, cell(i.Title))
	row := func(label, value string) {
		if value != "" {
			fmt.Fprintf(b, "| %s | %s |\n", label, cell(value))
		}
	}
	row("State", strings.ReplaceAll(string(i.State), "_", " "))
	row("Severity", string(i.Severity))
	row("Subject", i.Subject)
	row("First failure", text.Stamp(i.Since))
	row("Confirmed", text.Stamp(i.Opened)+", after "+text.Duration(i.Opened.Sub(i.Since)))
	if i.Acknowledged != nil {
		row("Acknowledged", text.Stamp(i.Acknowledged.At)+" by "+i.Acknowledged.By+", after "+text.Duration(i.Acknowledged.At.Sub(i.Opened)))
	}
	if !i.Resolved.IsZero() {
		row("Resolved", text.Stamp(i.Resolved))
	}
	row("Failed for", text.Duration(time.Duration(i.DurationSeconds)*time.Second))
	if i.Reopened > 0 {
		row("Reopened", text.Count(i.Reopened, "time", "times"))
	}
	row("Failed checks", fmt.Sprint(i.Runs))
	row("Apps that fell back", strings.Join(i.Mock, "; "))
	row("Group", i.Group)
	row("Full id", i.FullID)

	b.WriteString("\n## Timeline\n\n| UTC | what |\n|---|---|\n")
	for _, e := range r.Timeline {
		row(e.At.Format("2006-01-02 15:04:05"), e.What)
	}
	b.WriteString("\n## Evidence\n\n")
	if i.Evidence == "" {
		b.WriteString("None was kept.\n")
	} else {
		fmt.Fprintf(b, "    %s\n", i.Evidence)
	}
	fmt.Fprintf(b, "\n## Cause\n\n%s (`%s`). %s\n\n", i.Title, i.Cause, r.Explanation)
	if i.PreviousCause != "" {
		fmt.Fprintf(b, "Before it was `%s`: %s.\n\n", i.PreviousCause, i.PreviousCause.Info().Title)
	}
	for n, step := range r.Fix {
		fmt.Fprintf(b, "%d. %s\n", n+1, step)
	}
	if r.PlaybookURL != "" {
		fmt.Fprintf(b, "\nPlaybook: <%s>\n", r.PlaybookURL)
	}
	r.latency(b)
	r.configuration(b)
	return b.String()
}

// latencyRows bounds the table of latencies.
const latencyRows = 60

func (r incidentReport) latency(b *strings.Builder) {
	b.WriteString("\n## Latency around it\n\n")
	if r.Incident.Sparkline != "" {
		fmt.Fprintf(b, "In the hour before: %s\n\n", r.Incident.Sparkline)
	}
	if len(r.Missing) > 0 {
		fmt.Fprintf(b, "Could not read %s.\n\n", cell(strings.Join(r.Missing, ", ")))
	}
	if r.Latency == nil {
		b.WriteString("No pings around it were read.\n")
		return
	}
	slow := ""
	if r.Latency.LimitMS > 0 {
		slow = fmt.Sprintf("; a median above %.0f ms is slow", r.Latency.LimitMS)
	}
	fmt.Fprintf(b, "PING from %s%s.\n\n| UTC | median | p95 | good | failed |\n|---|---|---|---|---|\n", cell(r.Latency.Region), slow)
	ms := func(v *float64) string {
		if v == nil {
			return ""
		}
		return fmt.Sprintf("%.1f ms", *v)
	}
	every := (len(r.Latency.Points) + latencyRows - 1) / latencyRows
	for n, p := range r.Latency.Points {
		// Each failure is shown, of good points as many as fit.
		if p.Failed > 0 || n%every == 0 {
			fmt.Fprintf(b, "| %s | %s | %s | %d | %d |\n", p.At.UTC().Format("01-02 15:04:05"), ms(p.P50), ms(p.P95), p.Good, p.Failed)
		}
	}
}

func (r incidentReport) configuration(b *strings.Builder) {
	b.WriteString("\n## Configuration in force\n\n")
	c := r.Incident.Configuration
	if c == nil {
		b.WriteString("It was not recorded.\n")
		return
	}
	fmt.Fprintf(b, "- Hash: `%s`\n- Check: `%s`", c.Hash, r.Incident.Check)
	if c.EverySeconds > 0 {
		fmt.Fprintf(b, ", every %s", text.Duration(time.Duration(c.EverySeconds)*time.Second))
	}
	var opens []string
	if c.Open > 0 {
		opens = append(opens, text.Count(c.Open, "failed check", "failed checks in a row"))
	}
	if c.OpenBad > 0 {
		opens = append(opens, fmt.Sprintf("%d failed of the last %d", c.OpenBad, c.OpenOf))
	}
	if len(opens) > 0 {
		fmt.Fprintf(b, "\n- Opens after: %s", strings.Join(opens, ", or "))
	}
	if c.Close > 0 {
		fmt.Fprintf(b, "\n- Closes after: %s", text.Count(c.Close, "good check", "good checks in a row"))
	}
	b.WriteString("\n")
}
