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

func TestWhatFormsAGroup(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*desk)
		// members of the one group, "" for none.
		want string
	}{
		{"three databases", func(*desk) {}, "A B C"},
		{"grouping is off", func(d *desk) { d.p.GroupAt = 0 }, ""},
		{"one is no group, whatever is configured", func(d *desk) { d.p.GroupAt = 1 }, ""},
		{"fewer than configured", func(d *desk) { d.p.GroupAt = 4 }, ""},
		{"two checks of one database are one database", func(d *desk) { d.s.Incidents["C"].Series = report.Series{Database: "b", Check: report.Write} }, ""},
		{"another class of cause", func(d *desk) { d.s.Incidents["C"].Cause = cause.AuthInvalid }, ""},
		{"another severity", func(d *desk) { d.s.Incidents["C"].Severity = cause.SeverityWarning }, ""},
		{"other receivers", func(d *desk) {
			d.p.Receivers["mail"] = policy.Receiver{}
			d.p.Routes = append([]policy.Route{{Databases: []string{"c"}, Receivers: []string{"mail"}}}, d.p.Routes...)
		}, ""},
		{"other receivers of the escalation", func(d *desk) {
			d.p.Routes = append([]policy.Route{{Databases: []string{"c"}, Receivers: []string{"slack"}, Escalate: []string{"x"}}}, d.p.Routes...)
		}, ""},
		{"one that is over", func(d *desk) { d.s.Incidents["C"].Resolved = noon }, ""},
		{"one that is suppressed", func(d *desk) {
			d.p.Windows = []policy.Window{{Databases: []string{"c"}, Start: at(-1), End: at(9)}}
		}, ""},
		{"a drill", func(d *desk) { d.s.Incidents["C"].Drill = true }, ""},
		{"the monitor's own", func(d *desk) { d.s.Incidents["C"].Series = incident.MonitorSeries("reports") }, ""},
		{"one that another group tells for", func(d *desk) { d.s.Incidents["C"].Group = "other" }, ""},
		{"all were told alone before", func(d *desk) {
			for _, inc := range d.s.Incidents {
				inc.Thread = incident.Thread{Rev: 1, Marks: incident.Marks{incident.Opened: 1}}
			}
		}, ""},
		{"one was not", func(d *desk) {
			d.s.Incidents["A"].Thread = incident.Thread{Rev: 1, Marks: incident.Marks{incident.Opened: 1}}
		}, "A B C"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			d.open("a", "b", "c")
			tt.edit(d)
			d.step()
			got := ""
			for _, g := range d.s.Groups {
				got = strings.Join(g.Members, " ")
			}
			if got != tt.want {
				t.Errorf("grouped %q, want %q", got, tt.want)
			}
		})
	}
}

func TestWhatAGroupHolds(t *testing.T) {
	d := newDesk(t)
	d.open("a", "b", "c")
	d.s.Incidents["B"].Since = at(-7)
	d.s.Incidents["A"].Escalated, d.s.Incidents["A"].RemindAt = at(-1), at(5)
	d.step()
	g := d.group()
	want := incident.Group{
		ID: g.ID, Thread: g.Thread, Class: cause.TimeoutResponse.Class(), Severity: cause.SeverityCritical,
		Members: []string{"A", "B", "C"}, Key: string(cause.TimeoutResponse.Class()) + "|critical|slack|", Since: at(-7), Opened: noon,
	}
	if diff := cmp.Diff(want, *g); diff != "" {
		t.Errorf("group (-want +got):\n%s", diff)
	}
	if !g.Escalated.Equal(at(-1)) || !d.s.Incidents["A"].RemindAt.IsZero() || d.s.Incidents["B"].Group != g.ID {
		t.Errorf("group escalated %v, member reminded %v", g.Escalated, d.s.Incidents["A"].RemindAt)
	}
}

func TestAGroupIsARegionalOutageOnlyWhereItIs(t *testing.T) {
	for _, tt := range []struct {
		name    string
		regions [3]string
		causes  [3]cause.Cause
		want    string
	}{
		{"the network of one region", [3]string{"us", "us", "us"}, [3]cause.Cause{cause.TimeoutResponse, cause.TCPRefused, cause.TimeoutConnect}, "us"},
		{"two regions", [3]string{"us", "us", "eu"}, [3]cause.Cause{cause.TimeoutResponse, cause.TimeoutResponse, cause.TimeoutResponse}, ""},
		{"one whose region is not known", [3]string{"us", "", "us"}, [3]cause.Cause{cause.TimeoutResponse, cause.TimeoutResponse, cause.TimeoutResponse}, ""},
		{"the provider's errors", [3]string{"us", "us", "us"}, [3]cause.Cause{cause.Provider5xx, cause.Provider5xx, cause.Provider5xx}, "us"},
		{"a quota", [3]string{"us", "us", "us"}, [3]cause.Cause{cause.QuotaMonthly, cause.QuotaMonthly, cause.QuotaMonthly}, ""},
	} {
		d := newDesk(t)
		d.open("a", "b", "c")
		for i, id := range []string{"A", "B", "C"} {
			d.s.Incidents[id].Cause = tt.causes[i]
			d.p.Databases[strings.ToLower(id)] = policy.Database{Region: tt.regions[i]}
		}
		d.step()
		if got := d.group().Region; got != tt.want {
			t.Errorf("%s: region %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestWhatAGroupTells(t *testing.T) {
	three := func(d *desk) {
		d.open("a", "b", "c")
		d.step()
	}
	for _, tt := range []struct {
		name string
		play func(*desk)
		want string
	}{
		{"the end once all are good", func(d *desk) {
			three(d)
			d.resolve("A", "B")
			d.step()
			d.resolve("C")
			d.step()
		}, "0 slack opened; 1 slack (updated); 2 slack resolved"},
		{"no longer watched, if all are not", func(d *desk) {
			three(d)
			d.resolve("A", "B", "C")
			for i := range d.pending {
				d.pending[i].Event = incident.NoLongerWatched
			}
			for _, inc := range d.s.Incidents {
				inc.Gone = true
			}
			d.step()
		}, "0 slack opened; 1 slack no_longer_watched"},
		{"resolved, if some are not", func(d *desk) {
			three(d)
			d.resolve("A", "B", "C")
			d.s.Incidents["A"].Gone = true
			d.step()
		}, "0 slack opened; 1 slack resolved"},
		{"a reopening", func(d *desk) {
			three(d)
			d.resolve("A", "B", "C")
			d.step()
			d.reopen("B")
			d.step()
		}, "0 slack opened; 1 slack resolved; 2 slack reopened"},
		{"one that is noisy", func(d *desk) {
			three(d)
			d.resolve("A", "B", "C")
			d.step()
			d.reopen("B")
			d.pending[0].Event = incident.Unstable
			d.step()
		}, "0 slack opened; 1 slack resolved; 2 slack unstable"},
		{"noise of a member, once", func(d *desk) {
			three(d)
			d.change("A", incident.Flapping)
			d.step()
			d.change("B", incident.Flapping)
			d.step()
		}, "0 slack opened; 1 slack flapping"},
		{"a member that is more severe", func(d *desk) {
			d.open("a", "b", "c")
			for _, inc := range d.s.Incidents {
				inc.Severity = cause.SeverityWarning
			}
			d.step()
			d.s.Incidents["B"].Severity = cause.SeverityCritical
			d.change("B", incident.Raised)
			d.step()
		}, "0 slack opened; 1 slack raised"},
		{"another class, once all have it", func(d *desk) {
			three(d)
			for _, id := range []string{"A", "B", "C"} {
				d.s.Incidents[id].Cause = cause.AuthInvalid
				d.change(id, incident.CauseChanged)
				d.step()
			}
			if g := d.group(); g.Class != cause.ClassAuth || !strings.HasPrefix(g.Key, string(cause.TimeoutResponse.Class())+"|") {
				d.t.Errorf("class %s, formed with %s", g.Class, g.Key)
			}
		}, "0 slack opened; 1 slack (updated); 2 slack (updated); 3 slack cause_changed"},
		{"an update of a member every five minutes", func(d *desk) {
			three(d)
			for range 6 {
				d.change("A", incident.Updated)
				d.step()
			}
		}, "0 slack opened; 5 slack (updated)"},
		{"one that joins early once the quiet time is over", func(d *desk) {
			three(d)
			d.open("d")
			d.steps(11)
		}, "0 slack opened; 1 slack (updated); 10 slack joined"},
		{"one that joins later at once", func(d *desk) {
			three(d)
			d.steps(9)
			d.open("d")
			d.step()
		}, "0 slack opened; 10 slack joined"},
		{"and one after an acknowledge", func(d *desk) {
			three(d)
			d.command(report.Command{Action: report.Acknowledge, Incident: d.group().ID})
			d.open("d")
			d.step()
		}, "0 slack opened; 1 slack joined"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			tt.play(d)
			d.want(tt.want)
		})
	}
}

func TestJoinersAreNamed(t *testing.T) {
	d := newDesk(t)
	d.open("a", "b", "c")
	d.step()
	d.steps(4)
	d.reopen("C")
	d.reopen("B")
	d.reopen("C")
	d.step()
	if g := d.group(); !slices.Equal(g.Waiting, []string{"B", "C", "C"}) {
		t.Errorf("waiting %v", g.Waiting)
	}
	d.steps(5)
	if g := d.group(); !slices.Equal(g.Joined, []string{"B", "C"}) || len(g.Waiting) != 0 {
		t.Errorf("joined %v, waiting %v", g.Joined, g.Waiting)
	}
	d.resolve("A", "B", "C")
	d.s.Groups[d.group().ID].Waiting = []string{"A"}
	d.step()
	if g := d.group(); !g.Resolved.Equal(at(11)) || len(g.Waiting) != 0 {
		t.Errorf("resolved %v, waiting %v", g.Resolved, g.Waiting)
	}
}

// A silenced group does not mute one that no one has silenced, and a silenced member is
// no news of its group.
func TestSuppressedMembersAndGroups(t *testing.T) {
	t.Run("a new one is told although the group is silenced", func(t *testing.T) {
		d := newDesk(t)
		d.open("a", "b", "c")
		d.step()
		d.command(report.Command{Action: report.Silence, Incident: d.group().ID, For: time.Hour})
		d.step()
		d.open("d")
		d.step()
		if inc := d.s.Incidents["D"]; inc.Group != "" {
			t.Errorf("it joined %s", inc.Group)
		}
		d.want("0 slack opened; 2 slack opened")
	})
	t.Run("a silenced member that fails again", func(t *testing.T) {
		d := newDesk(t)
		d.open("a", "b", "c")
		d.step()
		d.command(report.Command{Action: report.Silence, Series: report.Series{Database: "b"}, For: time.Hour})
		d.steps(10)
		d.reopen("B")
		d.step()
		if g := d.group(); len(g.Waiting)+len(g.Joined) != 0 {
			t.Errorf("joined %v, waiting %v", g.Joined, g.Waiting)
		}
		d.s.Incidents["B"].Severity = cause.SeverityCritical
		d.want("0 slack opened")
	})
}

func TestAGroupListsItsDatabasesByName(t *testing.T) {
	d := newDesk(t)
	d.open("c", "a", "b")
	for i, id := range []string{"B", "C", "A"} { // the order of joining is that of the ids
		d.s.Incidents[id].Series.Database = string("cab"[i])
	}
	Group(&d.s, d.p, d.now)
	Tell(&d.s, d.pending, d.p, d.now)
	_, notices := Claim(d.s, d.now, "w", time.Minute, 10)
	for _, n := range notices {
		if n.Address != "slack" {
			continue
		}
		var names []string
		for _, inc := range n.Members {
			names = append(names, inc.Series.Database)
		}
		if got := strings.Join(names, " "); got != "a b c" {
			t.Errorf("the group lists %s, want a b c", got)
		}
		return
	}
	t.Error("slack is owed nothing")
}

func TestAGroupKeepsItsRouteWithoutItsFirstMember(t *testing.T) {
	d := newDesk(t)
	for name := range d.p.Databases {
		d.p.Databases[name] = policy.Database{Environment: "production"}
	}
	d.p.Receivers["other team"] = policy.Receiver{}
	d.p.Routes[0].Environments = []string{"production"}
	d.open("a", "b", "c")
	d.step()
	delete(d.p.Databases, "a")
	inc := d.s.Incidents["A"]
	inc.Resolved, inc.Gone = d.now, true
	d.change("A", incident.NoLongerWatched)
	d.steps(40)
	d.want("0 slack opened; 1 slack (updated); 30 slack reminder")
}
