package healthcheck_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

func TestARunPublishesEveryDueCheckThenRecords(t *testing.T) {
	at := &clock{at: eight.Add(1500 * time.Millisecond)}
	s, to := memory(at.now), &topic{}
	o := options(t, parse(t, one(serve(t, pong()))), s, to)
	o.Now = at.now
	f, err := healthcheck.New(o)
	if err != nil {
		t.Fatal(err)
	}
	code, body := post(t, f, eight)
	if code != http.StatusOK || !strings.Contains(body, `"recorded":true`) || !strings.Contains(body, `"lag_ms":1500`) {
		t.Errorf("the run is answered %d %s, want 200, recorded, with its lag", code, body)
	}
	r := to.last(t)
	if got, want := r.Identity(), "healthcheck/us-east4/main/2026-11-22T20:00:00Z"; got != want || r.Every != time.Minute || r.Version != "v1.2.3" {
		t.Errorf("the report is %s every %v of %s, want %s every minute", got, r.Every, r.Version, want)
	}
	var got []string
	for _, o := range r.Observations {
		got = append(got, fmt.Sprintf("%s/%s %s %s", o.Database, o.Check, o.Source, o.Status))
	}
	want := []string{
		"cache/ping us-east4 ok", "cache/latency us-east4 ok", "cache/mock_mode config ok",
		"cache/config healthcheck@us-east4 ok", "_pongwatch/monitor healthcheck@us-east4 ok",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("observations (-want +got):\n%s", diff)
	}
	if lag := find(t, r, "_pongwatch", report.Monitor).Value; lag == nil || *lag != 1500 {
		t.Errorf("the monitor's lag is %v, want 1500 ms", lag)
	}
	hours, err := history.New(s).Pings(t.Context(), "main", region, eight, eight)
	if err != nil || len(hours) != 1 {
		t.Fatalf("history has %d hours, %v; want 1", len(hours), err)
	}
	samples := slices.Collect(hours[0].Of["cache"].All())
	if len(samples) != 1 || samples[0].Status != report.OK || samples[0].Phases.Wait <= 0 {
		t.Errorf("history has %+v, want the ping with its phases", samples)
	}
}

func TestARepeatedRunAsksNoDatabaseTwice(t *testing.T) {
	var pings atomic.Int32
	to := &topic{}
	o := options(t, parse(t, one(serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { pings.Add(1); pong()(w, r) })))), memory(nil), to)
	f, err := healthcheck.New(o)
	if err != nil {
		t.Fatal(err)
	}
	scheduled := time.Now().Truncate(time.Minute).Add(-time.Minute)
	post(t, f, scheduled)
	code, body := post(t, f, scheduled)
	if code != http.StatusOK || !strings.Contains(body, `"repeated":true`) || pings.Load() != 1 || len(to.reports) != 1 {
		t.Errorf("the repeated run: %d %s, %d pings, %d reports; want 200, repeated, 1, 1", code, body, pings.Load(), len(to.reports))
	}
	post(t, f, scheduled.Add(time.Minute))
	if pings.Load() != 2 {
		t.Errorf("the next run made %d pings in all, want 2", pings.Load())
	}
}

func TestAReportThatCannotBePublishedIsTheSchedulersToRepeat(t *testing.T) {
	to, s := &topic{refuse: errors.New("unavailable")}, memory(nil)
	f, err := healthcheck.New(options(t, parse(t, one(serve(t, pong()))), s, to))
	if err != nil {
		t.Fatal(err)
	}
	scheduled := time.Now().Truncate(time.Minute)
	if code, body := post(t, f, scheduled); code != http.StatusServiceUnavailable {
		t.Errorf("answered %d %s, want 503", code, body)
	}
	hours, err := history.New(s).Pings(t.Context(), "main", region, scheduled, scheduled)
	if err != nil || len(hours) != 0 {
		t.Errorf("history has %d hours, %v; want none before the report is out", len(hours), err)
	}
	to.refuse = nil
	if code, body := post(t, f, scheduled); code != http.StatusOK || len(to.reports) != 1 {
		t.Errorf("the retry is answered %d %s with %d reports, want 200 and one", code, body, len(to.reports))
	}
}

func TestARunThatCannotBeRecordedSaysSoInTheNext(t *testing.T) {
	to, s := &topic{}, storetest.NewFaulty(memory(nil))
	f, err := healthcheck.New(options(t, parse(t, one(serve(t, pong()))), s, to))
	if err != nil {
		t.Fatal(err)
	}
	scheduled := time.Now().Truncate(time.Minute)
	s.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
	if code, body := post(t, f, scheduled.Add(-time.Minute)); code != http.StatusOK || !strings.Contains(body, `"recorded":false`) {
		t.Errorf("answered %d %s, want 200: the report is out", code, body)
	}
	s.Always(nil)
	post(t, f, scheduled)
	if o := find(t, to.last(t), "_pongwatch", report.Monitor); o.Status != report.Warn || o.Cause != cause.MonitorStore {
		t.Errorf("the next run's monitor is %+v, want a warning about the store", o)
	}
}

func TestWhatTheSchedulerMaySay(t *testing.T) {
	f, err := healthcheck.New(options(t, parse(t, one(serve(t, pong()))), memory(nil), &topic{}))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, method, path, body string
		want                     int
	}{
		{"its body on any path", http.MethodPost, "/anything", `{"shard":"main"}`, http.StatusOK},
		{"under the function's name", http.MethodPost, "/HealthCheck", `{"shard":"main"}`, http.StatusOK},
		{"no body where there is one shard", http.MethodPost, "/", "", http.StatusOK},
		{"a shard that is not configured", http.MethodPost, "/", `{"shard":"other"}`, http.StatusBadRequest},
		{"nonsense", http.MethodPost, "/", "hello", http.StatusBadRequest},
		{"another method", http.MethodPut, "/", "", http.StatusMethodNotAllowed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			f.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, strings.NewReader(tt.body)))
			if w.Code != tt.want {
				t.Errorf("answered %d %s, want %d", w.Code, w.Body, tt.want)
			}
		})
	}
}

func TestPostIsGuardedWhereIAMDoesNot(t *testing.T) {
	o := options(t, parse(t, one(serve(t, pong()))), memory(nil), &topic{})
	o.Authorize = func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	}
	f, err := healthcheck.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if code, _ := post(t, f, eight); code != http.StatusForbidden {
		t.Errorf("answered %d, want what the guard says", code)
	}
}

func TestOneBadDatabaseDoesNotStopTheOthers(t *testing.T) {
	url := serve(t, pong())
	to := &topic{}
	c := parse(t, fmt.Sprintf("databases:\n- {name: a, url: %q, token: sesame}\n- {name: b, url: 'rediss://default:x@host:6379', token: sesame}\n- {name: c, url: %q, token: sesame}\n", url, url))
	f, err := healthcheck.New(options(t, c, memory(nil), to))
	if err != nil {
		t.Fatal(err)
	}
	post(t, f, time.Now().Truncate(time.Minute))
	r := to.last(t)
	for _, name := range []string{"a", "c"} {
		if o := find(t, r, name, report.Ping); o.Status != report.OK {
			t.Errorf("%s is %+v, want ok", name, o)
		}
	}
	if o := find(t, r, "b", report.Ping); o.Status != report.Unknown || o.Cause != cause.ConfigScheme {
		t.Errorf("ping of b is %+v, want unknown of config_scheme", o)
	}
	if o := find(t, r, "b", report.ConfigLoad); o.Status != report.Fail || o.Cause != cause.ConfigScheme || strings.Contains(o.Evidence, "default:x") {
		t.Errorf("config of b is %+v, want fail of config_scheme without the URL", o)
	}
}

func TestARotatedTokenIsReadAgainInTheSameRun(t *testing.T) {
	current := "new"
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+current {
			answering(http.StatusUnauthorized, `{"error":"WRONGPASS invalid or missing auth token."}`)(w, r)
			return
		}
		pong()(w, r)
	}))
	to := &topic{}
	o := options(t, parse(t, one(url)), memory(nil), to)
	var reads atomic.Int32
	o.Resolve = func(_ context.Context, _ *config.Database, fresh bool) (config.Credentials, error) {
		if !fresh && reads.Load() == 0 {
			return config.Credentials{URL: url, Token: secrets.New("old"), Version: "6"}, nil
		}
		reads.Add(1)
		return config.Credentials{URL: url, Token: secrets.New("new"), Version: "7"}, nil
	}
	f, err := healthcheck.NewHurried(o, 20)
	if err != nil {
		t.Fatal(err)
	}
	post(t, f, time.Now().Truncate(time.Minute))
	p := find(t, to.last(t), "cache", report.Ping)
	if p.Status != report.OK || p.TokenVersion != "7" || p.Attempts != 2 || reads.Load() != 1 {
		t.Errorf("ping is %+v after %d reads, want ok with version 7 at the second attempt", p, reads.Load())
	}
}

// TestFiveHundredDatabasesThatHang uses real sockets and waits twenty times shorter
// than the real ones; that the real ones fit into a run is tested with the clock.
func TestFiveHundredDatabasesThatHang(t *testing.T) {
	const databases = 500
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var accepted atomic.Int32
	conns := make(chan net.Conn, 4*databases)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(conns)
				return
			}
			accepted.Add(1)
			conns <- c
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		for c := range conns {
			_ = c.Close()
		}
	})
	var document strings.Builder
	document.WriteString("databases:\n")
	for i := range databases {
		fmt.Fprintf(&document, "- {name: db-%d, url: 'http://%s', token: sesame}\n", i, l.Addr())
	}
	to := &topic{}
	f, err := healthcheck.NewHurried(options(t, parse(t, document.String()), memory(nil), to), 20)
	if err != nil {
		t.Fatal(err)
	}
	if code, body := post(t, f, time.Now().Truncate(time.Minute)); code != http.StatusOK {
		t.Fatalf("answered %d %s", code, body)
	}
	failed := 0
	for _, o := range to.last(t).Observations {
		if o.Check == report.Ping && o.Status == report.Fail && o.Cause.Class() == cause.ClassNetwork {
			failed++
		}
	}
	if failed != databases {
		t.Errorf("%d failures are published, want %d", failed, databases)
	}
	if n := accepted.Load(); n < 2*databases {
		t.Errorf("%d connections, want three attempts at most of the databases", n)
	}
}
