package history

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Known is what is known of one database.
type Known struct {
	Regions map[string]KnownPings `json:"regions,omitempty"`
	// Replica, Policy and Values are those of the last INFO that was answered, at ReadAt.
	ReadAt  time.Time                `json:"read_at,omitzero"`
	Replica string                   `json:"replica,omitempty"`
	Policy  string                   `json:"policy,omitempty"`
	Values  map[report.Gauge]float64 `json:"values,omitempty"`
	// Month is the last reading that knew the month's commands, with its counters.
	Month  *Counters                   `json:"month,omitempty"`
	Checks map[report.Check]KnownCheck `json:"checks,omitempty"`
}

// KnownPings are a database's pings from one region.
type KnownPings struct {
	// First is when the first one was made, Last the last one.
	First time.Time     `json:"first"`
	Last  report.Sample `json:"last"`
	Days  []DayPings    `json:"days"`
}

// DayPings counts the pings of a day.
type DayPings struct {
	Day    string `json:"day"`
	Good   int    `json:"good,omitempty"`
	Failed int    `json:"failed,omitempty"`
}

// Counters are a reading's figures that the month's commands are added up from.
type Counters struct {
	At      time.Time                `json:"at"`
	Replica string                   `json:"replica,omitempty"`
	Values  map[report.Gauge]float64 `json:"values"`
}

// KnownCheck has the last verdict of a check, and the last that has a value, which may be
// an older one.
type KnownCheck struct {
	Last   VerdictAt  `json:"last"`
	Valued *VerdictAt `json:"valued,omitempty"`
}

// VerdictAt is a verdict with its time. Figures are those that the check found beside its
// value, in the same reading.
type VerdictAt struct {
	At      time.Time                `json:"at"`
	Status  report.Status            `json:"status"`
	Cause   cause.Cause              `json:"cause,omitempty"`
	Value   *float64                 `json:"value,omitempty"`
	Figures map[report.Gauge]float64 `json:"figures,omitempty"`
}

// figuresOf are the gauges that a check finds beside its value.
var figuresOf = map[report.Check][]report.Gauge{
	report.Memory:      {report.GaugeMemoryHours},
	report.Commands:    {report.GaugeMonthCommands, report.GaugeMonthCommandsSeen, report.GaugeCommandsLimit, report.GaugeCommandsHours},
	report.Bandwidth:   {report.GaugeMonthBandwidth, report.GaugeBandwidthLimit, report.GaugeBandwidthHours},
	report.Budget:      {report.GaugeMonthDollars, report.GaugeBudget, report.GaugeBudgetHours},
	report.Connections: {report.GaugeConnectionsLimit},
}

// informed says that the figures are of an answered INFO. Checks find figures without it.
func informed(values map[report.Gauge]float64) bool {
	found := slices.Concat(slices.Collect(maps.Values(figuresOf))...)
	for g := range values {
		if !slices.Contains(found, g) {
			return true
		}
	}
	return false
}

// known is what an hour of readings knew last.
func (r *Readings) known() *Known {
	k := &Known{Checks: map[report.Check]KnownCheck{}}
	all := slices.Collect(maps.Keys(r.Values))
	for i := range slices.Backward(r.Times) {
		if values := r.values(i, all); k.ReadAt.IsZero() && informed(values) {
			k.ReadAt, k.Replica, k.Policy, k.Values = r.at(i), in(r.Replicas, i), in(r.Policies, i), values
		}
		seen := r.values(i, []report.Gauge{report.GaugeMonthCommands, report.GaugeMonthCommandsSeen, report.GaugeCommandsLimit})
		if k.Month == nil && len(seen) > 0 {
			maps.Copy(seen, r.values(i, report.Counters()))
			k.Month = &Counters{At: r.at(i), Replica: in(r.Replicas, i), Values: seen}
		}
		for check, column := range r.Checks {
			v, asked := column.at(i)
			if !asked {
				continue
			}
			of := k.Checks[check]
			one := VerdictAt{At: r.at(i), Status: v.Status, Cause: v.Cause, Value: v.Value}
			if v.Value != nil && of.Valued == nil {
				if f := r.values(i, figuresOf[check]); len(f) > 0 {
					one.Figures = f
				}
				of.Valued = &one
			}
			if of.Last.At.IsZero() {
				of.Last = one
			}
			k.Checks[check] = of
		}
	}
	return k
}

// pings adds what else is known of the pings from a region. Days add up.
func (k *Known) pings(region string, more KnownPings) {
	if k.Regions == nil {
		k.Regions = map[string]KnownPings{}
	}
	p := k.Regions[region]
	if p.First.IsZero() || more.First.Before(p.First) {
		p.First = more.First
	}
	if more.Last.At.After(p.Last.At) {
		p.Last = more.Last
	}
	for _, d := range more.Days {
		i, found := slices.BinarySearchFunc(p.Days, d.Day, func(d DayPings, date string) int { return cmp.Compare(d.Day, date) })
		if !found {
			p.Days = slices.Insert(p.Days, i, DayPings{Day: d.Day})
		}
		p.Days[i].Good += d.Good
		p.Days[i].Failed += d.Failed
	}
	k.Regions[region] = p
}

// Merge adds what is known besides, of later readings or in another shard from which the database
// was moved. Of two values it keeps the newer one.
func (k *Known) Merge(other *Known) {
	for region, p := range other.Regions {
		k.pings(region, p)
	}
	if other.ReadAt.After(k.ReadAt) {
		k.ReadAt, k.Replica, k.Policy, k.Values = other.ReadAt, other.Replica, other.Policy, other.Values
	}
	if other.Month != nil && (k.Month == nil || other.Month.At.After(k.Month.At)) {
		k.Month = other.Month
	}
	if k.Checks == nil {
		k.Checks = map[report.Check]KnownCheck{}
	}
	for check, c := range other.Checks {
		mine := k.Checks[check]
		if c.Last.At.After(mine.Last.At) {
			mine.Last = c.Last
		}
		if c.Valued != nil && (mine.Valued == nil || c.Valued.At.After(mine.Valued.At)) {
			mine.Valued = c.Valued
		}
		k.Checks[check] = mine
	}
}

// Counted is how many pings the days have.
func (p KnownPings) Counted() int {
	n := 0
	for _, d := range p.Days {
		n += d.Good + d.Failed
	}
	return n
}

// Readings is what is known as readings, each of its time, for checks that need more of the past
// than its last hours: the counters of the month, and the last verdicts that have a value.
func (k *Known) Readings() []report.Reading {
	var out []report.Reading
	if k.Month != nil {
		out = append(out, report.Reading{At: k.Month.At, Replica: k.Month.Replica, Values: k.Month.Values})
	}
	for check, c := range k.Checks {
		if v := c.Valued; v != nil {
			out = append(out, report.Reading{At: v.At, Checks: map[report.Check]report.Verdict{check: {Status: v.Status, Cause: v.Cause, Value: v.Value}}})
		}
	}
	return out
}
