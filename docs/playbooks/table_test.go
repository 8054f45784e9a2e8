package playbooks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/cause"
)

// TestTheTableOfCauses keeps docs/causes.md in step with shared/cause.
func TestTheTableOfCauses(t *testing.T) {
	goldentest.Compare(t, "../causes.md", table())
}

func table() string {
	var b strings.Builder
	b.WriteString("# Every cause\n\nWritten by `go test ./docs/playbooks -update` from `shared/cause`.\n" +
		"Each name links to its playbook; `pongwatch explain CAUSE` prints the same page.\n")
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
	return b.String()
}

// cell keeps a text within its cell.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
