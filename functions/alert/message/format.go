package message

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pongwatch/pongwatch/shared/report"
)

// Clock returns t as a reader sees it at now: "18:22 UTC", with the date unless it is
// today's.
func Clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04 UTC")
	}
	return t.Format("2006-01-02 15:04 UTC")
}

// Stamp returns t in full: "2026-11-22 18:22:01 UTC".
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// between returns "02:02–02:20 UTC", with seconds where they tell the two apart.
func between(from, to, now time.Time) string {
	if to.Sub(from) < 2*time.Minute {
		return from.UTC().Format("15:04:05") + "–" + to.UTC().Format("15:04:05 UTC")
	}
	return strings.TrimSuffix(Clock(from, now), " UTC") + "–" + Clock(to, now)
}

// span returns "02:02–02:20 UTC (18 min)".
func span(from, to, now time.Time) string {
	return between(from, to, now) + " (" + Duration(to.Sub(from)) + ")"
}

// Duration returns d in the two largest units that matter: "48 s", "12 min",
// "1 h 5 min", "3 d 4 h".
func Duration(d time.Duration) string {
	d = max(0, d)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 24*time.Hour:
		return units(int(d.Hours()), "h", int(d.Minutes())%60, "min")
	default:
		return units(int(d.Hours())/24, "d", int(d.Hours())%24, "h")
	}
}

func units(a int, unitA string, b int, unitB string) string {
	if b == 0 {
		return fmt.Sprintf("%d %s", a, unitA)
	}
	return fmt.Sprintf("%d %s %d %s", a, unitA, b, unitB)
}

// quantity returns an observed value in its unit: "812 ms", "90 %", "231 MB".
func quantity(v float64, unit report.Unit) string {
	switch unit {
	case report.Milliseconds:
		return thousands(v) + " ms"
	case report.Ratio:
		return strconv.FormatFloat(math.Round(v*1000)/10, 'f', -1, 64) + " %"
	case report.Bytes:
		return size(v)
	case report.Hours:
		return Duration(time.Duration(v * float64(time.Hour)))
	case report.Count:
		return thousands(v)
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

// thousands returns a rounded number with its digits grouped: "500,002".
func thousands(v float64) string {
	if math.IsNaN(v) || math.Abs(v) >= 1e15 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	s := strconv.FormatFloat(math.Round(math.Abs(v)), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if v <= -0.5 {
		return "-" + s
	}
	return s
}

// count returns "1 region" or "3 regions".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
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

// Clip cuts s to at most limit characters and marks the cut.
func Clip(s string, limit int) string {
	if limit <= 0 {
		return ""
	}
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	r := []rune(s)
	return strings.TrimRightFunc(string(r[:limit-1]), unicode.IsSpace) + "…"
}

// Line makes text from outside fit for one line: valid UTF-8 without line breaks,
// control characters and marks that change the direction of reading.
func Line(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\t', r == '\u2028', r == '\u2029', r == '\u0085':
			return ' '
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\u200e', r == '\u200f', r == '\ufeff':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))), " ")
}
