package playbooks

import (
	"fmt"
	"html"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/cause/symptom"
)

// TestTheTableOfCauses keeps docs/causes.md in step with shared/cause.
func TestTheTableOfCauses(t *testing.T) {
	goldentest.Compare(t, "../causes.md", table())
}

func table() string {
	var b strings.Builder
	b.WriteString("# Every cause\n\nWritten by `go test ./docs/playbooks -update` from `shared/cause`.\n" +
		"Each name links to its playbook; `pongwatch explain CAUSE` prints the same page.\n" +
		"Which lines of a log point at which cause is [below](#lines-of-logs).\n\n" +
		"Upstash's documentation contradicts production: it says that a database above its budget or its plan's limits is\n" +
		"\"rate-limited\" or \"throttled\". Production stops it: every command is refused, PING included, with texts\n" +
		"that no documentation has. pongwatch knows them by their words, whatever the HTTP status (`quota_suspended`, `quota_plan`,\n" +
		"`quota_rate_limited`).\n")
	class := cause.Class("")
	for _, c := range cause.All() {
		i := c.Info()
		if i.Class != class {
			class = i.Class
			fmt.Fprintf(&b, "\n## %s\n\n| cause | signature | fix | severity | tried again in the run |\n|---|---|---|---|---|\n", class)
		}
		steps := i.Steps(true)
		for n, step := range steps {
			steps[n] = fmt.Sprintf("%d. %s", n+1, step)
		}
		retry := map[cause.Retry]string{cause.RetryYes: "yes", cause.RetryOnce: "once, with the secret read anew", cause.RetryNever: "no"}[i.Retry]
		fmt.Fprintf(&b, "| [%s](playbooks/%s.md)<br>%s | %s | %s | %s | %s |\n", c, c, i.Title, cell(i.Signature), cell(strings.Join(steps, "<br>")), i.Severity, retry)
	}
	b.WriteString(symptoms())
	return b.String()
}

// symptoms is the table of the patterns by which `pongwatch explain` knows a line of a log.
func symptoms() string {
	var b strings.Builder
	b.WriteString("\n## Lines of logs\n\n`pongwatch explain TEXT` compares each line with these patterns, from the top, without regard to case; the first that\n" +
		"matches counts. One marked \"at the start\" matches only where an error text can begin: in a log line, in JSON, behind `ERR`.\n\n" +
		"| pattern | points at | source | such as |\n|---|---|---|---|\n")
	for _, r := range symptom.Table {
		where := ""
		if r.Starts {
			where = " at the start"
		}
		points := make([]string, len(r.Causes))
		for i, c := range r.Causes {
			points[i] = fmt.Sprintf("[%s](playbooks/%s.md)", c.Cause, c.Cause)
			if c.When != "" {
				points[i] += ", if " + c.When
			}
		}
		list := strings.Join(points, "<br>")
		if len(points) > 1 {
			list = "one of<br>" + list
		}
		fmt.Fprintf(&b, "| <code>%s</code>%s | %s | %s | <code>%s</code> |\n", code(r.Pattern), where, cell(list), cell(r.Source), code(r.Example))
	}
	return b.String()
}

// code keeps a text within its cell and away from Markdown and HTML.
func code(s string) string {
	return strings.NewReplacer("|", "&#124;", "*", "&#42;", "_", "&#95;", "`", "&#96;", "[", "&#91;", `\`, "&#92;").Replace(html.EscapeString(s))
}

// cell keeps a text within its cell.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
