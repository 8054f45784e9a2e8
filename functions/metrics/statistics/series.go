package statistics

import (
	"math"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
)

// points makes a series of samples that come by time.
type points struct {
	w      window
	series PingSeries
	// detail says that the tail and the phases are wanted.
	detail bool
	// at is the point that the samples are about; the lists are theirs.
	at     int
	waits  []float64
	phases [3][]float64
}

func newPoints(w window, detail bool) *points {
	n := w.points()
	p := &points{w: w, detail: detail, series: PingSeries{
		From: w.from, StepSeconds: int64(w.step / time.Second),
		P50: make([]*float64, n), Good: make([]int, n), Failed: make([]int, n),
	}}
	if detail {
		p.series.P95, p.series.P99, p.series.Unknown = make([]*float64, n), make([]*float64, n), make([]int, n)
	}
	return p
}

// add adds a sample that lies in the window.
func (p *points) add(s report.Sample) {
	if i := p.w.index(s.At); i != p.at {
		p.finish()
		p.at = i
	}
	switch s.Status {
	case report.OK, report.Warn:
		p.series.Good[p.at]++
		p.waits = append(p.waits, s.Phases.Wait)
		if p.detail && s.Phases.Connect > 0 {
			for k, ms := range [3]float64{s.Phases.DNS, s.Phases.Connect, s.Phases.TLS} {
				p.phases[k] = append(p.phases[k], ms)
			}
		}
	case report.Fail:
		p.series.Failed[p.at]++
	default:
		if p.detail {
			p.series.Unknown[p.at]++
		}
	}
}

// finish ranks the samples of a point.
func (p *points) finish() {
	s := &p.series
	slices.Sort(p.waits)
	s.P50[p.at] = rank(p.waits, 50)
	if p.detail {
		s.P95[p.at], s.P99[p.at] = rank(p.waits, 95), rank(p.waits, 99)
	}
	if len(p.phases[0]) > 0 && s.DNS == nil {
		n := len(s.P50)
		s.DNS, s.Connect, s.TLS = make([]*float64, n), make([]*float64, n), make([]*float64, n)
	}
	for k, medians := range [3][]*float64{s.DNS, s.Connect, s.TLS} {
		if values := p.phases[k]; len(values) > 0 {
			slices.Sort(values)
			medians[p.at] = rank(values, 50)
		}
		p.phases[k] = p.phases[k][:0]
	}
	p.waits = p.waits[:0]
}

// end returns the series.
func (p *points) end() PingSeries {
	p.finish()
	return p.series
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
