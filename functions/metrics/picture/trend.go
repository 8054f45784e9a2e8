package picture

import (
	"fmt"
	"html"
	"strings"
	"time"
)

// Trend is a figure over time, as a small chart.
type Trend struct {
	// Label says what it is to those who cannot see it.
	Label string
	From  time.Time
	Step  time.Duration
	// Values are those of the points; nil is a gap.
	Values []*float64
	// Share says that they are shares of a whole, not counts.
	Share bool
	// Quota says that the whole is a limit, which is drawn.
	Quota bool
	// Full is when a share will be the whole, zero where nobody can tell.
	Full time.Time
	// Room keeps some of the chart free for the time to come, also for charts beside
	// one that needs it.
	Room bool
}

// The small chart's geometry.
const (
	trendWidth, trendHeight = 360, 140
	trendLeft, trendBottom  = 48, 22
	// trendRoom is the free part of its width, over the part that is drawn.
	trendRoom = 0.25
	// lowShare is up to where shares are drawn larger than against the whole.
	lowShare = 0.25
)

// SVG draws it: the values as a line, the whole dashed where it is near, and the
// forecast as a dashed line from the last value towards the whole.
func (t Trend) SVG() string {
	n := len(t.Values)
	if n == 0 {
		return ""
	}
	points := float64(n)
	if t.Room {
		points *= 1 + trendRoom
	}
	highest, whole := t.top()
	x := func(i float64) float64 { return trendLeft + (i+0.5)/points*(trendWidth-trendLeft-right) }
	y := func(v float64) float64 { return top + (1-v/highest)*(trendHeight-top-trendBottom) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`, trendWidth, trendHeight, html.EscapeString(t.Label))
	for _, v := range t.grid(highest) {
		text := number(v)
		if t.Share {
			text = fmt.Sprintf("%.4g %%", 100*v)
		}
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%s" y2="%s"/><text class="tick" x="%d" y="%s" text-anchor="end">%s</text>`,
			trendLeft, trendWidth-right, number(y(v)), number(y(v)), trendLeft-6, number(y(v)+3.5), text)
	}
	layout := "15:04"
	if time.Duration(n)*t.Step > 25*time.Hour {
		layout = "Jan 2"
	}
	for i, anchor := range []string{"start", "end"} {
		at := i * n
		fmt.Fprintf(&b, `<text class="tick" x="%s" y="%d" text-anchor="%s">%s</text>`,
			number(x(float64(at)-0.5)), trendHeight-5, anchor, t.From.Add(time.Duration(at)*t.Step).UTC().Format(layout))
	}
	if whole && t.Quota {
		fmt.Fprintf(&b, `<line class="limit" x1="%d" x2="%d" y1="%s" y2="%s"/>`, trendLeft, trendWidth-right, number(y(1)), number(y(1)))
	}
	fmt.Fprintf(&b, `<path class="median" d="%s"/>`, line(t.Values, func(i int) float64 { return x(float64(i)) }, y))
	if from, to, ok := t.ahead(points - 1); ok {
		fmt.Fprintf(&b, `<path class="forecast" d="M%s %sL%s %s"/>`, number(x(from.at)), number(y(from.value)), number(x(to.at)), number(y(to.value)))
	}
	return b.String() + `</svg>`
}

// top is the highest value of the chart, and whether the whole lies below it.
func (t Trend) top() (highest float64, whole bool) {
	for _, v := range t.Values {
		if v != nil {
			highest = max(highest, *v)
		}
	}
	switch {
	case !t.Share:
		return max(1, highest*1.2), false
	case highest > lowShare, !t.Full.IsZero(), highest == 0:
		return max(1.05, highest), true
	}
	return highest * 1.5, false
}

func (t Trend) grid(highest float64) []float64 {
	if t.Share && highest >= 1 {
		return []float64{0, 0.5, 1}
	}
	g := grid(highest)
	if len(g) > 3 { // every other is enough for so small a chart
		half := g[:0:0]
		for i := 0; i < len(g); i += 2 {
			half = append(half, g[i])
		}
		return half
	}
	return g
}

// place is a point of the chart, at as an index of values.
type place struct{ at, value float64 }

// ahead is the forecast's line, up to the chart's last point.
func (t Trend) ahead(last float64) (from, to place, ok bool) {
	i := len(t.Values) - 1
	for i >= 0 && t.Values[i] == nil {
		i--
	}
	if i < 0 || t.Full.IsZero() || t.Step <= 0 {
		return place{}, place{}, false
	}
	from = place{float64(i), *t.Values[i]}
	full := float64(t.Full.Sub(t.From))/float64(t.Step) - 0.5
	if full <= from.at || from.at >= last {
		return place{}, place{}, false
	}
	to.at = min(full, last)
	to.value = from.value + (1-from.value)*(to.at-from.at)/(full-from.at)
	return from, to, true
}
