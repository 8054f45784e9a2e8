// Package outbound makes the HTTP clients with which pongwatch speaks to services
// outside: Slack, PagerDuty, webhooks, an app's health page. They reach only the
// hosts they are made for, follow no redirect (a 307 would carry a token to
// wherever it points), and bound time and size. Redact and Error keep secrets out
// of what such a call leaves behind.
package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Errors that a caller acts on.
var (
	// ErrNotSent says that the request never reached the other side: it had no
	// effect there and may be repeated.
	ErrNotSent = errors.New("request not sent")
	// ErrForbidden says that the client was not made for this address.
	ErrForbidden = errors.New("address not allowed")
	// ErrTooLarge says that a body exceeds its limit.
	ErrTooLarge = errors.New("body too large")
)

// Options says what a client may reach. The zero value reaches nothing.
type Options struct {
	// Hosts lists host names; "*.example.com" allows every name below
	// example.com, "*" any name. A port is not part of it.
	Hosts []string
	// AllowLoopback also allows 127.0.0.0/8, ::1 and localhost, there also over
	// plain http. Only `pongwatch local` and tests set it.
	AllowLoopback bool
	// PublicOnly refuses to connect to private, link-local and other special
	// addresses, judged after name resolution, so that a name that is rebound to
	// the metadata server reaches nothing. Proxies are not used then.
	PublicOnly bool
	// Timeout bounds a whole exchange, body included; zero is 10 s. The
	// request's own deadline holds as well.
	Timeout time.Duration
	// RootCAs replaces the system's certificate authorities.
	RootCAs *x509.CertPool
}

const (
	defaultTimeout = 10 * time.Second
	dialTimeout    = 4 * time.Second
)

// NewClient returns a client that keeps to o. Each request uses a connection of
// its own: these calls are rare, and on a kept connection that the other side has
// meanwhile closed nobody can tell whether a POST arrived.
func NewClient(o Options) *http.Client {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	dialer := &net.Dialer{Timeout: min(dialTimeout, o.Timeout)}
	transport := &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
		// It ends a dial that nobody waits for any more; the whole exchange's limit comes first.
		TLSHandshakeTimeout:    o.Timeout + time.Second,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 64 << 10,
	}
	if o.PublicOnly {
		transport.Proxy = nil
		dialer.Control = o.control
	}
	transport.DialContext = dialer.DialContext
	return &http.Client{
		Transport: &pinned{options: o, next: transport},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// pinned refuses requests to other hosts and tells whether a failed one was sent.
type pinned struct {
	options Options
	next    http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (p *pinned) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := p.options.allow(r); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	var sent atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}
	// The limit is set here and not as http.Client's Timeout, which replaces the
	// error by a text: nobody could tell any more whether the request was sent.
	ctx, cancel := context.WithTimeout(r.Context(), p.options.Timeout)
	resp, err := p.next.RoundTrip(r.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err != nil {
		cancel()
		if !sent.Load() {
			err = fmt.Errorf("%w: %w", ErrNotSent, err)
		}
		return nil, err
	}
	resp.Body = &timedBody{ReadCloser: resp.Body, cancel: cancel}
	return resp, nil
}

// timedBody ends the exchange's time limit with the body.
type timedBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *timedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

func (o Options) allow(r *http.Request) error {
	host := strings.ToLower(r.URL.Hostname())
	if o.AllowLoopback && IsLoopback(host) {
		return nil
	}
	if r.URL.Scheme != "https" {
		return fmt.Errorf("scheme %q, want https: %w", r.URL.Scheme, ErrForbidden)
	}
	for _, h := range o.Hosts {
		if h == "*" || h == host {
			return nil
		}
		if parent, ok := strings.CutPrefix(h, "*"); ok && strings.HasPrefix(parent, ".") && strings.HasSuffix(host, parent) {
			return nil
		}
	}
	return fmt.Errorf("host %q: %w", host, ErrForbidden)
}

// IsLoopback reports whether host, without a port, names this machine by itself:
// no resolver is asked.
func IsLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

// special are the ranges that no public service lives in, beyond those for which
// netip has a predicate.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // carrier-grade NAT
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), // benchmarks
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), // NAT64: any IPv4 address hides in it
	netip.MustParsePrefix("2002::/16"),    // 6to4: likewise
}

// public reports whether addr is one that a service on the internet can have.
func public(addr netip.Addr) bool {
	addr = addr.Unmap()
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range special {
		if p.Contains(addr) {
			return false
		}
	}
	return true
}

// control is called with the resolved address just before connecting.
func (o Options) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address %q: %w", address, ErrForbidden)
	}
	if public(ap.Addr()) || o.AllowLoopback && ap.Addr().Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("address %s is not public: %w", ap.Addr(), ErrForbidden)
}

// ReadAll reads at most limit bytes of a response or request. A longer body is
// cut and reported as ErrTooLarge together with its beginning.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return b, fmt.Errorf("reading body: %w", err)
	}
	if int64(len(b)) > limit {
		return b[:limit], fmt.Errorf("reading body: more than %d bytes: %w", limit, ErrTooLarge)
	}
	return b, nil
}

// Transient reports whether err is of the kind that passes by itself: a timeout,
// a broken or refused connection, a resolver in trouble. A cancelled context, a
// refused certificate and ErrForbidden are not.
func Transient(err error) bool {
	if err == nil || errors.Is(err, ErrForbidden) || errors.Is(err, context.Canceled) {
		return false
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return false
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return !dns.IsNotFound
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, context.DeadlineExceeded)
}
