package statistics

import (
	"iter"
	"math"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
)

// newPingSeries returns a series of gaps. detail adds the tail and the unknown pings.
func newPingSeries(w window, detail bool) PingSeries {
	n := w.points()
	s := PingSeries{
		From: w.from, StepSeconds: int64(w.step / time.Second),
		P50: make([]*float64, n), Good: make([]int, n), Failed: make([]int, n),
	}
	if detail {
		s.P95, s.P99, s.Unknown = make([]*float64, n), make([]*float64, n), make([]int, n)
	}
	return s
}

// pings sums up the samples of the window, and sorts them into its points.
func pings(w window, samples iter.Seq[report.Sample], detail bool) (history.Summary, PingSeries) {
	var tally history.Tally
	s := newPingSeries(w, detail)
	waits, phases := make([][]float64, len(s.P50)), [3][][]float64{}
	for sample := range samples {
		i := w.index(sample.At)
		if i < 0 {
			continue
		}
		tally.Add(sample)
		switch sample.Status {
		case report.OK, report.Warn:
			s.Good[i]++
			waits[i] = append(waits[i], sample.Phases.Wait)
			if !detail || sample.Phases.Connect <= 0 {
				break
			}
			for k, ms := range [3]float64{sample.Phases.DNS, sample.Phases.Connect, sample.Phases.TLS} {
				if phases[k] == nil {
					phases[k] = make([][]float64, len(s.P50))
				}
				phases[k][i] = append(phases[k][i], ms)
			}
		case report.Fail:
			s.Failed[i]++
		default:
			if detail {
				s.Unknown[i]++
			}
		}
	}
	for i := range waits {
		slices.Sort(waits[i])
		s.P50[i] = rank(waits[i], 50)
		if detail {
			s.P95[i], s.P99[i] = rank(waits[i], 95), rank(waits[i], 99)
		}
	}
	s.DNS, s.Connect, s.TLS = medians(phases[0]), medians(phases[1]), medians(phases[2])
	return tally.Summary(), s
}

// medians returns that of each point, or nil where no point has values.
func medians(points [][]float64) []*float64 {
	var out []*float64
	for _, values := range points {
		slices.Sort(values)
		out = append(out, rank(values, 50))
	}
	return out
}

// rank is the nearest-rank percentile to a tenth of a millisecond, nil of nothing.
func rank(sorted []float64, percent int) *float64 {
	if len(sorted) == 0 {
		return nil
	}
	return tenths(sorted[(len(sorted)*percent+99)/100-1])
}

func tenths(v float64) *float64 { return new(math.Round(v*10) / 10) }

// samplesOf yields a database's samples: those of the old days, and those of the hours on
// days of which old has none. A month is forty thousand, so they are not copied.
func samplesOf(hours []*history.PingHour, old []*history.SampleDay, region, database string) iter.Seq[report.Sample] {
	return func(yield func(report.Sample) bool) {
		covered := map[time.Time]bool{}
		for _, d := range old {
			for s := range d.Each(region) {
				covered[d.Date()] = true
				if !yield(s) {
					return
				}
			}
		}
		for _, h := range hours {
			if covered[h.Hour().Truncate(day)] {
				continue
			}
			for s := range h.Each(database) {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// lastPing returns the database's last ping, or nil.
func lastPing(hours []*history.PingHour, database string) *Ping {
	for _, h := range slices.Backward(hours) {
		var last *Ping
		for s := range h.Each(database) {
			last = &Ping{At: s.At, Status: s.Status, Cause: string(s.Cause), Phases: s.Phases}
		}
		if last != nil {
			return last
		}
	}
	return nil
}

// dailySeries has one point for each day, as the days' summaries say.
func dailySeries(w window, days map[time.Time]history.Summary) PingSeries {
	w = w.daily()
	s := newPingSeries(w, false)
	for t, v := range days {
		if i := w.index(t); i >= 0 {
			s.Good[i], s.Failed[i] = v.Good, v.Failed
			if v.P50 != nil {
				s.P50[i] = tenths(*v.P50)
			}
		}
	}
	return s
}
