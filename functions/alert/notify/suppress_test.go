package notify

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestWhatASilenceHolds(t *testing.T) {
	d := newDesk(t)
	d.open("a", "b")
	d.step()
	long := report.Command{
		Action: report.Silence, Series: report.Series{Database: "a", Check: report.Ping}, For: 48 * time.Hour, Via: "cli", Reason: strings.Repeat("x", 1000),
	}
	d.command(long)
	d.command(report.Command{Action: report.Silence, Incident: "B", For: time.Hour, Series: report.Series{Database: "ignored"}})
	got := d.s.Silences
	want := []incident.Silence{
		{ID: "c1-0", Series: long.Series, Until: at(1 + 24*60), At: at(1), By: "alice", Via: "cli", Reason: report.CutEvidence(long.Reason)},
		{ID: "c1-1", Incident: "B", Until: at(61), At: at(1), By: "alice"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("silences (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"opened of A", "opened of B", "silenced of A", "silenced of B"}, d.events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if inc := d.s.Incidents["A"]; !inc.SilencedUntil.Equal(at(1+24*60)) || inc.SilencedBy != "alice" {
		t.Errorf("incident silenced until %v by %q", inc.SilencedUntil, inc.SilencedBy)
	}
	d = newDesk(t)
	d.open("a", "b", "c")
	d.step()
	d.events = nil
	d.command(report.Command{Action: report.Silence, Incident: "A", For: time.Hour})
	if diff := cmp.Diff([]string{"silenced of A/grouped", "updated of " + d.group().ID}, d.events); diff != "" {
		t.Errorf("of a member (-want +got):\n%s", diff)
	}
}

func TestMatches(t *testing.T) {
	key := report.Series{Database: "a", Check: report.MockMode, Subject: "backend"}
	for _, tt := range []struct {
		name    string
		silence incident.Silence
		want    bool
	}{
		{"the database", incident.Silence{Series: report.Series{Database: "a"}}, true},
		{"another", incident.Silence{Series: report.Series{Database: "b"}}, false},
		{"the check", incident.Silence{Series: report.Series{Database: "a", Check: report.MockMode}}, true},
		{"another", incident.Silence{Series: report.Series{Database: "a", Check: report.Ping}}, false},
		{"the subject", incident.Silence{Series: key}, true},
		{"another", incident.Silence{Series: report.Series{Database: "a", Check: report.MockMode, Subject: "x"}}, false},
		{"an incident is not a series", incident.Silence{Incident: "A", Series: report.Series{Database: "a"}}, false},
	} {
		if got := matches(tt.silence, key); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

func TestSuppress(t *testing.T) {
	until := at(60)
	window := func(edit func(*policy.Window)) []policy.Window {
		w := policy.Window{Start: at(-1), End: at(1)}
		edit(&w)
		return []policy.Window{w}
	}
	silence := func(x incident.Silence) func(*desk) {
		return func(d *desk) {
			x.Until, x.By = until, "bob"
			d.s.Silences = []incident.Silence{{Incident: "A", Until: at(1), By: "short"}, x, {Incident: "A", Until: at(30), By: "shorter"}, {Incident: "A", Until: noon, By: "over"}}
		}
	}
	for _, tt := range []struct {
		name string
		edit func(*desk)
		want string // "by bob" for the longest silence
	}{
		{"nothing", func(*desk) {}, ""},
		{"the longest silence of the incident", silence(incident.Silence{Incident: "A"}), "silenced by bob"},
		{"of its database", silence(incident.Silence{Series: report.Series{Database: "a"}}), "silenced by bob"},
		{"of its group", func(d *desk) {
			d.s.Incidents["A"].Group = "G"
			silence(incident.Silence{Incident: "G"})(d)
		}, "silenced by bob"},
		{"of another incident", silence(incident.Silence{Incident: "B"}), "silenced by shorter"},
		{"a window", func(d *desk) { d.p.Windows = window(func(*policy.Window) {}) }, "maintenance"},
		{"of its environment", func(d *desk) {
			d.p.Databases["a"] = policy.Database{Environment: "staging"}
			d.p.Windows = window(func(w *policy.Window) { w.Environments = []string{"staging"} })
		}, "maintenance"},
		{"of another environment", func(d *desk) {
			d.p.Windows = window(func(w *policy.Window) { w.Environments = []string{"staging"} })
		}, ""},
		{"of another database", func(d *desk) { d.p.Windows = window(func(w *policy.Window) { w.Databases = []string{"b"} }) }, ""},
		{"that has not begun", func(d *desk) { d.p.Windows = window(func(w *policy.Window) { w.Start = at(1) }) }, ""},
		{"a silence before a window", func(d *desk) {
			d.p.Windows = window(func(*policy.Window) {})
			silence(incident.Silence{Incident: "A"})(d)
		}, "silenced by bob"},
		{"no window holds for a drill", func(d *desk) {
			d.s.Incidents["A"].Drill = true
			d.p.Windows = window(func(*policy.Window) {})
		}, ""},
		{"nor for the monitor itself", func(d *desk) {
			d.s.Incidents["A"].Series = incident.MonitorSeries("reports")
			d.p.Windows = window(func(*policy.Window) {})
		}, ""},
		{"what is over is not looked at", func(d *desk) {
			d.s.Incidents["A"].Resolved = noon
			silence(incident.Silence{Incident: "A"})(d)
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			d.open("a")
			tt.edit(d)
			if changes := Suppress(&d.s, d.p, noon); len(changes) != 0 {
				t.Errorf("changes %v", changes)
			}
			inc := d.s.Incidents["A"]
			got := inc.Suppressed
			if inc.SilencedBy != "" {
				got += " by " + inc.SilencedBy
			}
			if got != tt.want {
				t.Errorf("suppressed %q, want %q", got, tt.want)
			}
			if inc.SilencedBy == "bob" && !inc.SilencedUntil.Equal(until) {
				t.Errorf("until %v", inc.SilencedUntil)
			}
			if slices.ContainsFunc(d.s.Silences, func(x incident.Silence) bool { return x.By == "over" }) {
				t.Error("a silence that is over is kept")
			}
		})
	}
}

// What still fails when a silence or a window ends is told then.
func TestTheEndOfASuppression(t *testing.T) {
	for _, tt := range []struct {
		name string
		play func(*desk)
		want string
	}{
		{"what was told goes on", func(d *desk) {
			d.open("a")
			d.step()
			d.command(report.Command{Action: report.Silence, Incident: "A", For: 3 * time.Minute})
			d.steps(5)
			if inc := d.s.Incidents["A"]; !inc.Resumed.Equal(at(4)) || inc.Suppressed != "" || !inc.SilencedUntil.IsZero() {
				d.t.Errorf("incident %+v", inc.Thread)
			}
		}, "0 slack opened; 1 slack (silenced); 4 slack resumed"},
		{"what opened under it is news", func(d *desk) {
			d.command(report.Command{Action: report.Silence, Series: report.Series{Database: "a"}, For: 3 * time.Minute})
			d.open("a")
			d.steps(5)
		}, "3 slack opened"},
		{"what opened and closed under it is not", func(d *desk) {
			d.command(report.Command{Action: report.Silence, Series: report.Series{Database: "a"}, For: 3 * time.Minute})
			d.open("a")
			d.step()
			d.resolve("A")
			d.steps(5)
		}, ""},
		{"the end is told under it", func(d *desk) {
			d.open("a")
			d.step()
			d.command(report.Command{Action: report.Silence, Incident: "A", For: time.Hour})
			d.step()
			d.resolve("A")
			d.steps(5)
		}, "0 slack opened; 1 slack (silenced); 2 slack resolved"},
		{"a reopening under it is one at its end", func(d *desk) {
			d.open("a")
			d.step()
			d.resolve("A")
			d.step()
			d.command(report.Command{Action: report.Silence, Series: report.Series{Database: "a"}, For: 3 * time.Minute})
			d.reopen("A")
			d.steps(5)
		}, "0 slack opened; 1 slack resolved; 5 slack reopened"},
		{"unsilencing an incident ends what covers it", func(d *desk) {
			d.open("a")
			d.step()
			d.command(report.Command{Action: report.Silence, Incident: "A", For: time.Hour})
			d.command(report.Command{Action: report.Silence, Series: report.Series{Database: "a"}, For: time.Hour})
			d.command(report.Command{Action: report.Silence, Series: report.Series{Database: "b"}, For: time.Hour})
			d.step()
			d.command(report.Command{Action: report.Unsilence, Incident: "A"})
			if len(d.s.Silences) != 1 {
				d.t.Errorf("silences %+v, want that of b", d.s.Silences)
			}
			d.step()
		}, "0 slack opened; 1 slack (silenced); 2 slack resumed"},
		{"unsilencing a check ends that check's, a database's ends all of it", func(d *desk) {
			for _, check := range []report.Check{report.Ping, report.Write, report.Memory} {
				d.command(report.Command{Action: report.Silence, Series: report.Series{Database: "a", Check: check}, For: time.Hour})
			}
			d.command(report.Command{Action: report.Unsilence, Series: report.Series{Database: "a", Check: report.Write}})
			if len(d.s.Silences) != 2 {
				d.t.Errorf("silences %+v, want two", d.s.Silences)
			}
			d.command(report.Command{Action: report.Unsilence, Series: report.Series{Database: "a"}})
			if len(d.s.Silences) != 0 {
				d.t.Errorf("silences %+v, want none", d.s.Silences)
			}
		}, ""},
		{"a group, once all its members are", func(d *desk) {
			d.open("a", "b", "c")
			d.step()
			for _, name := range []string{"a", "b", "c"} {
				d.command(report.Command{Action: report.Silence, Series: report.Series{Database: name}, For: 3 * time.Minute})
			}
			d.step()
			if g := d.group(); g.Suppressed != "silenced" {
				d.t.Errorf("group suppressed %q", g.Suppressed)
			}
			d.steps(4)
			if g := d.group(); !g.Resumed.Equal(at(4)) {
				d.t.Errorf("group resumed %v", g.Resumed)
			}
		}, "0 slack opened; 1 slack (updated); 4 slack resumed"},
		{"a group of which one member is not", func(d *desk) {
			d.open("a", "b", "c")
			d.step()
			for _, name := range []string{"a", "b"} {
				d.command(report.Command{Action: report.Silence, Series: report.Series{Database: name}, For: time.Hour})
			}
			d.step()
			d.resolve("A")
			d.step()
			if g := d.group(); g.Suppressed != "" {
				d.t.Errorf("group suppressed %q", g.Suppressed)
			}
		}, "0 slack opened; 1 slack (updated); 2 slack (updated)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			tt.play(d)
			d.want(tt.want)
		})
	}
}

// A window is named in what people see, and forgotten with its end.
func TestNoReminderIsPromisedForMaintenance(t *testing.T) {
	d := newDesk(t)
	d.open("a")
	d.step()
	inc := d.s.Incidents["A"]
	inc.Suppressed = suppressedByMaintenance
	s := &shard{State: &d.s, now: d.now}
	if a, _ := s.thread("A"); !s.notice(a, "slack", inc.Deliveries["slack"]).Next.IsZero() {
		t.Errorf("the next reminder is promised for %v", inc.RemindAt)
	}
}

func TestSuppressNamesTheWindow(t *testing.T) {
	d := newDesk(t)
	d.open("a", "b", "c")
	d.step() // they are a group
	d.p.Windows = []policy.Window{{Name: "sunday", Reason: "upgrade", Start: at(1), End: at(2)}}
	for minute, want := range []string{"", "sunday: upgrade", ""} {
		d.now = at(minute)
		Suppress(&d.s, d.p, d.now)
		for id, inc := range d.s.Incidents {
			if inc.Window != want {
				t.Errorf("minute %d: window of %s %q, want %q", minute, id, inc.Window, want)
			}
		}
		Suppress(&d.s, d.p, d.now) // a group follows its members
		for id, g := range d.s.Groups {
			if g.Window != want {
				t.Errorf("minute %d: window of group %s %q, want %q", minute, id, g.Window, want)
			}
		}
	}
}
