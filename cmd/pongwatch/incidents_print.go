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
	if !l.colour || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func colourOf(s cause.Severity) string {
	switch s {
	case cause.SeverityCritical:
		return red
	case cause.SeverityWarning, cause.SeverityInfo:
		return yellow
	}
	return ""
}

// membersShown bounds the lines of one group.
const membersShown = 20

// row is a line of a table with the labelled lines below it.
type row struct {
	id, fullID             string
	severity               cause.Severity
	database, check, lasts string
	details                []detail
}

type detail struct{ label, text, colour string }

func (r *row) add(label, text string) { r.details = append(r.details, detail{label, text, ""}) }

// page is what is printed of the incidents at one time.
type page struct {
	strings.Builder
	look
	now time.Time
}

// show returns what is open, was lately, and is silenced.
func show(v incidents.View, l look) string {
	p := &page{look: l, now: v.At}
	p.doubt("NOT KNOWN:", "what is open in %s: Alert's state cannot be read.", v.Unread)
	p.doubt("MAY BE OLD:", "what is open in %s: Alert has received no report for too long.", v.Stale)
	fmt.Fprintf(p, "%s As of %s.\n", p.headline(v), text.Stamp(v.At))
	p.table("", p.open(v))
	var drills, resolved []row
	for _, i := range v.Drills {
		if i.Resolved.IsZero() {
			drills = append(drills, row{
				id: i.ID, severity: i.Severity, database: "nothing is wrong", check: "drill", lasts: text.Duration(v.At.Sub(i.Since)),
				details: p.told(i.Told, i.Handling),
			})
		}
	}
	p.table("Drills", drills)
	for _, i := range v.Resolved {
		word := "resolved"
		if i.State == incidents.StateNoLongerWatched {
			word = "no longer watched"
		}
		r := incidentRow(i)
		r.add("cause", string(i.Cause)+": "+i.Title)
		r.add("state", word+" at "+text.Clock(i.Resolved, p.now))
		// That all were told is expected, so only the others are listed.
		r.details = append(r.details, slices.DeleteFunc(p.told(i.Told, i.Handling), func(d detail) bool { return d.colour == "" })...)
		resolved = append(resolved, r)
	}
	p.table("Resolved lately", resolved)
	if len(v.Silences) > 0 {
		p.WriteString("\nSilences in force\n")
	}
	for _, s := range v.Silences {
		s.Database = message.DatabaseName(s.Database)
		said := fmt.Sprintf("%s until %s by %s", s.Of(), text.Clock(s.Until, v.At), s.By)
		if s.Reason != "" {
			said += ": " + s.Reason
		}
		p.wrap("  ", "  ", said)
	}
	return p.String()
}

// doubt says of which shards the rest may be wrong.
func (p *page) doubt(word, text string, shards []string) {
	if len(shards) > 0 {
		p.wrap(p.paint(red, word)+" ", strings.Repeat(" ", len(word)+1), fmt.Sprintf(text, strings.Join(shards, ", ")))
	}
}

func (p *page) headline(v incidents.View) string {
	switch {
	case len(v.Open) == 0 && len(v.Unread)+len(v.Stale) > 0:
		return "Nothing is known to be open."
	case len(v.Open) == 0:
		return p.paint(green, "Nothing is open.")
	}
	count := map[cause.Severity]int{}
	for _, i := range v.Open {
		count[i.Severity]++
	}
	var parts []string
	for _, s := range []cause.Severity{cause.SeverityCritical, cause.SeverityWarning, cause.SeverityInfo} {
		if count[s] > 0 {
			parts = append(parts, p.paint(colourOf(s), fmt.Sprintf("%d %s", count[s], s)))
		}
	}
	return fmt.Sprintf("%s open: %s.", text.Count(len(v.Open), "incident", "incidents"), strings.Join(parts, ", "))
}

// open lists groups, each followed by its members, and the incidents of no group: the
// most severe and oldest first.
func (p *page) open(v incidents.View) []row {
	var units [][]row
	grouped := map[string]bool{}
	for _, g := range v.Groups {
		if g.Resolved.IsZero() {
			grouped[g.ID] = true
			units = append(units, p.group(g, v.Open))
		}
	}
	for _, i := range v.Open {
		if !grouped[i.Group] {
			r := incidentRow(i)
			r.add("cause", string(i.Cause)+": "+i.Title)
			r.add("state", p.state(i))
			r.details = append(r.details, p.told(i.Told, i.Handling)...)
			units = append(units, []row{r})
		}
	}
	slices.SortStableFunc(units, func(a, b []row) int {
		return cmp.Or(b[0].severity.Rank()-a[0].severity.Rank(), strings.Compare(a[0].fullID, b[0].fullID))
	})
	return slices.Concat(units...)
}

func incidentRow(i incidents.Incident) row {
	r := row{
		id: i.ID, fullID: i.FullID, severity: i.Severity, database: message.DatabaseName(i.Database), check: string(i.Check),
		lasts: text.Duration(time.Duration(i.DurationSeconds) * time.Second),
	}
	if i.Environment != "" {
		r.database += " [" + i.Environment + "]"
	}
	if i.Subject != "" {
		r.add("subject", i.Subject)
	}
	return r
}

func (p *page) group(g incidents.Group, open []incidents.Incident) []row {
	members := slices.DeleteFunc(slices.Clone(open), func(i incidents.Incident) bool { return i.Group != g.ID })
	var causes []string
	for _, i := range members {
		if !slices.Contains(causes, string(i.Cause)) {
			causes = append(causes, string(i.Cause))
		}
	}
	what := string(g.Class)
	if g.Region != "" {
		what = "regional outage of " + g.Region
	}
	state := p.since(g.Since, g.Again) + p.handling(g.Handling)
	if over := len(g.Members) - len(members); over > 0 {
		state += fmt.Sprintf(", %d of %d resolved", over, len(g.Members))
	}
	head := row{
		id: g.ID, fullID: g.FullID, severity: g.Severity, database: fmt.Sprintf("group of %d", len(g.Members)),
		lasts: text.Duration(time.Duration(g.DurationSeconds) * time.Second),
	}
	head.add("cause", what+": "+strings.Join(causes, ", "))
	head.add("state", state)
	head.details = append(head.details, p.told(g.Told, g.Handling)...)
	rows := []row{head}
	for _, i := range members[:min(len(members), membersShown)] {
		r := incidentRow(i)
		r.id = "  " + r.id
		if i.State != incidents.StateOpen && i.State != g.State {
			r.add("state", p.state(i))
		}
		rows = append(rows, r)
	}
	if more := len(members) - membersShown; more > 0 {
		rows[len(rows)-1].add("more", fmt.Sprintf("%d more members; --json lists them", more))
	}
	return rows
}

func (p *page) since(first, again time.Time) string {
	if again.IsZero() {
		return "open since " + text.Clock(first, p.now)
	}
	return "open again since " + text.Clock(again, p.now) + ", first at " + text.Clock(first, p.now)
}

func (p *page) state(i incidents.Incident) string {
	said := p.since(i.Since, i.Again)
	if !i.Stale.IsZero() {
		said += ", not confirmed since " + text.Clock(i.Stale, p.now)
	}
	said += p.handling(i.Handling)
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

// handling continues a sentence.
func (p *page) handling(h incidents.Handling) string {
	said := ""
	if h.Acknowledged != nil {
		said += fmt.Sprintf(", acknowledged by %s at %s", h.Acknowledged.By, text.Clock(h.Acknowledged.At, p.now))
	}
	if !h.SilencedUntil.IsZero() {
		said += ", silenced until " + text.Clock(h.SilencedUntil, p.now)
		if h.SilencedBy != "" {
			said += " by " + h.SilencedBy
		}
	}
	if h.Maintenance {
		said += ", in maintenance"
		if h.Window != "" {
			said += " (" + h.Window + ")"
		}
	}
	return said
}

// told lists who was told, then who is not yet and who cannot be.
func (p *page) told(told []incidents.Told, h incidents.Handling) []detail {
	var done, others []detail
	for _, t := range told {
		how := howTold(t, p.now)
		switch t.Delivery {
		case incidents.DeliveryDone:
			done = append(done, detail{"", t.Receiver + " " + how, ""})
			done[0].label = "notified"
		case incidents.DeliveryPending:
			if !t.At.IsZero() {
				how += "; it took the last one at " + text.Clock(t.At, p.now)
			}
			others = append(others, detail{"pending", t.Receiver + " " + how, yellow})
		case incidents.DeliveryFailed:
			others = append(others, detail{"failed", t.Receiver + ": " + how, red})
		}
	}
	switch {
	case len(done)+len(others) > 0:
		return append(done, others...)
	case !h.SilencedUntil.IsZero():
		return []detail{{"notified", "no one: it is silenced", ""}}
	case h.Maintenance:
		return []detail{{"notified", "no one: it is in maintenance", ""}}
	}
	return []detail{{"notified", "no one", yellow}}
}

// table writes rows in columns that fit the width. A database's name is cut where
// it must be, and then stands in full below.
func (p *page) table(title string, rows []row) {
	if len(rows) == 0 {
		return
	}
	p.WriteString("\n")
	if title != "" {
		p.WriteString(title + "\n")
	}
	rows = append([]row{{id: "ID", severity: "SEVERITY", database: "DATABASE", check: "CHECK", lasts: "FOR"}}, rows...)
	var id, severity, database, check, lasts int
	for _, r := range rows {
		id, severity = max(id, utf8.RuneCountInString(r.id)), max(severity, len(r.severity))
		database, check, lasts = max(database, utf8.RuneCountInString(r.database)), max(check, len(r.check)), max(lasts, len(r.lasts))
	}
	const gap = 2
	database = max(10, min(database, p.width-id-severity-check-lasts-4*gap))
	for _, r := range rows {
		line := fmt.Sprintf("%-*s  %s  %-*s  %-*s  %s", id, r.id, p.paint(colourOf(r.severity), fmt.Sprintf("%-*s", severity, r.severity)),
			database, text.Clip(r.database, database), check, r.check, r.lasts)
		p.WriteString(strings.TrimRight(line, " ") + "\n")
		if utf8.RuneCountInString(r.database) > database {
			r.details = append([]detail{{"database", r.database, ""}}, r.details...)
		}
		for _, d := range r.details {
			p.wrap("    "+p.paint(d.colour, fmt.Sprintf("%-8s", d.label))+" ", strings.Repeat(" ", 13), d.text)
		}
	}
}

// wrap writes said behind first, and its further lines behind indent, which is as wide.
func (p *page) wrap(first, indent, said string) {
	p.WriteString(first + text.Wrap(said, max(20, p.width-len(indent)), indent) + "\n")
}
