package dashboard

import (
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/picture"
	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/text"
)

// forecast says when something is used up, as in "full in 3 d", and nothing where that
// cannot be told.
func forecast(what string, in *int64) string {
	switch {
	case in == nil:
		return ""
	case *in <= 0:
		return what + " by now"
	}
	return what + " in " + duration(time.Duration(*in)*time.Second)
}

// trend draws the small chart of the only database's "hit" rate, "memory" or
// "commands", and nothing where nothing was read.
func trend(s *statistics.Statistics, what string) template.HTML {
	d := &s.Databases[0]
	if len(figureRows(d.Figures)) == 0 {
		return ""
	}
	f := d.Figures
	t := picture.Trend{
		From: f.From, Step: time.Duration(f.StepSeconds) * time.Second, Share: true,
		Room: d.MemoryFullInSeconds != nil || d.CommandsOutInSeconds != nil,
	}
	full := func(in *int64) {
		if at := after(s.GeneratedAt, in); at != nil {
			t.Full = time.Unix(*at, 0)
		}
	}
	switch {
	case what == "hit":
		t.Label, t.Values = "Hit rate over time", f.HitRate
	case what == "memory":
		t.Label, t.Values = "Share of the data quota over time", f.MemoryRatio
		t.Quota = true
		full(d.MemoryFullInSeconds)
	case d.CommandsRatio != nil:
		t.Label, t.Values = "Share of the month’s commands over time", f.CommandsRatio
		t.Quota = true
		full(d.CommandsOutInSeconds)
	default:
		t.Label, t.Values, t.Share = "Commands over time", f.Commands, false
	}
	return drawing(t.SVG())
}

// after is so many seconds after t, in Unix time.
func after(t time.Time, seconds *int64) *int64 {
	if seconds == nil {
		return nil
	}
	return new(t.Unix() + *seconds)
}

// foretold is the forecasts' row of the table of figures.
type foretold struct{ Memory, Commands string }

// forecasts returns nil where there is none.
func forecasts(d *statistics.Database) *foretold {
	if d.MemoryFullInSeconds == nil && d.CommandsOutInSeconds == nil {
		return nil
	}
	return &foretold{orNone(forecast("full", d.MemoryFullInSeconds)), orNone(forecast("used up", d.CommandsOutInSeconds))}
}

func orNone(s string) string {
	if s == "" {
		return none
	}
	return s
}

// figureRow is one line of the table of figures.
type figureRow struct {
	At                               time.Time
	HitRate, Memory, Commands, Share *float64
}

// figureRows are the points at which something was read, the newest first.
func figureRows(s *statistics.FigureSeries) []figureRow {
	if s == nil {
		return nil
	}
	var out []figureRow
	for i := range slices.Backward(s.HitRate) {
		one := figureRow{
			At:      s.From.Add(time.Duration(int64(i)*s.StepSeconds) * time.Second),
			HitRate: s.HitRate[i], Memory: s.MemoryRatio[i], Commands: s.Commands[i], Share: s.CommandsRatio[i],
		}
		if one.HitRate == nil && one.Memory == nil && one.Commands == nil && one.Share == nil {
			continue
		}
		if out = append(out, one); len(out) == maxRows {
			break
		}
	}
	return out
}

func count(v *float64) string {
	if v == nil {
		return none
	}
	return text.Thousands(int64(math.Round(*v)))
}

// extent is a range, whose unit is said once, or its only value.
func extent(low, high string) string {
	if low == high {
		return high
	}
	return strings.TrimSuffix(low, "\u00a0%") + "–" + high
}
