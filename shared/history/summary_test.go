package history_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestSummary(t *testing.T) {
	waits := func(n int) []report.Sample { // 1 to n milliseconds, the slowest first
		var out []report.Sample
		for i := n; i > 0; i-- {
			out = append(out, report.Sample{Status: report.OK, Phases: report.Phases{Wait: float64(i)}})
		}
		return out
	}
	with := func(samples []report.Sample, more ...report.Status) []report.Sample {
		for _, s := range more {
			samples = append(samples, report.Sample{Status: s, Phases: report.Phases{Total: 4000}})
		}
		return samples
	}
	tests := []struct {
		name    string
		samples []report.Sample
		want    history.Summary
	}{
		{"nothing is known of nothing", nil, history.Summary{}},
		{
			"one answer is every percentile", waits(1),
			history.Summary{Samples: 1, Good: 1, Availability: new(1.0), P50: new(1.0), P95: new(1.0), P99: new(1.0), Max: new(1.0)},
		},
		{
			"the nearest rank is a value that was seen", waits(10),
			history.Summary{Samples: 10, Good: 10, Availability: new(1.0), P50: new(5.0), P95: new(10.0), P99: new(10.0), Max: new(10.0)},
		},
		{
			"of a hundred the 99th percentile is not the slowest", waits(100),
			history.Summary{Samples: 100, Good: 100, Availability: new(1.0), P50: new(50.0), P95: new(95.0), P99: new(99.0), Max: new(100.0)},
		},
		{
			"failures have no latency, and what is unknown is neither good nor bad", with(waits(3), report.Fail, report.Unknown, report.Unknown),
			history.Summary{Samples: 6, Good: 3, Failed: 1, Unknown: 2, Availability: new(0.75), P50: new(2.0), P95: new(3.0), P99: new(3.0), Max: new(3.0)},
		},
		{
			"only failures", with(nil, report.Fail),
			history.Summary{Samples: 1, Failed: 1, Availability: new(0.0)},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var tally history.Tally
			for _, s := range tt.samples {
				tally.Add(s)
			}
			if diff := cmp.Diff(tt.want, tally.Summary()); diff != "" {
				t.Errorf("Summary() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestByRegion(t *testing.T) {
	regions := history.ByRegion{{Region: "a", Summary: history.Summary{Good: 1}}, {Region: "b", Summary: history.Summary{Good: 2}}}
	for region, want := range map[string]int{"a": 1, "b": 2} {
		if s, ok := regions.Of(region); !ok || s.Good != want {
			t.Errorf("Of(%q) = %+v, %v; want %d good", region, s, ok, want)
		}
	}
	if s, ok := regions.Of("c"); ok || s != (history.Summary{}) {
		t.Errorf("Of a region without pings = %+v, %v; want none", s, ok)
	}
}
