// Package texttest has texts as a stranger would send them, and says what is wrong with a text that
// is shown.
package texttest

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// Hostile draws a text of controls of a terminal, ends of lines and headers, marks that hide text or
// turn it round, encoded words and broken UTF-8. Some have a megabyte.
func Hostile(t *rapid.T, name string) string {
	pieces := []string{
		"a", " ", "é", "\x1b[2J", "\x1b]0;title\x07", "\x00", "\x7f", "\u0085", "\u009b31m", "\r\nBcc: evil@example.com\r\n\r\n", "\n", "\t", "\u2028", "\u2029",
		"\u202e", "\u2066", "\u2069", "\u200e", "\u061c", "\u200b", "\u2060", "\ufeff", "\u00ad", "\U000e0041", "=?utf-8?q?all_is_well?=", "=", "?", "=\u200b?utf-8?b?eA==?=",
		"\xff\xfe", "\"} 1\nfake_metric 1\n", "<!channel>",
	}
	said := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 12).Draw(t, name), "")
	if rapid.IntRange(0, 29).Draw(t, name+" is long") == 29 {
		said += strings.Repeat("x", 1<<20)
	}
	return said
}

// Unfit says why a text of one line cannot be shown by a terminal, a header, a label or a log line
// of at most limit bytes. It returns "" for one that can.
func Unfit(s string, limit int) string {
	const nonJoiner, joiner = '\u200c', '\u200d'
	switch {
	case len(s) > limit:
		return fmt.Sprintf("it has %d bytes, want at most %d", len(s), limit)
	case !utf8.ValidString(s):
		return "it is not valid UTF-8"
	case strings.Contains(s, "=?"):
		return "it may hold an encoded word"
	}
	for _, r := range s {
		if unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) || unicode.Is(unicode.Cf, r) && r != nonJoiner && r != joiner {
			return fmt.Sprintf("it has the character %U", r)
		}
	}
	return ""
}
