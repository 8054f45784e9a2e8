// Package playbooks embeds a page for each [cause.Cause]: what it means, how pongwatch
// knows, what users see, how to confirm it by hand, the fix, and prevention.
//
// The pages are Markdown of the plainest kind, readable as text. Title, meaning, signature and fix
// repeat shared/cause word for word; a test keeps them so, and writes them with -update.
package playbooks

import (
	"embed"
	"fmt"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
)

//go:embed *.md
var pages embed.FS

// Markdown returns a cause's page. A cause without a page of its own, which a newer
// version may publish, has the page of [cause.Unknown].
func Markdown(c cause.Cause) string {
	if _, known := cause.Parse(string(c)); !known {
		c = cause.Unknown
	}
	page, err := pages.ReadFile(string(c) + ".md")
	if err != nil {
		// Unreachable: the test demands a page for each cause.
		return fmt.Sprintf("# %s\n\nThis page is missing.\n", c.Info().Title)
	}
	return string(page)
}

// UsersSee returns what users notice of a cause: the first paragraph of that section of
// its page, in one line.
func UsersSee(c cause.Cause) string {
	_, section, _ := strings.Cut(Markdown(c), "\n## What users see\n\n")
	paragraph, _, _ := strings.Cut(section, "\n\n")
	return strings.Join(strings.Fields(paragraph), " ")
}
