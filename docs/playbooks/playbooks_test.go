package playbooks

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/cause"
)

var headings = []string{"What it means", "How pongwatch knows", "What users see", "Confirm by hand", "Fix", "Prevention"}

func TestEveryCauseHasAPageInStepWithItsTexts(t *testing.T) {
	for _, c := range cause.All() {
		t.Run(string(c), func(t *testing.T) {
			name := string(c) + ".md"
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatalf("%v: write the page by hand, beginning from another one", err)
			}
			want, err := inStep(string(b), c.Info())
			if err != nil {
				t.Fatal(err)
			}
			// What a page repeats of shared/cause is written there first.
			goldentest.Compare(t, name, want)
			if Markdown(c) != string(b) && !goldentest.Update() {
				t.Error("the embedded page is another one")
			}
		})
	}
}

// inStep returns the page with the sections that repeat the cause's texts filled in,
// and reports sections that are missing, empty or out of order.
func inStep(page string, i cause.Info) (string, error) {
	parts := strings.Split(page, "\n## ")
	if len(parts) != len(headings)+1 {
		return "", fmt.Errorf("%d sections, want %v", len(parts)-1, headings)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n`%s` · %s · %s\n", i.Title, i.Cause, i.Class, i.Severity)
	for n, part := range parts[1:] {
		heading, body, _ := strings.Cut(part, "\n")
		if heading != headings[n] {
			return "", fmt.Errorf("section %q, want %q", heading, headings[n])
		}
		switch heading {
		case "What it means":
			body = i.Explanation
		case "How pongwatch knows":
			body = sentence(i.Signature)
		case "Fix":
			body = ""
			for k, step := range i.Steps(true) {
				body += fmt.Sprintf("%d. %s\n", k+1, step)
			}
		}
		body = strings.TrimSpace(body)
		if body == "" {
			return "", fmt.Errorf("section %q is empty", heading)
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", heading, body)
	}
	return b.String(), nil
}

// sentence makes one of a phrase, unless its first word is a name.
func sentence(phrase string) string {
	if first, _, _ := strings.Cut(phrase, " "); !strings.ContainsAny(first, "_.%") {
		phrase = strings.ToUpper(phrase[:1]) + phrase[1:]
	}
	return phrase + "."
}

func TestThereIsNoPageWithoutACause(t *testing.T) {
	names, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if _, known := cause.Parse(strings.TrimSuffix(name, ".md")); !known {
			t.Errorf("%s belongs to no cause", name)
		}
	}
}

func TestAnUnknownCauseHasAPage(t *testing.T) {
	for _, c := range []cause.Cause{"", "quota_hourly", "../../go.mod"} {
		if Markdown(c) != Markdown(cause.Unknown) {
			t.Errorf("Markdown(%q) is not the page of unknown", c)
		}
	}
}

func TestLinksBetweenPagesLead(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)]+)\)`)
	all := cause.All()
	for _, c := range all {
		for _, m := range link.FindAllStringSubmatch(Markdown(c), -1) {
			if target, ok := strings.CutSuffix(m[1], ".md"); ok && !slices.Contains(all, cause.Cause(target)) {
				t.Errorf("%s links to %s, which is no page", c, m[1])
			}
		}
	}
}

// Messages quote the first paragraph of what users see on a phone.
func TestWhatUsersSeeFitsAMessage(t *testing.T) {
	for _, c := range cause.All() {
		if text := UsersSee(c); text == "" || len(text) > 160 || !strings.HasSuffix(text, ".") || strings.ContainsAny(text, "`[]*<>#\n") {
			t.Errorf("%s: %q, want a paragraph of at most 160 characters without markup", c, text)
		}
	}
	if got := UsersSee("quota_hourly"); got != "Not known." {
		t.Errorf("an unknown cause: %q", got)
	}
}
