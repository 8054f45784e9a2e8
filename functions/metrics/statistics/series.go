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
	points := make([]struct{ waits, dns, connect, tls []float64 }, len(s.P50))
	phases := false
	for sample := range samples {
		i := w.index(sample.At)
		if i < 0 {
			continue
		}
		tally.Add(sample)
		switch p, ms := &points[i], sample.Phases; sample.Status {
		case report.OK, report.Warn:
			s.Good[i]++
			p.waits = append(p.waits, ms.Wait)
			if detail && ms.Connect > 0 {
				phases = true
				p.dns, p.connect, p.tls = append(p.dns, ms.DNS), append(p.connect, ms.Connect), append(p.tls, ms.TLS)
			}
		case report.Fail:
			s.Failed[i]++
		default:
			if detail {
				s.Unknown[i]++
			}
		}
	}
	for i, p := range points {
		s.P50[i] = rank(p.waits, 50)
		if detail {
			s.P95[i], s.P99[i] = rank(p.waits, 95), rank(p.waits, 99)
		}
		if phases {
			s.DNS, s.Connect, s.TLS = append(s.DNS, rank(p.dns, 50)), append(s.Connect, rank(p.connect, 50)), append(s.TLS, rank(p.tls, 50))
		}
	}
	return tally.Summary(), s
}

// rank sorts values and returns the nearest-rank percentile to a tenth of a millisecond, nil
// of nothing.
func rank(values []float64, percent int) *float64 {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	return tenths(history.NearestRank(values, percent))
}

func tenths(v float64) *float64 { return new(math.Round(v*10) / 10) }

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
