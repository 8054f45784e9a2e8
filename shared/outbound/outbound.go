// Package outbound makes the HTTP clients for services outside: Slack, PagerDuty,
// webhooks, an app's health page. A client reaches only the hosts it is made for,
// follows no redirect (a 307 would carry a token to another host), and bounds time
// and size. Redact and Error keep secrets out of logs and messages.
package outbound

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Errors that a caller acts on.
var (
	// ErrNotSent means that the request never reached the other side: it had no
	// effect there and may be repeated.
	ErrNotSent = errors.New("request not sent")
	// ErrForbidden means that the client was not made for this address.
	ErrForbidden = errors.New("address not allowed")
)

// Options limit what a client may reach. The zero value reaches nothing.
type Options struct {
	// Hosts lists host names; "*.example.com" allows every name below
	// example.com, "*" any name. A port is not part of it.
	Hosts []string
	// AllowLoopback also allows 127.0.0.0/8, ::1 and localhost, there also over
	// plain http. Only `pongwatch local` and tests set it.
	AllowLoopback bool
	// PublicOnly refuses to connect to private, link-local and other special
	// addresses. It judges after name resolution, so that a name that is rebound to
	// the metadata server reaches nothing, and therefore uses no proxy.
	PublicOnly bool
	// Timeout bounds a whole exchange, body included; zero is 10 s. The
	// request's own deadline holds as well.
	Timeout time.Duration
}

const (
	defaultTimeout = 10 * time.Second
	dialTimeout    = 4 * time.Second
)

// NewClient returns a client that keeps to o. Each request uses a connection of its
// own: these calls are rare, and a POST that fails on a reused connection may or may
// not have arrived.
func NewClient(o Options) *http.Client {
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	dialer := &net.Dialer{Timeout: min(dialTimeout, o.Timeout)}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		// It ends an abandoned dial; the limit of the whole exchange comes first.
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

// pinned refuses requests to other hosts and marks a failed one that was not sent.
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
	// The limit is set here because http.Client's Timeout replaces the error by a
	// text, which loses ErrNotSent.
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
		if h == "*" || strings.EqualFold(h, host) {
			return nil
		}
		if parent, ok := strings.CutPrefix(h, "*"); ok && strings.HasPrefix(parent, ".") && strings.HasSuffix(host, parent) {
			return nil
		}
	}
	return fmt.Errorf("host %q: %w", host, ErrForbidden)
}

// IsLoopback reports whether host, without a port, names this machine. It does not
// resolve names.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

// global are the addresses that the internet routes. Of IPv6 that is what IANA has given to
// the registries (https://www.iana.org/assignments/ipv6-unicast-address-assignments), so that
// what wraps an IPv4 address, such as 64:ff9b::/96 (NAT64), is not among them.
var global = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("2000::/3")}

// special are the ranges of them that are for something else: IANA's registries of special
// addresses (https://www.iana.org/assignments/iana-ipv4-special-registry and
// iana-ipv6-special-registry), multicast, and what holds any IPv4 address.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // carrier-grade NAT
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"), // link-local; the metadata server is there
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.31.196.0/24"),
	netip.MustParsePrefix("192.52.193.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("192.175.48.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("224.0.0.0/3"), // multicast, reserved, broadcast
	netip.MustParsePrefix("2001::/23"),   // Teredo, which holds an IPv4 address, and protocols
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), // 6to4: it can hold any IPv4 address
	netip.MustParsePrefix("2620:4f:8000::/48"),
	netip.MustParsePrefix("3ffe::/16"),
	netip.MustParsePrefix("3fff::/20"),
}

// public reports whether addr is one that a service on the internet can have.
func public(addr netip.Addr) bool {
	addr = addr.Unmap()
	holds := func(p netip.Prefix) bool { return p.Contains(addr) }
	return addr.Zone() == "" && slices.ContainsFunc(global, holds) && !slices.ContainsFunc(special, holds) && !isatap(addr)
}

// isatap reports whether an address of any network holds an IPv4 address by RFC 5214.
func isatap(addr netip.Addr) bool {
	b := addr.As16()
	return addr.Is6() && b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
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

// ReadAll reads at most limit bytes of a response or request. Of a longer body it
// returns the beginning and an error.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return b, fmt.Errorf("reading body: %w", err)
	}
	if int64(len(b)) > limit {
		return b[:limit], fmt.Errorf("reading body: more than %d bytes", limit)
	}
	return b, nil
}
