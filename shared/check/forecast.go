package check

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
)

const (
	// minPoints and minSpan are the least from which a rate is read: an hour of runs
	// every five minutes.
	minPoints = 12
	minSpan   = 50 * time.Minute
	// maxPoints bounds the work, which grows by its square.
	maxPoints = 64
	// reach is how many times as far as it looks back a forecast may look ahead.
	reach = 60
	// faster is how many times faster than before a figure grows that was flat.
	faster = 3
	// certainty is how many standard errors of itself a rate must be: below, noise
	// would move the forecast by more than it says.
	certainty = 8
)

// point is a figure at a time.
type point struct {
	At    time.Time
	Value float64
}

// forecast returns how long it takes until a figure that goes on growing as it has
// reaches limit, and whether it can be known. points are in the order of time.
//
// The rate is the median of the slopes between all pairs of points (Theil 1950, Sen
// 1968), which a quarter of wild points does not move, and what is used by now is the
// median of what the newest points say at that rate. There is no forecast from too few
// points or too short a time, none for a figure that does not grow or whose growth
// drowns in noise, and after a drop what was before no longer counts. Growth that follows a
// flat time is forecast from its own points.
func forecast(points []point, limit float64, now time.Time) (time.Duration, bool) {
	points = evenly(sinceDrop(points), maxPoints)
	left, known := trend(points, limit, now)
	for i := minPoints; i+minPoints <= len(points); i += minPoints / 2 {
		flat := medianSlope(points[:i]) < medianSlope(points[i:])/faster
		if newer, ok := trend(points[i:], limit, now); flat && ok && (!known || newer < left) {
			left, known = newer, true
		}
	}
	return left, known
}

// trend is the forecast from all of the points.
func trend(points []point, limit float64, now time.Time) (time.Duration, bool) {
	n := len(points)
	if n < minPoints || limit <= 0 {
		return 0, false
	}
	span := points[n-1].At.Sub(points[0].At)
	if span < minSpan || now.Sub(points[n-1].At) > span {
		return 0, false
	}
	rate := medianSlope(points)
	line := make([]float64, n) // what each point says of now
	for i, p := range points {
		line[i] = p.Value + rate*now.Sub(p.At).Hours()
	}
	// The newest say best where it is: small deviations add up over a day.
	level := median(slices.Clone(line[n-max(minPoints, n/4):]))
	centre := median(slices.Clone(line))
	for i := range line {
		line[i] = math.Abs(line[i] - centre)
	}
	// The standard error of a median slope per hour over times that lie evenly: 1.4826 is
	// sigma of a normal distribution whose median deviation is 1, and 1.05 what Theil-Sen
	// loses against least squares.
	noise := median(line)
	slopeError := 1.05 * 1.4826 * noise * math.Sqrt(12) / (span.Hours() * math.Sqrt(float64(n)))
	if rate <= 0 || rate < certainty*slopeError {
		return 0, false
	}
	hours := max(0, limit-level) / rate
	if hours > reach*span.Hours() {
		return 0, false
	}
	return time.Duration(hours * float64(time.Hour)), true
}

// sinceDrop returns the points from the last drop on: a deletion, an eviction or a
// new month starts a new course. Two points before and after are compared by their
// medians, and noise is no drop.
func sinceDrop(points []point) []point {
	if len(points) < 2 {
		return points
	}
	steps := make([]float64, len(points)-1)
	for i := range steps {
		steps[i] = math.Abs(points[i+1].Value - points[i].Value)
	}
	noise := median(steps)
	middle := func(points []point) float64 {
		var values []float64
		for _, p := range points {
			values = append(values, p.Value)
		}
		return median(values)
	}
	const around = 3
	start := 0
	for i := 1; i < len(points); i++ {
		before := middle(points[max(start, i-around):i])
		after := middle(points[i:min(len(points), i+around)])
		if before-after > max(0.05*before, 5*noise) {
			start = i
		}
	}
	return points[start:]
}

// evenly returns at most n of the items, which lie evenly and include the last.
func evenly[T any](items []T, n int) []T {
	if len(items) <= n {
		return items
	}
	out := make([]T, 0, n)
	for i := range n {
		out = append(out, items[(i+1)*len(items)/n-1])
	}
	return out
}

// medianSlope is a figure's growth per hour.
func medianSlope(points []point) float64 {
	slopes := make([]float64, 0, len(points)*(len(points)-1)/2)
	for i, p := range points {
		for _, q := range points[i+1:] {
			if hours := q.At.Sub(p.At).Hours(); hours > 0 {
				slopes = append(slopes, (q.Value-p.Value)/hours)
			}
		}
	}
	return median(slopes)
}

// median sorts values; of an even number it is the mean of the middle two, of none 0.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half]
	}
	return (values[half-1] + values[half]) / 2
}

// EarlierHours says how long ago the hours began whose readings a forecast sees beside
// the last hour's: a few that lie apart show a rate as well as a whole day does.
func EarlierHours() []time.Duration {
	return []time.Duration{3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour}
}

// course returns a gauge's points in the target's readings, the sparse ones of before
// and the last hour's, that are not older than from.
func (t *Target) course(g report.Gauge, from time.Time) []point {
	var out []point
	for _, r := range t.past() {
		v, known := r.Values[g]
		if !known || r.At.Before(from) || len(out) > 0 && !r.At.After(out[len(out)-1].At) {
			continue
		}
		out = append(out, point{r.At, v})
	}
	return out
}

// remaining is a forecast in the unit that suits its certainty.
func remaining(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 72*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	default:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	}
}
