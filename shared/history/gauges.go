package history

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// GaugeHour is the readings of one hour and shard.
type GaugeHour struct{ body gaugeBody }

type gaugeBody struct {
	Shard     string                    `json:"shard"`
	Runs      runs                      `json:"runs"`
	Databases map[string]*readingSeries `json:"databases"`
}

// readingSeries is one database's readings. Run holds the index of each reading's
// run; the lists in Values and Checks are as long, with null where a reading lacks
// the gauge or the check.
type readingSeries struct {
	Run     indices    `json:"run"`
	Replica words      `json:"replica,omitzero"`
	Policy  words      `json:"policy,omitzero"`
	Values  gauges     `json:"values,omitempty"`
	Checks  verdictsOf `json:"checks,omitempty"`
}

// AppendReadings adds a Metrics run: one reading for each database, whose At is
// the run's. A run that is already there changes nothing.
func (a *Archive) AppendReadings(ctx context.Context, shard string, run Run, readings map[string]report.Reading) error {
	fresh := func(data []byte, schema int) (*GaugeHour, error) {
		if data == nil {
			return &GaugeHour{gaugeBody{Shard: shard, Databases: map[string]*readingSeries{}}}, nil
		}
		return DecodeReadings(data, schema)
	}
	return appending[*GaugeHour]{
		a.store, &a.gauges, gaugePrefix(shard), run, a.retention, fresh, func(h *GaugeHour) { h.add(run, readings) },
	}.do(ctx)
}

// Readings returns the hours that touch [from, to], in order.
func (a *Archive) Readings(ctx context.Context, shard string, from, to time.Time) ([]*GaugeHour, error) {
	return documents(ctx, a.store, gaugePrefix(shard), from, to, DecodeReadings)
}

// LastReadings returns the newest hour of readings that is not older than the hour
// before now's, and whether there is one.
func (a *Archive) LastReadings(ctx context.Context, shard string, now time.Time) (*GaugeHour, bool, error) {
	return latest(ctx, a.store, gaugePrefix(shard), now, func(d store.Doc) (*GaugeHour, error) { return DecodeReadings(d.Data, d.Schema) })
}

func gaugePrefix(shard string) string { return "gauges/v1/" + shard + "/" }

// DecodeReadings reads a document's data.
func DecodeReadings(data []byte, schema int) (*GaugeHour, error) {
	h := &GaugeHour{}
	if err := unpack(data, schema, &h.body); err != nil {
		return nil, err
	}
	if h.body.Databases == nil {
		h.body.Databases = map[string]*readingSeries{}
	}
	for name, s := range h.body.Databases {
		if s == nil || !s.whole(len(h.body.Runs)) {
			return nil, fmt.Errorf("decoding: the readings of database %q do not fit its runs", name)
		}
	}
	return h, nil
}

// Hour is when the hour begins, zero while it has no run.
func (h *GaugeHour) Hour() time.Time { return h.body.Runs.hour() }

// Runs returns the hour's runs by scheduled time.
func (h *GaugeHour) Runs() []Run {
	return slices.SortedFunc(slices.Values(h.body.Runs), func(a, b Run) int { return a.Scheduled.Compare(b.Scheduled) })
}

// Databases returns the names of all databases with a reading, sorted.
func (h *GaugeHour) Databases() []string { return slices.Sorted(maps.Keys(h.body.Databases)) }

// Readings returns the database's readings by time. A run without one is a gap.
func (h *GaugeHour) Readings(database string) []report.Reading {
	s, ok := h.body.Databases[database]
	if !ok {
		return nil
	}
	out := make([]report.Reading, len(s.Run))
	for i, index := range s.Run {
		out[i] = s.reading(i)
		out[i].At = h.body.Runs[index].Scheduled
	}
	slices.SortStableFunc(out, func(a, b report.Reading) int { return a.At.Compare(b.At) })
	return out
}

// Last returns the database's newest reading whose INFO was answered, and whether
// there is one.
func (h *GaugeHour) Last(database string) (report.Reading, bool) {
	s, ok := h.body.Databases[database]
	if !ok {
		return report.Reading{}, false
	}
	newest := -1
	for _, i := range h.order(s) {
		for _, column := range s.Values {
			if !math.IsNaN(column.of[i]) {
				newest = i
				break
			}
		}
	}
	if newest < 0 {
		return report.Reading{}, false
	}
	r := s.reading(newest)
	r.At = h.body.Runs[s.Run[newest]].Scheduled
	return r, true
}

// gauge returns the database's readings of a gauge, nil where it has none.
func (h *GaugeHour) gauge(database string, gauge report.Gauge) (*readingSeries, numbers) {
	s, ok := h.body.Databases[database]
	if !ok {
		return nil, nil
	}
	if values := s.Values.get(gauge); values != nil {
		return s, *values
	}
	return s, nil
}

// order yields the indices of the readings by time.
func (h *GaugeHour) order(s *readingSeries) iter.Seq2[int, int] {
	at := func(run int) time.Time { return h.body.Runs[run].Scheduled }
	byTime := func(a, b int) int { return at(a).Compare(at(b)) }
	if slices.IsSortedFunc(s.Run, byTime) {
		return func(yield func(int, int) bool) {
			for i := range s.Run {
				if !yield(i, i) {
					return
				}
			}
		}
	}
	out := make([]int, len(s.Run))
	for i := range out {
		out[i] = i
	}
	slices.SortStableFunc(out, func(a, b int) int { return byTime(s.Run[a], s.Run[b]) })
	return slices.All(out)
}

// Growth yields by how much a counter of the database has grown at each reading in the
// hours, which are in order. Each replica counts by itself, so its first reading yields
// nothing; once it was set back, as [report.Reading.Restarted] tells, it has grown by
// what it is.
func Growth(hours []*GaugeHour, database string, gauge report.Gauge) iter.Seq2[time.Time, float64] {
	return func(yield func(time.Time, float64) bool) {
		last := map[string]counted{} // by replica
		for _, h := range hours {
			s, values := h.gauge(database, gauge)
			if values == nil {
				continue
			}
			counters := s.counters()
			for _, i := range h.order(s) {
				now := values[i]
				if math.IsNaN(now) {
					continue
				}
				replica := s.Replica.at(i)
				before, compared := last[replica]
				is := counted{now, counters, i}
				last[replica] = is
				if is.restartedSince(before) {
					before.value = 0
				}
				if compared && !yield(h.body.Runs[s.Run[i]].Scheduled, now-before.value) {
					return
				}
			}
		}
	}
}

// counted is one counter at one reading, with what all counters were.
type counted struct {
	value    float64
	counters []numbers // by counter, nil where it is not known; then by reading
	reading  int
}

// restartedSince is [report.Reading.Restarted] without a reading made for it.
func (c counted) restartedSince(before counted) bool {
	for k := range before.counters {
		was, is := before.counters[k], c.counters[k]
		// What is not known is not less.
		if was != nil && is != nil && is[c.reading] < was[before.reading] {
			return true
		}
	}
	return false
}

// counters are the columns of report.Counters.
func (s *readingSeries) counters() []numbers {
	names := report.Counters()
	out := make([]numbers, len(names))
	for i, name := range names {
		if values := s.Values.get(name); values != nil {
			out[i] = *values
		}
	}
	return out
}

// Figure yields what the readings in the hours, which are in order, say of a gauge.
func Figure(hours []*GaugeHour, database string, gauge report.Gauge) iter.Seq2[time.Time, float64] {
	return func(yield func(time.Time, float64) bool) {
		for _, h := range hours {
			s, values := h.gauge(database, gauge)
			if values == nil {
				continue
			}
			for _, i := range h.order(s) {
				if v := values[i]; !math.IsNaN(v) && !yield(h.body.Runs[s.Run[i]].Scheduled, v) {
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
			s, ok := h.body.Databases[database]
			if !ok {
				continue
			}
			column := s.Checks.get(check)
			if column == nil {
				continue
			}
			for _, i := range h.order(s) {
				if v, asked := column.at(i); asked && !yield(h.body.Runs[s.Run[i]].Scheduled, v) {
					return
				}
			}
		}
	}
}

func (h *GaugeHour) has(t time.Time) bool    { return h.body.Runs.has(t) }
func (h *GaugeHour) encode() ([]byte, error) { return pack(h.body) }

func (h *GaugeHour) add(run Run, readings map[string]report.Reading) {
	index := len(h.body.Runs)
	h.body.Runs = append(h.body.Runs, run)
	for database, r := range readings {
		s := h.body.Databases[database]
		if s == nil {
			s = &readingSeries{}
			h.body.Databases[database] = s
		}
		s.add(index, r)
	}
}

func (s *readingSeries) add(index int, r report.Reading) {
	before := len(s.Run)
	s.Run = append(s.Run, index)
	s.Replica.add(r.Replica)
	s.Policy.add(r.Policy)
	for gauge, v := range r.Values {
		values := s.Values.at(gauge)
		*values = append(values.padded(before), v)
	}
	for check, v := range r.Checks {
		column := s.Checks.at(check)
		column.pad(before)
		value := math.NaN()
		if v.Value != nil {
			value = *v.Value
		}
		column.add(kind{v.Status, v.Cause}, value)
	}
	for i := range s.Values {
		s.Values[i].of = s.Values[i].of.padded(before + 1)
	}
	for i := range s.Checks {
		s.Checks[i].of.pad(before + 1)
	}
}

func (s *readingSeries) reading(i int) report.Reading {
	r := report.Reading{Replica: s.Replica.at(i), Policy: s.Policy.at(i), Values: map[report.Gauge]float64{}, Checks: map[report.Check]report.Verdict{}}
	for _, column := range s.Values {
		if v := column.of[i]; !math.IsNaN(v) {
			r.Values[column.name] = v
		}
	}
	for k := range s.Checks {
		if v, asked := s.Checks[k].of.at(i); asked {
			r.Checks[s.Checks[k].name] = v
		}
	}
	return r
}

// whole reports whether every list has one entry for each reading, and every
// reading a run.
func (s *readingSeries) whole(runs int) bool {
	n := len(s.Run)
	if len(s.Replica.index) != n || len(s.Policy.index) != n {
		return false
	}
	for _, index := range s.Run {
		if index < 0 || index >= runs {
			return false
		}
	}
	for _, column := range s.Values {
		if len(column.of) != n {
			return false
		}
	}
	for _, column := range s.Checks {
		if len(column.of.index) != n {
			return false
		}
	}
	return true
}

// padded returns n with unknown figures appended up to that length.
func (n numbers) padded(length int) numbers {
	for len(n) < length {
		n = append(n, math.NaN())
	}
	return n
}
