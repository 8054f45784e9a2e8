// Package picture draws statistics as SVG: a chart of waits, a sparkline, a bar and a
// badge. Drawings carry classes, which a page's own style colours; Document makes one
// that stands alone, in light and dark.
package picture

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
)

// The chart's geometry: the plot lies inside the margins.
const (
	width, height = 720, 240
	left, right   = 52, 8
	top, bottom   = 12, 24
)

// Chart draws waits over time: the median as a line, p95 to p99 as a band, the limit
// where they come near it, and failures as bars. A gap is a gap.
func Chart(s statistics.PingSeries, limitMS float64) string {
	s = begun(s)
	n := len(s.P50)
	if n == 0 {
		return ""
	}
	highest := 1.0
	for _, list := range [][]*float64{s.P50, s.P95, s.P99} {
		for _, v := range list {
			if v != nil {
				highest = max(highest, *v*1.25)
			}
		}
	}
	near := highest > limitMS/nearLimit
	if near {
		highest = max(highest, limitMS*1.1)
	}
	x := func(i int) float64 { return left + (float64(i)+0.5)/float64(n)*(width-left-right) }
	y := func(ms float64) float64 { return top + (1-ms/highest)*(height-top-bottom) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Wait for the PONG over time">`, width, height)
	for _, ms := range grid(highest) {
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%s" y2="%s"/><text class="tick" x="%d" y="%s" text-anchor="end">%s ms</text>`,
			left, width-right, number(y(ms)), number(y(ms)), left-6, number(y(ms)+3.5), number(ms))
	}
	step := time.Duration(s.StepSeconds) * time.Second
	for i := range 5 {
		at := s.From.Add(time.Duration(n) * step * time.Duration(i) / 4)
		layout := "15:04"
		if time.Duration(n)*step > 25*time.Hour {
			layout = "Jan 2"
		}
		anchor := [5]string{"start", "middle", "middle", "middle", "end"}[i]
		fmt.Fprintf(&b, `<text class="tick" x="%s" y="%d" text-anchor="%s">%s</text>`,
			number(left+float64(i)/4*(width-left-right)), height-6, anchor, at.UTC().Format(layout))
	}
	for i := range n {
		if s.Failed[i] > 0 {
			w := max(2, float64(width-left-right)/float64(n))
			fmt.Fprintf(&b, `<rect class="failed" x="%s" y="%d" width="%s" height="%d"/>`, number(x(i)-w/2), top, number(w), height-top-bottom)
		}
	}
	if len(s.P95) == n && len(s.P99) == n {
		band(&b, s.P95, s.P99, x, y)
	}
	if near {
		fmt.Fprintf(&b, `<line class="limit" x1="%d" x2="%d" y1="%s" y2="%s"/>`, left, width-right, number(y(limitMS)), number(y(limitMS)))
	}
	fmt.Fprintf(&b, `<path class="median" d="%s"/></svg>`, line(s.P50, x, y))
	return b.String()
}

// nearLimit is how far below the limit waits must stay for it to be left out: with it
// they would be a line at the foot.
const nearLimit = 4

// fewest is how many points a drawing has at least.
const fewest = 12

// begun is the series from its first ping on: before it there is nothing to see.
func begun(s statistics.PingSeries) statistics.PingSeries {
	n := len(s.P50)
	first := 0
	for first < n-fewest && s.Good[first]+s.Failed[first] == 0 && (len(s.Unknown) == 0 || s.Unknown[first] == 0) {
		first++
	}
	if first == 0 || first == n-fewest && s.Good[first]+s.Failed[first] == 0 && empty(s) {
		return s
	}
	s.From = s.From.Add(time.Duration(int64(first)*s.StepSeconds) * time.Second)
	s.P50, s.Good, s.Failed = s.P50[first:], s.Good[first:], s.Failed[first:]
	if len(s.P95) == n && len(s.P99) == n {
		s.P95, s.P99 = s.P95[first:], s.P99[first:]
	}
	return s
}

func empty(s statistics.PingSeries) bool {
	return !slices.ContainsFunc(s.Good, func(n int) bool { return n > 0 }) && !slices.ContainsFunc(s.Failed, func(n int) bool { return n > 0 })
}

// Sparkline draws the median, and failures as ticks.
func Sparkline(s statistics.PingSeries) string {
	const w, h = 120, 28
	s = begun(s)
	n := len(s.P50)
	highest := 1.0
	for _, v := range s.P50 {
		if v != nil {
			highest = max(highest, *v)
		}
	}
	x := func(i int) float64 { return (float64(i) + 0.5) / float64(max(1, n)) * w }
	y := func(ms float64) float64 { return 2 + (1-ms/highest)*(h-4) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="spark" viewBox="0 0 %d %d" preserveAspectRatio="none" aria-hidden="true">`, w, h)
	for i := 0; i < n; i++ {
		from := i
		for i < n && s.Failed[i] > 0 {
			i++
		}
		if i > from {
			fmt.Fprintf(&b, `<rect class="failed" x="%s" y="0" width="%s" height="%d"/>`, number(x(from)-w/float64(n)/2), number(max(1.5, float64(i-from)/float64(n)*w)), h)
		}
	}
	fmt.Fprintf(&b, `<path class="median" d="%s"/></svg>`, line(s.P50, x, y))
	return b.String()
}

// Bar draws a share of a whole; what is over it fills it.
func Bar(share float64) string {
	return fmt.Sprintf(`<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="6"/><rect class="fill" width="%s" height="6"/></svg>`,
		number(100*min(1, max(0, share))))
}

// line is a path through the values; a nil lifts the pen.
func line(values []*float64, x func(int) float64, y func(float64) float64) string {
	var b strings.Builder
	down := false
	for i, v := range values {
		if v == nil {
			down = false
			continue
		}
		command := "L"
		if !down {
			command = "M"
		}
		b.WriteString(command + number(x(i)) + " " + number(y(*v)))
		if !down && (i+1 == len(values) || values[i+1] == nil) {
			b.WriteString("h.1") // a point by itself shows too
		}
		down = true
	}
	return b.String()
}

func band(b *strings.Builder, low, high []*float64, x func(int) float64, y func(float64) float64) {
	for i := 0; i < len(low); i++ {
		from := i
		for i < len(low) && low[i] != nil && high[i] != nil {
			i++
		}
		if i-from < 2 {
			continue
		}
		var d strings.Builder
		for k := from; k < i; k++ {
			d.WriteString(map[bool]string{true: "M", false: "L"}[k == from] + number(x(k)) + " " + number(y(*high[k])))
		}
		for k := i - 1; k >= from; k-- {
			d.WriteString("L" + number(x(k)) + " " + number(y(*low[k])))
		}
		fmt.Fprintf(b, `<path class="tail" d="%sZ"/>`, d.String())
	}
}

// grid returns three to six round values from zero up to highest.
func grid(highest float64) []float64 {
	step := math.Pow(10, math.Floor(math.Log10(highest)))
	for _, f := range []float64{0.2, 0.5, 1} {
		if highest/(step*f) <= 5 {
			step *= f
			break
		}
	}
	var out []float64
	for v := 0.0; v <= highest; v += step {
		out = append(out, v)
	}
	return out
}

func number(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

const style = `<style>text{font:11px system-ui,sans-serif;fill:#5b6470}.grid{stroke:#e3e6ea}.median{fill:none;stroke:#1f5fbf;stroke-width:1.6;stroke-linejoin:round}.tail{fill:#1f5fbf;opacity:.18}.limit{stroke:#5b6470;stroke-dasharray:5 4}.failed{fill:#c2410c;opacity:.35}
@media(prefers-color-scheme:dark){text{fill:#9aa4b2}.grid{stroke:#2a313b}.median{stroke:#7db0ff}.tail{fill:#7db0ff}.limit{stroke:#9aa4b2}.failed{fill:#fb923c}}</style>`

// Document makes a drawing of Chart stand alone.
func Document(drawing string) string { return strings.Replace(drawing, `>`, `>`+style, 1) }

// Badge draws a label and a word.
func Badge(label, word string, tone Tone) string {
	w1, w2 := 12+textWidth(label), 12+textWidth(word)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="20" role="img" aria-label="%s: %s"><rect width="%d" height="20" rx="3" fill="#39424e"/><path d="M%d 0h%da3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-%dz" fill="%s"/><g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle"><text x="%d" y="14">%s</text><text x="%d" y="14">%s</text></g></svg>`,
		w1+w2, html.EscapeString(label), html.EscapeString(word), w1+w2, w1, w2-3, w2-3, tone, w1/2, html.EscapeString(label), w1+w2/2, html.EscapeString(word))
}

// Tone is a badge's colour; white text on it has enough contrast.
type Tone string

// The tones.
const (
	Good    Tone = "#1a6e5a"
	Caution Tone = "#8a5a00"
	Bad     Tone = "#b3261e"
	Neutral Tone = "#5b6470"
)

// textWidth guesses how wide Verdana sets text at 11 px.
func textWidth(text string) int { return int(math.Ceil(float64(len([]rune(text))) * 6.9)) }
