package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/text"
)

// The colours, as SGR parameters. None says anything that a word does not.
const (
	red    = "31;1"
	yellow = "33"
	green  = "32"
)

func (l look) paint(colour, text string) string {
	if !l.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// membersShown bounds the lines of one group.
const membersShown = 20

// row is a line of the table with what is said below it.
type row struct {
	id, severity, database, check, lasts string
	rank                                 int
	details                              []detail
}

// detail is a labelled line, wrapped where it is long.
type detail struct{ label, text, colour string }

// show returns what is open, was lately, and is silenced.
func show(v incidents.View, l look) string {
	var b strings.Builder
	doubts(&b, v, l)
	fmt.Fprintf(&b, "%s As of %s.\n", headline(v, l), text.Stamp(v.At))
	section := func(title string, rows []row) {
		if len(rows) == 0 {
			return
		}
		b.WriteString("\n")
		if title != "" {
			fmt.Fprintf(&b, "%s\n", title)
		}
		table(&b, rows, l)
	}
	section("", openRows(v))
	section("Drills", drillRows(v))
	section("Resolved lately", resolvedRows(v))
	if len(v.Silences) > 0 {
		b.WriteString("\nSilences in force\n")
		for _, s := range v.Silences {
			wrap(&b, "  ", "  ", silenceText(s, v.At), l)
		}
	}
	return b.String()
}

// doubts says first of all what the rest cannot be trusted for.
func doubts(b *strings.Builder, v incidents.View, l look) {
	say := func(word, text string, shards []string) {
		if len(shards) > 0 {
			wrap(b, l.paint(red, word)+" ", strings.Repeat(" ", len(word)+1), fmt.Sprintf(text, strings.Join(shards, ", ")), l)
		}
	}
	say("NOT KNOWN:", "what is open in %s: Alert's state cannot be read.", v.Unread)
	say("MAY BE OLD:", "what is open in %s: Alert has heard of no run for too long.", v.Stale)
}

func headline(v incidents.View, l look) string {
	switch {
	case len(v.Open) == 0 && len(v.Unread)+len(v.Stale) > 0:
		return "Nothing is known to be open."
	case len(v.Open) == 0:
		return l.paint(green, "Nothing is open.")
	}
	var parts []string
	for _, s := range []cause.Severity{cause.SeverityCritical, cause.SeverityWarning, cause.SeverityInfo} {
		n := 0
		for _, i := range v.Open {
			if i.Severity == s {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, l.paint(colourOf(s), fmt.Sprintf("%d %s", n, s)))
		}
	}
	return fmt.Sprintf("%s open: %s.", text.Count(len(v.Open), "incident", "incidents"), strings.Join(parts, ", "))
}

func colourOf(s cause.Severity) string {
	if s == cause.SeverityCritical {
		return red
	}
	return yellow
}

// openRows lists incidents that tell for themselves and groups, the most severe and
// oldest first, each group followed by its members.
func openRows(v incidents.View) []row {
	type unit struct {
		rank int
		id   string
		rows []row
	}
	var units []unit
	grouped := map[string]bool{}
	for _, g := range v.Groups {
		if g.Resolved.IsZero() {
			grouped[g.ID] = true
			units = append(units, unit{g.Severity.Rank(), g.FullID, groupRows(g, v)})
		}
	}
	for _, i := range v.Open {
		if !grouped[i.Group] {
			units = append(units, unit{i.Severity.Rank(), i.FullID, []row{incidentRow(i, v.At)}})
		}
	}
	slices.SortStableFunc(units, func(a, b unit) int {
		return cmp.Or(b.rank-a.rank, strings.Compare(a.id, b.id))
	})
	var rows []row
	for _, u := range units {
		rows = append(rows, u.rows...)
	}
	return rows
}

func incidentRow(i incidents.Incident, now time.Time) row {
	r := briefRow(i)
	r.details = append(r.details, detail{"cause", causeText(i), ""}, detail{"state", stateText(i, now), ""})
	r.details = append(r.details, toldDetails(i.Told, i.Handling, now)...)
	return r
}

func briefRow(i incidents.Incident) row {
	r := row{
		id: i.ID, severity: string(i.Severity), database: message.DatabaseName(i.Database), check: string(i.Check),
		lasts: text.Duration(time.Duration(i.DurationSeconds) * time.Second), rank: i.Severity.Rank(),
	}
	if i.Subject != "" {
		r.details = append(r.details, detail{"subject", text.Line(i.Subject), ""})
	}
	return r
}

func groupRows(g incidents.Group, v incidents.View) []row {
	var members []incidents.Incident
	var causes []string
	for _, i := range v.Open {
		if i.Group == g.ID {
			members = append(members, i)
			if !slices.Contains(causes, string(i.Cause)) {
				causes = append(causes, string(i.Cause))
			}
		}
	}
	what := string(g.Class)
	if g.Region != "" {
		what = "regional outage of " + text.Line(g.Region)
	}
	over := len(g.Members) - len(members)
	state := "open since " + text.Clock(g.Since, v.At) + handlingText(g.Handling, v.At)
	if over > 0 {
		state += fmt.Sprintf(", %d of %d resolved", over, len(g.Members))
	}
	head := row{
		id: g.ID, severity: string(g.Severity), database: fmt.Sprintf("group of %d", len(g.Members)), check: "",
		lasts: text.Duration(time.Duration(g.DurationSeconds) * time.Second), rank: g.Severity.Rank(),
		details: []detail{{"cause", what + ": " + strings.Join(causes, ", "), ""}, {"state", state, ""}},
	}
	head.details = append(head.details, toldDetails(g.Told, g.Handling, v.At)...)
	rows := []row{head}
	for _, i := range members[:min(len(members), membersShown)] {
		r := briefRow(i)
		r.id = "  " + r.id
		if i.State != incidents.StateOpen && i.State != g.State {
			r.details = append(r.details, detail{"state", stateText(i, v.At), ""})
		}
		rows = append(rows, r)
	}
	if more := len(members) - membersShown; more > 0 {
		last := &rows[len(rows)-1]
		last.details = append(last.details, detail{"more", fmt.Sprintf("%d more members; --json lists them", more), ""})
	}
	return rows
}

func drillRows(v incidents.View) []row {
	var rows []row
	for _, i := range v.Drills {
		if i.Resolved.IsZero() {
			r := row{id: i.ID, severity: string(i.Severity), database: "nothing is wrong", check: "drill", lasts: text.Duration(v.At.Sub(i.Since)), rank: i.Severity.Rank()}
			r.details = toldDetails(i.Told, i.Handling, v.At)
			rows = append(rows, r)
		}
	}
	return rows
}

func resolvedRows(v incidents.View) []row {
	var rows []row
	for _, i := range v.Resolved {
		r := briefRow(i)
		word := "resolved"
		if i.State == incidents.StateNoLongerWatched {
			word = "no longer watched"
		}
		r.details = append(r.details,
			detail{"cause", causeText(i), ""},
			detail{"state", fmt.Sprintf("%s at %s", word, text.Clock(i.Resolved, v.At)), ""})
		// Everybody having been told is what is expected: say only what is not so.
		for _, d := range toldDetails(i.Told, i.Handling, v.At) {
			if d.colour != "" {
				r.details = append(r.details, d)
			}
		}
		rows = append(rows, r)
	}
	return rows
}

func causeText(i incidents.Incident) string { return string(i.Cause) + ": " + i.Title }

func stateText(i incidents.Incident, now time.Time) string {
	said := "open since " + text.Clock(i.Since, now) + handlingText(i.Handling, now)
	if i.Flapping {
		said += ", flapping"
	}
	if i.Unstable {
		said += ", unstable"
	}
	if i.Reopened > 0 {
		said += ", reopened " + text.Count(i.Reopened, "time", "times")
	}
	return said
}

// handlingText continues a sentence.
func handlingText(h incidents.Handling, now time.Time) string {
	said := ""
	if h.Acknowledged != nil {
		said += fmt.Sprintf(", acknowledged by %s at %s", text.Line(h.Acknowledged.By), text.Clock(h.Acknowledged.At, now))
	}
	if !h.SilencedUntil.IsZero() {
		said += ", silenced until " + text.Clock(h.SilencedUntil, now)
		if h.SilencedBy != "" {
			said += " by " + text.Line(h.SilencedBy)
		}
	}
	if h.Maintenance {
		said += ", in maintenance"
	}
	return said
}

// toldDetails says who was told, who not yet, and who cannot be.
func toldDetails(told []incidents.Told, h incidents.Handling, now time.Time) []detail {
	var done, others []detail
	for _, t := range told {
		switch t.Delivery {
		case incidents.DeliveryDone:
			label := "told"
			if len(done) > 0 {
				label = ""
			}
			done = append(done, detail{label, t.Receiver + " " + howTold(t, now), ""})
		case incidents.DeliveryPending:
			said := t.Receiver + " " + howTold(t, now)
			if !t.At.IsZero() {
				said += "; it took the last one at " + text.Clock(t.At, now)
			}
			others = append(others, detail{"pending", said, yellow})
		case incidents.DeliveryFailed:
			others = append(others, detail{"failed", t.Receiver + ": " + howTold(t, now), red})
		}
	}
	switch {
	case len(done)+len(others) > 0:
		return append(done, others...)
	case !h.SilencedUntil.IsZero():
		return []detail{{"told", "nobody: it is silenced", ""}}
	case h.Maintenance:
		return []detail{{"told", "nobody: it is in maintenance", ""}}
	}
	return []detail{{"told", "nobody", yellow}}
}

func silenceText(s incidents.Silence, now time.Time) string {
	what := s.Incident
	if what == "" {
		what = message.DatabaseName(s.Database)
		for _, more := range []string{string(s.Check), text.Line(s.Subject)} {
			if more != "" {
				what += " " + more
			}
		}
	}
	said := fmt.Sprintf("%s until %s by %s", what, text.Clock(s.Until, now), text.Line(s.By))
	if s.Reason != "" {
		said += ": " + text.Line(s.Reason)
	}
	return said
}

// table writes rows in columns that fit the width: the database's name is cut where
// it must be, and then said in full below.
func table(b *strings.Builder, rows []row, l look) {
	head := row{id: "ID", severity: "SEVERITY", database: "DATABASE", check: "CHECK", lasts: "FOR"}
	var id, severity, database, check, lasts int
	for _, r := range append([]row{head}, rows...) {
		id, severity = max(id, utf8.RuneCountInString(r.id)), max(severity, len(r.severity))
		database, check, lasts = max(database, utf8.RuneCountInString(r.database)), max(check, len(r.check)), max(lasts, len(r.lasts))
	}
	const gap = 2
	database = max(10, min(database, l.width-id-severity-check-lasts-4*gap))
	line := func(r row) {
		word := pad(r.severity, severity)
		if r.rank > 0 {
			word = l.paint(colourOf(cause.Severity(r.severity)), word)
		}
		text := fmt.Sprintf("%s  %s  %s  %s  %s", pad(r.id, id), word, pad(text.Clip(r.database, database), database), pad(r.check, check), r.lasts)
		b.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	line(head)
	for _, r := range rows {
		line(r)
		if utf8.RuneCountInString(r.database) > database {
			r.details = append([]detail{{"database", r.database, ""}}, r.details...)
		}
		for _, d := range r.details {
			label := pad(d.label, 8)
			if d.colour != "" {
				label = l.paint(d.colour, label)
			}
			wrap(b, "    "+label+" ", strings.Repeat(" ", 13), d.text, l)
		}
	}
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// wrap writes s behind first, and its further lines behind indent, which is as wide.
func wrap(b *strings.Builder, first, indent, s string, l look) {
	b.WriteString(first + text.Wrap(s, max(20, l.width-len(indent)), indent) + "\n")
}
