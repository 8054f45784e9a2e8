package upstash

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
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

func (c *Client) post(ctx context.Context, target *url.URL, body []byte) Outcome {
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	first, _ := open()
	o, _ := c.send(ctx, c.kept, &http.Request{
		Method: http.MethodPost, URL: target, Header: c.callHeader, ContentLength: int64(len(body)), Body: first,
		// Lets the transport take another connection when the kept one turns out to be
		// dead before a byte was written. It retries nothing that may have arrived.
		GetBody: open,
	}, maxReply)
	return o
}
