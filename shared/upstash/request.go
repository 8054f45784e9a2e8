package upstash

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"
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
	if errors.Is(o.Err, errProxyAddress) {
		return true
	}
	if _, ok := errors.AsType[proxyRefusal](o.Err); ok {
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
