package notify

import (
	"slices"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestAnAcknowledgeCoversThoseWhoWereThere(t *testing.T) {
	grouped := func(t *testing.T) *desk {
		d := newDesk(t).escalating()
		d.open("a", "b", "c")
		d.step()
		d.command(report.Command{Action: report.Acknowledge, Incident: d.group().ID})
		d.step()
		return d
	}
	for _, tt := range []struct {
		name string
		play func(*desk)
		want string
		// generation is the group's at the end.
		generation int
	}{
		{"without later members nothing is told for hours", func(d *desk) { d.steps(100) }, "0 slack opened", 0},
		{"a later member is told at once, escalated and reminded of", func(d *desk) {
			d.open("d")
			d.steps(40)
		}, "0 slack opened; 2 slack joined; 17 boss escalated; 32 boss reminder; 32 slack reminder", 1},
		{"and after days", func(d *desk) {
			d.now = d.now.Add(100 * time.Minute)
			d.open("d")
			d.steps(20)
		}, "0 slack opened; 102 slack joined; 117 boss escalated", 1},
		{"until it is acknowledged as well", func(d *desk) {
			d.open("d")
			d.step()
			d.command(report.Command{Action: report.Acknowledge, Incident: d.group().ID})
			d.steps(40)
		}, "0 slack opened; 2 slack joined", 1},
		{"the end of the group's silence brings no later member", func(d *desk) {
			d.command(report.Command{Action: report.Silence, Incident: d.group().ID, For: 10 * time.Minute})
			d.steps(40)
		}, "0 slack opened; 1 slack (acknowledged); 2 slack (silenced); 12 slack resumed", 0},
		{"nor does that of a member's silence", func(d *desk) {
			d.command(report.Command{Action: report.Silence, Series: report.Series{Database: "a"}, For: 10 * time.Minute})
			d.steps(40)
		}, "0 slack opened; 12 slack resumed", 0},
		{"but a member that failed again meanwhile is a later one", func(d *desk) {
			d.command(report.Command{Action: report.Silence, Series: report.Series{Database: "a"}, For: 10 * time.Minute})
			d.resolve("A")
			d.step()
			d.reopen("A")
			d.steps(30)
		}, "0 slack opened; 12 slack joined; 27 boss escalated", 1},
		{"a member that fails again is a later one", func(d *desk) {
			d.resolve("A")
			d.step()
			d.reopen("A")
			d.steps(17)
		}, "0 slack opened; 3 slack joined; 18 boss escalated", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := grouped(t)
			tt.play(d)
			d.want(tt.want)
			if g := d.group(); g.Generation != tt.generation {
				t.Errorf("generation %d, want %d", g.Generation, tt.generation)
			}
		})
	}
}

func TestALaterMemberIsToldAlthoughTheSeverityRises(t *testing.T) {
	d := newDesk(t)
	d.open("a", "b", "c")
	for _, id := range []string{"A", "B", "C"} {
		d.s.Incidents[id].Severity = cause.SeverityWarning
	}
	d.steps(12)
	d.open("d")
	d.s.Incidents["D"].Severity = cause.SeverityWarning
	Group(&d.s, d.p, d.now) // it joins
	d.s.Incidents["A"].Severity = cause.SeverityCritical
	d.change("A", incident.Raised)
	d.steps(2)
	d.want("0 slack opened; 12 slack raised") // and joined, in one message
	if g := d.group(); !slices.Equal(g.Joined, []string{"D"}) {
		t.Errorf("joined %v, want D", g.Joined)
	}
}
