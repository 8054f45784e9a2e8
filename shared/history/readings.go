package history

import (
	"encoding/binary"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Readings are those of one database, by time. A column ends with the last reading that has
// the replica, the policy, the gauge or the check.
type Readings struct {
	Times    []int64                   `json:"times"` // seconds since 1970
	Replicas []string                  `json:"replicas,omitempty"`
	Policies []string                  `json:"policies,omitempty"`
	Values   map[report.Gauge]figures  `json:"values,omitempty"`
	Checks   map[report.Check]verdicts `json:"checks,omitempty"`
}

// verdicts are those of one check.
type verdicts struct {
	Status []byte        `json:"status"` // index in statuses plus 1, or 0 where the check was not asked
	Cause  []cause.Cause `json:"cause,omitempty"`
	Value  figures       `json:"value,omitempty"`
}

// figures is a column of little-endian floats. A gap is NaN, or beyond the end. As JSON numbers,
// a day of them would take most of the time of a page.
type figures []byte

const figureSize = 8

// at returns the figure with this index, NaN if it is a gap.
func (f figures) at(i int) float64 {
	if len(f) < (i+1)*figureSize {
		return math.NaN()
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(f[i*figureSize:]))
}

// with appends v as the figure with this index, after as many gaps as that takes.
// JSON has no infinite numbers, so one of these is a gap, too.
func (f figures) with(i int, v float64) figures {
	for len(f) < i*figureSize {
		f = binary.LittleEndian.AppendUint64(f, math.Float64bits(math.NaN()))
	}
	if math.IsInf(v, 0) {
		v = math.NaN()
	}
	return binary.LittleEndian.AppendUint64(f, math.Float64bits(v))
}

// with appends v as the element with this index, after as many empty ones as that takes. An
// empty one is a gap already.
func with[E comparable](column []E, i int, v E) []E {
	var empty E
	if v == empty {
		return column
	}
	return append(append(column, make([]E, i-len(column))...), v)
}

// in returns the element with this index, empty if it is a gap.
func in[E any](column []E, i int) (v E) {
	if i < len(column) {
		v = column[i]
	}
	return v
}

// at returns the verdict of a reading, and whether the check was asked.
func (v verdicts) at(i int) (report.Verdict, bool) {
	number := int(in(v.Status, i))
	if number == 0 {
		return report.Verdict{}, false
	}
	out := report.Verdict{Status: statuses[min(number, len(statuses))-1], Cause: in(v.Cause, i)}
	if value := v.Value.at(i); !math.IsNaN(value) {
		out.Value = &value
	}
	return out, true
}

// at is when the reading with this index was made.
func (r *Readings) at(i int) time.Time { return time.Unix(r.Times[i], 0).UTC() }

// add puts a reading in its place.
func (r *Readings) add(one report.Reading) {
	all := []report.Reading{one}
	if n := len(r.Times); n > 0 && one.At.Before(r.at(n-1)) { // it is late
		all = append(slices.Collect(r.All()), one)
		slices.SortStableFunc(all, func(a, b report.Reading) int { return a.At.Compare(b.At) })
		*r = Readings{}
	}
	if r.Values == nil {
		r.Values = map[report.Gauge]figures{}
	}
	if r.Checks == nil {
		r.Checks = map[report.Check]verdicts{}
	}
	for _, v := range all {
		i := len(r.Times)
		r.Times = append(r.Times, v.At.Unix())
		r.Replicas, r.Policies = with(r.Replicas, i, v.Replica), with(r.Policies, i, v.Policy)
		for gauge, value := range v.Values {
			r.Values[gauge] = r.Values[gauge].with(i, value)
		}
		for check, verdict := range v.Checks {
			column := r.Checks[check]
			column.Status = with(column.Status, i, byte(statusNumber(verdict.Status)+1))
			column.Cause = with(column.Cause, i, verdict.Cause)
			if verdict.Value != nil {
				column.Value = column.Value.with(i, *verdict.Value)
			}
			r.Checks[check] = column
		}
	}
}

// All yields the readings by time. A run without one is a gap. Nil has none.
func (r *Readings) All() iter.Seq[report.Reading] {
	return func(yield func(report.Reading) bool) {
		if r == nil {
			return
		}
		for i := range r.Times {
			one := report.Reading{
				At: r.at(i), Replica: in(r.Replicas, i), Policy: in(r.Policies, i),
				Values: r.values(i, slices.Collect(maps.Keys(r.Values))), Checks: map[report.Check]report.Verdict{},
			}
			for check, v := range r.Checks {
				if verdict, asked := v.at(i); asked {
					one.Checks[check] = verdict
				}
			}
			if !yield(one) {
				return
			}
		}
	}
}

// values returns those of the gauges that the reading with this index has.
func (r *Readings) values(i int, gauges []report.Gauge) map[report.Gauge]float64 {
	out := map[report.Gauge]float64{}
	for _, g := range gauges {
		if v := r.Values[g].at(i); !math.IsNaN(v) {
			out[g] = v
		}
	}
	return out
}

// Trim drops all that [Changes] does not need. Of thousands of databases that is two thirds.
func Trim(hours []*GaugeHour) {
	kept := append(report.Counters(), report.GaugeOwnHits, report.GaugeOwnMisses)
	for _, h := range hours {
		for _, r := range h.Of {
			maps.DeleteFunc(r.Values, func(g report.Gauge, _ figures) bool { return !slices.Contains(kept, g) })
			maps.DeleteFunc(r.Checks, func(c report.Check, _ verdicts) bool {
				return c != report.Memory && c != report.Commands && c != report.Bandwidth && c != report.Budget
			})
		}
	}
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
			r := h.Of[database]
			if r == nil {
				continue
			}
			var all []figures
			for _, name := range report.Counters() {
				all = append(all, r.Values[name])
			}
			for i := range r.Times {
				growth := func(g report.Gauge) *float64 {
					now, of := reading{r.Values[g].at(i), r.Values[g.Own()].at(i), all, i}, counter{in(r.Replicas, i), g}
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
					v, _ := r.Checks[c].at(i)
					return v.Value
				}
				f := Figures{
					Hits: growth(report.GaugeHits), Misses: growth(report.GaugeMisses), Commands: growth(report.GaugeCommands),
					MemoryRatio: value(report.Memory), CommandsRatio: value(report.Commands),
					BandwidthRatio: value(report.Bandwidth), BudgetRatio: value(report.Budget),
				}
				if !yield(r.at(i), f) {
					return
				}
			}
		}
	}
}
