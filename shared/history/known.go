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
	Regions map[string]*KnownPings `json:"regions,omitempty"`
	// Replica, Policy and Values are those of the last INFO that was answered, at ReadAt.
	ReadAt  time.Time                `json:"read_at,omitzero"`
	Replica string                   `json:"replica,omitempty"`
	Policy  string                   `json:"policy,omitempty"`
	Values  map[report.Gauge]float64 `json:"values,omitempty"`
	// Month is the last reading that knew the month's commands, with its counters.
	Month  *Counters                    `json:"month,omitempty"`
	Checks map[report.Check]*KnownCheck `json:"checks,omitempty"`
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

// pings returns those from a region, which begin at first if there are none yet.
func (k *Known) pings(region string, first time.Time) *KnownPings {
	if k.Regions == nil {
		k.Regions = map[string]*KnownPings{}
	}
	if k.Regions[region] == nil {
		k.Regions[region] = &KnownPings{First: first}
	}
	return k.Regions[region]
}

// day returns the count of that day.
func (p *KnownPings) day(date string) *DayPings {
	i, found := slices.BinarySearchFunc(p.Days, date, func(d DayPings, date string) int { return cmp.Compare(d.Day, date) })
	if !found {
		p.Days = slices.Insert(p.Days, i, DayPings{Day: date})
	}
	return &p.Days[i]
}

// learn takes over what is newer in an hour of readings.
func (k *Known) learn(h *GaugeHour, name string, s *readingSeries) {
	if r, ok := h.Last(name); ok && r.At.After(k.ReadAt) {
		k.ReadAt, k.Replica, k.Policy, k.Values = r.At, r.Replica, r.Policy, r.Values
	}
	for _, i := range slices.Backward(s.byTime) {
		seen := s.figures(i, report.GaugeMonthCommands, report.GaugeMonthCommandsSeen, report.GaugeCommandsLimit)
		if len(seen) == 0 {
			continue
		}
		if at := h.at(s, i); k.Month == nil || at.After(k.Month.At) {
			maps.Copy(seen, s.figures(i, report.Counters()...))
			k.Month = &Counters{At: at, Replica: s.Replica[i], Values: seen}
		}
		break
	}
	for check, verdicts := range s.Checks {
		last := true
		for _, i := range slices.Backward(s.byTime) {
			v, asked := verdicts.at(i)
			if !asked {
				continue
			}
			one := VerdictAt{At: h.at(s, i), Status: v.Status, Cause: v.Cause, Value: v.Value}
			if v.Value != nil {
				one.Figures = s.figures(i, figuresOf[check]...)
			}
			k.verdict(check, one, last)
			last = false
			if v.Value != nil {
				break
			}
		}
	}
}

// verdict takes over a verdict that is newer.
func (k *Known) verdict(check report.Check, v VerdictAt, last bool) {
	if k.Checks == nil {
		k.Checks = map[report.Check]*KnownCheck{}
	}
	c := k.Checks[check]
	if c == nil {
		c = &KnownCheck{}
		k.Checks[check] = c
	}
	if last && v.At.After(c.Last.At) {
		c.Last = v
	}
	if v.Value != nil && (c.Valued == nil || v.At.After(c.Valued.At)) {
		c.Valued = &v
	}
}

// Merge adds what another shard knows of the same database, which was moved from there.
func (k *Known) Merge(other *Known) {
	for region, q := range other.Regions {
		p := k.pings(region, q.First)
		if q.First.Before(p.First) {
			p.First = q.First
		}
		if q.Last.At.After(p.Last.At) {
			p.Last = q.Last
		}
		for _, d := range q.Days {
			of := p.day(d.Day)
			of.Good, of.Failed = of.Good+d.Good, of.Failed+d.Failed
		}
	}
	if other.ReadAt.After(k.ReadAt) {
		k.ReadAt, k.Replica, k.Policy, k.Values = other.ReadAt, other.Replica, other.Policy, other.Values
	}
	if other.Month != nil && (k.Month == nil || other.Month.At.After(k.Month.At)) {
		k.Month = other.Month
	}
	for check, c := range other.Checks {
		k.verdict(check, c.Last, true)
		if c.Valued != nil {
			k.verdict(check, *c.Valued, false)
		}
	}
}

// Counted is how many pings the days have.
func (p *KnownPings) Counted() int {
	n := 0
	for _, d := range p.Days {
		n += d.Good + d.Failed
	}
	return n
}

// Reading is what is known as one reading, for checks that need more of the past than its
// last hours: the counters of the month, and the last verdicts that have a value.
func (k *Known) Reading() report.Reading {
	r := report.Reading{Checks: map[report.Check]report.Verdict{}}
	if k.Month != nil {
		r.At, r.Replica, r.Values = k.Month.At, k.Month.Replica, k.Month.Values
	}
	for check, c := range k.Checks {
		if c.Valued != nil {
			r.Checks[check] = report.Verdict{Status: c.Valued.Status, Cause: c.Valued.Cause, Value: c.Valued.Value}
		}
	}
	return r
}
