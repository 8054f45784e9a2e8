package history

import (
	"slices"

	"github.com/pongwatch/pongwatch/shared/report"
)

// minTail is how many samples the 99th percentile needs: of fewer, it is the worst one.
const minTail = 100

// Summary says how some pings went. Percentiles are exact, by nearest rank, and in
// milliseconds; one that has too few samples is nil.
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

// Summarize sums up samples, in any order.
func Summarize(samples []report.Sample) Summary {
	s := Summary{Samples: len(samples)}
	var waits []float64
	for _, sample := range samples {
		switch sample.Status {
		case report.OK, report.Warn:
			s.Good++
			waits = append(waits, sample.Phases.Wait)
		case report.Fail:
			s.Failed++
		default:
			s.Unknown++
		}
	}
	if judged := s.Good + s.Failed; judged > 0 {
		s.Availability = new(float64(s.Good) / float64(judged))
	}
	if len(waits) == 0 {
		return s
	}
	slices.Sort(waits)
	s.P50, s.P95 = new(nearestRank(waits, 50)), new(nearestRank(waits, 95))
	if len(waits) >= minTail {
		s.P99 = new(nearestRank(waits, 99))
	}
	s.Max = new(waits[len(waits)-1])
	return s
}

// nearestRank returns the smallest value that at least percent per cent of the sorted
// values do not exceed.
func nearestRank(sorted []float64, percent int) float64 {
	return sorted[(len(sorted)*percent+99)/100-1]
}
