package statistics

import (
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
)

// read fills in what the readings tell.
func (r *shardReader) read(d *Database, m *material, detail bool) {
	for _, name := range report.Checks() {
		for at, v := range history.Verdicts(m.readings, d.Name, name) {
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
	now := history.SumUp(m.readings, d.Name, r.w.from)
	d.MemoryRatio, d.CommandsRatio, d.HitRate = lastValue(m, d, report.Memory), lastValue(m, d, report.Commands), ratio(now.HitRate())
	_, seen := figureOf(m, d, report.Commands, report.GaugeMonthCommandsSeen)
	d.CommandsAtLeast = seen && d.CommandsRatio != nil
	d.MemoryFullInSeconds = r.forecast(m, d, report.Memory, report.GaugeMemoryHours)
	d.CommandsOutInSeconds = r.forecast(m, d, report.Commands, report.GaugeCommandsHours)
	if !r.long() {
		if detail {
			w := r.w
			w.step = max(w.step, r.config.Every(report.Metrics))
			d.Figures = figureSeries(w, m.readings, d.Name)
		}
		return
	}
	w := r.w.daily()
	series := newFigures(w)
	var sum history.Figures
	for _, of := range m.days {
		if one, i := of.Databases[d.Name], w.index(of.Date()); one != nil && i >= 0 {
			series.set(i, one.Figures)
			sum.Hits, sum.Misses = plus(sum.Hits, one.Hits), plus(sum.Misses, one.Misses)
		}
	}
	for t := m.since; !t.After(r.now); t = t.Add(day) { // in no day yet
		one := history.SumUp(before(m.readings, t.Add(day)), d.Name, t)
		if i := w.index(t); i >= 0 && one != (history.Figures{}) {
			series.set(i, one)
		}
		sum.Hits, sum.Misses = plus(sum.Hits, one.Hits), plus(sum.Misses, one.Misses)
	}
	d.HitRate = ratio(sum.HitRate())
	if detail {
		d.Figures = series
	}
}

// before returns the hours that begin before t.
func before(hours []*history.GaugeHour, t time.Time) []*history.GaugeHour {
	n := len(hours)
	for n > 0 && !hours[n-1].Hour().Before(t) {
		n--
	}
	return hours[:n]
}

func plus(sum, v *float64) *float64 {
	switch {
	case v == nil:
		return sum
	case sum == nil:
		return new(*v)
	}
	return new(*sum + *v)
}

// lastValue is what a check said last of its quota.
func lastValue(m *material, d *Database, c report.Check) *float64 {
	var last *float64
	for _, v := range history.Verdicts(m.readings, d.Name, c) {
		if v.Value != nil {
			last = v.Value
		}
	}
	return ratio(last)
}

// forecast is what the check's last verdict foretold, less the time since: what is
// shown is what alerts were judged by.
func (r *shardReader) forecast(m *material, d *Database, c report.Check, gauge report.Gauge) *int64 {
	hours, foretold := figureOf(m, d, c, gauge) // an older one was not foretold again
	if !foretold {
		return nil
	}
	return new(max(0, int64(hours*3600)-int64(r.now.Sub(d.Checks[c].At)/time.Second)))
}

// figureOf is what a gauge was when the check gave its last verdict.
func figureOf(m *material, d *Database, c report.Check, gauge report.Gauge) (value float64, known bool) {
	for at, v := range history.Figure(m.readings, d.Name, gauge) {
		if at.Equal(d.Checks[c].At) {
			value, known = v, true
		}
	}
	return value, known
}
