package upstash

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// PingResult is one PING.
type PingResult struct {
	// Phases says where the time went, also for a PING that failed.
	Phases Phases
	// Err is nil after a PONG, else an [*Error].
	Err error
}

// Latency is first byte of the answer minus request written, zero without an answer.
func (r PingResult) Latency() time.Duration { return r.Phases.Wait }

// Ping asks for a PONG on a fresh connection, so that every phase is measured.
func (c *Client) Ping(ctx context.Context) PingResult {
	o, phases := c.send(ctx, c.fresh, &http.Request{Method: http.MethodGet, URL: c.pingURL, Header: c.pingHeader}, maxPingBody)
	o.Ping = true
	r := PingResult{Phases: phases}
	if Classify(o) != "" {
		r.Err = c.failure("ping", o)
	}
	return r
}

// send makes one request within the client's timeout and reads its answer. It goes to
// the transport directly: [http.Client] would follow redirects with the token, and
// put the URL into its errors.
func (c *Client) send(ctx context.Context, via http.RoundTripper, req *http.Request, limit int64) (Outcome, Phases) {
	t := &trace{start: time.Now()}
	ctx, cancel := context.WithTimeout(httptrace.WithClientTrace(ctx, t.hooks()), c.timeout)
	defer cancel()
	var o Outcome
	resp, err := via.RoundTrip(req.WithContext(ctx))
	if err == nil {
		defer resp.Body.Close()
		o.Status, o.ContentType = resp.StatusCode, resp.Header.Get("Content-Type")
		o.Body, err = readAll(resp.Body, limit)
	}
	if err != nil && ctx.Err() != nil {
		// An expired context shows itself in many errors; the context itself is plain.
		err = errors.Join(ctx.Err(), err)
	}
	o.Err, o.Phase = err, t.phase()
	if err != nil || o.Status == http.StatusProxyAuthRequired {
		o.Proxy = c.proxyHost(req)
	}
	return o, t.phases()
}

func readAll(body io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err == nil && int64(len(b)) > limit {
		return b[:limit], errReplyTooBig
	}
	return b, err
}

// errProxyAddress stands for an error of [http.ProxyFromEnvironment], whose text holds the
// proxy's password.
var errProxyAddress = errors.New("HTTPS_PROXY is not the address of a proxy")

// proxyRefusal is a proxy's answer to CONNECT other than 200.
type proxyRefusal struct{ status int }

func (e proxyRefusal) Error() string {
	return strings.TrimSpace(fmt.Sprintf("HTTP %d %s", e.status, http.StatusText(e.status))) + " in answer to CONNECT"
}

// proxyOf returns the function that a transport asks for its proxy, with errors that hold no
// password.
func proxyOf(find func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		u, err := find(r)
		if err != nil {
			return nil, errProxyAddress
		}
		return u, nil
	}
}

// refusedConnect is a transport's hook for the answer to CONNECT.
func refusedConnect(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		return proxyRefusal{answer.StatusCode}
	}
	return nil
}

// isProxy reports whether the request failed between here and the proxy, or at the proxy. Up
// to the TLS handshake the proxy is all that was looked up, connected to and asked.
func isProxy(o Outcome) bool {
	if errors.Is(o.Err, errProxyAddress) || is[proxyRefusal](o.Err) {
		return true
	}
	if op, ok := errors.AsType[*net.OpError](o.Err); ok && (op.Op == "proxyconnect" || strings.HasPrefix(op.Op, "socks ")) {
		return true
	}
	return o.Proxy != "" && (o.Phase == PhaseDNS || o.Phase == PhaseConnect)
}

// proxyHost returns host and port of the proxy that a request goes through, without its user
// and password, or "".
func (c *Client) proxyHost(r *http.Request) string {
	if c.proxy == nil {
		return ""
	}
	u, err := c.proxy(r)
	if err != nil || u == nil {
		return ""
	}
	return u.Host
}

const eventStream = "text/event-stream"

// Monitor runs MONITOR: it streams the commands of all clients, with their arguments, as
// server-sent events until ctx ends or the stream is closed. The client's timeout bounds the
// time to the first byte only.
func (c *Client) Monitor(ctx context.Context) (io.ReadCloser, error) {
	t := &trace{start: time.Now()}
	ctx, cancel := context.WithCancel(httptrace.WithClientTrace(ctx, t.hooks()))
	late := time.AfterFunc(c.timeout, cancel)
	header := c.pingHeader.Clone()
	header.Set("Accept", eventStream)
	req := (&http.Request{Method: http.MethodPost, URL: c.base.JoinPath("monitor"), Header: header}).WithContext(ctx)
	var o Outcome
	resp, err := c.fresh.RoundTrip(req)
	if err == nil {
		o.Status, o.ContentType = resp.StatusCode, resp.Header.Get("Content-Type")
		if o.Status == http.StatusOK && strings.HasPrefix(o.ContentType, eventStream) && late.Stop() {
			return stream{resp.Body, cancel}, nil
		}
		o.Body, err = readAll(resp.Body, maxPingBody)
		resp.Body.Close()
	}
	if err != nil && !late.Stop() {
		err = context.DeadlineExceeded // the timeout has cancelled, not the caller
	}
	cancel()
	o.Err, o.Phase = err, t.phase()
	if err != nil || o.Status == http.StatusProxyAuthRequired {
		o.Proxy = c.proxyHost(req)
	}
	e := c.failure("MONITOR", o)
	e.Cause = cmp.Or(e.Cause, cause.NotUpstash)
	return nil, e
}

// stream ends its request when it is closed.
type stream struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (s stream) Close() error {
	s.cancel()
	return s.ReadCloser.Close()
}

// Phase is a part of one request's life.
type Phase string

// The phases in their order. A request on a kept connection begins with PhaseWrite,
// one to an IP address has no PhaseDNS, one over http no PhaseTLS.
const (
	PhaseNone    Phase = ""        // nothing was begun
	PhaseDNS     Phase = "dns"     // looking up the host
	PhaseConnect Phase = "connect" // connecting
	PhaseTLS     Phase = "tls"     // the TLS handshake
	PhaseWrite   Phase = "write"   // sending the request
	PhaseWait    Phase = "wait"    // waiting for the first byte of the answer
	PhaseRead    Phase = "read"    // reading the answer
)

// Phases says how long each phase of a request took; a phase that did not occur, or
// was not completed, is zero.
type Phases struct {
	DNS     time.Duration
	Connect time.Duration
	TLS     time.Duration
	// Wait is first byte of the answer minus request written: the latency.
	Wait time.Duration
	// Total is from the call to the last byte, or to the failure.
	Total time.Duration
}

// trace collects a request's moments, each as nanoseconds since start plus one, zero
// meaning never. The hooks run on the transport's goroutines, and a detached dial may
// run them after the request has ended: hence the atomics.
type trace struct {
	start                                                           time.Time
	dnsStart, dnsDone, connectStart, connectDone, tlsStart, tlsDone atomic.Int64
	gotConn, wrote, firstByte                                       atomic.Int64
}

// mark notes the first time that something happened, unless it failed.
func (t *trace) mark(moment *atomic.Int64, err error) {
	if err == nil {
		moment.CompareAndSwap(0, int64(time.Since(t.start))+1)
	}
}

func (t *trace) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { t.mark(&t.dnsStart, nil) },
		DNSDone:  func(i httptrace.DNSDoneInfo) { t.mark(&t.dnsDone, i.Err) },
		// Several addresses may be tried at once: the first start, the first success.
		ConnectStart:         func(string, string) { t.mark(&t.connectStart, nil) },
		ConnectDone:          func(_, _ string, err error) { t.mark(&t.connectDone, err) },
		TLSHandshakeStart:    func() { t.mark(&t.tlsStart, nil) },
		TLSHandshakeDone:     func(_ tls.ConnectionState, err error) { t.mark(&t.tlsDone, err) },
		GotConn:              func(httptrace.GotConnInfo) { t.mark(&t.gotConn, nil) },
		WroteRequest:         func(i httptrace.WroteRequestInfo) { t.mark(&t.wrote, i.Err) },
		GotFirstResponseByte: func() { t.mark(&t.firstByte, nil) },
	}
}

// phases returns the completed phases; Total is up to now.
func (t *trace) phases() Phases {
	return Phases{
		DNS:     between(&t.dnsStart, &t.dnsDone),
		Connect: between(&t.connectStart, &t.connectDone),
		TLS:     between(&t.tlsStart, &t.tlsDone),
		Wait:    between(&t.wrote, &t.firstByte),
		Total:   time.Since(t.start),
	}
}

// between is never negative: on loopback the answer can overtake the hook that
// reports the request as written. What did happen lasted at least a nanosecond.
func between(from, to *atomic.Int64) time.Duration {
	a, b := from.Load(), to.Load()
	if a == 0 || b == 0 {
		return 0
	}
	return max(time.Duration(b-a), 1)
}

// phase returns the phase that the request is in.
func (t *trace) phase() Phase {
	for _, last := range []struct {
		began *atomic.Int64
		phase Phase
	}{{&t.firstByte, PhaseRead}, {&t.wrote, PhaseWait}, {&t.gotConn, PhaseWrite}, {&t.tlsStart, PhaseTLS}, {&t.connectStart, PhaseConnect}, {&t.dnsStart, PhaseDNS}} {
		if last.began.Load() != 0 {
			return last.phase
		}
	}
	return PhaseNone
}
