package upstash

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

func TestBodiesAtTheirLimits(t *testing.T) {
	for size, want := range map[int]cause.Cause{maxPingBody: "", maxPingBody + 1: cause.NotUpstash} {
		c := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
			const pong = `{"result":"PONG"}`
			_, _ = io.WriteString(w, pong+strings.Repeat(" ", size-len(pong)))
		})
		if got := CauseOf(c.Ping(t.Context()).Err); got != want {
			t.Errorf("an answer of %d bytes is %q, want %q", size, got, want)
		}
	}
	c := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", maxHeader+1))
		_, _ = io.WriteString(w, `{"result":"PONG"}`)
	})
	if err := c.Ping(t.Context()).Err; err == nil {
		t.Error("a header above the limit is read")
	}
}

func TestStatusesAtTheirBoundaries(t *testing.T) {
	for status, want := range map[int]cause.Cause{199: cause.NotUpstash, 200: "", 299: "", 300: cause.NotUpstash, 499: cause.NotUpstash, 500: cause.Provider5xx, 599: cause.Provider5xx} {
		if got := Classify(Outcome{Phase: PhaseRead, Status: status, Ping: true, Body: []byte(`{"result":"PONG"}`)}); got != want {
			t.Errorf("HTTP %d is %q, want %q", status, got, want)
		}
	}
}

func TestHostsAreMadeOfNamesAndAddresses(t *testing.T) {
	for host, want := range map[string]cause.Cause{
		"az.AZ-09": "", "[::1]": "", "a_b": cause.ConfigInvalid, "a+b": cause.ConfigInvalid, "a=": cause.ConfigInvalid, "a[b": cause.ConfigInvalid, "a~b": cause.ConfigInvalid, "é": cause.ConfigInvalid,
	} {
		_, err := New(Options{URL: "https://" + host, Token: secrets.New("t")})
		if got := CauseOf(err); got != want {
			t.Errorf("host %q: %v, want %q", host, err, want)
		}
	}
}

func TestTheDefaultTimeLimitIsFourSeconds(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{0: 4 * time.Second, -1: 4 * time.Second, 1: 1, time.Minute: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			c, err := New(Options{URL: "https://x.upstash.io", Token: secrets.New("t"), Timeout: timeout, Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})})
			if err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			r := c.Ping(t.Context())
			if took := time.Since(begun); took != want || r.Phases.Total != want || !errors.Is(r.Err, context.DeadlineExceeded) {
				t.Errorf("Timeout %v: ended after %v with %v, want %v", timeout, took, r.Err, want)
			}
		})
	}
}

func TestWhatCannotBeSentIsAnErrorWithoutARequest(t *testing.T) {
	var requests atomic.Int32
	c := newTestClient(t, func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	for name, call := range map[string]func() error{
		"no command":           func() error { _, err := c.Do(t.Context()); return err },
		"an argument":          func() error { _, err := c.Do(t.Context(), "SET", "a", func() {}); return err },
		"a name":               func() error { _, err := c.Do(t.Context(), func() {}); return err },
		"an empty pipeline":    func() error { _, err := c.Pipeline(t.Context()); return err },
		"a pipeline":           func() error { _, err := c.Pipeline(t.Context(), Command{"SET", func() {}}); return err },
		"an empty transaction": func() error { _, err := c.MultiExec(t.Context()); return err },
	} {
		err := call()
		if e, ok := errors.AsType[*Error](err); !ok || e.Cause != cause.Unknown || e.Op == "" || e.Evidence == "" {
			t.Errorf("%s: %v, want an error that says so", name, err)
		}
	}
	if n := requests.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestAnErrorNamesWhatWasTried(t *testing.T) {
	body := "no JSON"
	c := newTestClient(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	op := func(err error) string {
		if e, ok := errors.AsType[*Error](err); ok && e.Evidence != "" {
			return e.Op
		}
		return ""
	}
	_, do := c.Do(t.Context(), "get", "a")
	_, info := c.Info(t.Context())
	_, pipeline := c.Pipeline(t.Context(), Command{"GET", "a"})
	for want, err := range map[string]error{"ping": c.Ping(t.Context()).Err, "GET": do, "INFO": info, "pipeline": pipeline} {
		if got := op(err); got != want {
			t.Errorf("%v names %q, want %q", err, got, want)
		}
	}
	for _, body = range []string{`{"result":{"a":1}}`, `{"result":["!"]}`, `{"result":[[{}]]}`} {
		if _, err := c.Do(t.Context(), "get", "a"); CauseOf(err) != cause.NotUpstash || op(err) != "GET" {
			t.Errorf("%s: %v, want not_upstash of GET", body, err)
		}
	}
	body = `{"result":null}`
	if _, err := c.Info(t.Context()); CauseOf(err) != cause.NotUpstash || op(err) != "INFO" {
		t.Errorf("INFO that is nil: %v, want not_upstash", err)
	}
	body = `[{"result":1}]`
	if _, err := c.Pipeline(t.Context(), Command{"GET", "a"}, Command{"GET", "b"}); CauseOf(err) != cause.NotUpstash || !strings.Contains(err.Error(), "1 results for 2 commands") {
		t.Errorf("a pipeline that is too short: %v", err)
	}
	for _, tt := range []struct{ token, url, op string }{{"", "https://x.upstash.io", "reading the token"}, {"t", "ftp://x", "reading the URL"}} {
		if _, err := New(Options{URL: tt.url, Token: secrets.New(tt.token)}); op(err) != tt.op {
			t.Errorf("New: %v, want an error of %s", err, tt.op)
		}
	}
}

func TestTheAccountIsAskedToHideCredentials(t *testing.T) {
	var got []string
	m := &Management{client: &Client{timeout: defaultTimeout, kept: transportFunc(func(r *http.Request) (*http.Response, error) {
		got = append(got, r.Method+" "+r.URL.RequestURI())
		return &http.Response{StatusCode: http.StatusInternalServerError, Header: http.Header{}, Body: http.NoBody}, nil
	}), base: mustURL(t, "https://api.upstash.com/v2")}}
	_, database := m.Database(t.Context(), "a")
	_, stats := m.Stats(t.Context(), "a")
	if want := "GET /v2/redis/database/a?credentials=hide GET /v2/redis/stats/a"; strings.Join(got, " ") != want {
		t.Errorf("asked %v, want %s", got, want)
	}
	for want, err := range map[string]error{"management database": database, "management stats": stats} {
		if e, ok := errors.AsType[*Error](err); !ok || e.Op != want || e.Cause != cause.MonitorManagement || e.Status != http.StatusInternalServerError {
			t.Errorf("%v, want an error of %s", err, want)
		}
	}
}

func mustURL(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := parseURL(raw, false)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
