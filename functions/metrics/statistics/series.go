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
	var all history.Tally
	s := newPingSeries(w, detail)
	points := make([]history.Tally, len(s.P50))
	phases := make([]struct{ dns, connect, tls []float64 }, len(s.P50))
	reached := false
	for sample := range samples {
		i := w.index(sample.At)
		if i < 0 {
			continue
		}
		all.Add(sample)
		points[i].Add(sample)
		good := sample.Status == report.OK || sample.Status == report.Warn
		if p, ms := &phases[i], sample.Phases; detail && good && ms.Connect > 0 {
			reached = true
			p.dns, p.connect, p.tls = append(p.dns, ms.DNS), append(p.connect, ms.Connect), append(p.tls, ms.TLS)
		}
	}
	for i := range points {
		sum := points[i].Summary()
		s.P50[i], s.Good[i], s.Failed[i] = tenths(sum.P50), sum.Good, sum.Failed
		if detail {
			s.P95[i], s.P99[i], s.Unknown[i] = tenths(sum.P95), tenths(sum.P99), sum.Unknown
		}
		if p := phases[i]; reached {
			s.DNS, s.Connect, s.TLS = append(s.DNS, median(p.dns)), append(s.Connect, median(p.connect)), append(s.TLS, median(p.tls))
		}
	}
	return all.Summary(), s
}

// median sorts values, and returns nil of nothing.
func median(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	return tenths(new(history.NearestRank(values, 50)))
}

// tenths rounds milliseconds to a tenth.
func tenths(v *float64) *float64 {
	if v == nil {
		return nil
	}
	return new(math.Round(*v*10) / 10)
}

// samplesOf yields a database's samples: those of the old days, and those of the hours that
// are not among them. A month is forty thousand, so they are not copied.
func samplesOf(hours []*history.PingHour, old []*history.SampleDay, region, database string) iter.Seq[report.Sample] {
	return func(yield func(report.Sample) bool) {
		had := map[int64]bool{}
		for _, d := range old {
			kept := len(hours) > 0 && d.Begin.Add(day).After(hours[0].Begin)
			for s := range d.Of[region].All() {
				if kept {
					had[s.At.Unix()] = true
				}
				if !yield(s) {
					return
				}
			}
		}
		for _, h := range hours {
			for s := range h.Of[database].All() {
				if !had[s.At.Unix()] && !yield(s) {
					return
				}
			}
		}
	}
}
