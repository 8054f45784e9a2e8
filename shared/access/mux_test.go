package access_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pongwatch/pongwatch/shared/access"
)

// What was set up without a guard refuses everyone, instead of letting everyone through.
func TestNoGuardIsAClosedDoor(t *testing.T) {
	for name, guard := range map[string]access.Guard{
		"the zero guard": {}, "callers whom no one checks": access.Callers(nil), "inside another": access.Callers(nil).Inside(func(h http.Handler) http.Handler { return h }),
		"a guard that wraps nothing": access.NewGuard("none", nil),
	} {
		mux := access.NewMux("")
		mux.Handle("/", guard, reached)
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "QUERY"} {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequest(method, "/", nil))
			if w.Code != http.StatusForbidden {
				t.Errorf("%s: %s is answered %d", name, method, w.Code)
			}
		}
	}
}

func TestMuxStripsItsOwnNameOnly(t *testing.T) {
	for path, want := range map[string]string{
		"/Metrics": "/", "/Metrics/": "/", "/Metrics/chart.svg": "/chart.svg", "/Metricsx": "/Metricsx", "/chart.svg": "/chart.svg", "/": "/", "/Metrics/a%2fb": "/a/b",
	} {
		var got string
		mux := access.NewMux("/Metrics")
		mux.Handle("/", access.Anyone(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.URL.Path }))
		mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, http.NoBody))
		if got != want {
			t.Errorf("%s is asked as %s, want %s", path, got, want)
		}
	}
}

func TestMuxKnowsItsRoutes(t *testing.T) {
	sub := access.NewMux("")
	sub.Handle("GET /x", access.Signed(), reached)
	mux := access.NewMux("")
	mux.Handle("POST /{$}", access.Callers(nil), reached)
	mux.Mount("/sub/", sub)
	want := []access.Route{{Pattern: "POST /{$}", Guard: "caller"}, {Pattern: "/sub/", Guard: "routes of its own"}}
	if got := mux.Routes(); !slices.Equal(got, want) {
		t.Errorf("routes %+v, want %+v", got, want)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/sub/x", nil))
	if w.Code != http.StatusNoContent {
		t.Errorf("a mounted route is answered %d", w.Code)
	}
}

// pipes is a listener of one connection in memory, so that time can be faked.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error { close(p); return nil }
func (pipes) Addr() net.Addr { return &net.TCPAddr{} }

// A client that sends its body byte by byte would else hold a connection as long as it likes.
// A handler that works on after it has read a body is not disturbed.
func TestASlowBodyEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type result struct {
			err  error
			took time.Duration
		}
		read := make(chan result, 1)
		mux := access.NewMux("")
		mux.Handle("/", access.Anyone(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			begun := time.Now()
			_, err := io.Copy(io.Discard, r.Body)
			if err == nil {
				select {
				case <-r.Context().Done():
					err = r.Context().Err()
				case <-time.After(time.Minute):
				}
			}
			read <- result{err, time.Since(begun)}
		}))
		l := make(pipes)
		server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
		go func() { _ = server.Serve(l) }()
		for body, slow := range map[string]bool{"x": true, "whole body": false} {
			client, conn := net.Pipe()
			l <- conn
			go func() { _, _ = io.Copy(io.Discard, client) }()
			_, _ = io.WriteString(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"+body)
			got := <-read
			if slow && (got.err == nil || got.took != 10*time.Second) || !slow && got.err != nil {
				t.Errorf("body %q: %v after %v", body, got.err, got.took)
			}
			_ = client.Close()
		}
		_ = server.Close()
		time.Sleep(time.Second) // a server lingers for half a second on a connection whose body it has not read
	})
}
