// Package upstash speaks Upstash Redis' REST protocol and says why it fails.
//
// A [Client] belongs to one database. [Client.Ping] measures one PING on a fresh
// connection, phase by phase; [Client.Do], [Client.Pipeline], [Client.MultiExec] and
// [Client.Info] run commands on kept connections. [Management] reads the account's
// side of a database. Nothing here retries: the caller knows how often it may ask.
//
// Every failure is an [*Error] whose Cause comes from [Classify], a pure function of
// what was seen. Error and evidence texts hold neither token nor URL nor host.
//
// The protocol is described at https://upstash.com/docs/redis/features/restapi.
package upstash

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

const (
	defaultTimeout = 4 * time.Second
	userAgent      = "pongwatch (+https://github.com/pongwatch/pongwatch)"

	// maxHeader bounds an answer's header.
	maxHeader = 64 << 10
	// maxPingBody bounds what is read of a PING's answer, a few dozen bytes from Upstash.
	maxPingBody = 64 << 10
	// maxReply bounds any other answer: Upstash's limit of 10 MB, grown by base64.
	maxReply = 16 << 20
	// idleTimeout keeps connections for the commands of one run, not for the next run:
	// a function's frozen instance would find them dead.
	idleTimeout = 20 * time.Second
)

// Options configures a [Client]. URL and Token are required.
type Options struct {
	opaque

	// URL is the REST URL, "https://your-instance.upstash.io".
	URL   string
	Token secrets.Value

	// AllowHTTP permits an http:// URL, for a loopback host only.
	AllowHTTP bool
	// Timeout bounds each call, from the look-up of the name to the last byte. Default 4 s.
	Timeout time.Duration
	// RootCAs are the certificate authorities to trust. Default: the system's.
	RootCAs *x509.CertPool
	// DialContext makes connections in place of a [net.Dialer]. Optional.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Proxy names the proxy for a request. Default [http.ProxyFromEnvironment].
	Proxy func(*http.Request) (*url.URL, error)
	// Transport carries the requests in place of the client's own transports, all
	// options that concern connections being unused then. Optional.
	Transport http.RoundTripper
}

// opaque keeps what embeds it from being printed, through every verb: it holds a token, or a URL
// that may hold what belongs in the token.
type opaque struct{}

// Format implements [fmt.Formatter].
func (opaque) Format(f fmt.State, _ rune) { io.WriteString(f, "upstash[redacted]") }

// LogValue implements [slog.LogValuer].
func (opaque) LogValue() slog.Value { return slog.StringValue("upstash[redacted]") }

// Client talks to one database. It is safe for concurrent use.
type Client struct {
	opaque

	timeout time.Duration
	redact  redactor
	kept    http.RoundTripper // keeps connections for idleTimeout
	fresh   http.RoundTripper // makes a new connection for each request
	proxy   func(*http.Request) (*url.URL, error)
	base    *url.URL

	hits, misses atomic.Int64

	pingURL                *url.URL
	pingHeader, callHeader http.Header // shared by all requests, never written
}

// New returns a client. An invalid URL or token is an [*Error] with a cause of the
// config class. New neither resolves nor connects.
func New(o Options) (*Client, error) {
	base, err := parseURL(o.URL, o.AllowHTTP)
	if err != nil {
		return nil, err
	}
	if err := checkToken(o.Token.Reveal()); err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	c := &Client{
		timeout: o.Timeout,
		redact:  newRedactor(o.Token.Reveal(), base),
		base:    base,
		pingURL: base.JoinPath("ping"),
		pingHeader: http.Header{
			"Authorization": {"Bearer " + o.Token.Reveal()},
			"User-Agent":    {userAgent},
		},
	}
	c.callHeader = c.pingHeader.Clone()
	c.callHeader.Set("Content-Type", "application/json")
	c.callHeader.Set("Upstash-Encoding", "base64")
	if o.Transport != nil {
		c.fresh, c.kept = o.Transport, o.Transport
		return c, nil
	}
	if o.Proxy == nil {
		o.Proxy = http.ProxyFromEnvironment
	}
	o.Proxy = proxyOf(o.Proxy)
	c.proxy = o.Proxy
	c.kept = newTransport(o)
	// A PING carries nothing that must stay secret for decades, and a token lives shorter. Without the
	// post-quantum key exchange a PING costs a quarter less, and its hello fits into one packet.
	ping := newTransport(o)
	ping.DisableKeepAlives = true
	ping.TLSClientConfig.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
	c.fresh = ping
	return c, nil
}

// CloseIdleConnections closes the connections kept for further commands.
func (c *Client) CloseIdleConnections() {
	if t, ok := c.kept.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// newTransport speaks HTTP/1.1 only: a PING on a fresh connection gains nothing from
// HTTP/2, and its phases would be blurred by the settings exchange.
func newTransport(o Options) *http.Transport {
	dial := o.DialContext
	if dial == nil {
		// The transport detaches a dial from its request: without a timeout of its own
		// a hung one would outlive the call.
		dial = (&net.Dialer{Timeout: o.Timeout}).DialContext
	}
	return &http.Transport{
		Proxy:                  o.Proxy,
		OnProxyConnectResponse: refusedConnect,
		DialContext:            dial,
		TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    o.Timeout,
		DisableCompression:     true,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConns:           2,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// parseURL accepts https://host[:port][/prefix]. Its errors never quote the URL, which
// may hold a password or, misplaced, the token.
func parseURL(raw string, allowHTTP bool) (*url.URL, error) {
	fail := func(c cause.Cause, evidence string) (*url.URL, error) {
		return nil, &Error{Op: "reading the URL", Cause: c, Evidence: evidence}
	}
	switch {
	case raw == "":
		return fail(cause.ConfigMissing, "the URL is empty; want https://your-instance.upstash.io")
	case strings.ContainsAny(raw, " \t\r\n\"'`"):
		return fail(cause.ConfigWhitespace, "the URL holds a space, a line break or quotes")
	}
	// Before parsing: a password in the URL can make it unparsable.
	scheme, _, _ := strings.Cut(strings.ToLower(raw), "://")
	switch scheme {
	case "https", "http":
	case "redis", "rediss":
		return fail(cause.ConfigScheme, "the URL starts with "+scheme+"://, which is Redis' TCP protocol; want the REST URL, https://your-instance.upstash.io")
	default:
		return fail(cause.ConfigScheme, "the URL does not start with https://; want https://your-instance.upstash.io")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return fail(cause.ConfigInvalid, "the URL cannot be parsed; want https://your-instance.upstash.io")
	}
	if scheme == "http" && (!allowHTTP || !outbound.IsLoopback(u.Hostname())) {
		return fail(cause.ConfigScheme, "the URL starts with http://, which would send the token in plain text; want https://your-instance.upstash.io")
	}
	if host := u.Hostname(); host == "" || strings.ContainsFunc(host, notInHost) {
		return fail(cause.ConfigInvalid, "the URL names no valid host; want https://your-instance.upstash.io")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fail(cause.ConfigInvalid, "the URL holds a user, a query or a fragment; want https://your-instance.upstash.io")
	}
	if u.Path == "" {
		u.Path = "/" // JoinPath would make relative paths of an empty one
	}
	return u, nil
}

// checkToken refuses what cannot be sent in a header, or what Upstash never issues.
func checkToken(token string) error {
	fail := func(c cause.Cause, evidence string) error {
		return &Error{Op: "reading the token", Cause: c, Evidence: evidence}
	}
	if token == "" {
		return fail(cause.ConfigMissing, "the token is empty")
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r == '"' || r == '\'' || r == '`' || r >= 0x7f }) {
		return fail(cause.ConfigWhitespace, "the token holds a space, a line break, quotes or a character outside ASCII")
	}
	return nil
}

// notInHost goes by what names and IP addresses are made of: a token in the host's
// place is usually found by its other characters.
func notInHost(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-.:", r)
}
