package statistics

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestRankIsTheNearest(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i) // the order does not matter
	}
	for _, tt := range []struct {
		name    string
		values  []float64
		percent int
		want    any
	}{
		{"of nothing there is none", nil, 50, "–"},
		{"of one it is that one", []float64{7}, 99, 7.0},
		{"of two the median is the lower", []float64{9, 3}, 50, 3.0},
		{"of three it is the middle", []float64{9, 3, 5}, 50, 5.0},
		{"of a hundred the 95th has five above it", hundred, 95, 95.0},
		{"the 99th has one above it", hundred, 99, 99.0},
		{"of 101 it is the hundredth", append(slices.Clone(hundred), 101), 99, 100.0},
		{"it is rounded to a tenth of a millisecond", []float64{1.25}, 50, 1.3},
		{"down as well", []float64{1.24}, 50, 1.2},
	} {
		var samples []report.Sample
		for _, wait := range tt.values {
			samples = append(samples, report.Sample{At: noon, Status: report.OK, Phases: report.Phases{Connect: 1, DNS: wait, Wait: wait}})
		}
		_, s := pings(window{from: noon, to: noon, step: time.Minute}, slices.Values(samples), true)
		if got := values(map[int][]*float64{50: s.P50, 95: s.P95, 99: s.P99}[tt.percent]); got[0] != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got[0], tt.want)
		}
		if tt.percent == 50 && len(samples) > 0 && values(s.DNS)[0] != tt.want {
			t.Errorf("%s: as a phase %v, want %v", tt.name, values(s.DNS)[0], tt.want)
		}
	}
}

// A series of three points of a minute, of samples that say the second and the wait.
func TestPings(t *testing.T) {
	w := window{from: noon.Truncate(time.Minute), to: noon.Truncate(time.Minute).Add(3*time.Minute - 1), step: time.Minute}
	at := func(second int, s report.Sample) report.Sample {
		s.At = w.from.Add(time.Duration(second) * time.Second)
		return s
	}
	unconnected := good(40)
	unconnected.Phases.Connect = 0
	warned := good(900)
	warned.Status = report.Warn
	unknown := report.Sample{Status: report.Unknown}
	samples := []report.Sample{
		at(-1, good(1)), at(0, good(10)), at(30, good(30)), at(59, warned), // the first point; one lies before it
		at(125, failed), at(120, unconnected), at(130, unknown), at(179, failed), // the third, in no order
		at(180, good(1)), // beyond
	}
	summary, got := pings(w, slices.Values(samples), true)
	type spelled struct {
		P50, P95, P99, DNS, Connect, TLS []any
		Good, Failed, Unknown            []int
		From                             time.Time
		Step                             int64
	}
	spell := func(s PingSeries) spelled {
		return spelled{
			values(s.P50), values(s.P95), values(s.P99), values(s.DNS), values(s.Connect), values(s.TLS), s.Good, s.Failed, s.Unknown, s.From, s.StepSeconds,
		}
	}
	want := spelled{
		P50: []any{30.0, "–", 40.0}, P95: []any{900.0, "–", 40.0}, P99: []any{900.0, "–", 40.0},
		DNS: []any{1.0, "–", "–"}, Connect: []any{2.0, "–", "–"}, TLS: []any{3.0, "–", "–"},
		Good: []int{3, 0, 1}, Failed: []int{0, 0, 2}, Unknown: []int{0, 0, 1}, From: w.from, Step: 60,
	}
	if diff := cmp.Diff(want, spell(got)); diff != "" {
		t.Errorf("in detail (-want +got):\n%s", diff)
	}
	if summary.Samples != 7 || summary.Good != 4 || summary.Failed != 2 || summary.Unknown != 1 || *summary.Max != 900 || *summary.P50 != 30 {
		t.Errorf("the summary is %+v, want the window's samples alone", summary)
	}

	_, got = pings(w, slices.Values(samples), false)
	want.P95, want.P99, want.DNS, want.Connect, want.TLS, want.Unknown = nil, nil, nil, nil, nil, nil
	if diff := cmp.Diff(want, spell(got)); diff != "" {
		t.Errorf("without detail (-want +got):\n%s", diff)
	}
	if _, got = pings(w, slices.Values([]report.Sample{at(0, unconnected)}), true); got.DNS != nil || got.Connect != nil || got.TLS != nil {
		t.Errorf("phases that no ping has are %+v", got)
	}
}

// However long ago it was, and whether or not its day was compacted.
// A point is no finer than pings are, because it would look like a gap, unless that is asked for.
func TestRarePingsAreNoGaps(t *testing.T) {
	f := newFixture(t, strings.Replace(two, "databases:", "checks: {ping: {every: 15m}, latency: {every: 15m}}\ndatabases:", 1))
	for i := range 200 {
		f.ping("main", west, noon.Truncate(time.Hour).Add(time.Duration(-15*i)*time.Minute), map[string]report.Sample{"cache": good(10)})
	}
	for _, tt := range []struct {
		query Query
		step  time.Duration
	}{
		{Query{Range: "1h"}, 15 * time.Minute},
		{Query{Range: "6h", Database: "cache"}, 15 * time.Minute},
		{Query{Range: "24h"}, 15 * time.Minute},
		{Query{Range: "7d", Database: "cache"}, time.Hour},
		{Query{Range: "1h", Step: time.Minute}, time.Minute},
	} {
		s := f.read(tt.query).Databases[0].Regions[0].Series
		first := slices.IndexFunc(s.Good, func(n int) bool { return n > 0 })
		gaps := slices.Contains(s.Good[first:], 0)
		if got := time.Duration(s.StepSeconds) * time.Second; got != tt.step || gaps != (tt.query.Step > 0) {
			t.Errorf("%+v: points of %v, %v; want %v", tt.query, got, s.Good, tt.step)
		}
	}
}

func TestTheLastPingIsKept(t *testing.T) {
	f := newFixture(t, two)
	f.ping("main", west, noon.Add(-2*time.Hour), map[string]report.Sample{"cache": good(5), "queue": good(6)})
	f.ping("main", west, noon.Add(-time.Hour), map[string]report.Sample{"cache": good(7)})
	f.ping("main", west, noon.Add(-time.Hour+time.Minute), map[string]report.Sample{"cache": failed})
	want := &Ping{At: noon.Add(-time.Hour + time.Minute).Truncate(time.Second), Status: report.Fail, Cause: "tcp_refused"}
	for _, age := range []time.Duration{0, 2 * time.Hour, 13 * time.Hour, 25 * time.Hour, 20 * day} {
		f.now = noon.Add(age)
		if age == 2*time.Hour {
			_, err := f.archive.Renew(t.Context(), history.Compaction{Shard: "main", Regions: []string{east, west}}, f.now)
			f.must(err)
		}
		if age == 25*time.Hour {
			f.compact("main", noon)
		}
		d := f.read(Query{Range: "1h"}).Databases[0]
		if diff := cmp.Diff(want, d.Regions[0].Last); diff != "" {
			t.Errorf("after %s the last ping (-want +got):\n%s", age, diff)
		}
		if d.Regions[1].Last != nil {
			t.Errorf("after %s the last ping of a region without any is %+v", age, d.Regions[1].Last)
		}
	}
}
