package history

import (
	"context"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// GaugeHour is the readings of one hour and shard.
type GaugeHour struct{ gaugeBody }

type gaugeBody struct {
	Shard string `json:"shard"`
	runs
	Series map[string]*readingSeries `json:"databases"`
}

// readingSeries is one database's readings. Run, Replica and Policy have an entry for each.
// The other columns end with the last reading that has the gauge or the check.
type readingSeries struct {
	// Run is the index of the reading's run.
	Run     []int                      `json:"run"`
	Replica []string                   `json:"replica"`
	Policy  []string                   `json:"policy"`
	Values  map[report.Gauge]figures   `json:"values,omitempty"`
	Checks  map[report.Check]*verdicts `json:"checks,omitempty"`

	// byTime has the indices of the readings by time, once the series was read.
	byTime []int
}

// verdicts are those of one check.
type verdicts struct {
	Status letters       `json:"status"`
	Cause  []cause.Cause `json:"cause,omitempty"`
	Value  figures       `json:"value,omitempty"`
}

// AppendReadings adds a Metrics run: one reading for each database, whose At is
// the run's. A run that is already there changes nothing.
func (a *Archive) AppendReadings(ctx context.Context, shard string, run Run, readings map[string]report.Reading) error {
	empty := func() *GaugeHour {
		return &GaugeHour{gaugeBody{Shard: shard, Series: map[string]*readingSeries{}}}
	}
	return appendRun(ctx, a, gaugePrefix(shard), a.readingSpan, run, readings, empty, decodeReadings)
}

// Readings returns the hours that touch [from, to], in order.
func (a *Archive) Readings(ctx context.Context, shard string, from, to time.Time) ([]*GaugeHour, error) {
	prefix := gaugePrefix(shard)
	return inOrder(between(ctx, a.store, hourKey(prefix, from), hourKey(prefix, to.Add(time.Hour)), decodeReadings))
}

// LastReadings returns the newest Metrics run of the shard, however long ago it was, and
// whether there is one.
func (a *Archive) LastReadings(ctx context.Context, shard string, now time.Time) (Run, bool, error) {
	return lastRun(ctx, a, shard, "", gaugePrefix(shard), a.readingSpan, now, decodeReadings)
}

func gaugePrefix(shard string) string { return "gauges/v1/" + shard + "/" }

// decodeReadings leaves out a series whose columns do not fit: it is a gap of its database
// alone.
func decodeReadings(doc store.Doc) (*GaugeHour, error) {
	h := &GaugeHour{gaugeBody{Series: map[string]*readingSeries{}}}
	if err := unpack(doc, h); err != nil {
		return &GaugeHour{}, err
	}
	maps.DeleteFunc(h.Series, func(_ string, s *readingSeries) bool { return s == nil || !s.fits(len(h.List)) })
	for _, s := range h.Series {
		for i := range s.Run {
			s.byTime = append(s.byTime, i)
		}
		slices.SortStableFunc(s.byTime, func(a, b int) int { return byScheduled(h.List[s.Run[a]], h.List[s.Run[b]]) })
	}
	return h, nil
}

// fits reports whether the columns fit the readings, and the readings their runs.
func (s *readingSeries) fits(runs int) bool {
	n := len(s.Run)
	for _, run := range s.Run {
		if run < 0 || run >= runs {
			return false
		}
	}
	for _, values := range s.Values {
		if !values.fits(n) {
			return false
		}
	}
	for _, v := range s.Checks {
		if v == nil || len(v.Status) > n || len(v.Cause) > n || !v.Value.fits(n) {
			return false
		}
	}
	return len(s.Replica) == n && len(s.Policy) == n
}

// Databases returns the names of all databases with a reading, sorted.
func (h *GaugeHour) Databases() []string { return slices.Sorted(maps.Keys(h.Series)) }

// at is when the reading with this index was made.
func (h *GaugeHour) at(s *readingSeries, i int) time.Time { return h.List[s.Run[i]].Scheduled }

// Readings returns the database's readings by time. A run without one is a gap.
func (h *GaugeHour) Readings(database string) []report.Reading {
	s := h.Series[database]
	if s == nil {
		return nil
	}
	var out []report.Reading
	for _, i := range s.byTime {
		out = append(out, s.reading(i, h.at(s, i)))
	}
	return out
}

// Last returns the database's newest reading whose INFO was answered, and whether
// there is one.
func (h *GaugeHour) Last(database string) (report.Reading, bool) {
	s := h.Series[database]
	if s == nil {
		return report.Reading{}, false
	}
	for _, i := range slices.Backward(s.byTime) {
		if r := s.reading(i, h.at(s, i)); len(r.Values) > 0 {
			return r, true
		}
	}
	return report.Reading{}, false
}

// Growth yields by how much a counter of the database has grown at each reading in the
// hours, which are in order. Each replica counts by itself, so its first reading yields
// nothing. After a reset, as [report.Reading.Restarted] defines it, a counter has grown by
// what it is.
func Growth(hours []*GaugeHour, database string, gauge report.Gauge) iter.Seq2[time.Time, float64] {
	type reading struct {
		value, own float64   // own is what the run itself added after the reading
		all        []figures // every counter, to see whether any of them shrank
		i          int
	}
	return func(yield func(time.Time, float64) bool) {
		last := map[string]reading{} // by replica
		for _, h := range hours {
			s := h.Series[database]
			if s == nil || s.Values[gauge] == nil {
				continue
			}
			var columns []figures
			for _, name := range report.Counters() {
				columns = append(columns, s.Values[name])
			}
			values, own := s.Values[gauge], s.Values[gauge.Own()]
			for _, i := range s.byTime {
				now := reading{value: values.at(i), all: columns, i: i}
				if v := own.at(i); v > 0 { // not NaN
					now.own = v
				}
				if math.IsNaN(now.value) {
					continue
				}
				before, compared := last[s.Replica[i]]
				last[s.Replica[i]] = now
				if !compared {
					continue
				}
				grown := max(0, now.value-before.value-before.own)
				for k, c := range columns {
					if c.at(i) < before.all[k].at(before.i) { // false if either is a gap
						grown = now.value
					}
				}
				if !yield(h.at(s, i), grown) {
					return
				}
			}
		}
	}
}

// Figure yields a gauge's values in the hours, which are in order.
func Figure(hours []*GaugeHour, database string, gauge report.Gauge) iter.Seq2[time.Time, float64] {
	return func(yield func(time.Time, float64) bool) {
		for _, h := range hours {
			s := h.Series[database]
			if s == nil || s.Values[gauge] == nil {
				continue
			}
			values := s.Values[gauge]
			for _, i := range s.byTime {
				if v := values.at(i); !math.IsNaN(v) && !yield(h.at(s, i), v) {
					return
				}
			}
		}
	}
}

// Verdicts yields a check's verdicts in the hours, which are in order.
func Verdicts(hours []*GaugeHour, database string, check report.Check) iter.Seq2[time.Time, report.Verdict] {
	return func(yield func(time.Time, report.Verdict) bool) {
		for _, h := range hours {
			s := h.Series[database]
			if s == nil || s.Checks[check] == nil {
				continue
			}
			verdicts := s.Checks[check]
			for _, i := range s.byTime {
				if v, asked := verdicts.at(i); asked && !yield(h.at(s, i), v) {
					return
				}
			}
		}
	}
}

// figures returns those of the gauges that the reading with this index has, nil for none.
func (s *readingSeries) figures(i int, gauges ...report.Gauge) (out map[report.Gauge]float64) {
	for _, g := range gauges {
		if v := s.Values[g].at(i); !math.IsNaN(v) {
			if out == nil {
				out = map[report.Gauge]float64{}
			}
			out[g] = v
		}
	}
	return out
}

// Trim drops all but what figures over time are made of: the counters, and the verdicts of
// the checks. Of thousands of databases that is a third.
func (h *GaugeHour) Trim(checks ...report.Check) {
	kept := append(report.Counters(), report.GaugeOwnHits, report.GaugeOwnMisses)
	for _, s := range h.Series {
		maps.DeleteFunc(s.Values, func(g report.Gauge, _ figures) bool { return !slices.Contains(kept, g) })
		maps.DeleteFunc(s.Checks, func(c report.Check, _ *verdicts) bool { return !slices.Contains(checks, c) })
	}
}

func (h *GaugeHour) series() iter.Seq2[string, any] { return anySeries(h.Series) }

func (h *GaugeHour) drop(name string) { delete(h.Series, name) }

// anySeries yields a document's series.
func anySeries[S any](series map[string]S) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for name, s := range series {
			if !yield(name, s) {
				return
			}
		}
	}
}

func (h *GaugeHour) add(run Run, readings map[string]report.Reading) {
	index := len(h.List)
	h.List = append(h.List, run)
	for database, r := range readings {
		s := h.Series[database]
		if s == nil {
			s = &readingSeries{}
			h.Series[database] = s
		}
		s.add(index, r)
	}
}

func (s *readingSeries) add(run int, r report.Reading) {
	i := len(s.Run)
	s.Run, s.Replica, s.Policy = append(s.Run, run), append(s.Replica, r.Replica), append(s.Policy, r.Policy)
	if s.Values == nil {
		s.Values = map[report.Gauge]figures{}
	}
	for gauge, value := range r.Values {
		column := s.Values[gauge]
		column.set(i, value)
		s.Values[gauge] = column
	}
	if s.Checks == nil {
		s.Checks = map[report.Check]*verdicts{}
	}
	for check, one := range r.Checks {
		v := s.Checks[check]
		if v == nil {
			v = &verdicts{}
			s.Checks[check] = v
		}
		v.Status.set(i, one.Status)
		if one.Cause != "" {
			v.Cause = append(append(v.Cause, make([]cause.Cause, i-len(v.Cause))...), one.Cause)
		}
		if one.Value != nil {
			v.Value.set(i, *one.Value)
		}
	}
}

func (s *readingSeries) reading(i int, at time.Time) report.Reading {
	r := report.Reading{At: at, Replica: s.Replica[i], Policy: s.Policy[i], Values: map[report.Gauge]float64{}, Checks: map[report.Check]report.Verdict{}}
	for gauge, values := range s.Values {
		if v := values.at(i); !math.IsNaN(v) {
			r.Values[gauge] = v
		}
	}
	for check, v := range s.Checks {
		if one, asked := v.at(i); asked {
			r.Checks[check] = one
		}
	}
	return r
}

// at returns the verdict of a reading, and whether the check was asked.
func (v *verdicts) at(i int) (report.Verdict, bool) {
	status, asked := v.Status.at(i)
	out := report.Verdict{Status: status}
	if i < len(v.Cause) {
		out.Cause = v.Cause[i]
	}
	if value := v.Value.at(i); !math.IsNaN(value) {
		out.Value = &value
	}
	return out, asked
}
