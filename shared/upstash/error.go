package upstash

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/text"
)

const (
	// maxEvidence bounds [Error.Evidence], in bytes.
	maxEvidence = 300
	// maxQuoted bounds what is quoted of an answer's body, in bytes.
	maxQuoted = 120
	// maxHead bounds where the title of a web page is looked for, in bytes.
	maxHead = 4 << 10
)

// Error is a failed call. Its texts are redacted: they hold neither the token, nor
// the URL, nor the host.
type Error struct {
	// Op is what was tried: "ping", "SET", "pipeline".
	Op    string
	Cause cause.Cause
	// Status is the HTTP status, 0 without an answer.
	Status int
	// Phase is the phase that the request was in when it ended.
	Phase Phase
	// Evidence is what was seen, at most 300 bytes on one line.
	Evidence string
	// context is context.Canceled or context.DeadlineExceeded where that ended the call.
	context error
}

// Error returns "ping: auth_invalid: HTTP 401: WRONGPASS …".
func (e *Error) Error() string {
	return e.Op + ": " + string(e.Cause) + ": " + e.Evidence
}

// Unwrap returns context.Canceled or context.DeadlineExceeded where the context ended
// the call. No other error is wrapped, since their texts may hold the URL.
func (e *Error) Unwrap() error { return e.context }

// CauseOf returns the cause of a failed call, [cause.Unknown] for an error that is
// none of this package's, and "" for nil.
func CauseOf(err error) cause.Cause {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Cause
	}
	return cause.Unknown
}

// newError describes a failed outcome.
func newError(op string, o Outcome, r redactor) *Error {
	e := &Error{Op: r.clean(op, 40), Cause: Classify(o), Status: o.Status, Phase: o.Phase}
	switch {
	case errors.Is(o.Err, context.Canceled):
		e.context = context.Canceled
	case errors.Is(o.Err, context.DeadlineExceeded):
		e.context = context.DeadlineExceeded
	}
	// Only the proxy's address stays, because it is what has to be corrected.
	e.Evidence = printable(r.replace(describe(o, r)), maxEvidence)
	return e
}

// failure describes a failed outcome, and adds what the URL suggests.
func (c *Client) failure(op string, o Outcome) *Error {
	e := newError(op, o, c.redact)
	if hint := hint(c.base, o, e.Cause); hint != "" {
		e.Evidence = printable(e.Evidence, maxEvidence-len("; ")-len(hint)) + "; " + hint
	}
	return e
}

// describe says in one line what was seen.
func describe(o Outcome, r redactor) string {
	var parts []string
	if o.Status != 0 {
		parts = append(parts, fmt.Sprintf("HTTP %d", o.Status))
	}
	said, _ := errorText(o.Body)
	contentType := r.clean(o.ContentType, maxQuoted)
	title := text.PageTitle(r.clean(string(o.Body), maxHead)) // redacted before it is cut
	switch {
	case o.Status == http.StatusProxyAuthRequired:
		parts = append(parts, cmp.Or(o.Proxy, "a proxy")+" wants a user and a password")
	case o.Err != nil:
		parts = append(parts, describeTransport(o, r))
	case said != "":
		if used := usage(said); used != "" {
			parts = append(parts, used+" used")
		}
		parts = append(parts, r.clean(said, maxQuoted))
	case len(o.Body) == 0:
		parts = append(parts, "an empty answer")
	case title != "":
		parts = append(parts, fmt.Sprintf("%s page titled %q", contentType, r.clean(title, maxQuoted)))
	default:
		parts = append(parts, fmt.Sprintf("%s beginning %s", cmp.Or(contentType, "an answer without content type"), r.clean(string(o.Body), maxQuoted)))
	}
	return strings.Join(parts, ": ")
}

func describeTransport(o Outcome, r redactor) string {
	while := map[Phase]string{
		PhaseDNS:     "while looking up the host",
		PhaseConnect: "while connecting",
		PhaseTLS:     "during the TLS handshake",
		PhaseWrite:   "while sending the request",
		PhaseWait:    "while waiting for the first byte",
		PhaseRead:    "while reading the answer",
	}[o.Phase]
	what := o.Err.Error()
	switch {
	case errors.Is(o.Err, context.Canceled):
		what = "stopped by the caller"
	case isTimeout(o.Err):
		what = "the time limit passed"
	}
	if v, ok := errors.AsType[*tls.CertificateVerificationError](o.Err); ok && len(v.UnverifiedCertificates) > 0 {
		what = describeCertificate(v.UnverifiedCertificates[0]) + ": " + what
	}
	what = r.clean(what, maxEvidence)
	switch {
	case o.Proxy != "" && isProxy(o):
		what = "proxy " + o.Proxy + ": " + what
	case o.Proxy != "":
		while = strings.TrimSpace(while + " through proxy " + o.Proxy)
	}
	return strings.TrimSpace(what + " " + while)
}

// describeCertificate names issuer and names, by which a TLS-opening proxy is known.
func describeCertificate(c *x509.Certificate) string {
	names := c.DNSNames
	if len(names) == 0 && c.Subject.CommonName != "" {
		names = []string{c.Subject.CommonName}
	}
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	issuer := c.Issuer.CommonName
	if len(c.Issuer.Organization) > 0 {
		issuer = strings.TrimSpace(issuer + " (" + c.Issuer.Organization[0] + ")")
	}
	return fmt.Sprintf("certificate for %s issued by %s",
		cmp.Or(strings.Join(names[:min(len(names), 3)], ", "), "no name"), cmp.Or(issuer, "an unnamed issuer"))
}

// hint returns what in the URL may explain a failure without proving it, or "".
func hint(base *url.URL, o Outcome, c cause.Cause) string {
	port := base.Port() // Upstash's REST URL has none
	tcp := port == "6379" || port == "6380"
	explains := c.Class() == cause.ClassNetwork || c == cause.NotUpstash || c == cause.Unknown
	switch {
	case c == cause.DNSNXDomain && isUpstash(base):
		return "a database made without an account ends after 72 hours"
	case c == cause.Proxy:
		return ""
	case explains && tcp:
		return "the URL names port " + port + ", which is for Redis' TCP protocol; the REST URL has no port"
	case explains && isUpstash(base) && port != "" && port != "443":
		return "the URL names port " + port + "; Upstash's REST URL has no port"
	case c == cause.TimeoutConnect && isUnreachable(o.Err) && isIPv6(o.Err):
		return "the host has only IPv6 addresses, and this machine cannot reach them"
	}
	return ""
}

// isUpstash reports whether the host is one of Upstash's own names.
func isUpstash(base *url.URL) bool {
	return strings.HasSuffix(strings.ToLower(base.Hostname()), ".upstash.io")
}

// isIPv6 reports whether a connection to an IPv6 address failed. Where the host has an IPv4
// address too, the dialer reports that one's failure.
func isIPv6(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok {
		return false
	}
	address, ok := op.Addr.(*net.TCPAddr)
	return ok && address.IP.To4() == nil
}

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
