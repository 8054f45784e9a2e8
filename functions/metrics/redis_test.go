package metrics_test

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/internal/redistest"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// TestTheFiguresAreThoseOfARealRedis puts a load of a known hit rate on a redis-server
// through the emulator's REST, and compares what the API and /metrics say with the
// server's own INFO: in the beginning, after the load, and after its counters were reset.
func TestTheFiguresAreThoseOfARealRedis(t *testing.T) {
	server := redistest.Start(t)
	rest := upstashtest.Start(t, upstashtest.Options{Redis: server.Addr})
	// The checks that read and write would add look-ups of their own.
	x := newFixture(t, fmt.Sprintf("- {name: real, url: %q, token: %q, checks: {write: {enabled: false}, round_trip: {enabled: false}, isolation: {enabled: false}, values: {enabled: false}}}\n",
		rest.URL(), rest.Token()))
	app, err := upstash.New(upstash.Options{URL: rest.URL(), Token: secrets.New(rest.Token()), AllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.CloseIdleConnections)
	load := func(hits, misses int) {
		t.Helper()
		commands := []upstash.Command{{"SET", "ws:1:page", "{}"}}
		for i := range hits + misses {
			key := "ws:1:page"
			if i >= hits {
				key = fmt.Sprintf("ws:1:absent:%d", i)
			}
			commands = append(commands, upstash.Command{"GET", key})
		}
		if _, err := app.Pipeline(t.Context(), commands...); err != nil {
			t.Fatal(err)
		}
	}

	steps := []struct {
		name    string
		prepare func()
		rate    float64 // since the step before; 0 is not judged
	}{
		{"a new server", func() {}, 0},
		{"300 hits and 100 misses", func() { load(300, 100) }, 0.75},
		{"its counters were reset, then 30 hits and 90 misses", func() { server.Do("CONFIG", "RESETSTAT"); load(30, 90) }, 0.25},
		{"too few look-ups to judge", func() { load(5, 5) }, 0},
		{"it was restarted, then 120 hits and 40 misses", func() { server.Stop(); server.Start(); load(120, 40) }, 0.75},
	}
	for i, step := range steps {
		step.prepare()
		x.run(t, 5*i)
		assertAsRedisSays(t, x, server, step.name)
		got := x.statistics(t, "?database=real").Databases[0].Checks[report.HitRate]
		if step.rate == 0 && got.Value != nil || step.rate != 0 && (got.Value == nil || *got.Value != step.rate) {
			t.Errorf("%s: hit rate %v, want %v", step.name, got, step.rate)
		}
	}
	// The same from history, where nothing is too few: no reset is counted as a loss.
	const want = (300. + 30 + 5 + 120) / (400 + 120 + 10 + 160)
	if got := x.statistics(t, "?database=real").Databases[0].HitRate; got == nil || math.Abs(*got-want) > 1e-4 {
		t.Errorf("hit rate of the whole %v, want %v", got, want)
	}
}

// assertAsRedisSays compares every figure that redis-server counts itself.
func assertAsRedisSays(t *testing.T, x *fixture, server *redistest.Server, when string) {
	t.Helper()
	info := server.Info()
	keys, _ := server.Do("DBSIZE").(int64)
	d := x.statistics(t, "?database=real").Databases[0]
	gauges := d.Gauges
	w := x.get(t, "/metrics")
	if w.Code != http.StatusOK {
		t.Fatalf("%s: /metrics is answered %d", when, w.Code)
	}
	for _, f := range []struct {
		gauge report.Gauge
		name  string // in OpenMetrics; empty for what is not there
		want  string
	}{
		{report.GaugeHits, "pongwatch_redis_hits_total", info["keyspace_hits"]},
		{report.GaugeMisses, "pongwatch_redis_misses_total", info["keyspace_misses"]},
		{report.GaugeExpired, "", info["expired_keys"]},
		{report.GaugeEvicted, "", info["evicted_keys"]},
		{report.GaugeKeys, "", strconv.FormatInt(keys, 10)},
	} {
		want, err := strconv.ParseFloat(f.want, 64)
		if err != nil {
			t.Fatalf("%s: redis-server says %q of %s", when, f.want, f.gauge)
		}
		if got, ok := gauges[f.gauge]; !ok || got != want {
			t.Errorf("%s: the API says %v of %s, redis-server %v", when, got, f.gauge, want)
		}
		if f.name == "" {
			continue
		}
		if got := sampleOf(t, w.Body.String(), f.name+`{database="real",replica="`+d.Replica+`"}`); got != want {
			t.Errorf("%s: /metrics says %v of %s, redis-server %v", when, got, f.name, want)
		}
	}
}

// sampleOf reads one sample of an OpenMetrics text.
func sampleOf(t *testing.T, text, series string) float64 {
	t.Helper()
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("no %s in\n%s", series, text)
	return 0
}
