package incident

import (
	"strings"
	"testing"
	"time"
)

func mustCron(t testing.TB, text string) *Cron {
	t.Helper()
	c, err := ParseCron(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWindow(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	window := func(cron string, length time.Duration) Window {
		return Window{Cron: mustCron(t, cron), Zone: berlin, For: length}
	}
	for _, c := range []struct {
		name   string
		w      Window
		at     string
		active bool
	}{
		{"just before the start", window("0 3 * * *", 2*time.Hour), "2026-01-10T01:59:59Z", false},
		{"at the start, in the zone's winter", window("0 3 * * *", 2*time.Hour), "2026-01-10T02:00:00Z", true},
		{"just before the end", window("0 3 * * *", 2*time.Hour), "2026-01-10T03:59:59Z", true},
		{"at the end", window("0 3 * * *", 2*time.Hour), "2026-01-10T04:00:00Z", false},
		{"in the zone's summer it starts an hour earlier", window("0 3 * * *", 2*time.Hour), "2026-07-10T01:00:00Z", true},
		{"over midnight", window("0 23 * * *", 3*time.Hour), "2026-01-10T00:30:00Z", true},
		{"on Sundays only: a Sunday", window("0 3 * * SUN", time.Hour), "2026-01-11T02:30:00Z", true},
		{"on Sundays only: a Monday", window("0 3 * * SUN", time.Hour), "2026-01-12T02:30:00Z", false},
		{"longer than its interval it never ends", window("0 3 * * *", 25*time.Hour), "2026-01-10T02:30:00Z", true},
		// On 29 March 2026 Berlin's clock goes from 02:00 to 03:00, at 01:00 UTC.
		{"a start inside the gap is right after it", window("30 2 * * *", time.Hour), "2026-03-29T01:00:00Z", true},
		{"and lasts as long as ever", window("30 2 * * *", time.Hour), "2026-03-29T01:59:59Z", true},
		{"and no longer", window("30 2 * * *", time.Hour), "2026-03-29T02:00:00Z", false},
		{"and is not before it", window("30 2 * * *", time.Hour), "2026-03-29T00:59:59Z", false},
		// On 25 October 2026 it goes from 03:00 back to 02:00, at 01:00 UTC.
		{"a time that comes twice starts the first time", window("30 2 * * *", 20*time.Minute), "2026-10-25T00:30:00Z", true},
		{"and not the second time", window("30 2 * * *", 20*time.Minute), "2026-10-25T01:30:00Z", false},
		{"a span over the change lasts as long as ever", window("30 1 * * *", 3*time.Hour), "2026-10-25T02:29:59Z", true},
		{"and no longer", window("30 1 * * *", 3*time.Hour), "2026-10-25T02:30:00Z", false},
		{"once: inside", Window{Start: at("2026-12-24T22:00:00Z"), End: at("2026-12-25T06:00:00Z")}, "2026-12-25T00:00:00Z", true},
		{"once: at its end", Window{Start: at("2026-12-24T22:00:00Z"), End: at("2026-12-25T06:00:00Z")}, "2026-12-25T06:00:00Z", false},
	} {
		if got := c.w.Active(at(c.at)); got != c.active {
			t.Errorf("%s: active is %v at %s", c.name, got, c.at)
		}
	}
}

// The schedule of a Caribbean and an Antarctic zone: a gap at midnight, and one of
// half an hour.
func TestWindowInOddZones(t *testing.T) {
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
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		w := Window{Cron: mustCron(t, c.cron), Zone: zone, For: 20 * time.Minute}
		if got := w.Active(at); got != c.active {
			t.Errorf("%s in %s at %s (%s there): active is %v", c.cron, c.zone, c.at, at.In(zone).Format("15:04"), got)
		}
	}
}

func TestParseCron(t *testing.T) {
	for _, text := range []string{"* * * * *", "*/15 2-4 1,15 jan-MAR mon-fri", "0 0 1-31/2 * 7"} {
		if _, err := ParseCron(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"0 3 * *", "want 5"},
		{"60 3 * * *", "minute"},
		{"0 24 * * *", "hour"},
		{"0 3 0 * *", "day of the month"},
		{"0 3 * 13 *", "month"},
		{"0 3 * * 8", "day of the week"},
		{"0 3 * * FOO", "day of the week"},
		{"*/0 3 * * *", "step"},
		{"5-2 3 * * *", "from 5 to 59"},
		{"", "want 5"},
	} {
		if _, err := ParseCron(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want it to say %q", c.text, err, c.want)
		}
	}
}

func TestEitherDayMatches(t *testing.T) {
	c := mustCron(t, "0 0 13 * FRI")
	for _, day := range []struct {
		date string
		on   bool
	}{{"2026-11-13", true}, {"2026-11-20", true}, {"2026-12-13", true}, {"2026-12-14", false}} {
		d, err := time.Parse(time.DateOnly, day.date)
		if err != nil {
			t.Fatal(err)
		}
		if c.on(d) != day.on {
			t.Errorf("%s (%s): %v", day.date, d.Weekday(), !day.on)
		}
	}
}

func FuzzParseCron(f *testing.F) {
	f.Add("*/15 2-4 1,15 * MON-FRI")
	f.Add("0 3 * * 7")
	f.Fuzz(func(_ *testing.T, text string) {
		c, err := ParseCron(text)
		if err != nil {
			return
		}
		Window{Cron: c, For: time.Hour}.Active(noon)
	})
}
