package dashboard

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/picture"
	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// none stands for a figure that is not known.
const none = "–"

var functions = template.FuncMap{
	"asset":     func(name string) string { return "assets/" + name + "?v=" + build() },
	"ms":        milliseconds,
	"percent":   percent,
	"duration":  duration,
	"seconds":   func(s int64) string { return duration(time.Duration(s) * time.Second) },
	"lag":       func(ms int64) string { return milliseconds(new(float64(ms))) },
	"time":      timeTag,
	"shape":     shape,
	"spark":     func(s statistics.PingSeries) template.HTML { return drawing(picture.Sparkline(s)) },
	"bar":       func(v *float64) template.HTML { return drawing(picture.Bar(*v)) },
	"chart":     func(s statistics.PingSeries, limit float64) template.HTML { return drawing(picture.Chart(s, limit)) },
	"data":      newChartData,
	"rows":      rows,
	"told":      told,
	"checkName": checkName,
	"size":      size,
	"gauge":     func(d *statistics.Database, name string) *float64 { return gauge(d, report.Gauge(name)) },
	"state":     func(i incidents.Incident) string { return strings.ReplaceAll(string(i.State), "_", " ") },
	"over":      func(v *float64) bool { return v != nil && *v < 0 },
	"minutes":   func(m float64) string { return duration(time.Duration(m * float64(time.Minute))) },
	"trend":     trend,
	"forecast":  forecast,
	"forecasts": forecasts,
	"figures":   figureRows,
	"count":     count,
	"thousands": text.Thousands[int64],
	"extent":    extent,
	"class":     func(w statistics.Word) string { return string(w) }, // not its text
	"playbook":  func(p string) string { return strings.TrimPrefix(p, "/") },
}

// drawing is SVG that the picture package made of numbers.
func drawing(svg string) template.HTML {
	return template.HTML(svg) //nolint:gosec // numbers and fixed texts only
}

func gauge(d *statistics.Database, name report.Gauge) *float64 {
	if v, ok := d.Gauges[name]; ok {
		return &v
	}
	return nil
}

func milliseconds(v *float64) string {
	switch {
	case v == nil:
		return none
	case *v >= 10_000:
		return strconv.FormatFloat(*v/1000, 'f', 1, 64) + "\u00a0s"
	case *v >= 100:
		return strconv.FormatFloat(*v, 'f', 0, 64) + "\u00a0ms"
	}
	return strconv.FormatFloat(*v, 'f', 1, 64) + "\u00a0ms"
}

// percent rounds so that what is not whole does not look whole.
func percent(v *float64) string {
	if v == nil {
		return none
	}
	p := *v * 100
	switch {
	case p != 0 && math.Abs(p) < 1, p > 99 && p < 100:
		return strconv.FormatFloat(math.Floor(p*100)/100, 'f', 2, 64) + "\u00a0%"
	case p == math.Trunc(p):
		return strconv.FormatFloat(p, 'f', 0, 64) + "\u00a0%"
	}
	return strconv.FormatFloat(p, 'f', 1, 64) + "\u00a0%"
}

func size(v *float64) string {
	if v == nil {
		return none
	}
	n, unit := *v, "B"
	for _, u := range []string{"KB", "MB", "GB", "TB"} {
		if n < 1024 {
			break
		}
		n, unit = n/1024, u
	}
	if n >= 100 || n == math.Trunc(n) {
		return fmt.Sprintf("%.0f\u00a0%s", n, unit)
	}
	return fmt.Sprintf("%.1f\u00a0%s", n, unit)
}

func duration(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d\u00a0s", max(0, int(d.Seconds())))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d\u00a0min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d\u00a0h", int(d.Hours()))
	}
	return fmt.Sprintf("%d\u00a0d", int(d.Hours()/24))
}

// timeTag is a time in UTC, which the script shows in the viewer's zone.
func timeTag(t time.Time) template.HTML {
	if t.IsZero() {
		return none
	}
	t = t.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, //nolint:gosec // made of a time alone
		t.Format(time.RFC3339), text.Stamp(t), t.Format("Jan 2 15:04")+"&nbsp;UTC"))
}

// shape is a status's sign: colour is never the only one.
func shape(w statistics.Word) template.HTML {
	inner := map[statistics.Word]string{
		statistics.Connected: `<circle cx="8" cy="8" r="5.5"/>`,
		statistics.Degraded:  `<path d="M8 2 15 14H1z"/>`,
		statistics.Down:      `<path d="M2 2h12v12H2z"/>`,
		statistics.Mock:      `<path d="M8 .8 15.2 8 8 15.2.8 8z"/>`,
		statistics.NoData:    `<circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" stroke-width="2"/>`,
	}[w]
	return template.HTML(`<svg class="shape" viewBox="0 0 16 16" aria-hidden="true">` + inner + `</svg>`) //nolint:gosec // fixed texts
}

func checkName(c report.Check) string { return strings.ReplaceAll(string(c), "_", " ") }

func told(i incidents.Incident) string {
	var out []string
	for _, t := range i.Told {
		text := t.Receiver
		if t.Delivery != incidents.DeliveryDone {
			text += " (" + string(t.Delivery) + ")"
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		return "nobody yet"
	}
	return strings.Join(out, ", ")
}

// chartData is what the script draws.
type chartData struct {
	Database string                   `json:"database"`
	Region   string                   `json:"region"`
	LimitMS  float64                  `json:"limit_ms"`
	From     int64                    `json:"from"`
	To       int64                    `json:"to"`
	Pings    statistics.PingSeries    `json:"pings"`
	Figures  *statistics.FigureSeries `json:"figures"`
	// MemoryFullAt and CommandsOutAt are when a forecast says so.
	MemoryFullAt  *int64 `json:"memory_full_at,omitempty"`
	CommandsOutAt *int64 `json:"commands_out_at,omitempty"`
	// Spans are the incidents' times: start, end, title.
	Spans []spanned `json:"spans"`
}

type spanned struct {
	From  int64  `json:"from"`
	To    int64  `json:"to"`
	Title string `json:"title"`
}

func newChartData(v *View) chartData {
	d, r := v.Database(), v.Pings()
	out := chartData{
		Database: d.Name, Region: r.Region, LimitMS: d.LatencyLimitMS,
		From: v.One.From.Unix(), To: v.One.To.Unix(), Pings: r.Series, Figures: d.Figures, Spans: []spanned{},
		MemoryFullAt: after(v.One.GeneratedAt, d.MemoryFullInSeconds), CommandsOutAt: after(v.One.GeneratedAt, d.CommandsOutInSeconds),
	}
	if len(figureRows(d.Figures)) == 0 {
		out.Figures = nil // the page says so in words
	}
	for _, i := range v.Happened() {
		if i.Database != d.Name {
			continue
		}
		end := i.Resolved
		if end.IsZero() {
			end = v.One.GeneratedAt
		}
		if end.After(v.One.From) {
			out.Spans = append(out.Spans, spanned{i.Since.Unix(), end.Unix(), i.ID + ": " + i.Title})
		}
	}
	return out
}

// row is one line of the table of a chart's values.
type row struct {
	At           time.Time
	P50, P95     *float64
	Good, Failed int
}

// rows are the points that have pings, the newest first.
func rows(s statistics.PingSeries) []row {
	var out []row
	for i, p50 := range slices.Backward(s.P50) {
		if s.Good[i]+s.Failed[i] == 0 {
			continue
		}
		one := row{At: s.From.Add(time.Duration(i) * time.Duration(s.StepSeconds) * time.Second), P50: p50, Good: s.Good[i], Failed: s.Failed[i]}
		if len(s.P95) > i {
			one.P95 = s.P95[i]
		}
		out = append(out, one)
		if len(out) == maxRows {
			break
		}
	}
	return out
}

// maxRows bounds the table: whoever wants more asks for the JSON.
const maxRows = 120
