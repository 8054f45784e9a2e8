package text

import (
	"html"
	"regexp"
	"sync"
)

// Compiled on first use, otherwise the cold start of every function pays for it.
var pageTitle = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?is)(?:^\s*|<(?:!doctype html|html|head)\b.*?)<title[^>]*>(.*?)</title`)
})

// PageTitle returns the title of a web page, or "" for any other text and for a page
// without a title.
func PageTitle(s string) string {
	m := pageTitle().FindStringSubmatch(s)
	if m == nil {
		return ""
	}
	return Clip(Line(html.UnescapeString(m[1])), 100)
}
