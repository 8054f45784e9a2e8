package statistics

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
)

// shownFor is how old a verdict may be at least: the default's rarest checks run once a day.
const shownFor = day + time.Hour

// figures fills in what Metrics' readings say of d.
func (m *material) figures(d *Database, known *history.Known, parts []*material, extent extent) {
	checks := m.config.Database(d.Name).Checks
	d.ReadAt, d.Replica, d.Policy = known.ReadAt, known.Replica, known.Policy
	valued := map[report.Check]*history.VerdictAt{}
	if len(known.Values) > 0 {
		d.Gauges = maps.Clone(known.Values)
	}
	// The last verdict of a check is shown until the next one is due.
	shown := func(check report.Check, at time.Time) bool {
		age := m.now.Sub(at)
		return age <= shownFor || age <= checks.Of(check).Every+time.Hour
	}
	for check, c := range known.Checks {
		if shown(check, c.Last.At) {
			if d.Checks == nil {
				d.Checks = map[report.Check]Verdict{}
			}
			d.Checks[check] = Verdict{At: c.Last.At, Status: c.Last.Status, Cause: string(c.Last.Cause), Value: c.Last.Value}
		}
		if v := c.Valued; v != nil && shown(check, v.At) {
			valued[check] = v
			if len(v.Figures) > 0 && d.Gauges == nil {
				d.Gauges = map[report.Gauge]float64{}
			}
			maps.Copy(d.Gauges, v.Figures)
		}
	}
	// A share, whether it is a lower bound, and the forecast that alerts were judged by, less
	// the time since, are of one reading.
	share := func(c report.Check) *float64 {
		if valued[c] == nil {
			return nil
		}
		return ratio(valued[c].Value)
	}
	left := func(c report.Check, gauge report.Gauge) *int64 {
		if valued[c] == nil {
			return nil
		}
		hours, known := valued[c].Figures[gauge]
		if !known {
			return nil
		}
		return new(max(0, int64(hours*3600)-int64(m.now.Sub(valued[c].At)/time.Second)))
	}
	d.MemoryRatio, d.CommandsRatio = share(report.Memory), share(report.Commands)
	if v := valued[report.Commands]; v != nil {
		_, d.CommandsAtLeast = v.Figures[report.GaugeMonthCommandsSeen]
	}
	d.MemoryFullInSeconds, d.CommandsOutInSeconds = left(report.Memory, report.GaugeMemoryHours), left(report.Commands, report.GaugeCommandsHours)
	d.BandwidthRatio, d.BudgetRatio, d.ConnectionsRatio = share(report.Bandwidth), share(report.Budget), share(report.Connections)
	d.BandwidthOutInSeconds, d.BudgetOutInSeconds = left(report.Bandwidth, report.GaugeBandwidthHours), left(report.Budget, report.GaugeBudgetHours)
	if extent == brief {
		return
	}
	w, detail := m.w, extent == detailed
	switch {
	case m.long:
		w = w.by(day)
	case detail:
		w = w.by(max(w.step, m.config.Every(report.Metrics)))
	default: // the sum is all that is shown
		w = w.by(w.to.Sub(w.from) + 1)
	}
	series, sum := figureSeries(w, d.Name, parts, m.long)
	d.HitRate = ratio(sum.HitRate())
	if detail {
		d.Figures = series
	}
}

// figureSeries sorts readings into the window's points, and sums up their growth. Counters
// are a shard's own: what they grew by while a database was moved is not known.
func figureSeries(w window, database string, shards []*material, long bool) (*FigureSeries, history.Figures) {
	n := w.points()
	s := &FigureSeries{
		From: w.from, StepSeconds: int64(w.step / time.Second),
		HitRate: make([]*float64, n), MemoryRatio: make([]*float64, n), CommandsRatio: make([]*float64, n), Commands: make([]*float64, n),
		BandwidthRatio: make([]*float64, n), BudgetRatio: make([]*float64, n),
	}
	parts := make([][]history.Figures, n)
	for _, m := range slices.Backward(shards) { // the database's own shard is the last word
		if !long {
			for t, f := range history.Changes(beginning(m.readings, base(w.from)), database) {
				if i := w.index(t); i >= 0 {
					parts[i] = append(parts[i], f)
				}
			}
			continue
		}
		for _, d := range m.days {
			if one, i := d.Of[database], w.index(d.Begin); one != nil && i >= 0 {
				parts[i] = append(parts[i], one.Figures)
			}
		}
		for date := w.from; !date.After(w.to); date = date.Add(day) {
			if hours := beginning(m.readings, base(date)); !m.compacted(date) && len(hours) > 0 {
				end, _ := slices.BinarySearchFunc(hours, date.Add(day), func(h *history.GaugeHour, t time.Time) int { return h.Begin.Compare(t) })
				parts[w.index(date)] = append(parts[w.index(date)], history.SumUp(hours[:end], database, date))
			}
		}
	}
	for i := range parts {
		f := history.Sum(parts[i])
		s.HitRate[i], s.MemoryRatio[i], s.CommandsRatio[i], s.Commands[i] = ratio(f.HitRate()), ratio(f.MemoryRatio), ratio(f.CommandsRatio), f.Commands
		s.BandwidthRatio[i], s.BudgetRatio[i] = ratio(f.BandwidthRatio), ratio(f.BudgetRatio)
	}
	// A share that no point has is left out.
	for _, points := range []*[]*float64{&s.BandwidthRatio, &s.BudgetRatio} {
		if !slices.ContainsFunc(*points, func(v *float64) bool { return v != nil }) {
			*points = nil
		}
	}
	return s, history.Sum(slices.Concat(parts...))
}

// ratio rounds a share to five digits.
func ratio(v *float64) *float64 {
	if v == nil {
		return nil
	}
	return new(math.Round(*v*1e5)/1e5 + 0) // which is no negative zero
}
