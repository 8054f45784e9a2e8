// Package cron parses five-field schedules and answers whether a span that begins
// at each of their starts covers an instant. A span lasts as long as configured,
// also over a change of the zone's clock: libraries skip a start inside the gap of a
// change, so that a maintenance window would be missing on that day.
package cron

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schedule is a set of starts: minute, hour, day of month, month and day of week
// (0 and 7 are Sunday), each as lists, ranges, steps and English names, such as
// "*/15 2-4 1,15 * MON-FRI". Where both days are restricted, either matches, as in cron.
type Schedule struct {
	minute, hour, day, month, weekday uint64 // a bit for each number that matches
	anyDay, anyWeekday                bool
}

type field struct {
	name      string
	low, high int
	names     []string // stand for low, low+1, …
}

var fields = [...]field{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of month", 1, 31, nil},
	{"month", 1, 12, strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")},
	{"day of week", 0, 7, strings.Fields("SUN MON TUE WED THU FRI SAT")},
}

// Parse parses a schedule such as "30 2 * * 0". The error names the field and what it
// accepts.
func Parse(text string) (*Schedule, error) {
	parts := strings.Fields(text)
	if len(parts) != len(fields) {
		return nil, fmt.Errorf("wrong number of fields: %d, want 5: minute, hour, day of month, month, day of week", len(parts))
	}
	var sets [len(fields)]uint64
	for i, f := range fields {
		for part := range strings.SplitSeq(parts[i], ",") {
			set, ok := f.parse(part)
			if !ok {
				return nil, fmt.Errorf("wrong %s: want *, or %d to %d, with ranges (1-5), lists (1,3) and steps (*/15)", f.name, f.low, f.high)
			}
			sets[i] |= set
		}
	}
	if sets[4]&(1<<7) != 0 {
		sets[4] |= 1
	}
	return &Schedule{
		minute: sets[0], hour: sets[1], day: sets[2], month: sets[3], weekday: sets[4],
		anyDay: strings.HasPrefix(parts[2], "*"), anyWeekday: strings.HasPrefix(parts[4], "*"),
	}, nil
}

// parse parses one entry of a list: *, a number or a range, with or without a step.
func (f field) parse(text string) (set uint64, ok bool) {
	span, stepText, stepped := strings.Cut(text, "/")
	step := 1
	if stepped {
		if step, ok = number(stepText, 1, f.high); !ok {
			return 0, false
		}
	}
	low, high := f.low, f.high
	if span != "*" {
		first, last, isRange := strings.Cut(span, "-")
		if low, ok = f.value(first, f.low); !ok {
			return 0, false
		}
		switch {
		case isRange:
			if high, ok = f.value(last, low); !ok {
				return 0, false
			}
		case !stepped:
			high = low
		}
	}
	for n := low; n <= high; n += step {
		set |= 1 << n
	}
	return set, true
}

// value parses a name or a number of the field that is at least least.
func (f field) value(text string, least int) (int, bool) {
	if i := slices.Index(f.names, strings.ToUpper(text)); i >= 0 {
		return f.low + i, f.low+i >= least
	}
	return number(text, least, f.high)
}

func number(text string, low, high int) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= low && n <= high
}

// Active reports whether a span of that length has begun and not yet ended at t, in
// that zone. A start inside a gap of the zone's clock is right after the gap. A
// wall-clock time that comes twice is a start once, the first time.
func (s *Schedule) Active(t time.Time, length time.Duration, zone *time.Location) bool {
	local, from := t.In(zone), t.Add(-length).In(zone)
	day := time.Date(from.Year(), from.Month(), from.Day()-1, 12, 0, 0, 0, time.UTC)
	last := time.Date(local.Year(), local.Month(), local.Day(), 12, 0, 0, 0, time.UTC)
	for ; !day.After(last); day = day.AddDate(0, 0, 1) {
		if s.matches(day) && s.activeFrom(day, t, length, zone) {
			return true
		}
	}
	return false
}

// matches reports whether the schedule has a start on that day.
func (s *Schedule) matches(day time.Time) bool {
	if s.month&(1<<int(day.Month())) == 0 {
		return false
	}
	inMonth := s.day&(1<<day.Day()) != 0
	inWeek := s.weekday&(1<<int(day.Weekday())) != 0
	if !s.anyDay && !s.anyWeekday {
		return inMonth || inWeek
	}
	return inMonth && inWeek
}

// activeFrom reports whether a span that starts on that day covers t.
func (s *Schedule) activeFrom(day, t time.Time, length time.Duration, zone *time.Location) bool {
	for minute := range 24 * 60 {
		if s.hour&(1<<(minute/60)) == 0 || s.minute&(1<<(minute%60)) == 0 {
			continue
		}
		start := wallClock(day, minute/60, minute%60, zone)
		if !t.Before(start) && t.Before(start.Add(length)) {
			return true
		}
	}
	return false
}

// wallClock returns the first instant at which the zone's clock shows that time on
// that day, or the end of the gap that leaves it out.
func wallClock(day time.Time, hour, minute int, zone *time.Location) time.Time {
	t := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, zone)
	want := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, time.UTC)
	if shows := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), 0, 0, time.UTC); !shows.Equal(want) {
		// time.Date has moved it by the gap, to one side or the other.
		start, end := t.ZoneBounds()
		if shows.Before(want) {
			return end
		}
		return start
	}
	// A time shortly after the clock went back may be the second of its kind.
	if start, _ := t.ZoneBounds(); !start.IsZero() {
		_, now := t.Zone()
		_, then := start.Add(-time.Second).Zone()
		if first := t.Add(time.Duration(now-then) * time.Second); then > now && first.Before(start) {
			return first
		}
	}
	return t
}
