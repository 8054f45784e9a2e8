package notify

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestCommandsThatApply(t *testing.T) {
	earlier, now := 0, 1
	for _, tt := range []struct {
		name    string
		command report.Command
		want    bool
	}{
		{"by the id", report.Command{Action: report.Acknowledge, Incident: "A"}, true},
		{"in any case", report.Command{Action: report.Acknowledge, Incident: " inc-a "}, true},
		{"a minute ahead", report.Command{Action: report.Acknowledge, Incident: "A", At: at(1)}, true},
		{"further ahead", report.Command{Action: report.Acknowledge, Incident: "A", At: at(1).Add(1)}, false},
		{"a day old", report.Command{Action: report.Acknowledge, Incident: "A", At: at(-24 * 60)}, true},
		{"older", report.Command{Action: report.Acknowledge, Incident: "A", At: at(-24 * 60).Add(-1)}, false},
		{"applied already", report.Command{ID: "before", Action: report.Acknowledge, Incident: "A"}, false},
		{"of this life of the incident", report.Command{Action: report.Acknowledge, Incident: "A", Reopened: &now}, true},
		{"of an earlier one", report.Command{Action: report.Acknowledge, Incident: "A", Reopened: &earlier}, false},
		{"of one that is over", report.Command{Action: report.Acknowledge, Incident: "C"}, false},
		{"of nothing", report.Command{Action: report.Acknowledge, Incident: "Z"}, false},
		{"of two", report.Command{Action: report.Acknowledge, Incident: "7F3A9K"}, false},
		{"acknowledged already", report.Command{Action: report.Acknowledge, Incident: "B"}, false},
		{"a silence of a database", report.Command{Action: report.Silence, Series: report.Series{Database: "a"}, For: time.Minute}, true},
		{"of the monitor", report.Command{Action: report.Silence, Series: report.Series{Database: report.MonitorDatabase}, For: time.Minute}, true},
		{"of another shard's database", report.Command{Action: report.Silence, Series: report.Series{Database: "z"}, For: time.Minute}, false},
		{"that is over", report.Command{Action: report.Silence, Series: report.Series{Database: "a"}, For: time.Minute, At: at(-1)}, false},
		{"of nothing that is open", report.Command{Action: report.Silence, Incident: "C", For: time.Minute}, false},
		{"the end of a silence that there is not", report.Command{Action: report.Unsilence, Series: report.Series{Database: "a"}}, false},
		{"a drill", report.Command{Action: report.Drill}, true},
		{"a drill of a receiver", report.Command{Action: report.Drill, Receiver: "slack"}, true},
		{"of one that there is not", report.Command{Action: report.Drill, Receiver: "fax"}, false},
		{"what this version does not know", report.Command{Action: "dance"}, false},
	} {
		d := newDesk(t)
		d.open("a", "b", "c")
		d.s.Incidents["A"].Reopened = 1
		d.s.Incidents["B"].Ack = &incident.Ack{By: "bob"}
		d.s.Incidents["C"].Resolved = noon
		for _, id := range []string{"20261122T120000Z-7F3A9K000000", "20261122T120000Z-7F3A9K111111"} {
			d.s.Incidents[id] = &incident.Incident{ID: id}
		}
		d.pending = nil
		if tt.command.ID != "" {
			d.s.Commands[tt.command.ID] = noon
		}
		before := len(d.s.Commands)
		d.command(tt.command)
		if got := len(d.s.Commands) > before; got != tt.want {
			t.Errorf("%s: applied %t", tt.name, got)
		}
	}
	d := newDesk(t)
	d.p.Databases = nil
	if !d.command(report.Command{Action: report.Silence, Series: report.Series{Database: "z"}, For: time.Minute}) {
		t.Error("without a readable configuration a silence of any database applies")
	}
}

func TestAcknowledge(t *testing.T) {
	t.Run("it is told silently, and reminders come further apart", func(t *testing.T) {
		d := newDesk(t)
		d.open("a")
		d.step()
		d.s.Incidents["A"].Reminded = 2
		d.command(report.Command{Action: report.Acknowledge, Incident: "A", Via: "slack", At: at(0)})
		inc := d.s.Incidents["A"]
		if diff := cmp.Diff(&incident.Ack{By: "alice", Via: "slack", At: noon}, inc.Ack); diff != "" || inc.Reminded != 0 || !inc.RemindAt.Equal(at(1+240)) {
			t.Errorf("acknowledge (-want +got):\n%s\nreminded %d, next %v", diff, inc.Reminded, inc.RemindAt)
		}
		d.step()
		d.want("0 slack opened; 1 slack (acknowledged)")
	})
	t.Run("what is not reminded of stays so", func(t *testing.T) {
		d := newDesk(t)
		d.open("a")
		d.step()
		d.s.Incidents["A"].RemindAt = time.Time{}
		d.command(report.Command{Action: report.Acknowledge, Incident: "A"})
		if next := d.s.Incidents["A"].RemindAt; !next.IsZero() {
			t.Errorf("reminded at %v", next)
		}
	})
	t.Run("of a group, for all that it has then", func(t *testing.T) {
		d := newDesk(t)
		d.open("a", "b", "c")
		d.step()
		d.resolve("C")
		d.step()
		d.events = nil
		d.command(report.Command{Action: report.Acknowledge, Incident: d.group().ID})
		if d.group().Ack == nil || d.s.Incidents["A"].Ack == nil || d.s.Incidents["B"].Ack == nil || d.s.Incidents["C"].Ack != nil {
			t.Errorf("acknowledged: %v; want the group, A and B", d.events)
		}
	})
	t.Run("of a member, for the group once it is the last", func(t *testing.T) {
		d := newDesk(t)
		d.open("a", "b", "c")
		d.step()
		id := d.group().ID
		d.events = nil
		for _, member := range []string{"A", "B", "C"} {
			d.command(report.Command{Action: report.Acknowledge, Incident: member})
		}
		want := []string{
			"acknowledged of A/grouped", "updated of " + id, "acknowledged of B/grouped", "updated of " + id, "acknowledged of C/grouped", "acknowledged of " + id,
		}
		if diff := cmp.Diff(want, d.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
	t.Run("of a member of a group that is over, for itself alone", func(t *testing.T) {
		d := newDesk(t)
		d.open("a")
		d.s.Incidents["A"].Group = "G"
		d.s.Groups["G"] = &incident.Group{ID: "G", Resolved: noon, Members: []string{"A"}}
		d.command(report.Command{Action: report.Acknowledge, Incident: "A"})
		if d.s.Groups["G"].Ack != nil || d.s.Groups["G"].Rev != 0 {
			t.Errorf("group %+v", d.s.Groups["G"])
		}
	})
}

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

func TestADrill(t *testing.T) {
	d := newDesk(t)
	d.p.Receivers["mail"] = policy.Receiver{}
	d.command(report.Command{ID: "drill 1", Action: report.Drill, At: at(-1), Receiver: "mail"})
	id := d.pending[0].ID
	got := *d.s.Incidents[id]
	want := incident.Incident{
		ID: incident.NewID("main", incident.MonitorSeries(incident.DrillSubject("drill 1")).String()+"drill 1", noon), Series: incident.MonitorSeries(incident.DrillSubject("drill 1")),
		Severity: cause.Drill.Info().Severity, Status: report.Warn, Cause: cause.Drill, Since: at(-1), Opened: noon, Drill: true, DrillFor: "mail",
		Observation: report.Observation{
			Database: report.MonitorDatabase, Check: report.Monitor, Subject: incident.DrillSubject("drill 1"), Status: report.Warn, Cause: cause.Drill,
			Evidence: "asked for by alice", At: at(-1), Every: time.Minute,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("drill (-want +got):\n%s", diff)
	}
	d.step()
	d.resolve(id)
	d.step()
	d.want("0 mail drill; 1 mail resolved")
	d.command(report.Command{ID: "drill 2", Action: report.Drill})
	d.step()
	d.want("0 mail drill; 1 mail resolved; 2 mail drill; 2 slack drill")
	if inc := d.s.Incidents[d.newest()]; !inc.RemindAt.IsZero() {
		t.Errorf("a drill is reminded of at %v", inc.RemindAt)
	}
}

// newest returns the id of the newest incident.
func (d *desk) newest() string {
	newest := ""
	for id := range d.s.Incidents {
		newest = max(newest, id)
	}
	return newest
}

func TestAMemberEndsItsGroupsSilence(t *testing.T) {
	d := newDesk(t)
	d.open("a", "b", "c")
	d.step()
	d.command(report.Command{Action: report.Silence, Incident: d.group().ID, For: time.Hour})
	d.step()
	if d.s.Incidents["B"].Suppressed == "" || !d.command(report.Command{Action: report.Unsilence, Incident: "B"}) || len(d.s.Silences) != 0 {
		t.Errorf("silences left: %+v", d.s.Silences)
	}
}

// A window is named in what people see, and forgotten with its end.
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
