package top

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/pongwatch/pongwatch/shared/text"
)

// maxPrinted is how many rows a table has on paper.
const maxPrinted = 25

// Print writes the result as a table of at most rows rows, with habits below; 0 is the default.
func (r Result) Print(w io.Writer, rows int) error {
	if rows <= 0 {
		rows = maxPrinted
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s commands in %.0f s of MONITOR over %s, %.1f a second\n\n", r.Database, text.Thousands(r.Commands), r.Seconds, r.Source, float64(r.Commands)/max(0.001, r.Seconds))
	cost := "ON PAY-AS-YOU-GO"
	if r.Billed {
		cost = "COST A MONTH"
	}
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "SHARE\tCOMMAND\tPATTERN\tCLIENT\tCOMMANDS A MONTH\t%s\n", cost)
	var rest Spending
	for i, row := range r.Rows {
		if i >= rows {
			rest.add(row.Spending)
			continue
		}
		month, price := about(row.CommandsAMonth), dollars(row.Dollars)
		if row.Unbilled {
			month, price = "not billed", "-"
		}
		pattern := row.Pattern
		if pattern == "" {
			pattern = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", percent(row.Share), row.Command, pattern, row.Client, month, price)
	}
	if more := len(r.Rows) - rows; more > 0 {
		fmt.Fprintf(t, "%s\t%s\t\t\t%s\t%s\n", percent(rest.Share), text.Count(more, "more row", "more rows"), about(rest.CommandsAMonth), dollars(rest.Dollars))
	}
	fmt.Fprintf(t, "sum\t\t\t\t%s\t%s\n", about(r.Total.CommandsAMonth), dollars(r.Total.Dollars))
	_ = t.Flush() // a builder takes everything
	if r.Quota > 0 {
		fmt.Fprintf(&b, "\nA month like this sample uses %s the %s commands of plan %s.\n", partOf(float64(r.Total.CommandsAMonth)/float64(r.Quota)), text.Thousands(r.Quota), r.Plan)
	} else if !r.Billed {
		fmt.Fprintf(&b, "\nPlan %s does not bill commands.\n", r.Plan)
	}
	if len(r.Habits) > 0 {
		b.WriteString("\nKnown habits\n")
	}
	for _, h := range r.Habits {
		fmt.Fprintf(&b, "\n%s: %s of the commands, %s a month, %s\n", h.Title, percent(h.Share), about(h.CommandsAMonth), dollars(h.Dollars))
		fmt.Fprintf(&b, "  %s\n  Do: %s\n", text.Wrap(h.Evidence, 96, "  "), text.Wrap(h.Advice, 92, "      "))
	}
	b.WriteByte('\n')
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "Note: %s.\n", n)
	}
	fmt.Fprintf(&b, "This sample cost %s and %s of traffic", text.Count(int(r.Cost.Commands), "command", "commands"), size(r.Cost.Bytes))
	if r.Cost.TrafficShare > 0 {
		fmt.Fprintf(&b, ", %s of the plan's", percent(r.Cost.TrafficShare))
	}
	b.WriteString(".\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// about rounds to three digits: a minute says no more of a month.
func about(n int64) string {
	unit := int64(1)
	for n/unit >= 1000 {
		unit *= 10
	}
	return text.Thousands((n + unit/2) / unit * unit)
}

func dollars(n float64) string {
	if n >= 100 {
		return "$" + about(int64(n+0.5))
	}
	return fmt.Sprintf("$%.2f", n)
}

func partOf(share float64) string {
	if share >= 2 {
		return about(int64(share+0.5)) + " times"
	}
	return percent(share) + " of"
}
