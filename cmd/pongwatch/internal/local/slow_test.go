package local

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pongwatch/pongwatch/shared/access"
)

// pipes is a listener whose connections are in memory, so that time can be faked.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { close(p.done); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

// 300 of 300 clients that sent their body byte by byte once held a connection for 72 s, and so
// did those that were refused.
func TestSlowRequestsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := access.NewMux("")
		mux.Handle("/", access.Anyone(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
		server := newServer(exposure{}, mux, slog.New(slog.DiscardHandler))
		l := pipes{make(chan net.Conn), make(chan struct{})}
		go func() { _ = server.Serve(l) }()
		for what, begin := range map[string]string{
			"a slow body":          "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n",
			"a refused slow body":  "POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1000\r\n\r\n",
			"a slow chunked body":  "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n",
			"a slow header":        "GET / HTTP/1.1\r\nX-A: ",
			"nothing":              "",
			"silence after a page": "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		} {
			client, conn := net.Pipe()
			begun := time.Now()
			l.conns <- conn
			go func() { _, _ = io.Copy(io.Discard, client) }()
			_, err := io.WriteString(client, begin)
			for err == nil && time.Since(begun) < 10*time.Minute {
				time.Sleep(time.Second)
				if what != "nothing" && what != "silence after a page" {
					_, err = io.WriteString(client, "x")
				} else if _, err = client.Write(nil); err == nil {
					_ = client.SetWriteDeadline(time.Now().Add(time.Millisecond))
					if time.Since(begun) > 70*time.Second {
						_, err = io.WriteString(client, "x")
					}
				}
			}
			if took := time.Since(begun); err == nil || took > 75*time.Second || strings.HasPrefix(what, "a ") && took > 15*time.Second {
				t.Errorf("%s lived for %v: %v", what, took, err)
			}
			_ = client.Close()
		}
		_ = server.Close()
	})
}
