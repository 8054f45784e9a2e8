package history

import (
	"slices"

	"github.com/pongwatch/pongwatch/shared/report"
)

// ByRegion has one summary for each region. It is a list because a map of a few regions
// takes eight times the memory, for every database and day.
type ByRegion []RegionSummary

// RegionSummary is the summary of one region's pings.
type RegionSummary struct {
	Region string `json:"region"`
	Summary
}

// Of returns the region's summary, and whether there is one.
func (b ByRegion) Of(region string) (Summary, bool) {
	for _, s := range b {
		if s.Region == region {
			return s.Summary, true
		}
	}
	return Summary{}, false
}

// Summary says how some pings went. Percentiles are exact, by nearest rank, and in
// milliseconds, nil where no ping was good. P99 of fewer than 100 pings is the slowest.
type Summary struct {
	Samples int `json:"samples"`
	// Good, Failed and Unknown count them; a gap is none of these.
	Good    int `json:"good"`
	Failed  int `json:"failed"`
	Unknown int `json:"unknown"`
	// Availability is good among good and failed.
	Availability *float64 `json:"availability,omitempty"`
	P50          *float64 `json:"p50_ms,omitempty"`
	P95          *float64 `json:"p95_ms,omitempty"`
	P99          *float64 `json:"p99_ms,omitempty"`
	Max          *float64 `json:"max_ms,omitempty"`
}

// Tally counts samples that come one by one, in any order. The zero value is ready.
type Tally struct {
	counted Summary
	waits   []float64
}

// Add counts one.
func (t *Tally) Add(s report.Sample) {
	if t.counted.count(s.Status) {
		t.waits = append(t.waits, s.Phases.Wait)
	}
}

// count counts one with this status, and reports whether it was good.
func (s *Summary) count(status report.Status) (good bool) {
	s.Samples++
	switch status {
	case report.OK, report.Warn:
		s.Good++
		return true
	case report.Fail:
		s.Failed++
	default:
		s.Unknown++
	}
	return false
}

// Summary sums up what was counted.
func (t *Tally) Summary() Summary {
	s := t.counted
	if judged := s.Good + s.Failed; judged > 0 {
		s.Availability = new(float64(s.Good) / float64(judged))
	}
	if len(t.waits) == 0 {
		return s
	}
	slices.Sort(t.waits)
	s.P50, s.P95, s.P99 = new(NearestRank(t.waits, 50)), new(NearestRank(t.waits, 95)), new(NearestRank(t.waits, 99))
	s.Max = new(t.waits[len(t.waits)-1])
	return s
}

// NearestRank returns the smallest value that at least percent per cent of the sorted
// values, of which there must be one, do not exceed.
func NearestRank(sorted []float64, percent int) float64 {
	return sorted[(len(sorted)*percent+99)/100-1]
}
