package metrics_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// pinged records a run of HealthCheck at minutes past eight.
func (x *fixture) pinged(t *testing.T, minutes int) {
	t.Helper()
	at := eight.Add(time.Duration(minutes) * time.Minute)
	sample := report.Sample{At: at, Status: report.OK, Attempts: 1, Phases: report.Phases{Wait: 20}}
	run := history.Run{Scheduled: at, Started: at, Finished: at, Region: region}
	if err := history.New(x.store).AppendPings(t.Context(), "main", run, map[string]report.Sample{"cache": sample}); err != nil {
		t.Fatal(err)
	}
}

// HealthCheck dies at ten. For as long as anything is kept of it, it is late and never "never".
func TestADeadJobIsLateHoweverLongItIsDead(t *testing.T) {
	x := newFixture(t, "")
	for minute := range 121 {
		x.pinged(t, minute)
	}
	died := eight.Add(2 * time.Hour)
	for _, hours := range []int{3, 5, 24, 30, 60, 80, 24 * 9, 24 * 40} {
		x.run(t, 60*hours) // Metrics lives
		s := x.statistics(t, "")
		var state statistics.JobState
		for _, j := range s.Monitor.Jobs {
			if j.Job == report.HealthCheck {
				state = j.State
				if !j.LastRun.Equal(died) {
					t.Errorf("%d hours after eight the last run is %v", hours, j.LastRun)
				}
			}
		}
		if state != statistics.JobLate || s.Databases[0].Status != statistics.NoData {
			t.Errorf("%d hours after eight HealthCheck is %s, the database %s", hours, state, s.Databases[0].Status)
		}
		page := x.get(t, "/").Body.String()
		if strings.Contains(page, "Waiting for the first check") || !strings.Contains(page, "<span>Stale: no check has run for") || strings.Contains(page, "connected</span></h1>") {
			t.Errorf("%d hours after eight the page does not say that it is stale", hours)
		}
		if text := x.get(t, "/metrics").Body.String(); !strings.Contains(text, fmt.Sprintf("pongwatch_job_last_run_timestamp_seconds{job_name=\"healthcheck\",shard=\"main\",region=\"us-east4\"} %d", died.Unix())) &&
			!strings.Contains(text, `pongwatch_job_last_run_timestamp_seconds{job_name="healthcheck",shard="main",region="us-east4"} 1.7`) {
			t.Errorf("%d hours after eight /metrics has no last run:\n%s", hours, text)
		}
	}
}

// One hour that cannot be read is named, and everything else is there.
func TestAnHourThatCannotBeReadIsNamed(t *testing.T) {
	x := newFixture(t, "")
	for minute := range 181 {
		x.pinged(t, minute)
		if minute%5 == 0 {
			x.run(t, minute)
		}
	}
	for _, key := range []string{"hot/v1/main/us-east4/2026-11-22T21", "gauges/v1/main/2026-11-22T21"} {
		doc, err := x.store.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		doc.Data, doc.Schema = []byte("what a newer version has written"), 2
		if _, err := x.store.Put(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
	}
	s := x.statistics(t, "?range=6h")
	want := []string{"pings from us-east4 of 2026-11-22 21:00 UTC of shard main", "readings of 2026-11-22 21:00 UTC of shard main"}
	if fmt.Sprint(s.Missing) != fmt.Sprint(want) {
		t.Errorf("missing %q, want %q", s.Missing, want)
	}
	d := s.Databases[0]
	if r := d.Regions[0]; r.Samples != 121 || d.Status != statistics.Connected || d.MemoryRatio == nil || s.Monitor.Status != statistics.JobOK {
		t.Errorf("%d pings, %s, memory %v, jobs %s; want all but the hour", r.Samples, d.Status, d.MemoryRatio, s.Monitor.Status)
	}
	// The hour was in the overview before it was damaged.
	if d.Uptime.Good != 181 {
		t.Errorf("uptime %+v, want 181 pings", d.Uptime)
	}
	x.run(t, 4*60+10) // compacts the day without the hour
	if s := x.statistics(t, "?range=7d"); s.Databases[0].Regions[0].Samples != 121 {
		t.Errorf("the week has %d pings, want those that could be read", s.Databases[0].Regions[0].Samples)
	}
}

// A day without Metrics does not begin the month's commands anew.
func TestAGapDoesNotForgetTheMonthsCommands(t *testing.T) {
	for _, gap := range []time.Duration{30 * time.Minute, 2 * time.Hour, 26 * time.Hour, 5 * 24 * time.Hour} {
		x := newFixture(t, "")
		reads := func(n int) {
			x.redis.with(func(d *redis) {
				d.info = fmt.Sprintf("local_member:a\r\ntotal_reads_processed:%d\r\ntotal_writes_processed:0", n)
			})
		}
		minute := -3 * 24 * 60
		reads(0)
		x.run(t, minute)
		for range 40 {
			minute += 5
			reads(481_000)
			x.run(t, minute)
		}
		minute += int(gap / time.Minute)
		reads(482_000)
		var got report.Observation
		for due := false; !due; minute += 5 {
			got, due = x.run(t, minute)[report.Commands]
		}
		if got.Status != report.Fail || !strings.HasPrefix(got.Evidence, "at least 482000 commands this month") {
			t.Errorf("after %s without runs: %s %s", gap, got.Status, got.Evidence)
		}
	}
}

// What was full before hours without INFO is full until it is below the closing value, whatever
// else is known of those hours.
func TestAGapDoesNotForgetWhatWasFull(t *testing.T) {
	x := newFixture(t, "", func(o *metrics.Options) { o.Config.Databases[0].Checks.Commands.Enabled = false })
	size := func(percent int) {
		x.redis.with(func(d *redis) {
			d.info = fmt.Sprintf("local_member:a\r\ntotal_data_size:%d\r\nmax_data_size:100", percent)
		})
	}
	for minute := -6 * 60; minute < 0; minute += 5 {
		switch {
		case minute < -5*60:
			size(85)
		case minute < -4*60:
			size(96)
		default:
			x.redis.with(func(d *redis) { d.token = "another" })
		}
		x.run(t, minute)
	}
	x.redis.with(func(d *redis) { d.token = "sesame" })
	size(92)
	if got := x.run(t, 0)[report.Memory]; got.Status != report.Fail {
		t.Errorf("after hours without INFO: %s %s, want a failure until below 90 %%", got.Status, got.Evidence)
	}
}

// A database that is moved to a shard takes its month's commands along, also where it has been in
// that shard before.
func TestAMoveDoesNotForgetTheMonthsCommands(t *testing.T) {
	for name, before := range map[string]time.Duration{"never in this shard before": 0, "12 days ago": 12 * 24 * time.Hour, "4 hours ago": 4 * time.Hour} {
		x := newFixture(t, "")
		put := func(shard string, at time.Time, seen, reads float64, status report.Status) {
			r := report.Reading{
				At: at, Replica: "a", Values: map[report.Gauge]float64{report.GaugeMonthCommandsSeen: seen, report.GaugeReads: reads, report.GaugeWrites: 0},
				Checks: map[report.Check]report.Verdict{report.Memory: {Status: status, Value: new(0.92)}},
			}
			*x.now = at
			a := history.New(x.store)
			run := history.Run{Scheduled: at, Started: at, Finished: at, Region: region}
			if err := a.AppendReadings(t.Context(), shard, run, map[string]report.Reading{"cache": r}); err != nil {
				t.Fatal(err)
			}
			if _, err := a.Renew(t.Context(), history.Compaction{Shard: shard, Regions: []string{region}}, at.Add(2*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		if before > 0 {
			put("main", eight.Add(-before), 1000, 100, report.Warn)
		}
		put("other", eight.Add(-time.Hour), 482_000, 400, report.Fail)
		x.redis.with(func(d *redis) {
			d.info = "local_member:a\r\ntotal_reads_processed:500\r\ntotal_writes_processed:0\r\ntotal_data_size:92\r\nmax_data_size:100"
		})
		var got report.Observation
		for minute, due := 0, false; !due; minute += 5 {
			seen := x.run(t, minute)
			if minute == 0 && seen[report.Memory].Status != report.Fail {
				t.Errorf("%s: the memory is %+v, want what it was in the other shard", name, seen[report.Memory])
			}
			got, due = seen[report.Commands]
		}
		if got.Status != report.Fail || !strings.HasPrefix(got.Evidence, "at least 482100 commands this month") {
			t.Errorf("%s: %s %s", name, got.Status, got.Evidence)
		}
	}
}

// An idle database has no hit rate: pongwatch's own look-ups are none of it.
func TestAnIdleDatabaseHasNoHitRate(t *testing.T) {
	rest := upstashtest.Start(t, upstashtest.Options{})
	x := newFixture(t, fmt.Sprintf("- {name: idle, url: %q, token: %q, checks: {round_trip: {every: 5m}, values: {every: 5m}, isolation: {every: 5m}}}\n", rest.URL(), rest.Token()))
	for minute := 0; minute <= 60; minute += 5 {
		x.run(t, minute)
	}
	for _, query := range []string{"?database=idle", "?database=idle&range=24h", "?database=idle&range=7d"} {
		d := x.statistics(t, query).Databases[0]
		if d.ReadAt.IsZero() || d.Gauges[report.GaugeOwnHits] == 0 || d.Gauges[report.GaugeHits] == 0 {
			t.Fatalf("the idle database was not asked: %+v", d.Gauges)
		}
		if d.HitRate != nil {
			t.Errorf("%s: the hit rate of an idle database is %v", query, *d.HitRate)
		}
	}
}

// A page of many databases takes the same few documents of each shard, whatever the time of
// day, and incidents' documents are read once.
func TestAPageReadsFewDocuments(t *testing.T) {
	x := newFixture(t, "")
	for minute := range 12 * 60 {
		if minute%5 == 0 {
			x.pinged(t, minute)
			x.run(t, minute)
		}
	}
	for i := range 526 {
		opened := eight.Add(time.Duration(i) * time.Second)
		x.keep(t, fmt.Sprint("app-", i), opened, opened.Add(time.Hour))
	}
	counted := &counting{Store: x.store}
	y := newFixture(t, "", func(o *metrics.Options) { o.Store = counted })
	*y.now = *x.now
	for _, tt := range []struct {
		page           string
		most, bytes    int
		mostOfIncident int
	}{
		{"the first page", 12, 40_000, 526},
		{"a second one", 10, 40_000, 0},
	} {
		counted.documents, counted.incidents, counted.bytes = 0, 0, 0
		if w := y.get(t, "/"); w.Code != http.StatusOK {
			t.Fatalf("%s is answered %d", tt.page, w.Code)
		}
		t.Logf("%s: %d documents of %d bytes, and %d of incidents", tt.page, counted.documents, counted.bytes, counted.incidents)
		if counted.documents > tt.most || counted.bytes > tt.bytes || counted.incidents > tt.mostOfIncident {
			t.Errorf("%s takes %d documents of %d bytes, and %d of incidents; want at most %d, %d and %d",
				tt.page, counted.documents, counted.bytes, counted.incidents, tt.most, tt.bytes, tt.mostOfIncident)
		}
	}
}
