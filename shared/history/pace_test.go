package history_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/internal/racetest"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// figured is a reading with as many figures as a database has, all different.
func figured(at time.Time, n int) report.Reading {
	r := report.Reading{At: at, Replica: "a", Policy: "noeviction", Values: map[report.Gauge]float64{}, Checks: map[report.Check]report.Verdict{}}
	for i, g := range report.Gauges() {
		r.Values[g] = float64((at.Unix()%1e6+1)*int64(n+1)) / float64(i+3)
		if g == report.GaugeOwnHits || g == report.GaugeOwnMisses { // those of one run
			r.Values[g] = float64(n % 15)
		}
	}
	for i, c := range []report.Check{report.Memory, report.HitRate, report.Eviction, report.Commands, report.Connections} {
		r.Checks[c] = report.Verdict{Status: report.OK, Value: new(float64(n*i) / 7)}
	}
	return r
}

func TestNoPaceOutgrowsItsDocuments(t *testing.T) {
	tests := []struct {
		name               string
		healthCheck, every time.Duration
		databases          int
		// of is how much of an hour is tried, hours how many documents of each kind an hour has.
		of              time.Duration
		pings, readings int
	}{
		{"the largest shard", time.Minute, 5 * time.Minute, 500, time.Hour, 1, 1},
		{"Metrics each minute", time.Minute, time.Minute, 250, 40 * time.Minute, 1, 2},
		{"a second on one machine", time.Second, time.Second, 100, 70 * time.Second, 2, 2},
		{"one database every second", time.Second, 10 * time.Second, 1, 70 * time.Second, 2, 1},
	}
	if racetest.Enabled {
		tests = tests[3:] // minutes of encoding in one goroutine, in which there is no race to find
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := storetest.NewMemory(func() time.Time { return eight })
			a := history.New(s).Pace(tt.healthCheck, tt.every, tt.databases)
			run := func(at time.Time) history.Run {
				return history.Run{Scheduled: at, Started: at, Finished: at, Region: "here"}
			}
			for at := eight; at.Before(eight.Add(tt.of)); at = at.Add(tt.healthCheck) {
				samples := map[string]report.Sample{}
				for n := range tt.databases {
					w := float64(at.UnixNano()%977+int64(n)) / 7
					samples[fmt.Sprint("db-", n)] = report.Sample{At: at, Status: report.OK, Attempts: 1, Phases: report.Phases{DNS: w / 9, Connect: w / 5, TLS: w / 3, Wait: w, Total: 3 * w}}
				}
				if err := a.AppendPings(t.Context(), "main", run(at), samples); err != nil {
					t.Fatalf("%v: %v", at, err)
				}
			}
			for at := eight; at.Before(eight.Add(tt.of)); at = at.Add(tt.every) {
				readings := map[string]report.Reading{}
				for n := range tt.databases {
					readings[fmt.Sprint("db-", n)] = figured(at, n)
				}
				if err := a.AppendReadings(t.Context(), "main", run(at), readings); err != nil {
					t.Fatalf("%v: %v", at, err)
				}
			}
			for kind, want := range map[string]int{"hot/v1/": tt.pings, "gauges/v1/": tt.readings} {
				got, largest := 0, 0
				from, to := store.Prefix(kind)
				for d, err := range s.Range(t.Context(), from, to) {
					if err != nil {
						t.Fatal(err)
					}
					got++
					largest = max(largest, len(d.Data))
				}
				t.Logf("%s: %d documents, the largest has %d bytes", kind, got, largest)
				if got != want || largest > store.MaxData*9/10 {
					t.Errorf("%s: %d documents, the largest of %d bytes; want %d, well below %d", kind, got, largest, want, store.MaxData)
				}
			}
			last, ran, err := a.LastPings(t.Context(), "main", "here", eight.Add(tt.of))
			if want := eight.Add(tt.of - tt.healthCheck); !ran || err != nil || !last.Scheduled.Equal(want) {
				t.Errorf("last run %v, %v, %v; want %v", last, ran, err, want)
			}
		})
	}
}

// A short document is one for the writer alone: readers get the same of any.
func TestThePaceChangesNothingThatIsRead(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		every := time.Duration(rapid.SampledFrom([]int{1, 7, 10, 60, 300}).Draw(r, "seconds")) * time.Second
		ctx := t.Context()
		now := func() time.Time { return eight }
		whole := history.New(storetest.NewMemory(now))
		shared := storetest.NewMemory(now)
		at := eight
		// The shard grows or shrinks once.
		sizes, change := [2]int{}, rapid.IntRange(0, 40).Draw(r, "change")
		for i := range sizes {
			sizes[i] = rapid.IntRange(1, 500).Draw(r, "databases")
		}
		for i := range rapid.IntRange(1, 40).Draw(r, "runs") {
			at = at.Add(time.Duration(rapid.IntRange(1, 9).Draw(r, "step")) * every)
			run := history.Run{Scheduled: at, Started: at, Finished: at, Region: "here"}
			samples := map[string]report.Sample{"a": {At: at, Status: report.OK, Attempts: 1, Phases: report.Phases{Wait: float64(i), Total: float64(i)}}}
			readings := map[string]report.Reading{"a": {At: at, Values: map[report.Gauge]float64{report.GaugeKeys: float64(i)}, Checks: map[report.Check]report.Verdict{}}}
			// Another instance at each run; and a run comes twice.
			size := sizes[0]
			if i >= change {
				size = sizes[1]
			}
			cut := history.New(shared).Pace(every, every, size)
			for range 2 {
				for _, a := range []*history.Archive{whole, cut} {
					if err := a.AppendPings(ctx, "main", run, samples); err != nil {
						r.Fatal(err)
					}
					if err := a.AppendReadings(ctx, "main", run, readings); err != nil {
						r.Fatal(err)
					}
				}
			}
		}
		end := at.Add(time.Second)
		read := func(a *history.Archive) (out []any) {
			pings, err := a.Pings(ctx, "main", "here", eight, end)
			if err != nil {
				r.Fatal(err)
			}
			var samples []report.Sample
			for _, h := range pings {
				for s := range h.Of["a"].All() {
					samples = append(samples, s)
				}
			}
			hours, err := a.Readings(ctx, "main", eight, end)
			if err != nil {
				r.Fatal(err)
			}
			var readings []report.Reading
			for _, h := range hours {
				readings = append(readings, slices.Collect(h.Of["a"].All())...)
			}
			last, ran, err := a.LastPings(ctx, "main", "here", end)
			return append(out, samples, readings, last, ran, err)
		}
		if diff := cmp.Diff(read(whole), read(history.New(shared).Pace(every, every, rapid.IntRange(1, 500).Draw(r, "reader's databases")))); diff != "" {
			r.Fatalf("(-whole +cut):\n%s", diff)
		}
	})
}
