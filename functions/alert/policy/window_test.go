package policy

import (
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cron"
)

func TestWindow(t *testing.T) {
	daily, err := cron.Parse("0 3 * * *")
	if err != nil {
		t.Fatal(err)
	}
	once := Window{Start: noon, End: noon.Add(8 * time.Hour)}
	east := time.FixedZone("two hours ahead", 2*60*60)
	for _, c := range []struct {
		name   string
		w      Window
		at     string
		active bool
	}{
		{"once: just before its start", once, "2026-11-22T11:59:59Z", false},
		{"once: at its start", once, "2026-11-22T12:00:00Z", true},
		{"once: just before its end", once, "2026-11-22T19:59:59Z", true},
		{"once: at its end", once, "2026-11-22T20:00:00Z", false},
		{"repeated without a zone: in UTC", Window{Cron: daily, For: time.Hour}, "2026-11-22T03:30:00Z", true},
		{"repeated: at its end", Window{Cron: daily, For: time.Hour}, "2026-11-22T04:00:00Z", false},
		{"repeated in a zone", Window{Cron: daily, For: time.Hour, Zone: east}, "2026-11-22T01:30:00Z", true},
		{"repeated in a zone: not in UTC", Window{Cron: daily, For: time.Hour, Zone: east}, "2026-11-22T03:30:00Z", false},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.w.Active(at); got != c.active {
			t.Errorf("%s: active is %v at %s", c.name, got, c.at)
		}
	}
}
