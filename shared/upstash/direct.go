package upstash

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"
)

// direct makes one fixed request, each time on a connection of its own. It is what an
// [http.Transport] without keep-alives does, without the three goroutines and the
// copies that a transport needs for everything else: of a ping, half the cost.
type direct struct {
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	address string
	tls     *tls.Config // nil for plain http
	request *http.Request
	wire    []byte // the request as it is sent
}

func newDirect(o Options, target *url.URL, header http.Header) (*direct, error) {
	req := &http.Request{Method: http.MethodGet, URL: target, Host: target.Host, Header: header, Close: true}
	var wire bytes.Buffer
	if err := req.Write(&wire); err != nil {
		return nil, err
	}
	d := &direct{dial: o.DialContext, request: req, wire: wire.Bytes()}
	if d.dial == nil {
		// The context bounds the dial. Keep-alive probes are for connections that last.
		d.dial = (&net.Dialer{Resolver: o.Resolver, KeepAlive: -1}).DialContext
	}
	port := target.Port()
	if target.Scheme == "https" {
		d.tls = tlsConfig(o)
		d.tls.ServerName = target.Hostname()
		// A PING carries nothing that must stay secret for decades, and a token lives
		// shorter: the post-quantum key exchange would be a quarter of a ping's cost,
		// and its hello no longer fits one packet.
		d.tls.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
		port = orDefault(port, "443")
	}
	d.address = net.JoinHostPort(target.Hostname(), orDefault(port, "80"))
	return d, nil
}

// send makes the request within timeout and reads its answer.
func (d *direct) send(ctx context.Context, timeout time.Duration, limit int64) (Outcome, Phases) {
	t := &trace{start: time.Now()}
	ctx, cancel := context.WithDeadline(ctx, t.start.Add(timeout))
	defer cancel()
	o, err := d.exchange(ctx, t, limit)
	return t.end(ctx, o, err)
}

func (d *direct) exchange(ctx context.Context, t *trace, limit int64) (Outcome, error) {
	plain, err := d.dial(httptrace.WithClientTrace(ctx, t.dialHooks()), "tcp", d.address)
	if err != nil {
		return Outcome{}, err
	}
	defer plain.Close()
	// The end of the context wakes whatever waits on the connection.
	stop := context.AfterFunc(ctx, func() { _ = plain.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	conn := plain
	if d.tls != nil {
		t.mark(&t.tlsStart)
		secure := tls.Client(plain, d.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return Outcome{}, err
		}
		t.mark(&t.tlsDone)
		conn = secure
	}
	t.mark(&t.gotConn)
	if _, err := conn.Write(d.wire); err != nil {
		return Outcome{}, err
	}
	t.mark(&t.wrote)
	return d.read(bufio.NewReaderSize(&boundedReader{conn, maxHeader + limit}, 1<<10), t, limit)
}

func (d *direct) read(r *bufio.Reader, t *trace, limit int64) (Outcome, error) {
	if _, err := r.Peek(1); err != nil {
		return Outcome{}, err
	}
	t.mark(&t.firstByte)
	resp, err := http.ReadResponse(r, d.request)
	for err == nil && resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols {
		// Informational answers precede the answer. They have no body.
		resp, err = http.ReadResponse(r, d.request)
	}
	if err != nil {
		return Outcome{}, err
	}
	defer resp.Body.Close()
	o := Outcome{Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type")}
	o.Body, err = readAll(resp.Body, limit)
	return o, err
}

// boundedReader ends an answer that does not end by itself.
type boundedReader struct {
	r    io.Reader
	left int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errReplyTooBig
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
