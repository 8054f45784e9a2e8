package dashboard

import (
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
)

// chartData is what the script draws.
type chartData struct {
	Database string                   `json:"database"`
	Region   string                   `json:"region"`
	LimitMS  float64                  `json:"limit_ms"`
	From     int64                    `json:"from"`
	Begins   int64                    `json:"begins,omitempty"`
	To       int64                    `json:"to"`
	Pings    statistics.PingSeries    `json:"pings"`
	Figures  *statistics.FigureSeries `json:"figures"`
	// MemoryFullAt, CommandsOutAt, BandwidthOutAt and BudgetOutAt are when a forecast says so.
	MemoryFullAt   *int64 `json:"memory_full_at,omitempty"`
	CommandsOutAt  *int64 `json:"commands_out_at,omitempty"`
	BandwidthOutAt *int64 `json:"bandwidth_out_at,omitempty"`
	BudgetOutAt    *int64 `json:"budget_out_at,omitempty"`
	// Spans are the times of the database's incidents.
	Spans []span `json:"spans"`
}

type span struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

func newChartData(v *View) chartData {
	d, r := v.Database(), v.Pings()
	after := func(seconds *int64) *int64 {
		if seconds == nil {
			return nil
		}
		return new(v.One.GeneratedAt.Unix() + *seconds)
	}
	out := chartData{
		Database: d.Name, Region: r.Region, LimitMS: d.LatencyLimitMS,
		From: v.One.From.Unix(), To: v.One.To.Unix(), Pings: r.Series, Figures: d.Figures, Spans: []span{},
		MemoryFullAt: after(d.MemoryFullInSeconds), CommandsOutAt: after(d.CommandsOutInSeconds),
		BandwidthOutAt: after(d.BandwidthOutInSeconds), BudgetOutAt: after(d.BudgetOutInSeconds),
	}
	if begins := v.Begins(); !begins.IsZero() {
		out.Begins = begins.Unix()
	}
	if len(figureRows(d.Figures)) == 0 {
		out.Figures = nil // the page has no place for them
	}
	for _, i := range slices.Concat(v.All.Incidents.Open, v.Past()) {
		if i.Database != d.Name {
			continue
		}
		end := i.Resolved
		if end.IsZero() {
			end = v.One.GeneratedAt
		}
		if end.After(v.One.From) {
			out.Spans = append(out.Spans, span{i.Since.Unix(), end.Unix()})
		}
	}
	return out
}

// Begins is when the data of the selected database begin, zero where that is not in the range:
// before its first ping there is nothing to see, but a gap is one.
func (v *View) Begins() time.Time {
	s := v.Pings().Series
	if from := v.Database().Uptime.From; !from.IsZero() && from.Before(s.From) {
		return time.Time{}
	}
	for i := range s.Good {
		if s.Good[i]+s.Failed[i] > 0 {
			if i <= 1 {
				break
			}
			return pointTime(s.From, s.StepSeconds, i)
		}
	}
	return time.Time{}
}

// maxRows bounds a table. The JSON has every point.
const maxRows = 120

// pingRow is one line of the table of pings.
type pingRow struct {
	At            time.Time
	P50, P95, P99 *float64
	Good, Failed  int
}

// pingRows are the points that have pings, the newest first.
func pingRows(s statistics.PingSeries) []pingRow {
	var out []pingRow
	for i, p50 := range slices.Backward(s.P50) {
		if s.Good[i]+s.Failed[i] == 0 {
			continue
		}
		if len(out) == maxRows {
			break
		}
		one := pingRow{At: pointTime(s.From, s.StepSeconds, i), P50: p50, Good: s.Good[i], Failed: s.Failed[i]}
		if len(s.P95) > i && len(s.P99) > i {
			one.P95, one.P99 = s.P95[i], s.P99[i]
		}
		out = append(out, one)
	}
	return out
}

// figureRow is one line of the table of figures.
type figureRow struct {
	At                                                time.Time
	HitRate, Memory, Commands, Share, Traffic, Budget *float64
}

// figureRows are the points that have readings, the newest first.
func figureRows(s *statistics.FigureSeries) []figureRow {
	if s == nil {
		return nil
	}
	var out []figureRow
	for i := range slices.Backward(s.HitRate) {
		one := figureRow{HitRate: s.HitRate[i], Memory: s.MemoryRatio[i], Commands: s.Commands[i], Share: s.CommandsRatio[i]}
		if len(s.BandwidthRatio) > i {
			one.Traffic = s.BandwidthRatio[i]
		}
		if len(s.BudgetRatio) > i {
			one.Budget = s.BudgetRatio[i]
		}
		if one == (figureRow{}) {
			continue
		}
		if len(out) == maxRows {
			break
		}
		one.At = pointTime(s.From, s.StepSeconds, i)
		out = append(out, one)
	}
	return out
}

func pointTime(from time.Time, stepSeconds int64, i int) time.Time {
	return from.Add(time.Duration(int64(i)*stepSeconds) * time.Second)
}

// card is what the template of a database's card needs.
type card struct {
	Database *statistics.Database
	View     *View
}

// limit is one of a database's quotas, with what is used of it.
type limit struct {
	Name     string
	Share    *float64
	AtLeast  bool
	Forecast string
}

// limits are the quotas of a card. Memory and commands are always among them.
func limits(d *statistics.Database) []limit {
	out := []limit{
		{"Memory", d.MemoryRatio, false, forecast("full", d.MemoryFullInSeconds)},
		{"Commands", d.CommandsRatio, d.CommandsAtLeast, forecast("used up", d.CommandsOutInSeconds)},
	}
	for _, l := range []limit{
		{"Bandwidth", d.BandwidthRatio, false, forecast("used up", d.BandwidthOutInSeconds)},
		{"Budget", d.BudgetRatio, false, forecast("spent", d.BudgetOutInSeconds)},
		{"Connections", d.ConnectionsRatio, false, ""},
	} {
		if l.Share != nil {
			out = append(out, l)
		}
	}
	return out
}

// dayRow is one line of the table of uptime.
type dayRow struct {
	Day          string
	Availability *float64
	Good, Failed int
}

// dayRows are the days, the latest first.
func dayRows(u statistics.ByDay) []dayRow {
	from, err := time.Parse(time.DateOnly, u.From)
	if err != nil {
		return nil
	}
	var out []dayRow
	for i, good := range slices.Backward(u.Good) {
		one := dayRow{Day: from.AddDate(0, 0, i).Format("Jan 2"), Good: good, Failed: u.Failed[i]}
		if n := one.Good + one.Failed; n > 0 {
			one.Availability = new(float64(good) / float64(n))
		}
		out = append(out, one)
	}
	return out
}
