package notify

import (
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
