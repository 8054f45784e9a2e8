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

// Changes yields what each of the database's readings in the hours, which are in order, adds to
// its [Figures]. Each replica counts by itself, so its first reading that has a counter is only
// a base. After a reset, as [report.Reading.Restarted] defines it, a counter has grown by what
// it is. What the run before looked up itself is no growth.
func Changes(hours []*GaugeHour, database string) iter.Seq2[time.Time, Figures] {
	type counter struct {
		replica string
		gauge   report.Gauge
	}
	type reading struct {
		value, own float64   // own is what the run itself looked up after the reading
		all        []figures // every counter, to see whether any of them shrank
		i          int
	}
	return func(yield func(time.Time, Figures) bool) {
		last := map[counter]reading{}
		for _, h := range hours {
			s := h.Series[database]
			if s == nil {
				continue
			}
			var all []figures
			for _, name := range report.Counters() {
				all = append(all, s.Values[name])
			}
			for _, i := range s.byTime {
				growth := func(g report.Gauge) *float64 {
					now, of := reading{s.Values[g].at(i), s.Values[g.Own()].at(i), all, i}, counter{s.Replica[i], g}
					if math.IsNaN(now.value) {
						return nil
					}
					before, compared := last[of]
					last[of] = now
					if !compared {
						return nil
					}
					grown := now.value - before.value
					if before.own > 0 { // not NaN
						grown -= before.own
					}
					grown = max(0, grown)
					for k, c := range all {
						if c.at(i) < before.all[k].at(before.i) { // false if either is a gap
							grown = now.value
						}
					}
					return &grown
				}
				value := func(c report.Check) *float64 {
					if s.Checks[c] == nil {
						return nil
					}
					v, _ := s.Checks[c].at(i)
					return v.Value
				}
				f := Figures{
					Hits: growth(report.GaugeHits), Misses: growth(report.GaugeMisses), Commands: growth(report.GaugeCommands),
					MemoryRatio: value(report.Memory), CommandsRatio: value(report.Commands),
					BandwidthRatio: value(report.Bandwidth), BudgetRatio: value(report.Budget),
				}
				if !yield(h.at(s, i), f) {
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

func (h *GaugeHour) pack() (data []byte, dropped, err error) { return packFitting(h, h.Series) }

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
