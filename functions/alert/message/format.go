package message

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// between returns "02:02–02:20 UTC", with seconds where they tell the two apart.
func between(from, to, now time.Time) string {
	if to.Sub(from) < 2*time.Minute {
		return from.UTC().Format("15:04:05") + "–" + to.UTC().Format("15:04:05 UTC")
	}
	return strings.TrimSuffix(text.Clock(from, now), " UTC") + "–" + text.Clock(to, now)
}

// span returns "02:02–02:20 UTC (18 min)".
func span(from, to, now time.Time) string {
	return between(from, to, now) + " (" + text.Duration(to.Sub(from)) + ")"
}

// quantity returns an observed value in its unit: "812 ms", "90 %", "231 MB".
func quantity(v float64, unit report.Unit) string {
	switch unit {
	case report.Milliseconds:
		return text.Thousands(v) + " ms"
	case report.Ratio:
		return strconv.FormatFloat(math.Round(v*1000)/10, 'f', -1, 64) + " %"
	case report.Bytes:
		return size(v)
	case report.Hours:
		return text.Duration(time.Duration(v * float64(time.Hour)))
	case report.Count:
		return text.Thousands(v)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// size counts as Upstash does: a MB is 1024 KB.
func size(v float64) string {
	unit := 0
	for v >= 1024 && unit < 4 {
		v /= 1024
		unit++
	}
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) + " " + []string{"B", "KB", "MB", "GB", "TB"}[unit]
}

// list joins names for a sentence and cuts a long one: "a, b and 3 more".
func list(names []string, most int) string {
	if len(names) <= most {
		if len(names) < 2 {
			return strings.Join(names, "")
		}
		return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
	}
	return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
}
