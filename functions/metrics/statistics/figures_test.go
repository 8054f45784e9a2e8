package statistics

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
)

func counters(hits, misses, commands float64) map[report.Gauge]float64 {
	return map[report.Gauge]float64{report.GaugeHits: hits, report.GaugeMisses: misses, report.GaugeCommands: commands}
}

// used are the verdicts of memory and commands; a negative share is not known.
func used(memory, commands float64) map[report.Check]report.Verdict {
	out := map[report.Check]report.Verdict{}
	for c, v := range map[report.Check]float64{report.Memory: memory, report.Commands: commands} {
		if out[c] = (report.Verdict{Status: report.OK, Value: &v}); v < 0 {
			out[c] = report.Verdict{Status: report.Unknown, Cause: cause.AuthInvalid}
		}
	}
	return out
}

func TestChecksAreThoseOfTheLastDay(t *testing.T) {
	start := noon.Truncate(time.Minute)
	for _, tt := range []struct {
		name string
		age  time.Duration
		want bool
	}{
		{"a verdict of now", 0, true},
		{"one whose next is due", shownFor, true},
		{"one that is too old", shownFor + time.Second, false},
	} {
		f := newFixture(t, two)
		f.reading("main", start, map[string]report.Reading{"cache": {Checks: map[report.Check]report.Verdict{
			report.Isolation: {Status: report.Warn, Cause: cause.IsolationViolation, Value: new(37.0)}, report.Write: {Status: report.OK},
		}}})
		f.now = start.Add(tt.age)
		want := map[report.Check]Verdict{
			report.Isolation: {At: start, Status: report.Warn, Cause: "isolation_violation", Value: new(37.0)}, report.Write: {At: start, Status: report.OK},
		}
		if !tt.want {
			want = nil
		}
		for _, r := range []string{"1h", "24h", "7d"} {
			if diff := cmp.Diff(want, f.read(Query{Range: r}).Databases[0].Checks); diff != "" {
				t.Errorf("%s, asked for %s (-want +got):\n%s", tt.name, r, diff)
			}
		}
	}
}

func TestSharesAndForecastsAreTheLastThatAreKnown(t *testing.T) {
	f := newFixture(t, two)
	start := noon.Truncate(time.Minute)
	gauges := map[report.Gauge]float64{report.GaugeMemoryHours: 74, report.GaugeCommandsHours: 0.01, report.GaugeKeys: 15, report.GaugeMonthCommandsSeen: 3}
	f.reading("main", start.Add(-10*time.Minute), map[string]report.Reading{"cache": {Replica: "a", Policy: "noeviction", Values: gauges, Checks: used(0.123456, 0.5)}})
	one := func() Database { return f.read(Query{Range: "1h"}).Databases[0] }
	d := one()
	if *d.MemoryRatio != 0.12346 || *d.CommandsRatio != 0.5 || !d.CommandsAtLeast || *d.MemoryFullInSeconds != 74*3600-630 || *d.CommandsOutInSeconds != 0 {
		t.Errorf("shares %v and %v, full in %v, used up in %v; want them less ten minutes, and no time below zero", *d.MemoryRatio, *d.CommandsRatio, *d.MemoryFullInSeconds, *d.CommandsOutInSeconds)
	}
	if !d.ReadAt.Equal(start.Add(-10*time.Minute)) || d.Replica != "a" || d.Policy != "noeviction" || d.Gauges[report.GaugeKeys] != 15 || d.Figures != nil {
		t.Errorf("the last reading is %v %s %s %v", d.ReadAt, d.Replica, d.Policy, d.Gauges)
	}
	// After a later run of which nothing is known, all of it is what was known last.
	f.reading("main", start.Add(-5*time.Minute), map[string]report.Reading{"cache": {Checks: used(-1, -1)}})
	d = one()
	if *d.MemoryRatio != 0.12346 || *d.CommandsRatio != 0.5 || *d.MemoryFullInSeconds != 74*3600-630 || *d.CommandsOutInSeconds != 0 || !d.CommandsAtLeast {
		t.Errorf("after an unknown verdict %+v", d)
	}
	if d.Checks[report.Memory].Status != report.Unknown || d.Replica != "a" {
		t.Errorf("after an unknown verdict the check is %+v of replica %q", d.Checks[report.Memory], d.Replica)
	}
	// What the account says while INFO is not answered stands beside what INFO said last.
	f.reading("main", start.Add(-2*time.Minute), map[string]report.Reading{"cache": {Values: map[report.Gauge]float64{report.GaugeMonthCommands: 500_000}, Checks: used(-1, 1)}})
	d = one()
	if *d.CommandsRatio != 1 || d.CommandsAtLeast || d.Gauges[report.GaugeMonthCommands] != 500_000 || d.Gauges[report.GaugeKeys] != 15 || d.Replica != "a" || !d.ReadAt.Equal(start.Add(-10*time.Minute)) {
		t.Errorf("by the account alone %v of the commands, %+v of %q at %v", *d.CommandsRatio, d.Gauges, d.Replica, d.ReadAt)
	}
	// A lower bound needs a share.
	f.reading("other", start, map[string]report.Reading{"queue": {Values: map[report.Gauge]float64{report.GaugeKeys: 1, report.GaugeMonthCommandsSeen: 3}, Checks: used(-1, -1)}})
	if d := f.read(Query{Range: "1h"}).Databases[1]; d.CommandsAtLeast || d.MemoryRatio != nil || d.HitRate != nil || !d.ReadAt.Equal(start) {
		t.Errorf("of a database without a share %+v", d)
	}
	if d := one(); d.MemoryRatio == nil {
		t.Error("a run without the database loses its share")
	}
}

func TestHitRateIsOfTheRange(t *testing.T) {
	f := newFixture(t, two)
	start := noon.Truncate(time.Minute)
	f.reading("main", start.Add(-2*time.Hour), map[string]report.Reading{"cache": {Replica: "a", Values: counters(0, 0, 0)}})
	f.reading("main", start.Add(-70*time.Minute), map[string]report.Reading{"cache": {Replica: "a", Values: counters(100, 100, 10)}})
	f.reading("main", start.Add(-5*time.Minute), map[string]report.Reading{"cache": {Replica: "a", Values: counters(190, 110, 30)}})
	for r, want := range map[string]float64{"1h": 0.9, "6h": 0.63333, "24h": 0.63333, "7d": 0.63333} {
		if got := f.read(Query{Range: r}).Databases[0].HitRate; got == nil || *got != want {
			t.Errorf("hit rate of %s is %v, want %v", r, values([]*float64{got}), want)
		}
	}
}

func TestFiguresSortReadingsIntoPoints(t *testing.T) {
	w := window{from: noon.Truncate(time.Hour), to: noon.Truncate(time.Hour).Add(30*time.Minute - 1), step: 10 * time.Minute}
	f := newFixture(t, two)
	for minute, r := range map[int]report.Reading{
		-1: {Values: counters(100, 100, 1000), Checks: used(0.9, 0.9)},
		0:  {Values: counters(104, 101, 1010), Checks: used(0.25, 0.1)},
		9:  {Values: counters(108, 102, 1030), Checks: used(0.26, -1)},
		20: {Values: counters(108, 102, 1030), Checks: used(0.27, 0.123456)},
		30: {Values: counters(200, 200, 9000), Checks: used(0.99, 0.99)},
	} {
		r.Replica = "a"
		f.reading("main", w.from.Add(time.Duration(minute)*time.Minute), map[string]report.Reading{"cache": r})
	}
	hours, err := f.archive.Readings(t.Context(), "main", w.from.Add(-time.Hour), w.to)
	f.must(err)
	got, sum := figureSeries(w, "cache", []*material{{readings: hours}}, false)
	if *sum.Hits != 8 || *sum.Misses != 2 || *sum.Commands != 30 {
		t.Errorf("in all counters grew by %v, %v and %v", *sum.Hits, *sum.Misses, *sum.Commands)
	}
	for name, tt := range map[string]struct {
		got  []*float64
		want []any
	}{
		"hit rate": {got.HitRate, []any{0.8, "–", "–"}},
		"memory":   {got.MemoryRatio, []any{0.26, "–", 0.27}},
		"share":    {got.CommandsRatio, []any{0.1, "–", 0.12346}},
		"commands": {got.Commands, []any{30.0, "–", 0.0}},
	} {
		if diff := cmp.Diff(tt.want, values(tt.got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got.StepSeconds != 600 || !got.From.Equal(w.from) {
		t.Errorf("points of %d s from %v", got.StepSeconds, got.From)
	}
}

func TestFiguresAreAsFineAsReadings(t *testing.T) {
	f := newFixture(t, two)
	for r, want := range map[Query]int64{{Range: "1h"}: 300, {Range: "6h"}: 300, {Range: "24h"}: 900, {Range: "1h", Step: 20 * time.Minute}: 1200, {Range: "7d"}: 86400} {
		r.Database = "cache"
		if got := f.read(r).Databases[0].Figures; got == nil || got.StepSeconds != want {
			t.Errorf("figures of %+v are %+v, want points of %d s", r, got, want)
		}
		r.Database = ""
		if got := f.read(r).Databases[0].Figures; got != nil {
			t.Errorf("all databases have figures: %+v", got)
		}
	}
}

// Two days of readings at 06:00 and 18:00, of which the first is compacted, and one of today. What a counter grew
// between the days is not counted, because the reading before is more than an hour old.
func TestFiguresOfAMonthAreDays(t *testing.T) {
	f := newFixture(t, two)
	first := noon.Truncate(day).Add(-2 * day)
	for i, at := range []time.Duration{6 * time.Hour, 18 * time.Hour, 30 * time.Hour, 42 * time.Hour, 48 * time.Hour} {
		n := float64(i)
		f.reading("main", first.Add(at), map[string]report.Reading{"cache": {Replica: "a", Values: counters(90*n, 10*n*n, 100*n), Checks: used(0.1*(n+1), 0.2*(n+1))}})
	}
	f.compact("main", first)
	f.now = first.Add(2*day + time.Minute)
	d := f.read(Query{Range: "7d", Database: "cache"}).Databases[0]
	s := d.Figures
	n := len(s.HitRate)
	if n != 8 || s.StepSeconds != 86400 {
		t.Fatalf("%d points of %d s", n, s.StepSeconds)
	}
	for name, tt := range map[string]struct {
		got  []*float64
		want []any
	}{
		"hit rate": {s.HitRate, []any{0.9, 0.64286, "–"}},
		"memory":   {s.MemoryRatio, []any{0.2, 0.4, 0.5}},
		"share":    {s.CommandsRatio, []any{0.4, 0.8, 1.0}},
		"commands": {s.Commands, []any{100.0, 100.0, "–"}},
	} {
		if diff := cmp.Diff(tt.want, values(tt.got[n-3:])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := f.read(Query{Range: "7d"}).Databases[0].HitRate; *d.HitRate != 0.75 || *got != 0.75 {
		t.Errorf("hit rate of the week is %v in detail, %v among all; want 180 of 240", *d.HitRate, *got)
	}
	// A day that lies before the window counts no more.
	f.now = first.Add(8*day + time.Hour)
	if d := f.read(Query{Range: "7d", Database: "cache"}).Databases[0]; d.HitRate != nil || slices.ContainsFunc(d.Figures.Commands, func(v *float64) bool { return v != nil }) {
		t.Errorf("a week later hit rate is %v of %v", d.HitRate, values(d.Figures.Commands))
	}
}

func TestSumAndRatio(t *testing.T) {
	for _, tt := range []struct {
		sum, v *float64
		want   any
	}{{nil, nil, "–"}, {new(1.0), nil, 1.0}, {nil, new(2.0), 2.0}, {new(1.0), new(2.0), 3.0}} {
		if got := values([]*float64{history.Sum([]history.Figures{{Hits: tt.sum}, {Hits: tt.v}}).Hits})[0]; got != tt.want {
			t.Errorf("the sum of %v and %v is %v, want %v", tt.sum, tt.v, got, tt.want)
		}
	}
	for v, want := range map[float64]float64{0.123456: 0.12346, 0.123454: 0.12345, 1: 1, -2.5: -2.5} {
		if got := ratio(&v); *got != want {
			t.Errorf("ratio(%v) = %v, want %v", v, *got, want)
		}
	}
	if math.Signbit(*ratio(new(-1e-9))) {
		t.Error("what is left is minus nothing")
	}
	if ratio(nil) != nil || (history.Figures{}).HitRate() != nil {
		t.Error("nothing has a ratio")
	}
}

func TestTrafficBudgetAndConnectionsHaveSharesAndForecasts(t *testing.T) {
	f := newFixture(t, two)
	at := noon.Truncate(time.Minute).Add(-10 * time.Minute)
	verdict := func(share float64) report.Verdict { return report.Verdict{Status: report.OK, Value: &share} }
	f.reading("main", at, map[string]report.Reading{"cache": {
		Replica: "a", Values: map[report.Gauge]float64{report.GaugeBandwidthHours: 10, report.GaugeBudgetHours: 20},
		Checks: map[report.Check]report.Verdict{report.Bandwidth: verdict(0.1), report.Budget: verdict(0.2), report.Connections: verdict(0.3)},
	}})
	d := f.read(Query{Range: "1h"}).Databases[0]
	if *d.BandwidthRatio != 0.1 || *d.BudgetRatio != 0.2 || *d.ConnectionsRatio != 0.3 || *d.BandwidthOutInSeconds != 10*3600-630 || *d.BudgetOutInSeconds != 20*3600-630 {
		t.Errorf("shares %v, %v and %v, used up in %v and %v", *d.BandwidthRatio, *d.BudgetRatio, *d.ConnectionsRatio, *d.BandwidthOutInSeconds, *d.BudgetOutInSeconds)
	}
	// In detail the shares have points, by the hour and by the day, also of a day that was compacted.
	yesterday := at.Truncate(day).Add(-6 * time.Hour)
	f.reading("main", yesterday, map[string]report.Reading{"cache": {
		Replica: "a", Checks: map[report.Check]report.Verdict{report.Bandwidth: verdict(0.05), report.Budget: verdict(0.15)},
	}})
	f.compact("main", yesterday)
	for r, want := range map[string][2][]any{
		"1h": {{0.1}, {0.2}}, "7d": {{0.05, 0.1}, {0.15, 0.2}},
	} {
		s := f.read(Query{Range: r, Database: "cache"}).Databases[0].Figures
		isGap := func(v any) bool { return v == "–" }
		got := [2][]any{slices.DeleteFunc(values(s.BandwidthRatio), isGap), slices.DeleteFunc(values(s.BudgetRatio), isGap)}
		if diff := cmp.Diff(want, got); diff != "" || len(s.BandwidthRatio) != len(s.HitRate) || len(s.BudgetRatio) != len(s.HitRate) {
			t.Errorf("points of %s (-want +got):\n%s", r, diff)
		}
	}
	// What is never known has no series, so that a page keeps no place for it.
	for _, r := range []string{"1h", "7d"} {
		if s := f.read(Query{Range: r, Database: "queue"}).Databases[0].Figures; s.BandwidthRatio != nil || s.BudgetRatio != nil {
			t.Errorf("%s: a database without an account has the series %v and %v", r, s.BandwidthRatio, s.BudgetRatio)
		}
	}
	if other := f.read(Query{Range: "1h"}).Databases[1]; other.BandwidthRatio != nil || other.BudgetRatio != nil || other.ConnectionsRatio != nil || other.BandwidthOutInSeconds != nil {
		t.Errorf("of a database without these checks: %+v", other)
	}
}
