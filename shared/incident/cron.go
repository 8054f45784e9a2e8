package incident

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cron is a five-field schedule: minute, hour, day of the month, month and day of
// the week (0 and 7 are Sunday), with lists, ranges, steps and English names:
// "*/15 2-4 1,15 * MON-FRI". Where both days are restricted, either matches, as in cron.
type Cron struct {
	minute, hour, day, month, weekday uint64
	anyDay, anyWeekday                bool
}

var cronFields = []struct {
	name     string
	from, to int
	names    []string // stand for from, from+1, …
}{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of the month", 1, 31, nil},
	{"month", 1, 12, strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")},
	{"day of the week", 0, 7, strings.Fields("SUN MON TUE WED THU FRI SAT")},
}

// ParseCron reads a five-field schedule such as "30 2 * * 0".
func ParseCron(text string) (*Cron, error) {
	fields := strings.Fields(text)
	if len(fields) != len(cronFields) {
		return nil, fmt.Errorf("schedule %q has %d fields, want 5 such as \"30 2 * * 0\" (02:30 on Sundays)", text, len(fields))
	}
	var sets [5]uint64
	for i, f := range fields {
		set, err := parseCronField(f, cronFields[i].from, cronFields[i].to, cronFields[i].names)
		if err != nil {
			return nil, fmt.Errorf("schedule %q: %s: %w", text, cronFields[i].name, err)
		}
		sets[i] = set
	}
	if sets[4]&(1<<7) != 0 {
		sets[4] |= 1
	}
	return &Cron{
		minute: sets[0], hour: sets[1], day: sets[2], month: sets[3], weekday: sets[4],
		anyDay: strings.HasPrefix(fields[2], "*"), anyWeekday: strings.HasPrefix(fields[4], "*"),
	}, nil
}

func parseCronField(text string, from, to int, names []string) (uint64, error) {
	var set uint64
	for part := range strings.SplitSeq(text, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			n, err := strconv.Atoi(stepText)
			if err != nil || n < 1 || n > to {
				return 0, fmt.Errorf("step %q, want a number from 1 to %d", stepText, to)
			}
			step = n
		}
		low, high := from, to
		if span != "*" {
			a, b, isRange := strings.Cut(span, "-")
			var err error
			if low, err = cronNumber(a, from, from, to, names); err != nil {
				return 0, err
			}
			high = low
			if isRange {
				if high, err = cronNumber(b, low, from, to, names); err != nil {
					return 0, err
				}
			} else if stepped {
				high = to
			}
		}
		for n := low; n <= high; n += step {
			set |= 1 << n
		}
	}
	return set, nil
}

// cronNumber reads a number or name that is at least least.
func cronNumber(text string, least, from, to int, names []string) (int, error) {
	if i := slices.Index(names, strings.ToUpper(text)); i >= 0 && from+i >= least {
		return from + i, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > to {
		return 0, fmt.Errorf("%q, want a number from %d to %d", text, least, to)
	}
	return n, nil
}

// on reports whether the schedule has a start on that day.
func (c *Cron) on(day time.Time) bool {
	if c.month&(1<<int(day.Month())) == 0 {
		return false
	}
	inMonth := c.day&(1<<day.Day()) != 0
	inWeek := c.weekday&(1<<int(day.Weekday())) != 0
	if !c.anyDay && !c.anyWeekday {
		return inMonth || inWeek
	}
	return inMonth && inWeek
}

// started reports whether a span of that length has begun and not yet ended at t,
// in that zone. A start inside a gap of the zone's clock is right after the gap; a
// wall-clock time that comes twice is a start once, the first time.
func (c *Cron) started(t time.Time, length time.Duration, zone *time.Location) bool {
	local := t.In(zone)
	from := t.Add(-length).In(zone)
	day := time.Date(from.Year(), from.Month(), from.Day()-1, 12, 0, 0, 0, time.UTC)
	last := time.Date(local.Year(), local.Month(), local.Day(), 12, 0, 0, 0, time.UTC)
	for ; !day.After(last); day = day.AddDate(0, 0, 1) {
		if c.on(day) && c.startedOn(day, t, length, zone) {
			return true
		}
	}
	return false
}

func (c *Cron) startedOn(day, t time.Time, length time.Duration, zone *time.Location) bool {
	for hour := range 24 {
		if c.hour&(1<<hour) == 0 {
			continue
		}
		for minute := range 60 {
			if c.minute&(1<<minute) == 0 {
				continue
			}
			start := wallClock(day, hour, minute, zone)
			if !t.Before(start) && t.Before(start.Add(length)) {
				return true
			}
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
	// Is this the second time? Then the zone changed not long before.
	if start, _ := t.ZoneBounds(); !start.IsZero() {
		_, now := t.Zone()
		_, then := start.Add(-time.Second).Zone()
		if first := t.Add(time.Duration(now-then) * time.Second); then > now && first.Before(start) {
			return first
		}
	}
	return t
}
