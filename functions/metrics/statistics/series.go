package statistics

import (
	"math"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
)

// pingSeries sorts samples into the window's points. With detail it also says how the
// tail and the phases were.
func pingSeries(w window, samples []report.Sample, detail bool) PingSeries {
	n := w.points()
	s := PingSeries{
		From: w.from, StepSeconds: int64(w.step / time.Second),
		P50: make([]*float64, n), Good: make([]int, n), Failed: make([]int, n),
	}
	waits := make([][]float64, n)
	var phases [][3][]float64
	if detail {
		phases = make([][3][]float64, n)
		s.Unknown = make([]int, n)
	}
	for _, v := range samples {
		i := w.index(v.At)
		if i < 0 {
			continue
		}
		switch v.Status {
		case report.OK, report.Warn:
			s.Good[i]++
			waits[i] = append(waits[i], v.Phases.Wait)
			if detail && v.Phases.Connect > 0 {
				for k, ms := range [3]float64{v.Phases.DNS, v.Phases.Connect, v.Phases.TLS} {
					phases[i][k] = append(phases[i][k], ms)
				}
			}
		case report.Fail:
			s.Failed[i]++
		default:
			if detail {
				s.Unknown[i]++
			}
		}
	}
	for i := range n {
		slices.Sort(waits[i])
		s.P50[i] = rank(waits[i], 50)
	}
	if detail {
		s.tail(waits, phases)
	}
	return s
}

func (s *PingSeries) tail(waits [][]float64, phases [][3][]float64) {
	n := len(waits)
	s.P95, s.P99 = make([]*float64, n), make([]*float64, n)
	var medians [3][]*float64
	for k := range medians {
		medians[k] = make([]*float64, n)
	}
	known := false
	for i := range n {
		s.P95[i], s.P99[i] = rank(waits[i], 95), rank(waits[i], 99)
		for k, values := range phases[i] {
			slices.Sort(values)
			medians[k][i] = rank(values, 50)
			known = known || len(values) > 0
		}
	}
	if known {
		s.DNS, s.Connect, s.TLS = medians[0], medians[1], medians[2]
	}
}

// rank is the nearest-rank percentile to a tenth of a millisecond, nil of nothing.
func rank(sorted []float64, percent int) *float64 {
	if len(sorted) == 0 {
		return nil
	}
	return tenths(sorted[(len(sorted)*percent+99)/100-1])
}

func tenths(v float64) *float64 { return new(math.Round(v*10) / 10) }

func ratio(v *float64) *float64 {
	if v == nil {
		return nil
	}
	return new(math.Round(*v*1e5) / 1e5)
}

// daySeries has one point for each day, as the days' summaries say.
func daySeries(w window, days map[time.Time]history.Summary) PingSeries {
	w = w.daily()
	n := w.points()
	s := PingSeries{
		From: w.from, StepSeconds: int64(w.step / time.Second),
		P50: make([]*float64, n), Good: make([]int, n), Failed: make([]int, n),
	}
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

// daily is the window in whole days.
func (w window) daily() window {
	return window{from: w.from.Truncate(day), to: w.to.Add(day - 1).Truncate(day), step: day}
}

func newFigures(w window) *FigureSeries {
	n := w.points()
	return &FigureSeries{
		From: w.from, StepSeconds: int64(w.step / time.Second),
		HitRate: make([]*float64, n), MemoryRatio: make([]*float64, n), CommandsRatio: make([]*float64, n), Commands: make([]*float64, n),
	}
}

func (s *FigureSeries) set(i int, f history.Figures) {
	s.HitRate[i], s.MemoryRatio[i], s.CommandsRatio[i] = ratio(f.HitRate()), ratio(f.MemoryRatio), ratio(f.CommandsRatio)
	s.Commands[i] = f.Commands
}

// figureSeries sorts readings into the window's points.
func figureSeries(w window, hours []*history.GaugeHour, database string) *FigureSeries {
	s := newFigures(w)
	n := w.points()
	hits, misses := make([]*float64, n), make([]*float64, n)
	for _, c := range []struct {
		gauge  report.Gauge
		points []*float64
	}{{report.GaugeHits, hits}, {report.GaugeMisses, misses}, {report.GaugeCommands, s.Commands}} {
		for t, grown := range history.Growth(hours, database, c.gauge) {
			if i := w.index(t); i >= 0 {
				c.points[i] = plus(c.points[i], &grown)
			}
		}
	}
	for i := range n {
		s.HitRate[i] = ratio(history.Figures{Hits: hits[i], Misses: misses[i]}.HitRate())
	}
	for _, c := range []struct {
		check  report.Check
		points []*float64
	}{{report.Memory, s.MemoryRatio}, {report.Commands, s.CommandsRatio}} {
		for t, v := range history.Verdicts(hours, database, c.check) {
			if i := w.index(t); i >= 0 && v.Value != nil {
				c.points[i] = ratio(v.Value)
			}
		}
	}
	return s
}
