package upstash

import (
	"errors"
	"net"
	"net/url"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// hints are what the URL itself suggests when a call fails.
type hints struct {
	port    string // the URL's port, where Upstash's REST URL has none
	upstash bool   // the host is one of Upstash's own names
}

func hintsOf(base *url.URL) hints {
	h := hints{upstash: strings.HasSuffix(strings.ToLower(base.Hostname()), ".upstash.io")}
	if p := base.Port(); p == "6379" || p == "6380" || h.upstash && p != "443" {
		h.port = p
	}
	return h
}

// of returns what may explain a failure without proving it, or "".
func (h hints) of(o Outcome, c cause.Cause) string {
	switch {
	case c == cause.DNSNXDomain && h.upstash:
		return "a database made without an account ends after 72 hours"
	case c == cause.Proxy:
		return ""
	case h.port != "" && (c.Class() == cause.ClassNetwork || c == cause.NotUpstash || c == cause.Unknown):
		if h.port == "6379" || h.port == "6380" {
			return "the URL names port " + h.port + ", which is for Redis' TCP protocol; the REST URL has no port"
		}
		return "the URL names port " + h.port + "; Upstash's REST URL has no port"
	case c == cause.TimeoutConnect && isUnreachable(o.Err) && isIPv6(o.Err):
		return "the host has only IPv6 addresses, and this machine cannot reach them"
	}
	return ""
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

// failure describes a failed outcome, and adds what the URL suggests.
func (c *Client) failure(op string, o Outcome) *Error {
	e := newError(op, o, c.redact)
	if hint := c.hints.of(o, e.Cause); hint != "" {
		e.Evidence = printable(e.Evidence, maxEvidence-len("; ")-len(hint)) + "; " + hint
	}
	return e
}
