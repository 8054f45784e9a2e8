package statistics

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

var now = time.Date(2026, 11, 22, 18, 34, 5, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

func TestLapses(t *testing.T) {
	mock := func(change func(*incident.Incident)) incident.Incident {
		i := incident.Incident{
			Series: report.Series{Database: "a", Check: report.MockMode, Subject: "backend"}, Cause: cause.Mock,
			Since: ago(30 * time.Minute), Opened: ago(29 * time.Minute), Resolved: ago(10 * time.Minute),
		}
		change(&i)
		return i
	}
	one := func(service string, from, to time.Duration, activations int) lapse {
		return lapse{Service: service, From: ago(from), To: ago(to), Activations: activations}
	}
	tests := []struct {
		name     string
		incident incident.Incident
		want     []lapse
	}{
		{"one that is over", mock(func(*incident.Incident) {}), []lapse{one("backend", 30*time.Minute, 10*time.Minute, 1)}},
		{"an open one lasts until now", mock(func(i *incident.Incident) { i.Resolved = time.Time{} }), []lapse{one("backend", 30*time.Minute, 0, 1)}},
		{"each reopening is one more", mock(func(i *incident.Incident) { i.Reopened = 2 }), []lapse{one("backend", 30*time.Minute, 10*time.Minute, 3)}},
		{
			"an outage names who fell back",
			mock(func(i *incident.Incident) {
				i.Series, i.Cause, i.Mock = report.Series{Database: "a", Check: report.Ping}, cause.TCPRefused, []string{"backend (app, event)", "worker"}
			}),
			[]lapse{one("backend", 30*time.Minute, 10*time.Minute, 1), one("worker", 30*time.Minute, 10*time.Minute, 1)},
		},
		{"an outage in which no app did", mock(func(i *incident.Incident) { i.Series = report.Series{Database: "a", Check: report.Ping} }), []lapse{}},
		{"an app that cannot be asked is none", mock(func(i *incident.Incident) { i.Cause = cause.AppUnreachable }), nil},
		{"nor is a drill", mock(func(i *incident.Incident) { i.Drill = true }), nil},
		{"nor another check", mock(func(i *incident.Incident) { i.Series.Check = report.Memory }), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lapsesOf(&tt.incident, now)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A life is lapses as "SERVICE FROM-TO", in minutes after midnight of a day.
func TestFallbackIsCounted(t *testing.T) {
	midnight := now.Truncate(24 * time.Hour)
	tests := []struct {
		name        string
		lapses      []string
		activations int
		minutes     float64
	}{
		{"none", nil, 0, 0},
		{"one", []string{"api 10-20"}, 1, 10},
		{"an outage and what it left behind are one", []string{"api 10-20", "api 18-30"}, 1, 20},
		{"so they are a run apart", []string{"api 10-20", "api 22-30"}, 1, 20},
		{"later it is another", []string{"api 10-20", "api 26-30"}, 2, 14},
		{"two apps at once are two, and one time", []string{"api 10-20", "web 15-25"}, 2, 15},
		{"one inside the other", []string{"api 10-40", "web 15-25", "web 35-50"}, 3, 40},
		{"one that began the day before counts there", []string{"api -30-20"}, 0, 20},
		{"one that goes on the day after counts here", []string{"api 1430-1500"}, 1, 10},
		{"of another day", []string{"api 1450-1500", "web -40--20"}, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var lapses []lapse
			for _, text := range tt.lapses {
				var service string
				var from, to int
				if _, err := fmt.Sscanf(text, "%s %d-%d", &service, &from, &to); err != nil {
					t.Fatal(err)
				}
				lapses = append(lapses, lapse{
					Service: service, Activations: 1,
					From: midnight.Add(time.Duration(from) * time.Minute), To: midnight.Add(time.Duration(to) * time.Minute),
				})
			}
			activations, lasted := countLapses(joinLapses(lapses), midnight, midnight.Add(24*time.Hour))
			if activations != tt.activations || lasted.Minutes() != tt.minutes {
				t.Errorf("%d activations in %v, want %d in %v min", activations, lasted, tt.activations, tt.minutes)
			}
		})
	}
}

// What days count adds up to what the whole counts, in any order, and never to more
// than the time there is.
func TestFallbackOfDaysAddsUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		begin := now.Truncate(24 * time.Hour)
		var lapses []lapse
		for range rapid.IntRange(0, 8).Draw(rt, "lapses") {
			from := begin.Add(time.Duration(rapid.IntRange(0, 3*1440).Draw(rt, "from")) * time.Minute)
			lapses = append(lapses, lapse{
				Service: rapid.SampledFrom([]string{"api", "web"}).Draw(rt, "service"), From: from, Activations: 1,
				To: from.Add(time.Duration(rapid.IntRange(0, 2000).Draw(rt, "lasts")) * time.Minute),
			})
		}
		joined := joinLapses(lapses)
		slices.Reverse(lapses)
		if diff := cmp.Diff(joined, joinLapses(lapses)); diff != "" {
			rt.Fatalf("the order matters: %s", diff)
		}
		const days = 6
		all, whole := countLapses(joined, begin, begin.Add(days*24*time.Hour))
		sum, lasted := 0, time.Duration(0)
		for d := range days {
			from := begin.Add(time.Duration(d) * 24 * time.Hour)
			n, l := countLapses(joined, from, from.Add(24*time.Hour))
			if l > 24*time.Hour {
				rt.Fatalf("%v in a day", l)
			}
			sum, lasted = sum+n, lasted+l
		}
		if all != sum || whole != lasted {
			rt.Errorf("days count %d in %v, the whole %d in %v", sum, lasted, all, whole)
		}
	})
}
