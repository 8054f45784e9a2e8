package upstash

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// redactor takes a database's secrets out of texts.
type redactor struct {
	replacer *strings.Replacer
}

// newRedactor covers the token in every form in which an answer or an error may
// quote it, any further secrets, and the host: a token pasted in the URL's place would be a host.
func newRedactor(token string, base *url.URL, more ...string) redactor {
	const hidden = "[redacted]"
	var pairs []string
	for _, secret := range append(more, token) {
		// Padding is left out, since encoders differ about the equals sign.
		core := strings.TrimRight(secret, "=")
		if core == "" {
			continue
		}
		for _, form := range []string{core, url.QueryEscape(core), url.PathEscape(core), strings.ReplaceAll(core, "/", `\/`), strings.ToLower(core)} {
			pairs = append(pairs, form, hidden)
		}
	}
	if base != nil {
		host := base.Hostname()
		// The name of a loopback host tells nothing, and would make addresses unreadable.
		if host != "" && !isLoopback(host) {
			shown := "[host]"
			if strings.HasSuffix(strings.ToLower(host), ".upstash.io") {
				shown = "[host].upstash.io"
			}
			pairs = append(pairs, host, shown, strings.ToLower(host), shown)
		}
		if path := strings.Trim(base.Path, "/"); path != "" {
			pairs = append(pairs, path, hidden, url.PathEscape(path), hidden)
		}
	}
	return redactor{strings.NewReplacer(pairs...)}
}

// clean redacts a text, makes one printable line of it, and cuts it to limit bytes.
// Redaction comes first: a cut token would no longer be recognised.
func (r redactor) clean(s string, limit int) string {
	if r.replacer != nil {
		s = r.replacer.Replace(s)
	}
	return printable(s, limit)
}

// printable replaces control, formatting and invalid characters, which could forge
// log lines or turn text around, joins white space, and cuts at a rune's boundary.
func printable(s string, limit int) string {
	const ellipsis = "…"
	var b strings.Builder
	space := false
	for _, r := range s {
		if unicode.IsSpace(r) {
			space = b.Len() > 0
			continue
		}
		if !unicode.IsPrint(r) {
			r = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(r)+1 > limit-len(ellipsis) {
			b.WriteString(ellipsis)
			break
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}
