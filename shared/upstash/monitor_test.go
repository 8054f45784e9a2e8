package upstash

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

func TestMonitor(t *testing.T) {
	ended := make(chan struct{})
	var got *http.Request
	c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		io.WriteString(w, "data: \"OK\"\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(ended)
	})
	c.timeout = 50 * time.Millisecond
	stream, err := c.Monitor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 64)
	if n, err := stream.Read(b); err != nil || string(b[:n]) != "data: \"OK\"\n\n" {
		t.Errorf("read %q, %v", b[:n], err)
	}
	if got.Method != http.MethodPost || got.URL.Path != "/monitor" || got.Header.Get("Accept") != "text/event-stream" || got.Header.Get("Authorization") != "Bearer "+testToken || got.ContentLength > 0 {
		t.Errorf("asked %s %s with %v", got.Method, got.URL, got.Header)
	}
	select { // the timeout bounds the time to the first byte alone
	case <-ended:
		t.Error("the stream ended with the client's timeout")
	case <-time.After(2 * c.timeout):
	}
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	<-ended
}

func TestMonitorIsRefused(t *testing.T) {
	tests := []struct {
		name        string
		status      int
		contentType string
		body        string
		want        cause.Cause
	}{
		{"not over REST", 400, "application/json", `{"error":"ERR Command \"MONITOR\" is not allowed in REST or it has a special context path"}`, cause.CommandBlocked},
		{"a wrong token", 401, "application/json", `{"error":"WRONGPASS invalid or missing auth token"}`, cause.AuthInvalid},
		{"an answer in place of a stream", 200, "application/json", `{"result":"OK"}`, cause.NotUpstash},
		{"a page in place of a stream", 200, "text/html", `<html>`, cause.NotUpstash},
		{"a gateway", 502, "text/event-stream", "", cause.Provider5xx},
	}
	for _, tt := range tests {
		c := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tt.contentType)
			w.WriteHeader(tt.status)
			io.WriteString(w, tt.body)
		})
		stream, err := c.Monitor(t.Context())
		if stream != nil || CauseOf(err) != tt.want || !strings.HasPrefix(err.Error(), "MONITOR: ") || strings.Contains(err.Error(), testToken) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestMonitorThatDoesNotAnswer(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	c, err := New(Options{URL: server.URL, Token: secrets.New(testToken), AllowHTTP: true, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Monitor(t.Context()); CauseOf(err) != cause.TimeoutResponse || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the timeout: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c.timeout = time.Minute
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := c.Monitor(ctx); CauseOf(err) != cause.Interrupted || !errors.Is(err, context.Canceled) {
		t.Errorf("when the caller goes: %v", err)
	}
	if c, err = New(Options{URL: "http://127.0.0.1:1", Token: secrets.New(testToken), AllowHTTP: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Monitor(t.Context()); CauseOf(err) != cause.TCPRefused {
		t.Errorf("a closed port: %v", err)
	}
}
