package preflight_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/internal/goldentest"
)

var (
	section  = regexp.MustCompile(`^#{2,4} `)
	checkbox = regexp.MustCompile(`^- \[ \] (.+)$`)
	bullet   = regexp.MustCompile(`^- (.+)$`)
	comment  = regexp.MustCompile(`^# (Verify .+)$`)
)

// plain removes Markdown's marks from a line.
func plain(line string) string {
	return strings.TrimSpace(strings.NewReplacer("**", "", "`", "").Replace(line))
}

// checklist returns the customer's lines: every checkbox, every key metric, and what
// the commands verify. The guide to troubleshooting is prose.
func checklist(t *testing.T) (lines []string, checkboxes int) {
	t.Helper()
	data, err := os.ReadFile("testdata/checklist.md")
	if err != nil {
		t.Fatal(err)
	}
	metrics := false
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\n")
		if section.MatchString(line) {
			metrics = strings.Contains(line, "Key Metrics")
		}
		switch {
		case checkbox.MatchString(line):
			lines = append(lines, plain(checkbox.FindStringSubmatch(line)[1]))
			checkboxes++
		case metrics && bullet.MatchString(line):
			lines = append(lines, plain(bullet.FindStringSubmatch(line)[1]))
		case comment.MatchString(line):
			lines = append(lines, plain(comment.FindStringSubmatch(line)[1]))
		}
	}
	return lines, checkboxes
}

// Every line of the customer's checklist is served, and no item serves another one.
func TestEveryLineOfTheChecklistHasAnItem(t *testing.T) {
	t.Parallel()
	lines, checkboxes := checklist(t)
	if checkboxes != 28 {
		t.Errorf("%d checkboxes were read, want 28", checkboxes)
	}
	served := map[string][]string{}
	ids := map[string]bool{}
	for _, i := range preflight.Items() {
		if ids[i.ID] {
			t.Errorf("two items are called %s", i.ID)
		}
		for _, need := range i.Needs {
			if !ids[need] {
				t.Errorf("%s needs %s, which is not asked before it", i.ID, need)
			}
		}
		ids[i.ID] = true
		if (i.Each == nil) == (i.Once == nil) {
			t.Errorf("%s: want exactly one of Each and Once", i.ID)
		}
		for _, line := range i.Lines {
			served[line] = append(served[line], i.ID)
			if !slices.Contains(lines, line) {
				t.Errorf("%s serves a line that the checklist does not have: %q", i.ID, line)
			}
		}
		if len(i.Lines) == 0 {
			t.Errorf("%s serves no line of the checklist", i.ID)
		}
	}
	for _, line := range lines {
		if len(served[line]) == 0 {
			t.Errorf("no item serves %q", line)
		}
	}
}

const (
	beginItems = "<!-- items: go test ./cmd/pongwatch/internal/preflight -update -->\n"
	endItems   = "<!-- end of items -->\n"
)

func TestTheDocumentationListsEveryItem(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "..", "..", "docs", "preflight.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(page), beginItems)
	_, after, ends := strings.Cut(rest, endItems)
	if !begins || !ends {
		t.Fatalf("%s has no table between %q and %q", path, beginItems, endItems)
	}
	var b strings.Builder
	last := ""
	for _, i := range preflight.Items() {
		if i.Section != last {
			last = i.Section
			fmt.Fprintf(&b, "\n### %s\n\n| Item | Passes when | Line of the checklist | Needs |\n|---|---|---|---|\n", last)
		}
		var needs []string
		for _, need := range i.Needs {
			needs = append(needs, "`"+need+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", i.ID, i.Title, strings.Join(i.Lines, "<br>"), strings.Join(needs, ", "))
	}
	b.WriteString("\n")
	goldentest.Compare(t, path, before+beginItems+b.String()+endItems+after)
}
