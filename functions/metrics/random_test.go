package metrics_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/internal/racetest"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// world is a history that happens: jobs run, die and come back, INFO is not answered, a
// database is moved, a region gets another name, and pages are read now and then.
type world struct {
	naive
	t     *testing.T
	rng   *rand.Rand
	now   time.Time
	store *storetest.Memory
	f     *metrics.Function
	a     *history.Archive

	healthEvery, metricsEvery, pingEvery, commandsEvery time.Duration
	moved, renamed                                      bool
	counters                                            map[string]map[report.Gauge]float64
}

// worlds is how many histories are tried. Each number makes the same history each time.
var worlds = flag.Int("worlds", 25, "random histories to compare with the second implementation")

// TestPagesAgreeWithASecondImplementation compares overview, detail and /metrics of every
// range with a naive count over everything that was ever observed.
func TestPagesAgreeWithASecondImplementation(t *testing.T) {
	n := *worlds
	if racetest.Enabled || testing.Short() {
		n = min(n, 6)
	}
	for seed := range n {
		t.Run(fmt.Sprint("world ", seed), func(t *testing.T) {
			t.Parallel()
			w := &world{t: t, counters: map[string]map[report.Gauge]float64{}, rng: rand.New(rand.NewPCG(uint64(seed), 0))}
			w.healthEvery = pick(w, time.Second, 10*time.Second, time.Minute, time.Minute, 5*time.Minute, 20*time.Minute, time.Hour)
			w.metricsEvery = pick(w, 10*time.Second, time.Minute, 5*time.Minute, 5*time.Minute, time.Hour)
			w.pingEvery = w.healthEvery * pick[time.Duration](w, 1, 1, 3, 15)
			if w.rng.IntN(10) == 0 {
				w.pingEvery = 48 * time.Hour
			}
			w.commandsEvery = w.metricsEvery * pick[time.Duration](w, 1, 3, 48)
			// A leap day, both changes of daylight saving time, and the turn of a year.
			begin, _ := time.Parse(time.DateOnly, pick(w, "2024-02-28", "2026-03-28", "2026-10-24", "2026-11-20", "2026-12-30"))
			w.now = begin
			w.store = storetest.NewMemory(func() time.Time { return w.now })
			w.restart()
			w.happen(begin, 1+w.rng.IntN(9))
		})
	}
}

func pick[V any](w *world, values ...V) V { return values[w.rng.IntN(len(values))] }

// home is what the home region is called now.
func (w *world) home() string {
	if w.renamed {
		return "us-central1"
	}
	return "us-east4"
}

func (w *world) shardOf(database string) string {
	if database == "queue" || database == "blog" && w.moved {
		return "other"
	}
	return "main"
}

var watched = []string{"cache", "blog", "queue"}

// restart makes new processes by the configuration of now.
func (w *world) restart() {
	var text strings.Builder
	fmt.Fprintf(&text, "regions: [%s, europe-west1]\nschedule: {healthcheck: %s, metrics: %s}\nchecks: {ping: {every: %s}, latency: {every: %s}, commands: {every: %s}}\ndatabases:\n",
		w.home(), w.healthEvery, w.metricsEvery, w.pingEvery, w.pingEvery, w.commandsEvery)
	for _, name := range watched {
		fmt.Fprintf(&text, "- {name: %s, url: \"https://%s.upstash.io\", token: \"sm://projects/p/secrets/s\", home: %s, shard: %s}\n", name, name, w.home(), w.shardOf(name))
	}
	c, problems := config.Parse(false, config.Document{Name: "random.yaml", Text: []byte(text.String())})
	if c == nil || len(problems) > 0 {
		w.t.Fatalf("%v\n%s", problems, text.String())
	}
	f, err := metrics.New(metrics.Options{
		Config: c, Region: w.home(), Reports: &topic{}, Store: w.store, Now: func() time.Time { return w.now },
		Authorize: func(h http.Handler) http.Handler { return h },
		Resolve: func(context.Context, *config.Database, bool) (config.Credentials, error) {
			return config.Credentials{}, errors.New("nothing is asked here")
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.f, w.a = f, history.New(w.store).Pace(w.healthEvery, w.metricsEvery, len(watched))
}

// happen lets days go by.
func (w *world) happen(begin time.Time, days int) {
	events := map[time.Time][]func(at time.Time){}
	length := time.Duration(days) * 24 * time.Hour
	add := func(at time.Time, f func(time.Time)) {
		at = at.Truncate(time.Second)
		events[at] = append(events[at], f)
	}
	anywhere := func() time.Time { return begin.Add(time.Duration(w.rng.Int64N(int64(length)))) }
	sessions := func(every time.Duration, run func(time.Time)) {
		ran := map[time.Time]bool{}
		for range 1 + w.rng.IntN(3) {
			at := anywhere().Truncate(every)
			for range 1 + w.rng.IntN(30) {
				if w.rng.IntN(12) > 0 && at.Before(begin.Add(length)) && !ran[at] { // else the run was lost
					ran[at] = true
					add(at, run)
				}
				at = at.Add(every)
			}
		}
	}
	sessions(w.healthEvery, w.health)
	sessions(w.metricsEvery, w.read)
	for at := begin; at.Before(begin.Add(length)); at = at.Add(6 * time.Hour) {
		add(at, w.maintain)
	}
	for range 8 {
		add(anywhere(), w.maintain)
		add(anywhere(), func(time.Time) { w.restart() })
	}
	if w.rng.IntN(3) == 0 {
		add(begin.Add(length/2), func(time.Time) { w.moved = w.known(); w.restart() })
	}
	if w.rng.IntN(3) == 0 {
		add(begin.Add(length/3), func(time.Time) { w.renamed = w.known(); w.restart() })
	}
	add(anywhere(), w.look)
	add(begin.Add(length), w.look)
	for _, at := range slices.SortedFunc(maps.Keys(events), time.Time.Compare) {
		w.now = at.Add(300 * time.Millisecond)
		for _, f := range events[at] {
			f(at)
		}
	}
}

// maintain lets what follows a run follow: compaction, and the overviews.
func (w *world) maintain(time.Time) {
	w.f.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, "/", strings.NewReader(`{"shard":"none"}`)))
}

// known says that an overview has all that there was until now. What is moved or renamed
// sooner than an hour or so after it was first seen would be lost.
func (w *world) known() bool {
	w.maintain(w.now)
	for _, shard := range []string{"main", "other"} {
		o, err := w.a.Overview(w.t.Context(), shard)
		w.must(err)
		for _, region := range append(o.Regions(), w.home()) {
			if !o.Runs[region].Scheduled.Equal(w.lastRun(report.HealthCheck, shard, region)) {
				return false
			}
		}
		if !o.Runs[""].Scheduled.Equal(w.lastRun(report.Metrics, shard, "")) {
			return false
		}
	}
	return true
}

func (w *world) health(at time.Time) {
	for _, shard := range []string{"main", "other"} {
		for _, region := range []string{w.home(), "europe-west1"} {
			samples := map[string]report.Sample{}
			for _, name := range watched {
				if w.shardOf(name) != shard || at.Unix()%int64(w.pingEvery/time.Second) != 0 {
					continue
				}
				s := report.Sample{At: at, Status: report.OK, Attempts: 1, Phases: report.Phases{Wait: float64(1+w.rng.IntN(9000)) / 10}}
				switch w.rng.IntN(12) {
				case 0:
					s.Status, s.Phases = report.Fail, report.Phases{}
				case 1:
					s.Status = report.Warn
				case 2:
					s.Status, s.Phases = report.Unknown, report.Phases{}
				}
				samples[name] = s
				w.pings = append(w.pings, ping{shard, region, name, at, s.Status, s.Phases.Wait})
			}
			w.runs = append(w.runs, jobRun{report.HealthCheck, shard, region, at})
			w.must(w.a.AppendPings(w.t.Context(), shard, history.Run{Scheduled: at, Started: at, Finished: at, Region: region}, samples))
		}
	}
}

func (w *world) read(at time.Time) {
	for _, shard := range []string{"main", "other"} {
		readings := map[string]report.Reading{}
		for _, name := range watched {
			if w.shardOf(name) == shard {
				readings[name] = w.reading(name, at)
				r := readings[name]
				w.readings = append(w.readings, reading{shard, name, r.Replica, at, r.Values, r.Checks})
			}
		}
		w.runs = append(w.runs, jobRun{report.Metrics, shard, w.home(), at})
		w.must(w.a.AppendReadings(w.t.Context(), shard, history.Run{Scheduled: at, Started: at, Finished: at, Region: w.home()}, readings))
	}
}

func (w *world) reading(name string, at time.Time) report.Reading {
	due := at.Unix()%int64(w.commandsEvery/time.Second) == 0
	unknown := report.Verdict{Status: report.Unknown, Cause: "timeout_response"}
	r := report.Reading{At: at, Values: map[report.Gauge]float64{}, Checks: map[report.Check]report.Verdict{report.Memory: unknown}}
	if due {
		r.Checks[report.Commands] = unknown
	}
	if w.rng.IntN(5) == 0 { // INFO was not answered, the account perhaps
		if due && w.rng.IntN(2) == 0 {
			r.Values[report.GaugeMonthCommands], r.Values[report.GaugeCommandsHours] = 9, 17
			r.Checks[report.Commands] = report.Verdict{Status: report.Fail, Cause: "commands_high", Value: new(0.99)}
		}
		return r
	}
	r.Replica = fmt.Sprint(w.rng.IntN(2))
	c := w.counters[name+r.Replica]
	if c == nil || w.rng.IntN(20) == 0 { // it was restarted
		c = map[report.Gauge]float64{}
	}
	c[report.GaugeHits] += float64(w.rng.IntN(100))
	c[report.GaugeMisses] += float64(w.rng.IntN(10))
	w.counters[name+r.Replica] = c
	maps.Copy(r.Values, c)
	digits := func() *float64 { return new(float64(w.rng.IntN(1e5)) / 1e5) }
	r.Checks[report.Memory] = report.Verdict{Status: report.OK, Value: digits()}
	if w.rng.IntN(2) == 0 {
		r.Values[report.GaugeMemoryHours] = float64(w.rng.IntN(400)) / 4
	}
	if due {
		r.Checks[report.Commands] = report.Verdict{Status: report.Warn, Cause: "commands_high", Value: digits()}
		r.Values[[]report.Gauge{report.GaugeMonthCommands, report.GaugeMonthCommandsSeen}[w.rng.IntN(2)]] = 7
		if w.rng.IntN(2) == 0 {
			r.Values[report.GaugeCommandsHours] = float64(w.rng.IntN(400)) / 4
		}
	}
	return r
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Fatal(err)
	}
}

// look reads pages and compares them.
func (w *world) look(time.Time) {
	for _, query := range []string{
		"range=1h", pick(w, "range=1h&step=1h", "range=1h&step=7m", "range=24h&step=5h", "range=7d&step=11h"), pick(w, "range=6h", "range=24h"), "range=7d", "range=30d",
	} {
		for _, database := range []string{"", "blog"} {
			q := query
			if database != "" {
				q += "&database=" + database
			}
			var s statistics.Statistics
			body := w.get("/api/v1/admin/redis-metrics?" + q)
			w.must(json.Unmarshal([]byte(body), &s))
			what := fmt.Sprintf("%s at %s", q, w.now.Format(time.RFC3339))
			if len(s.Missing) > 0 || !s.To.Equal(w.now) || s.From.After(w.now.Add(-map[string]time.Duration{"1h": time.Hour, "6h": 6 * time.Hour, "24h": 24 * time.Hour, "7d": 168 * time.Hour, "30d": 720 * time.Hour}[s.Range])) {
				w.t.Errorf("%s: from %v to %v, missing %v", what, s.From, s.To, s.Missing)
			}
			for i := range s.Databases {
				w.compare(w.t, what, &s, &s.Databases[i], w.setting(s.Databases[i].Name), database != "")
			}
			w.compareJobs(w.t, what, &s)
		}
	}
	w.compareOpenMetrics()
}

func (w *world) setting(name string) setting {
	c := setting{name: name, shard: w.shardOf(name), regions: []string{w.home(), "europe-west1"}, pingEvery: w.pingEvery, commandsEvery: w.commandsEvery}
	if w.renamed {
		c.former = "us-east4"
	}
	return c
}

func (w *world) get(path string) string {
	rec := httptest.NewRecorder()
	w.f.ServeHTTP(rec, httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, path, nil))
	if rec.Code != http.StatusOK {
		w.t.Fatalf("GET %s is answered %d: %s", path, rec.Code, rec.Body)
	}
	return rec.Body.String()
}

// compareOpenMetrics holds the samples of /metrics to the same counts.
func (w *world) compareOpenMetrics() {
	got := map[string]float64{}
	for line := range strings.Lines(w.get("/metrics")) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			got[line[:i]], _ = strconv.ParseFloat(strings.TrimSpace(line[i+1:]), 64)
		}
	}
	// The range begins with a point: a minute, or as short as the pings.
	from := w.now.Add(-time.Hour).Truncate(min(time.Minute, max(10*time.Second, w.healthEvery)))
	for _, name := range watched {
		for _, region := range []string{w.home(), "europe-west1"} {
			want, _ := w.count(name, region, from, w.now)
			for result, n := range map[string]int{"good": want.good, "failed": want.failed, "unknown": want.unknown} {
				series := fmt.Sprintf("pongwatch_pings{database=%q,region=%q,result=%q}", name, region, result)
				if got[series] != float64(n) {
					w.t.Errorf("%s is %v at %v, want %d", series, got[series], w.now, n)
				}
			}
		}
		series := fmt.Sprintf("pongwatch_hit_ratio{database=%q}", name)
		v, known := got[series]
		if want := w.hitRate(name, from, w.now, false); known != (want != nil) || known && v != *want {
			w.t.Errorf("%s is %v, %v at %v, want %v", series, v, known, w.now, spell(want))
		}
	}
	for _, shard := range []string{"main", "other"} {
		last := w.lastRun(report.HealthCheck, shard, w.home())
		series := fmt.Sprintf("pongwatch_job_last_run_timestamp_seconds{job_name=\"healthcheck\",shard=%q,region=%q}", shard, w.home())
		v, known := got[series]
		if known == last.IsZero() || known && v != float64(last.Unix()) {
			w.t.Errorf("%s is %v, %v at %v, want %v", series, v, known, w.now, last)
		}
	}
}
