package upstash

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/text"
)

// minLabel is the length from which a host's first label is taken for a name of its own.
const minLabel = 8

// redactor takes a database's secrets out of texts.
type redactor struct {
	replacer *strings.Replacer
}

// newRedactor covers the token in every form in which an answer or an error may
// quote it, any further secrets, and the host: a token pasted in the URL's place would be a host.
func newRedactor(token string, base *url.URL, more ...string) redactor {
	var pairs []string // of two that begin alike, the first is taken
	hide := func(text, shown string) {
		for _, form := range outbound.Forms(text) {
			pairs = append(pairs, form, shown)
		}
	}
	const hidden = "[redacted]"
	for _, secret := range append(more, token) {
		// Padding is left out, since encoders differ about the equals sign.
		if core := strings.TrimRight(secret, "="); core != "" {
			hide(core, hidden)
		}
	}
	// The name of a loopback host reveals nothing, and hiding it would make addresses unreadable.
	if host := base.Hostname(); host != "" && !outbound.IsLoopback(host) {
		if isUpstash(base) {
			hide(host, "[host].upstash.io")
			// The first label names the database by itself.
			if label, _, _ := strings.Cut(host, "."); len(label) >= minLabel {
				hide(label, "[host]")
			}
		} else {
			hide(host, "[host]")
		}
	}
	if path := strings.Trim(base.Path, "/"); path != "" {
		pairs = append(pairs, path, hidden, url.PathEscape(path), hidden)
	}
	return redactor{strings.NewReplacer(pairs...)}
}

// clean redacts a text from outside, IP addresses included, makes one printable line of it, and
// cuts it to limit bytes. Redaction comes first: a cut token would no longer be recognised.
func (r redactor) clean(s string, limit int) string {
	return printable(outbound.HideAddresses(r.replace(s)), limit)
}

// replace takes out the secrets and the host alone.
func (r redactor) replace(s string) string {
	if r.replacer == nil {
		return s
	}
	return r.replacer.Replace(s)
}

// printable makes one line of s with a mark for each character that no terminal shows,
// and cuts it to limit bytes.
func printable(s string, limit int) string {
	return text.ClipBytes(text.Line(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || unicode.IsSpace(r) {
			return r
		}
		return utf8.RuneError
	}, s)), limit)
}
