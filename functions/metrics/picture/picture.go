// Package picture draws statistics as SVG: a sparkline and a bar for a page, whose style
// colours their classes, and a chart and a badge that stand alone, in light and dark.
package picture

import (
	"fmt"
	"html"
	"iter"
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

const style = `<style>text{font:11px system-ui,sans-serif;fill:#5b6470}.grid{stroke:#e3e6ea}.median{fill:none;stroke:#1f5fbf;stroke-width:1.6;stroke-linejoin:round}.tail{fill:#1f5fbf;opacity:.18}.limit{stroke:#5b6470;stroke-dasharray:5 4}.failed{fill:#c2410c;opacity:.35}
@media(prefers-color-scheme:dark){text{fill:#9aa4b2}.grid{stroke:#2a313b}.median{stroke:#7db0ff}.tail{fill:#7db0ff}.limit{stroke:#9aa4b2}.failed{fill:#fb923c}}</style>`

// nearLimit is how far below the limit waits must stay for the limit to be left out.
// With it they would be a line at the foot.
const nearLimit = 4

// Chart draws waits over time: the median as a line, p95 to p99 as a band, the limit
// where they come near it, and failures as bars. A gap is a gap.
func Chart(s statistics.PingSeries, limitMS float64) string {
	s = begun(s)
	n := len(s.P50)
	if n == 0 {
		return ""
	}
	highest := 1.0
	for _, v := range slices.Concat(s.P50, s.P95, s.P99) {
		if v != nil {
			highest = max(highest, *v*1.25)
		}
	}
	near := highest > limitMS/nearLimit
	if near {
		highest = max(highest, limitMS*1.1)
	}
	x := func(i float64) float64 { return left + i/float64(n)*(width-left-right) }
	middle := func(i int) float64 { return x(float64(i) + 0.5) }
	y := func(ms float64) float64 { return top + (1-ms/highest)*(height-top-bottom) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="PING latency over time">`+style, width, height)
	across := func(class string, ms float64) {
		fmt.Fprintf(&b, `<line class="%s" x1="%d" x2="%d" y1="%s" y2="%s"/>`, class, left, width-right, number(y(ms)), number(y(ms)))
	}
	for _, ms := range grid(highest) {
		across("grid", ms)
		fmt.Fprintf(&b, `<text class="tick" x="%d" y="%s" text-anchor="end">%s ms</text>`, left-6, number(y(ms)+3.5), number(ms))
	}
	wide := time.Duration(int64(n)*s.StepSeconds) * time.Second
	layout := "15:04"
	if wide > 25*time.Hour {
		layout = "Jan 2"
	}
	for i, anchor := range [5]string{"start", "middle", "middle", "middle", "end"} {
		fmt.Fprintf(&b, `<text class="tick" x="%s" y="%d" text-anchor="%s">%s</text>`,
			number(x(float64(n*i)/4)), height-6, anchor, s.From.Add(wide*time.Duration(i)/4).UTC().Format(layout))
	}
	failures(&b, s, 2, x, top, height-top-bottom)
	if len(s.P95) == n && len(s.P99) == n {
		for from, to := range stretches(n, func(i int) bool { return s.P95[i] != nil && s.P99[i] != nil }) {
			if to-from < 2 {
				continue
			}
			var around []string
			for i := from; i < to; i++ {
				around = append(around, number(middle(i))+" "+number(y(*s.P99[i])))
			}
			for i := to - 1; i >= from; i-- {
				around = append(around, number(middle(i))+" "+number(y(*s.P95[i])))
			}
			fmt.Fprintf(&b, `<path class="tail" d="M%sZ"/>`, strings.Join(around, "L"))
		}
	}
	if near {
		across("limit", limitMS)
	}
	median(&b, s.P50, middle, y)
	return b.String() + `</svg>`
}

// Sparkline draws the median, and failures as ticks.
func Sparkline(s statistics.PingSeries) string {
	const w, h = 120, 28
	s = begun(s)
	highest := 1.0
	for _, v := range s.P50 {
		if v != nil {
			highest = max(highest, *v)
		}
	}
	x := func(i float64) float64 { return i / float64(len(s.P50)) * w }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="spark" viewBox="0 0 %d %d" preserveAspectRatio="none" aria-hidden="true">`, w, h)
	failures(&b, s, 1.5, x, 0, h)
	median(&b, s.P50, func(i int) float64 { return x(float64(i) + 0.5) }, func(ms float64) float64 { return 2 + (1-ms/highest)*(h-4) })
	return b.String() + `</svg>`
}

// Bar draws a share of a whole. A share above the whole fills it.
func Bar(share float64) string {
	class := "fill"
	switch {
	case share >= 1:
		class += " over"
	case share >= 0.8:
		class += " near"
	}
	return fmt.Sprintf(`<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="6"/><rect class="%s" width="%s" height="6"/></svg>`,
		class, number(100*min(1, max(0, share))))
}

// fairDay is the availability below which a day was bad.
const fairDay = 0.99

// Days draws a bar a day, whose title says what the day was like. A worse day is shorter, so that
// colour is not the only sign, and a day without pings is a dot.
func Days(u statistics.ByDay) string {
	const step, wide, high = 8, 6, 24
	from, _ := time.Parse(time.DateOnly, u.From)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="days" viewBox="0 0 %d %d" preserveAspectRatio="none" aria-hidden="true">`, step*len(u.Good)-step+wide, high)
	for i, good := range u.Good {
		failed := u.Failed[i]
		class, tall := "good", high
		what := fmt.Sprintf("%d pings, none failed", good)
		if share := float64(good) / float64(good+failed); failed > 0 {
			class, tall = "fair", high*3/4
			if share < fairDay {
				class, tall = "poor", high/2
			}
			what = fmt.Sprintf("%s %%, %d of %d pings failed", strconv.FormatFloat(math.Floor(share*10000)/100, 'f', -1, 64), failed, good+failed)
		}
		if good+failed == 0 {
			class, tall, what = "gap", 3, "no data"
		}
		fmt.Fprintf(&b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d"><title>%s: %s</title></rect>`,
			class, step*i, high-tall, wide, tall, from.AddDate(0, 0, i).Format("Jan 2"), what)
	}
	return b.String() + `</svg>`
}

// fewest is how many points a drawing has at least.
const fewest = 12

// begun is the series from its first ping on, because before it there is nothing to see.
func begun(s statistics.PingSeries) statistics.PingSeries {
	n := len(s.P50)
	first := 0
	for first < n && s.Good[first]+s.Failed[first] == 0 && (len(s.Unknown) == 0 || s.Unknown[first] == 0) {
		first++
	}
	if first == n {
		return s
	}
	first = min(first, max(0, n-fewest))
	s.From = s.From.Add(time.Duration(int64(first)*s.StepSeconds) * time.Second)
	s.P50, s.Good, s.Failed = s.P50[first:], s.Good[first:], s.Failed[first:]
	if len(s.P95) == n && len(s.P99) == n {
		s.P95, s.P99 = s.P95[first:], s.P99[first:]
	}
	return s
}

// stretches yields where points that have something begin, and where they end.
func stretches(n int, has func(int) bool) iter.Seq2[int, int] {
	return func(yield func(from, to int) bool) {
		for i := 0; i < n; i++ {
			from := i
			for i < n && has(i) {
				i++
			}
			if i > from && !yield(from, i) {
				return
			}
		}
	}
}

// failures draws a bar over each stretch of points with failed pings.
func failures(b *strings.Builder, s statistics.PingSeries, least float64, x func(float64) float64, y, h int) {
	for from, to := range stretches(len(s.Failed), func(i int) bool { return s.Failed[i] > 0 }) {
		begin, end := x(float64(from)), x(float64(to))
		fmt.Fprintf(b, `<rect class="failed" x="%s" y="%d" width="%s" height="%d"/>`, number(begin), y, number(max(least, end-begin)), h)
	}
}

// median draws a line through the values. A gap interrupts it.
func median(b *strings.Builder, values []*float64, x func(int) float64, y func(float64) float64) {
	b.WriteString(`<path class="median" d="`)
	for from, to := range stretches(len(values), func(i int) bool { return values[i] != nil }) {
		command := "M"
		for i := from; i < to; i++ {
			b.WriteString(command + number(x(i)) + " " + number(y(*values[i])))
			command = "L"
		}
		if to-from == 1 {
			b.WriteString("h.1") // otherwise a single point would not show
		}
	}
	b.WriteString(`"/>`)
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

// Badge draws a label, and a word in white on the colour.
func Badge(label, word, colour string) string {
	// A guess of how wide Verdana sets text at 11 px.
	wide := func(text string) int { return 12 + int(math.Ceil(float64(len([]rune(text)))*6.9)) }
	w1, w2 := wide(label), wide(word)
	label, word = html.EscapeString(label), html.EscapeString(word)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="20" role="img" aria-label="%s: %s"><rect width="%d" height="20" rx="3" fill="#39424e"/><path d="M%d 0h%da3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-%dz" fill="%s"/><g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle"><text x="%d" y="14">%s</text><text x="%d" y="14">%s</text></g></svg>`,
		w1+w2, label, word, w1+w2, w1, w2-3, w2-3, colour, w1/2, label, w1+w2/2, word)
}
