package upstash

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
)

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
