package outbound

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/text"
)

const redacted = "[redacted]"

// shortest is the least length of a secret that is searched for as text. A shorter
// one would tear holes into ordinary words.
const shortest = 6

// pattern is one form of a secret and what replaces it.
type pattern struct {
	re   *regexp.Regexp
	with string
}

// patterns match secrets by their form, because not every secret is known here. They
// are compiled on first use to keep the cold start short.
var patterns = sync.OnceValue(func() []pattern {
	return []pattern{
		{regexp.MustCompile(`\bx(?:ox[a-z]|app)-[A-Za-z0-9-]+`), redacted},
		{regexp.MustCompile(`(?i)hooks\.slack(-gov)?\.com(?:\\?/|%2f)[^\s"'<>]*`), "hooks.slack$1.com/" + redacted},
		{regexp.MustCompile(`/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]+`), "/services/" + redacted},
		{regexp.MustCompile(`(?i)\b(bearer|basic)(?:\s|%20)+["']?[A-Za-z0-9._~+/=-]{6,}`), "$1 " + redacted},
		{regexp.MustCompile(`(?i)([?&](?:_?token|access_token|auth|key|signature|sig|secret|password)=)[^&\s"'<>]*`), "${1}" + redacted},
		{regexp.MustCompile(`\bwhsec_[A-Za-z0-9+/=_-]+`), redacted},
		// Variables and JSON as an app's log quotes them. A short word such as "undefined" is why, and no secret.
		{regexp.MustCompile(`(?i)((?:token|secret|password|signature|api_?key)(?:=|"\s*:\s*")["']?)(?:[^&\s"'<>,;[$0-9]*[0-9][^&\s"'<>,;]{4,}|[^&\s"'<>,;[$]{16,})`), "${1}" + redacted},
		// In base64, which passwords of Upstash are, is a slash.
		{regexp.MustCompile(`(?i)\b(rediss?://)[^\s"'<>]*@`), "${1}" + redacted + "@"},
		{regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://)[^/\s"'<>@]+@`), "${1}" + redacted + "@"},
		{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`), redacted},
	}
})

// maxText bounds a redacted text in bytes.
const maxText = 4 << 10

// Redact is the door for what another side says in words, as [text.Outside] is for documents: it
// returns one line of at most 4 KiB that any terminal, header or log may show. The line has none of the given secrets in any of their [Forms], and nothing of
// what has the form of a secret: Slack tokens and webhook addresses, authorization headers, URL
// credentials, JSON web tokens. IP addresses are hidden as by [HideAddresses].
func Redact(said string, known ...secrets.Value) string {
	// The longest first, otherwise a secret inside another leaves the rest of it.
	forms := make([]string, 0, 3*len(known))
	for _, k := range known {
		s := k.Reveal()
		for _, form := range append(Forms(strings.TrimSpace(s)), s) {
			if len(form) >= shortest {
				forms = append(forms, form)
			}
		}
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	hide := func(said string) string {
		for _, form := range forms {
			said = strings.ReplaceAll(said, form, redacted)
		}
		return said
	}
	// Invisible characters go before secrets and patterns are searched, otherwise they would hide them. A secret
	// may have some itself.
	said = hide(text.Line(hide(said)))
	for _, p := range patterns() {
		said = p.re.ReplaceAllString(said, p.with)
	}
	return text.ClipBytes(HideAddresses(said), maxText)
}

// Address returns what to redact of a URL that is itself a secret, as a webhook's is:
// the whole, the part after the host, and each long segment of that part.
func Address(v secrets.Value) []secrets.Value {
	known := []secrets.Value{v}
	u, err := url.Parse(strings.TrimSpace(v.Reveal()))
	if err != nil {
		return known
	}
	if path := u.RequestURI(); len(path) > shortest {
		known = append(known, secrets.New(path))
	}
	for _, part := range strings.FieldsFunc(u.Path+"/"+u.RawQuery, func(r rune) bool { return strings.ContainsRune("/&=?", r) }) {
		// Ordinary words of an address ("services", "webhook") stay readable.
		if len(part) >= 2*shortest {
			known = append(known, secrets.New(part))
		}
	}
	return known
}

// Error returns err with a text that is safe to log and to show, as [Redact] makes it: of a URL only scheme
// and host, and no secret. errors.Is and errors.As still find what err wraps.
func Error(err error, known ...secrets.Value) error {
	if err == nil {
		return nil
	}
	said, asked := err.Error(), ""
	var u *url.Error
	for inner := err; errors.As(inner, &u); inner = u.Err {
		// A parse error quotes the URL in a mangled form that no search finds.
		if u.Op == "parse" {
			return &cleanError{text: "parsing an address: it is not a valid URL", err: nil}
		}
		asked = origin(u.URL)
		said = strings.ReplaceAll(said, u.Error(), u.Op+" "+origin(u.URL)+": "+u.Err.Error())
		said = strings.ReplaceAll(said, u.URL, origin(u.URL))
	}
	// A url.Error would print its URL.
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	said = Redact(said, known...)
	if asked != "" {
		// An address that was configured in place of a name is the one to mend.
		said = strings.ReplaceAll(said, HideAddresses(asked), asked)
	}
	return &cleanError{text: said, err: err}
}

// origin returns the scheme and host of a URL.
func origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return redacted
	}
	return u.Scheme + "://" + u.Host
}

// cleanError has a safe text and wraps the error that callers compare with.
type cleanError struct {
	text string
	err  error
}

func (e *cleanError) Error() string { return e.text }

// Unwrap implements the interface of [errors.Unwrap].
func (e *cleanError) Unwrap() error { return e.err }
