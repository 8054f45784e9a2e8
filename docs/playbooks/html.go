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
	r := newRenderer()
	for line := range strings.Lines(Markdown(c)) {
		r.line(strings.TrimRight(line, "\n"))
	}
	r.end()
	return template.HTML(r.b.String()) //nolint:gosec // our own pages, each line of them escaped
}

// renderer knows the Markdown that the pages use and nothing more; a test holds the
// pages to it.
type renderer struct {
	b    strings.Builder
	open string // the element that the next line may continue: "p", "ol", "pre" or none

	// Compiled for each page: pages are read seldom, and starting must cost nothing.
	numbered, code, pageLink, address *regexp.Regexp
}

func newRenderer() *renderer {
	return &renderer{
		numbered: regexp.MustCompile(`^\d+\. `),
		code:     regexp.MustCompile("`([^`]+)`"),
		pageLink: regexp.MustCompile(`\[([^\]]+)\]\(([a-z0-9_]+)\.md\)`),
		// Without the full stop or the bracket that ends a sentence.
		address: regexp.MustCompile(`https://(?:upstash\.com|status\.upstash\.com|latency\.upstash\.com)[a-z/]*`),
	}
}

func (r *renderer) line(s string) {
	heading, isHeading := strings.CutPrefix(s, "## ")
	title, isTitle := strings.CutPrefix(s, "# ")
	switch {
	case s == "```":
		if r.open == "pre" {
			r.end()
			return
		}
		r.begin("pre")
		r.b.WriteString("<code>")
	case r.open == "pre":
		r.b.WriteString(html.EscapeString(s) + "\n")
	case s == "":
		r.end()
	case isTitle:
		r.end()
		fmt.Fprintf(&r.b, "<h1>%s</h1>\n", r.inline(title))
	case isHeading:
		r.end()
		fmt.Fprintf(&r.b, "<h2>%s</h2>\n", r.inline(heading))
	case r.numbered.MatchString(s):
		r.begin("ol")
		fmt.Fprintf(&r.b, "<li>%s</li>\n", r.inline(r.numbered.ReplaceAllString(s, "")))
	default:
		r.begin("p")
		r.b.WriteString(r.inline(s) + "\n")
	}
}

func (r *renderer) begin(element string) {
	if r.open != element {
		r.end()
		r.b.WriteString("<" + element + ">")
		r.open = element
	}
}

func (r *renderer) end() {
	switch r.open {
	case "":
		return
	case "pre":
		r.b.WriteString("</code></pre>\n")
	default:
		r.b.WriteString("</" + r.open + ">\n")
	}
	r.open = ""
}

// inline escapes first: what it then adds is the only markup.
func (r *renderer) inline(s string) string {
	s = html.EscapeString(s)
	s = r.address.ReplaceAllString(s, `<a href="$0">$0</a>`)
	s = r.pageLink.ReplaceAllString(s, `<a href="$2">$1</a>`)
	return r.code.ReplaceAllString(s, "<code>$1</code>")
}
