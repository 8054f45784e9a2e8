package playbooks

import (
	"fmt"
	"html"
	"html/template"
	"regexp"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// HTML returns a cause's page as a fragment of HTML: headings, paragraphs, numbered
// lists and code. Links between pages are relative to /playbooks/, so that they work
// below any prefix.
func HTML(c cause.Cause) template.HTML {
	return template.HTML(render(Markdown(c))) //nolint:gosec // our own pages, each line of them escaped
}

// render knows the Markdown that the pages use and nothing more; a test holds the pages to it.
func render(page string) string {
	// Compiled for each page: pages are read seldom, and starting must cost nothing.
	numbered := regexp.MustCompile(`^\d+\. `)
	code := regexp.MustCompile("`([^`]+)`")
	pageLink := regexp.MustCompile(`\[([^\]]+)\]\(([a-z0-9_]+)\.md\)`)
	// Without the full stop or the bracket that ends a sentence.
	address := regexp.MustCompile(`https://(?:upstash\.com|status\.upstash\.com|latency\.upstash\.com)[a-z/]*`)
	// inline escapes first: what it then adds is the only markup.
	inline := func(s string) string {
		s = address.ReplaceAllString(html.EscapeString(s), `<a href="$0">$0</a>`)
		s = pageLink.ReplaceAllString(s, `<a href="$2">$1</a>`)
		return code.ReplaceAllString(s, "<code>$1</code>")
	}
	var b strings.Builder
	open := "" // the element that the next line may continue: "p", "ol", "pre" or none
	begin := func(element string) {
		if open == element {
			return
		}
		b.WriteString(map[string]string{"p": "</p>\n", "ol": "</ol>\n", "pre": "</code></pre>\n"}[open])
		b.WriteString(map[string]string{"p": "<p>", "ol": "<ol>", "pre": "<pre><code>"}[element])
		open = element
	}
	for line := range strings.Lines(page) {
		line = strings.TrimRight(line, "\n")
		title, isTitle := strings.CutPrefix(line, "# ")
		heading, isHeading := strings.CutPrefix(line, "## ")
		switch {
		case line == "```" && open == "pre", line == "" && open != "pre":
			begin("")
		case line == "```":
			begin("pre")
		case open == "pre":
			b.WriteString(html.EscapeString(line) + "\n")
		case isTitle:
			begin("")
			fmt.Fprintf(&b, "<h1>%s</h1>\n", inline(title))
		case isHeading:
			begin("")
			fmt.Fprintf(&b, "<h2>%s</h2>\n", inline(heading))
		case numbered.MatchString(line):
			begin("ol")
			fmt.Fprintf(&b, "<li>%s</li>\n", inline(numbered.ReplaceAllString(line, "")))
		default:
			begin("p")
			b.WriteString(inline(line) + "\n")
		}
	}
	begin("")
	return b.String()
}
