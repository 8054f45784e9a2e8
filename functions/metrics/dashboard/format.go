package dashboard

import (
	"fmt"
	"html/template"
	"math"
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
	"days":      func(u statistics.ByDay) template.HTML { return drawing(picture.Days(u)) },
	"data":      newChartData,
	"ranges":    statistics.Ranges,
	"rows":      pingRows,
	"told":      told,
	"checkName": func(c report.Check) string { return strings.ReplaceAll(string(c), "_", " ") },
	"size":      size,
	"gauge": func(d *statistics.Database, name report.Gauge) *float64 {
		if v, ok := d.Gauges[name]; ok {
			return &v
		}
		return nil
	},
	"state":    state,
	"over":     func(v *float64) bool { return v != nil && *v < 0 },
	"words":    statistics.Words,
	"covered":  covered,
	"page":     strconv.Itoa,
	"minutes":  func(m float64) string { return duration(time.Duration(m * float64(time.Minute))) },
	"forecast": forecast,
	"figures":  figureRows,
	"count": func(v *float64) string {
		if v == nil {
			return none
		}
		return text.Thousands(int64(math.Round(*v)))
	},
	"dollars": func(v *float64) string {
		if v == nil {
			return none
		}
		return fmt.Sprintf("$%.2f", *v)
	},
	"thousands": text.Thousands[int64],
	"extent":    extent,
	"class":     func(w statistics.Word) string { return string(w) }, // not its text
	"some":      some,
	"limits":    limits,
	"dayRows":   dayRows,
	"pair":      func(d *statistics.Database, v *View) card { return card{d, v} },
	"more":      func(n, shown int) int { return n - shown },
	"silences":  text.Duration,
	"playbook":  func(p string) string { return strings.TrimPrefix(p, "/") },
}

// drawing is SVG that the picture package made of numbers.
func drawing(svg string) template.HTML {
	return template.HTML(svg) //nolint:gosec // numbers and fixed texts only
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

// covered says of how long there are pings, empty where it is all of the days.
func covered(u statistics.Uptime, now time.Time) string {
	if of := now.Sub(u.From); !u.From.IsZero() && of < time.Duration(u.Days-1)*24*time.Hour {
		return duration(of) + " of data"
	}
	return ""
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

// told counts receivers by how far they are: "2 delivered, 1 pending".
func told(list []incidents.Told) string {
	counts := map[incidents.Delivery]int{}
	for _, t := range list {
		counts[t.Delivery]++
	}
	var out []string
	for _, d := range []incidents.Delivery{incidents.DeliveryDone, incidents.DeliveryPending, incidents.DeliveryFailed} {
		if counts[d] > 0 {
			out = append(out, fmt.Sprintf("%d\u00a0%s", counts[d], d))
		}
	}
	return strings.Join(out, ", ")
}

// forecast says when something is used up, as in "full in 3 d". It is empty where that is
// not known.
func forecast(what string, in *int64) string {
	switch {
	case in == nil:
		return ""
	case *in <= 0:
		return what + " by now"
	}
	return what + " in " + duration(time.Duration(*in)*time.Second)
}

// listed is how many names a card has.
const listed = 8

// firsts are the first of some names, and how many more there are.
type firsts struct {
	First []string
	More  int
}

func some(names []string) firsts {
	n := min(len(names), listed)
	return firsts{names[:n], len(names) - n}
}

// extent is a range, whose unit is said once, or its only value.
func extent(low, high string) string {
	if low == high {
		return high
	}
	return strings.TrimSuffix(low, "\u00a0%") + "–" + high
}

// state says how an incident stands, and who has done what: to acknowledge it is
// not to resolve it.
func state(s incidents.State, i incidents.Handling) string {
	said := strings.ReplaceAll(string(s), "_", " ")
	switch {
	case s == incidents.StateSilenced && i.SilencedBy != "":
		said += " by " + i.SilencedBy
	case s == incidents.StateMaintenance && i.Window != "":
		said += " (" + i.Window + ")"
	}
	switch {
	case i.Acknowledged == nil:
	case s == incidents.StateAcknowledged:
		said += " by " + i.Acknowledged.By
	default:
		said += ", acknowledged by " + i.Acknowledged.By
	}
	return said
}
