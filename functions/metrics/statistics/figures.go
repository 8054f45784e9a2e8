package statistics

import (
	"math"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
)

// readings fills in what Metrics' readings say of d.
func (r *shardReader) readings(d *Database, m *material, detail bool) {
	last := map[report.Check]*float64{} // what a check measured last
	for _, name := range report.Checks() {
		for at, v := range history.Verdicts(m.readings, d.Name, name) {
			if v.Value != nil {
				last[name] = v.Value
			}
			if r.now.Sub(at) > verdictsFrom {
				continue // a wider range has read more
			}
			if d.Checks == nil {
				d.Checks = map[report.Check]Verdict{}
			}
			d.Checks[name] = Verdict{At: at, Status: v.Status, Cause: string(v.Cause), Value: v.Value}
		}
	}
	for _, h := range slices.Backward(m.readings) {
		if last, ok := h.Last(d.Name); ok {
			d.ReadAt, d.Gauges, d.Policy, d.Replica = last.At, last.Values, last.Policy, last.Replica
			break
		}
	}
	d.MemoryRatio, d.CommandsRatio = ratio(last[report.Memory]), ratio(last[report.Commands])
	d.CommandsAtLeast = d.CommandsRatio != nil && beside(d, m, report.Commands, report.GaugeMonthCommandsSeen) != nil
	// A forecast is the one that alerts were judged by, less the time since.
	left := func(c report.Check, gauge report.Gauge) *int64 {
		hours := beside(d, m, c, gauge)
		if hours == nil {
			return nil
		}
		return new(max(0, int64(*hours*3600)-int64(r.now.Sub(d.Checks[c].At)/time.Second)))
	}
	d.MemoryFullInSeconds = left(report.Memory, report.GaugeMemoryHours)
	d.CommandsOutInSeconds = left(report.Commands, report.GaugeCommandsHours)
	d.BandwidthRatio, d.BudgetRatio, d.ConnectionsRatio = ratio(last[report.Bandwidth]), ratio(last[report.Budget]), ratio(last[report.Connections])
	d.BandwidthOutInSeconds, d.BudgetOutInSeconds = left(report.Bandwidth, report.GaugeBandwidthHours), left(report.Budget, report.GaugeBudgetHours)
	if r.long() {
		r.dailyFigures(d, m, detail)
		return
	}
	d.HitRate = ratio(history.SumUp(m.readings, d.Name, r.w.from).HitRate())
	if detail {
		w := r.w
		w.step = max(w.step, r.config.Every(report.Metrics))
		d.Figures = figureSeries(w, m.readings, d.Name)
	}
}

// beside returns the gauge that was read with the check's last verdict, or nil.
func beside(d *Database, m *material, c report.Check, gauge report.Gauge) *float64 {
	var found *float64
	for at, v := range history.Figure(m.readings, d.Name, gauge) {
		if at.Equal(d.Checks[c].At) {
			found = &v
		}
	}
	return found
}

// dailyFigures fills in the hit rate of the window, and the figures of its days.
func (r *shardReader) dailyFigures(d *Database, m *material, detail bool) {
	w := r.w.daily()
	series := newFigureSeries(w)
	var sum history.Figures
	add := func(date time.Time, f history.Figures) {
		if i := w.index(date); i >= 0 {
			series.HitRate[i], series.MemoryRatio[i], series.CommandsRatio[i] = ratio(f.HitRate()), ratio(f.MemoryRatio), ratio(f.CommandsRatio)
			series.BandwidthRatio[i], series.BudgetRatio[i] = ratio(f.BandwidthRatio), ratio(f.BudgetRatio)
			series.Commands[i] = f.Commands
		}
		sum.Hits, sum.Misses = plus(sum.Hits, f.Hits), plus(sum.Misses, f.Misses)
	}
	for _, of := range m.days {
		if one := of.Databases[d.Name]; one != nil && w.index(of.Date()) >= 0 {
			add(of.Date(), one.Figures)
		}
	}
	for date := m.since; !date.After(r.now); date = date.Add(day) {
		next, _ := slices.BinarySearchFunc(m.readings, date.Add(day), func(h *history.GaugeHour, t time.Time) int { return h.Hour().Compare(t) })
		add(date, history.SumUp(m.readings[:next], d.Name, date))
	}
	d.HitRate = ratio(sum.HitRate())
	if detail {
		d.Figures = series.known()
	}
}

// figureSeries sorts readings into the window's points.
func figureSeries(w window, hours []*history.GaugeHour, database string) *FigureSeries {
	s := newFigureSeries(w)
	hits, misses := make([]*float64, w.points()), make([]*float64, w.points())
	for gauge, points := range map[report.Gauge][]*float64{report.GaugeHits: hits, report.GaugeMisses: misses, report.GaugeCommands: s.Commands} {
		for t, grown := range history.Growth(hours, database, gauge) {
			if i := w.index(t); i >= 0 {
				points[i] = plus(points[i], &grown)
			}
		}
	}
	for i := range hits {
		s.HitRate[i] = ratio(history.Figures{Hits: hits[i], Misses: misses[i]}.HitRate())
	}
	for check, points := range map[report.Check][]*float64{
		report.Memory: s.MemoryRatio, report.Commands: s.CommandsRatio, report.Bandwidth: s.BandwidthRatio, report.Budget: s.BudgetRatio,
	} {
		for t, v := range history.Verdicts(hours, database, check) {
			if i := w.index(t); i >= 0 && v.Value != nil {
				points[i] = ratio(v.Value)
			}
		}
	}
	return s.known()
}

// known returns s without the shares that no point has.
func (s *FigureSeries) known() *FigureSeries {
	for _, points := range []*[]*float64{&s.BandwidthRatio, &s.BudgetRatio} {
		if !slices.ContainsFunc(*points, func(v *float64) bool { return v != nil }) {
			*points = nil
		}
	}
	return s
}

func newFigureSeries(w window) *FigureSeries {
	n := w.points()
	return &FigureSeries{
		From: w.from, StepSeconds: int64(w.step / time.Second),
		HitRate: make([]*float64, n), MemoryRatio: make([]*float64, n), CommandsRatio: make([]*float64, n), Commands: make([]*float64, n),
		BandwidthRatio: make([]*float64, n), BudgetRatio: make([]*float64, n),
	}
}

// plus adds v to a sum. A sum of nothing is nil.
func plus(sum, v *float64) *float64 {
	switch {
	case v == nil:
		return sum
	case sum == nil:
		return new(*v)
	}
	return new(*sum + *v)
}

// ratio rounds a share to five digits.
func ratio(v *float64) *float64 {
	if v == nil {
		return nil
	}
	return new(math.Round(*v*1e5) / 1e5)
}
