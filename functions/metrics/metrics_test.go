package metrics_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
	"github.com/pongwatch/pongwatch/shared/version"
)

const region = "us-east4"

var eight = time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)

// topic keeps what was published.
type topic struct {
	mu      sync.Mutex
	reports []report.Report
}

func (t *topic) Publish(_ context.Context, m report.Message) error {
	d, err := report.Decode(m, eight)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reports = append(t.reports, *d.Report)
	return nil
}

// redis is a database whose figures and faults can be set.
type redis struct {
	mu    sync.Mutex
	info  string
	token string
	set   string // SET's item in a pipeline
	calls atomic.Int32
}

func newRedis() *redis {
	return &redis{
		token: "sesame", set: `{"result":"OK"}`,
		info: "maxmemory_policy:noeviction\r\nlocal_member:a\r\ntotal_data_size:100\r\nmax_data_size:1000\r\nkeyspace_hits:900\r\nkeyspace_misses:100\r\ntotal_keys:15",
	}
}

func (d *redis) with(change func(*redis)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d *redis) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.calls.Add(1)
	d.mu.Lock()
	defer d.mu.Unlock()
	encode := func(s string) string { return `{"result":"` + base64.StdEncoding.EncodeToString([]byte(s)) + `"}` }
	switch {
	case r.Header.Get("Authorization") != "Bearer "+d.token:
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"WRONGPASS invalid or missing auth token."}`)
	case r.URL.Path == "/pipeline":
		var commands [][]any
		_ = json.NewDecoder(r.Body).Decode(&commands)
		_, _ = fmt.Fprintf(w, `[%s,%s,{"result":1}]`, d.set, encode(fmt.Sprint(commands[0][2])))
	default:
		_, _ = io.WriteString(w, encode(d.info))
	}
}

// fixture is a Metrics function over one database.
type fixture struct {
	*metrics.Function
	redis   *redis
	store   *storetest.Faulty
	reports *topic
	now     *time.Time
}

func newFixture(t *testing.T, more string, change ...func(*metrics.Options)) *fixture {
	t.Helper()
	x := &fixture{redis: newRedis(), reports: &topic{}, now: new(time.Time)}
	*x.now = eight
	now := func() time.Time { return *x.now }
	x.store = storetest.NewFaulty(storetest.NewMemory(now))
	srv := httptest.NewServer(x.redis)
	t.Cleanup(srv.Close)
	document := fmt.Sprintf("checks: {write: {every: 5m}}\ndatabases:\n- {name: cache, url: %q, token: sesame}\n%s", srv.URL, more)
	c, problems := config.Parse(true, config.Document{Name: "test.yaml", Text: []byte(document)})
	if c == nil {
		t.Fatal(problems)
	}
	none := secrets.Source(func(context.Context, string) (secrets.Secret, error) { return secrets.Secret{}, errors.New("none") })
	o := metrics.Options{
		Config: c, Region: region, Reports: x.reports, Store: x.store, Now: now, Build: version.Build{Version: "v1.2.3", Commit: "0123abc", Go: "go1.26.8"},
		Resolve:   check.FromConfig(c, secrets.NewCache(none, nil)),
		Authorize: func(h http.Handler) http.Handler { return h },
	}
	o.Upstash.AllowHTTP = true
	for _, f := range change {
		f(&o)
	}
	f, err := metrics.New(o)
	if err != nil {
		t.Fatal(err)
	}
	x.Function = f
	return x
}

// run makes a scheduled run at minutes past eight and returns its observations.
func (x *fixture) run(t *testing.T, minutes int) map[report.Check]report.Observation {
	t.Helper()
	*x.now = eight.Add(time.Duration(minutes)*time.Minute + 2*time.Second)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(`{"shard":"main"}`))
	r.Header.Set("X-CloudScheduler-ScheduleTime", eight.Add(time.Duration(minutes)*time.Minute).Format(time.RFC3339))
	w := httptest.NewRecorder()
	x.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("the run is answered %d %s", w.Code, w.Body)
	}
	out := map[report.Check]report.Observation{}
	for _, o := range x.reports.reports[len(x.reports.reports)-1].Observations {
		out[o.Check] = o
	}
	return out
}

func (x *fixture) get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	x.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w
}

func (x *fixture) statistics(t *testing.T, query string) statistics.Statistics {
	t.Helper()
	w := x.get(t, "/api/v1/admin/redis-metrics"+query)
	var s statistics.Statistics
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || w.Code != http.StatusOK {
		t.Fatalf("answered %d %s: %v", w.Code, w.Body, err)
	}
	return s
}

func TestARunReadsJudgesPublishesAndRecords(t *testing.T) {
	x := newFixture(t, "")
	got := x.run(t, 0)
	want := map[report.Check]report.Status{
		report.Memory: report.OK, report.HitRate: report.OK, report.Eviction: report.OK, report.Commands: report.OK, report.Connections: report.OK, report.Write: report.OK,
		report.ConfigLoad: report.OK, report.Monitor: report.OK,
	}
	statuses := map[report.Check]report.Status{}
	for c, o := range got {
		statuses[c] = o.Status
	}
	if diff := cmp.Diff(want, statuses); diff != "" {
		t.Errorf("observations (-want +got):\n%s", diff)
	}
	r := x.reports.reports[0]
	if r.Identity() != "metrics/us-east4/main/2026-11-22T20:00:00Z" || r.Every != 5*time.Minute {
		t.Errorf("the report is %s every %v", r.Identity(), r.Every)
	}
	if n := x.redis.calls.Load(); n != 2 {
		t.Errorf("%d requests, want one INFO and one pipeline", n)
	}
	hours, err := history.New(x.store).Readings(t.Context(), "main", eight, eight)
	if err != nil || len(hours) != 1 {
		t.Fatalf("history: %v %v", hours, err)
	}
	readings := slices.Collect(hours[0].Of["cache"].All())
	if len(readings) != 1 || readings[0].Values[report.GaugeKeys] != 15 || readings[0].Checks[report.Write].Status != report.OK {
		t.Errorf("readings %+v, want the figures and verdicts of the run", readings)
	}
}

func TestTheHitRateIsSinceTheRunBefore(t *testing.T) {
	x := newFixture(t, "")
	x.run(t, 0)
	x.redis.with(func(d *redis) {
		// The hit of the first run's own write check is none of the app's.
		d.info = strings.NewReplacer("hits:900", "hits:1001", "misses:100", "misses:300").Replace(d.info)
	})
	got := x.run(t, 5)[report.HitRate]
	if got.Status != report.Warn || got.Value == nil || *got.Value != 100.0/300 {
		t.Errorf("hit_rate = %+v, want a third", got)
	}
}

func TestAFullDatabaseIsFoundByTheCanary(t *testing.T) {
	x := newFixture(t, "")
	x.redis.with(func(d *redis) {
		d.set = `{"error":"ERR DB capacity quota exceeded. Threshold: 1000 bytes, Usage: 1001 bytes."}`
	})
	if got := x.run(t, 0)[report.Write]; got.Status != report.Fail || got.Cause != cause.StorageFull {
		t.Errorf("write = %+v, want fail of storage_full", got)
	}
}

func TestARefusedTokenIsReadAgainBeforeAnythingIsJudged(t *testing.T) {
	var fresh atomic.Int32
	x := newFixture(t, "", func(o *metrics.Options) {
		resolve := o.Resolve
		o.Resolve = func(ctx context.Context, d *config.Database, again bool) (config.Credentials, error) {
			c, err := resolve(ctx, d, again)
			if again {
				fresh.Add(1)
				c.Token = secrets.New("rotated")
			}
			return c, err
		}
	})
	x.redis.with(func(d *redis) { d.token = "rotated" })
	got := x.run(t, 0)
	if got[report.Memory].Status != report.OK || got[report.Write].Status != report.OK || fresh.Load() != 1 {
		t.Errorf("after %d new reads memory = %+v, want ok after one", fresh.Load(), got[report.Memory])
	}
}

func TestWhatHealthCheckJudgesIsUnknownHere(t *testing.T) {
	x := newFixture(t, "")
	x.redis.with(func(d *redis) { d.token = "another" })
	got := x.run(t, 0)
	for _, c := range []report.Check{report.Memory, report.HitRate, report.Eviction, report.Write} {
		if o := got[c]; o.Status != report.Unknown || o.Cause != cause.AuthInvalid {
			t.Errorf("%s = %+v, want unknown of auth_invalid", c, o)
		}
	}
}

func TestWithoutHistoryTheRunGoesOn(t *testing.T) {
	x := newFixture(t, "")
	x.store.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
	if got := x.run(t, 0); got[report.Memory].Status != report.OK {
		t.Errorf("memory = %+v, want ok", got[report.Memory])
	}
	x.store.Always(nil)
	if got := x.run(t, 5)[report.Monitor]; got.Status != report.Warn || got.Cause != cause.MonitorStore {
		t.Errorf("the next run's monitor = %+v, want a warning about the store", got)
	}
}

func TestStatisticsJoinPingsReadingsAndIncidents(t *testing.T) {
	x := newFixture(t, "")
	a := history.New(x.store)
	for minute := range 3 {
		at := eight.Add(time.Duration(minute) * time.Minute)
		sample := report.Sample{At: at, Status: report.OK, Attempts: 1, Phases: report.Phases{Wait: float64(10 * (minute + 1))}}
		if minute == 2 {
			sample = report.Sample{At: at, Status: report.Fail, Cause: cause.TCPRefused}
		}
		run := history.Run{Scheduled: at, Started: at.Add(time.Second), Region: region}
		if err := a.AppendPings(t.Context(), "main", run, map[string]report.Sample{"cache": sample}); err != nil {
			t.Fatal(err)
		}
	}
	x.run(t, 5)
	state := incident.New("main", eight)
	state.Incidents = map[string]*incident.Incident{"20261122T200200Z-AAAAAAAAAAAA": {
		ID: "20261122T200200Z-AAAAAAAAAAAA", Series: report.Series{Database: "cache", Check: report.Ping}, Severity: cause.SeverityCritical,
		Status: report.Fail, Cause: cause.TCPRefused, Since: eight.Add(2 * time.Minute), Opened: eight.Add(3 * time.Minute),
		Thread: incident.Thread{
			Ack: &incident.Ack{By: "alice", At: eight},
			Deliveries: map[string]incident.Delivery{
				"slack": {Want: 1, Done: 1, Sent: eight}, "email": {Want: 1, Error: "451"}, incident.Documents: {Want: 1, Done: 1},
			},
		},
	}}
	data, err := incident.Encode(state)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.store.Put(t.Context(), store.Doc{Key: "state/v1/main", Data: data}); err != nil {
		t.Fatal(err)
	}

	s := x.statistics(t, "")
	if len(s.Databases) != 1 || len(s.Databases[0].Regions) != 1 || len(s.Incidents.Open) != 1 || len(s.Missing) != 0 {
		t.Fatalf("statistics %+v, want one database, region and incident", s)
	}
	d := s.Databases[0]
	r := d.Regions[0]
	if r.Region != region || r.Good != 2 || r.Failed != 1 || *r.P50 != 10 || *r.Max != 20 || *r.P99 != 20 || r.Last.Cause != "tcp_refused" {
		t.Errorf("pings %+v, want two good ones and the failure last", r)
	}
	if d.MemoryRatio == nil || *d.MemoryRatio != 0.1 || d.Gauges[report.GaugeKeys] != 15 || d.Checks[report.Write].Status != report.OK {
		t.Errorf("database %+v, want its figures and verdicts", d)
	}
	i := s.Incidents.Open[0]
	if !strings.HasPrefix(i.ID, "INC-") || i.Acknowledged == nil || i.Acknowledged.By != "alice" || len(i.Told) != 2 {
		t.Errorf("incident %+v, want its short id, who acknowledged it, and who was notified", i)
	}
	if len(s.Monitor.Jobs) != 2 || s.Monitor.Jobs[0].LagMS != 1000 || s.Monitor.Jobs[1].Job != report.Metrics || s.Monitor.Jobs[1].LagMS != 2000 {
		t.Errorf("jobs %+v, want the last run of both with its lag", s.Monitor.Jobs)
	}
	if s := x.statistics(t, "?database=cache"); len(s.Databases) != 1 {
		t.Errorf("one database: %+v", s.Databases)
	}
	if w := x.get(t, "/api/v1/admin/redis-metrics?database=other"); w.Code != http.StatusNotFound {
		t.Errorf("an unknown database is answered %d, want 404", w.Code)
	}
}

func TestStatisticsBeforeAnythingRanAndWithoutAStore(t *testing.T) {
	x := newFixture(t, "")
	if s := x.statistics(t, ""); len(s.Databases) != 1 || s.Databases[0].Regions[0].Samples != 0 || s.Databases[0].Regions[0].Last != nil {
		t.Errorf("statistics %+v, want the database without figures", s)
	}
	x.store.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
	if w := x.get(t, "/api/v1/admin/redis-metrics"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "missing") {
		t.Errorf("without a store: %d %s, want 503 that says what is missing", w.Code, w.Body)
	}
}

func TestPages(t *testing.T) {
	x := newFixture(t, "")
	tests := []struct {
		path string
		code int
		want string
	}{
		{"/playbooks/auth_invalid", http.StatusOK, cause.AuthInvalid.Info().Title},
		{"/playbooks/no_such_cause", http.StatusNotFound, cause.Unknown.Info().Title},
		{"/", http.StatusOK, "Waiting for the first check"},
		{"/Metrics", http.StatusOK, "Waiting for the first check"},
		{"/assets/app.js", http.StatusOK, "use strict"},
		{"/assets/uplot/LICENSE", http.StatusOK, "MIT"},
		{"/assets/%2e%2e/dashboard.go", http.StatusNotFound, ""},
		{"/assets/nothing.js", http.StatusNotFound, "/metrics"},
		{"/Metrics/playbooks/mock", http.StatusOK, cause.Mock.Info().Title},
		{"/elsewhere", http.StatusNotFound, "/api/v1/admin/redis-metrics"},
	}
	for _, tt := range tests {
		if w := x.get(t, tt.path); w.Code != tt.code || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("GET %s is answered %d, want %d with %q: %.200s", tt.path, w.Code, tt.code, tt.want, w.Body)
		}
	}
}
