package history_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// point is a time after eight with a figure.
type point struct {
	Minute int
	Value  float64
}

// pointsOf returns one of the figures that the database's readings add.
func pointsOf(hours []*history.GaugeHour, database string, of func(history.Figures) *float64) []point {
	var out []point
	for at, f := range history.Changes(hours, database) {
		if v := of(f); v != nil {
			out = append(out, point{int(at.Sub(eight) / time.Minute), *v})
		}
	}
	return out
}

func hits(f history.Figures) *float64 { return f.Hits }

// TestReadingsComeBackInAnyOrder appends random readings, some twice, by archives that know the
// document and by ones that do not.
func TestReadingsComeBackInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := storetest.NewMemory(func() time.Time { return eight })
		a := history.New(m)
		want := map[string][]report.Reading{}
		for _, minute := range rapid.SliceOfDistinct(rapid.IntRange(0, 59), func(i int) int { return i }).Draw(t, "minutes") {
			run, rows := runAt(minute), map[string]report.Reading{}
			for _, database := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b"}), func(s string) string { return s }).Draw(t, "databases") {
				r := report.Reading{
					At: run.Scheduled, Replica: rapid.SampledFrom([]string{"", "one", "two"}).Draw(t, "replica"), Policy: rapid.SampledFrom([]string{"", "noeviction"}).Draw(t, "policy"),
					Values: rapid.MapOf(rapid.SampledFrom(report.Gauges()), rapid.Float64()).Draw(t, "values"),
					Checks: map[report.Check]report.Verdict{},
				}
				for _, check := range rapid.SliceOfDistinct(rapid.SampledFrom(report.Checks()), func(c report.Check) report.Check { return c }).Draw(t, "checks") {
					v := report.Verdict{
						Status: rapid.SampledFrom([]report.Status{report.OK, report.Warn, report.Fail, report.Unknown}).Draw(t, "status"),
						Cause:  rapid.SampledFrom([]cause.Cause{"", cause.Slow, cause.StorageFull}).Draw(t, "cause"),
					}
					if rapid.Bool().Draw(t, "has a value") {
						v.Value = new(rapid.Float64().Draw(t, "value"))
					}
					r.Checks[check] = v
				}
				rows[database], want[database] = r, append(want[database], r)
			}
			if rapid.Bool().Draw(t, "another instance") {
				a = history.New(m)
			}
			for range rapid.IntRange(1, 2).Draw(t, "times") {
				if err := a.AppendReadings(t.Context(), shard, run, rows); err != nil {
					t.Fatal(err)
				}
			}
		}
		hours, err := a.Readings(t.Context(), shard, eight, eight)
		if err != nil || len(hours) > 1 || len(hours) == 0 && len(want) > 0 {
			t.Fatalf("Readings() = %d hours, %v", len(hours), err)
		}
		h := &history.GaugeHour{}
		if len(hours) > 0 {
			h = hours[0]
		}
		for database, readings := range want {
			slices.SortFunc(readings, func(a, b report.Reading) int { return a.At.Compare(b.At) })
			if diff := gocmp.Diff(readings, slices.Collect(h.Of[database].All())); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", database, diff)
			}
		}
		if len(want) > 0 && len(h.Of) != len(want) {
			t.Fatalf("%d databases, want %d", len(h.Of), len(want))
		}
	})
}

func TestAFigureThatJSONCannotHoldIsAGap(t *testing.T) {
	a := newArchive()
	for minute, v := range []float64{1, math.Inf(1), math.NaN(), math.Inf(-1), 5} {
		r := reading(minute)
		r.Values = map[report.Gauge]float64{report.GaugeKeys: v}
		r.Checks = map[report.Check]report.Verdict{report.Memory: {Status: report.OK, Value: &v}}
		appendReading(t, a, r)
	}
	want := []point{{0, 1}, {4, 5}}
	var figures, verdicts []point
	for _, r := range slices.Collect(readings(t, a)[0].Of["cache"].All()) {
		if v, known := r.Values[report.GaugeKeys]; known {
			figures = append(figures, point{r.At.Minute(), v})
		}
		if v := r.Checks[report.Memory].Value; v != nil {
			verdicts = append(verdicts, point{r.At.Minute(), *v})
		}
	}
	for what, got := range map[string][]point{
		"figures": figures, "verdicts": verdicts,
		"changes": pointsOf(readings(t, a), "cache", func(f history.Figures) *float64 { return f.MemoryRatio }),
	} {
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

// counted is a reading of two counters and a figure that is none.
func counted(minute int, replica string, hits, misses float64) report.Reading {
	values := map[report.Gauge]float64{report.GaugeHits: hits, report.GaugeMisses: misses, report.GaugeKeys: float64(100 - minute)}
	for gauge, v := range values {
		if math.IsNaN(v) {
			delete(values, gauge)
		}
	}
	return report.Reading{At: runAt(minute).Scheduled, Replica: replica, Values: values}
}

func TestGrowth(t *testing.T) {
	gap := math.NaN()
	for _, tt := range []struct {
		name     string
		readings []report.Reading
		hits     []point
	}{
		{"the first reading is only a base", []report.Reading{counted(0, "a", 100, 10)}, nil},
		{"then the increase counts, none is 0", []report.Reading{counted(0, "a", 100, 10), counted(5, "a", 130, 10), counted(10, "a", 130, 10)}, []point{{5, 30}, {10, 0}}},
		{"over the end of an hour", []report.Reading{counted(55, "a", 100, 10), counted(60, "a", 101, 10)}, []point{{60, 1}}},
		{"after a reset it is what it is", []report.Reading{counted(0, "a", 100, 10), counted(5, "a", 30, 5)}, []point{{5, 30}}},
		{"another counter tells of the reset", []report.Reading{counted(0, "a", 100, 10), counted(5, "a", 130, 9)}, []point{{5, 130}}},
		{"a counter that is missing tells of none", []report.Reading{counted(0, "a", 100, 10), counted(5, "a", 130, gap), counted(10, "a", 150, 5)}, []point{{5, 30}, {10, 20}}},
		{"a gap is bridged", []report.Reading{counted(0, "a", 100, 10), counted(5, "a", gap, 10), counted(10, "a", 150, 10)}, []point{{10, 50}}},
		{
			"each replica counts by itself",
			[]report.Reading{counted(0, "a", 100, 10), counted(5, "b", 7, 1), counted(10, "a", 110, 10), counted(15, "b", 9, 1)},
			[]point{{10, 10}, {15, 2}},
		},
		{"readings that arrived late are in their place", []report.Reading{counted(10, "a", 130, 10), counted(0, "a", 100, 10), counted(5, "a", 110, 10)}, []point{{5, 10}, {10, 20}}},
		{"an hour that lacks the counter", []report.Reading{counted(0, "a", 100, 10), counted(60, "a", gap, 10), counted(120, "a", 150, 10)}, []point{{120, 50}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newArchive()
			for _, r := range tt.readings {
				appendReading(t, a, r)
			}
			hours := readings(t, a)
			if diff := gocmp.Diff(tt.hits, pointsOf(hours, "cache", hits)); diff != "" {
				t.Errorf("Changes() (-want +got):\n%s", diff)
			}
			if got := pointsOf(hours, "queue", hits); got != nil {
				t.Errorf("a database without readings grew by %v", got)
			}
		})
	}
}

func TestFiguresAndVerdictsComeByTime(t *testing.T) {
	a := newArchive()
	for _, minute := range []int{10, 0, 65, 5} {
		r := reading(minute)
		if minute == 5 {
			r.Values, r.Checks = map[report.Gauge]float64{}, nil
		}
		appendReading(t, a, r)
	}
	hours := readings(t, a)
	var figures []point
	var got []string
	for _, h := range hours {
		for _, r := range slices.Collect(h.Of["cache"].All()) {
			if v, known := r.Values[report.GaugeHits]; known {
				figures = append(figures, point{int(r.At.Sub(eight) / time.Minute), v})
			}
			if v, asked := r.Checks[report.Memory]; asked {
				got = append(got, fmt.Sprint(r.At.Sub(eight), v.Status, *v.Value))
			}
			if _, asked := r.Checks[report.Write]; asked {
				t.Error("a check that was not asked has a verdict")
			}
			if v, known := r.Values[report.GaugeKeys]; known {
				t.Errorf("a gauge of no reading has the figure %v", v)
			}
		}
		if got := slices.Collect(h.Of["queue"].All()); got != nil {
			t.Errorf("a database without readings has %v", got)
		}
	}
	if diff := gocmp.Diff([]point{{0, 0}, {10, 1000}, {65, 6500}}, figures); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff([]string{"0sok0.25", "10m0sok0.25", "1h5m0sok0.25"}, got); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	if got := pointsOf(hours, "cache", func(f history.Figures) *float64 { return f.MemoryRatio }); len(got) != 3 || got[2] != (point{65, 0.25}) {
		t.Errorf("changes of the share are %v", got)
	}
}

func TestLastIsTheNewestReadingWithFigures(t *testing.T) {
	a := newArchive()
	for _, minute := range []int{10, 0, 20, 5} {
		r := reading(minute)
		if minute == 20 { // INFO was not answered
			r.Values, r.Checks = nil, map[report.Check]report.Verdict{report.Memory: {Status: report.Unknown}}
		}
		appendReading(t, a, r)
	}
	down := map[string]report.Reading{"down": {Checks: map[report.Check]report.Verdict{report.Memory: {Status: report.Unknown}}}}
	if err := a.AppendReadings(t.Context(), shard, runAt(30), down); err != nil {
		t.Fatal(err)
	}
	h := readings(t, a)[0]
	o := history.NewOverview(shard)
	o.LearnReadings([]*history.GaugeHour{h})
	got, want := o.Databases["cache"], reading(10)
	if diff := gocmp.Diff(want, report.Reading{At: got.ReadAt, Replica: got.Replica, Policy: got.Policy, Values: got.Values, Checks: want.Checks}); diff != "" {
		t.Errorf("the last figures (-want +got):\n%s", diff)
	}
	memory := got.Checks[report.Memory]
	if !memory.Last.At.Equal(runAt(20).Scheduled) {
		t.Errorf("the last verdict is of %v, want that of the last run", memory.Last.At)
	}
	if v := memory.Valued; v == nil || !v.At.Equal(runAt(10).Scheduled) || *v.Value != *want.Checks[report.Memory].Value {
		t.Errorf("the last verdict with a value is %+v, want that of the last figures", v)
	}
	if down := o.Databases["down"]; !down.ReadAt.IsZero() || down.Values != nil || down.Checks[report.Memory].Valued != nil {
		t.Errorf("a database that never answered is known as %+v", down)
	}
	var minutes []int
	for _, run := range h.Runs {
		minutes = append(minutes, run.Scheduled.Minute())
	}
	if !slices.IsSortedFunc(minutes, cmp.Compare[int]) || len(minutes) != 5 {
		t.Errorf("Runs() are of the minutes %v, want five by time", minutes)
	}
}

func TestSumUp(t *testing.T) {
	a := newArchive()
	with := func(r report.Reading, memory, commands *float64) report.Reading {
		r.Values[report.GaugeCommands] = r.Values[report.GaugeHits] * 3
		r.Checks = map[report.Check]report.Verdict{report.Memory: {Status: report.OK, Value: memory}, report.Commands: {Status: report.Warn, Value: commands}}
		if commands != nil {
			r.Checks[report.Bandwidth], r.Checks[report.Budget] = report.Verdict{Status: report.OK, Value: new(*commands + 1)}, report.Verdict{Status: report.OK, Value: new(*commands + 2)}
		}
		return r
	}
	appendReading(t, a, with(counted(55, "a", 100, 10), new(0.1), new(0.7)))
	appendReading(t, a, with(counted(60, "a", 130, 11), new(0.2), nil)) // the first one that counts
	appendReading(t, a, with(counted(65, "a", 150, 13), new(0.3), nil))
	appendReading(t, a, with(counted(70, "a", 151, 13), nil, nil))
	hours := readings(t, a)
	for _, tt := range []struct {
		name string
		from time.Duration
		want history.Figures
	}{
		{"from the hour on, with the reading before it as a base", time.Hour, history.Figures{Hits: new(51.0), Misses: new(3.0), Commands: new(153.0), MemoryRatio: new(0.3)}},
		{"from just after a reading on", time.Hour + 1, history.Figures{Hits: new(21.0), Misses: new(2.0), Commands: new(63.0), MemoryRatio: new(0.3)}},
		{"all", 0, history.Figures{Hits: new(51.0), Misses: new(3.0), Commands: new(153.0), MemoryRatio: new(0.3), CommandsRatio: new(0.7), BandwidthRatio: new(1.7), BudgetRatio: new(2.7)}},
		{"none", 2 * time.Hour, history.Figures{}},
	} {
		if diff := gocmp.Diff(tt.want, history.SumUp(hours, "cache", eight.Add(tt.from))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestHitRate(t *testing.T) {
	for _, tt := range []struct {
		name         string
		hits, misses *float64
		want         *float64
	}{
		{"hits among look-ups", new(3.0), new(1.0), new(0.75)},
		{"only misses", new(0.0), new(1.0), new(0.0)},
		{"no look-ups", new(0.0), new(0.0), nil},
		{"hits are not known", nil, new(1.0), nil},
		{"misses are not known", new(1.0), nil, nil},
	} {
		if diff := gocmp.Diff(tt.want, history.Figures{Hits: tt.hits, Misses: tt.misses}.HitRate()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
