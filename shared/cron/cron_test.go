package cron

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func mustParse(t testing.TB, text string) *Schedule {
	t.Helper()
	c, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func instant(t testing.TB, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestActive(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		cron   string
		length time.Duration
		at     string
		active bool
	}{
		{"just before the start", "0 3 * * *", 2 * time.Hour, "2026-01-10T01:59:59Z", false},
		{"at the start, in the zone's winter", "0 3 * * *", 2 * time.Hour, "2026-01-10T02:00:00Z", true},
		{"just before the end", "0 3 * * *", 2 * time.Hour, "2026-01-10T03:59:59Z", true},
		{"at the end", "0 3 * * *", 2 * time.Hour, "2026-01-10T04:00:00Z", false},
		{"in the zone's summer it starts an hour earlier", "0 3 * * *", 2 * time.Hour, "2026-07-10T01:00:00Z", true},
		{"over midnight", "0 23 * * *", 3 * time.Hour, "2026-01-10T00:30:00Z", true},
		{"on Sundays only: a Sunday", "0 3 * * SUN", time.Hour, "2026-01-11T02:30:00Z", true},
		{"on Sundays only: a Monday", "0 3 * * SUN", time.Hour, "2026-01-12T02:30:00Z", false},
		{"longer than its interval it never ends", "0 3 * * *", 25 * time.Hour, "2026-01-10T02:30:00Z", true},
		// On 29 March 2026 Berlin's clock goes from 02:00 to 03:00, at 01:00 UTC.
		{"a start inside the gap is right after it", "30 2 * * *", time.Hour, "2026-03-29T01:00:00Z", true},
		{"and lasts as long as ever", "30 2 * * *", time.Hour, "2026-03-29T01:59:59Z", true},
		{"and no longer", "30 2 * * *", time.Hour, "2026-03-29T02:00:00Z", false},
		{"and is not before it", "30 2 * * *", time.Hour, "2026-03-29T00:59:59Z", false},
		// On 25 October 2026 it goes from 03:00 back to 02:00, at 01:00 UTC.
		{"a time that comes twice starts the first time", "30 2 * * *", 20 * time.Minute, "2026-10-25T00:30:00Z", true},
		{"and not the second time", "30 2 * * *", 20 * time.Minute, "2026-10-25T01:30:00Z", false},
		{"a span over the change lasts as long as ever", "30 1 * * *", 3 * time.Hour, "2026-10-25T02:29:59Z", true},
		{"and no longer", "30 1 * * *", 3 * time.Hour, "2026-10-25T02:30:00Z", false},
	} {
		if got := mustParse(t, c.cron).Active(instant(t, c.at), c.length, berlin); got != c.active {
			t.Errorf("%s: active is %v at %s", c.name, got, c.at)
		}
	}
}

// The schedule of a Caribbean and an Antarctic zone: a gap at midnight, and one of
// half an hour.
func TestActiveInOddZones(t *testing.T) {
	for _, c := range []struct {
		zone, cron, at string
		active         bool
	}{
		{"America/Havana", "30 0 * * *", "2026-03-08T05:00:00Z", true}, // 00:00 → 01:00 at 05:00 UTC
		{"America/Havana", "30 0 * * *", "2026-03-08T04:59:59Z", false},
		{"Australia/Lord_Howe", "15 2 * * *", "2026-10-03T15:30:00Z", true}, // 02:00 → 02:30 at 15:30 UTC
		{"Australia/Lord_Howe", "15 2 * * *", "2026-10-03T15:29:59Z", false},
		{"Australia/Lord_Howe", "45 1 * * *", "2026-04-04T14:45:00Z", true}, // 02:00 → 01:30 at 15:00 UTC
		{"Australia/Lord_Howe", "45 1 * * *", "2026-04-04T15:15:00Z", false},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		at := instant(t, c.at)
		if got := mustParse(t, c.cron).Active(at, 20*time.Minute, zone); got != c.active {
			t.Errorf("%s in %s at %s (%s there): active is %v", c.cron, c.zone, c.at, at.In(zone).Format("15:04"), got)
		}
	}
}

func TestParse(t *testing.T) {
	for _, text := range []string{"* * * * *", "*/15 2-4 1,15 jan-MAR mon-fri", "0 0 1-31/2 * 7", "59 23 31 12 7", "0 0 1 1 0", "5-5 0 1 1 0", "*/59 */23 */31 */12 */7"} {
		if _, err := Parse(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"0 3 * *", "wrong number of fields: 4, want 5: minute, hour, day of month, month, day of week"},
		{"0 3 * * * *", "wrong number of fields: 6"},
		{"", "wrong number of fields: 0"},
		{"60 3 * * *", "wrong minute: want *, or 0 to 59, with ranges (1-5), lists (1,3) and steps (*/15)"},
		{"-1 3 * * *", "wrong minute"},
		{"0 24 * * *", "wrong hour: want *, or 0 to 23"},
		{"0 3 0 * *", "wrong day of month: want *, or 1 to 31"},
		{"0 3 32 * *", "wrong day of month"},
		{"0 3 * 13 *", "wrong month: want *, or 1 to 12"},
		{"0 3 * 0 *", "wrong month"},
		{"0 3 * * 8", "wrong day of week: want *, or 0 to 7"},
		{"0 3 * * FOO", "wrong day of week"},
		{"0 3 * * JAN", "wrong day of week"},
		{"*/0 3 * * *", "wrong minute"},
		{"*/60 3 * * *", "wrong minute"},
		{"*/ 3 * * *", "wrong minute"},
		{"5-2 3 * * *", "wrong minute"},
		{"1-60 3 * * *", "wrong minute"},
		{"1- 3 * * *", "wrong minute"},
		{"1,,2 3 * * *", "wrong minute"},
		{"0 3 * * FRI-MON", "wrong day of week"},
		{"0 3 * MAR-JAN *", "wrong month"},
	} {
		if _, err := Parse(c.text); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: error %v, want it to begin with %q", c.text, err, c.want)
		}
	}
}

func TestTheNumbersThatAFieldMatches(t *testing.T) {
	for _, c := range []struct {
		text string
		want []int
	}{
		{"5", []int{5}},
		{"1,3", []int{1, 3}},
		{"1-4", []int{1, 2, 3, 4}},
		{"*/20", []int{0, 20, 40}},
		{"10/20", []int{10, 30, 50}},
		{"10-40/15", []int{10, 25, 40}},
		{"0-3/2,58-59", []int{0, 2, 58, 59}},
	} {
		s := mustParse(t, c.text+" 0 * * *")
		var got []int
		for n := range 64 {
			if s.minute&(1<<n) != 0 {
				got = append(got, n)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s matches the minutes %v, want %v", c.text, got, c.want)
		}
	}
}

func TestDays(t *testing.T) {
	for _, c := range []struct {
		name, cron, date string
		matches          bool
	}{
		{"both days restricted: a Friday, the 13th", "0 0 13 * FRI", "2026-11-13", true},
		{"both days restricted: another Friday", "0 0 13 * FRI", "2026-11-20", true},
		{"both days restricted: another 13th", "0 0 13 * FRI", "2026-12-13", true},
		{"both days restricted: neither", "0 0 13 * FRI", "2026-12-14", false},
		{"the day of month alone: the day", "0 0 13 * *", "2026-11-13", true},
		{"the day of month alone: another day", "0 0 13 * *", "2026-11-20", false},
		{"the day of week alone: another day", "0 0 * * FRI", "2026-11-21", false},
		{"a step counts as any day: both must match", "0 0 */2 * FRI", "2026-11-20", false},
		{"a step counts as any day: both match", "0 0 */2 * FRI", "2026-11-13", true},
		{"the month by its name", "0 0 * NOV *", "2026-11-30", true},
		{"another month", "0 0 * NOV *", "2026-12-01", false},
		{"Sunday is 7", "0 0 * * 7", "2026-11-22", true},
		{"Sunday is 0", "0 0 * * 0", "2026-11-22", true},
		{"Saturday is not Sunday", "0 0 * * 7", "2026-11-21", false},
	} {
		if got := mustParse(t, c.cron).matches(instant(t, c.date+"T12:00:00Z")); got != c.matches {
			t.Errorf("%s: %s matches %s is %v", c.name, c.cron, c.date, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("*/15 2-4 1,15 * MON-FRI")
	f.Add("0 3 * * 7")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		s.Active(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), time.Hour, time.UTC)
		if s.minute == 0 || s.minute>>60 != 0 || s.hour == 0 || s.hour>>24 != 0 || s.day&1 != 0 || s.day>>32 != 0 || s.month&1 != 0 || s.month>>13 != 0 || s.weekday>>8 != 0 {
			t.Errorf("%q matches numbers that its fields do not have: %+v", text, s)
		}
	})
}
