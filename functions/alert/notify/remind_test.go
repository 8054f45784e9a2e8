package notify

import (
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestReminders(t *testing.T) {
	for _, tt := range []struct {
		name string
		play func(*desk)
		want string
	}{
		{"of a critical: each pause in turn, the last one repeated", func(d *desk) {
			d.p.Reminders.Critical = []time.Duration{2 * time.Minute, 5 * time.Minute}
			d.open("a")
			d.steps(18)
		}, "0 slack opened; 2 slack reminder; 7 slack reminder; 12 slack reminder; 17 slack reminder"},
		{"of a warning", func(d *desk) {
			d.p.Reminders.Warning = []time.Duration{3 * time.Minute}
			d.open("a")
			d.s.Incidents["A"].Severity = cause.SeverityWarning
			d.steps(5)
		}, "0 slack opened; 3 slack reminder"},
		{"never, where there are no pauses", func(d *desk) {
			d.p.Reminders.Critical = nil
			d.open("a")
			d.steps(60)
		}, "0 slack opened"},
		{"a change that is loud begins anew", func(d *desk) {
			d.p.Reminders.Critical = []time.Duration{2 * time.Minute, 30 * time.Minute}
			d.open("a")
			d.steps(3)
			d.change("A", incident.Raised)
			d.steps(3)
		}, "0 slack opened; 2 slack reminder; 3 slack raised; 5 slack reminder"},
		{"a change of cause does not", func(d *desk) {
			d.p.Reminders.Critical = []time.Duration{4 * time.Minute}
			d.open("a")
			d.steps(2)
			d.change("A", incident.CauseChanged)
			d.steps(3)
		}, "0 slack opened; 2 slack cause_changed; 4 slack reminder"},
		{"noise does not put off what is due", func(d *desk) {
			d.p.Reminders.Critical = []time.Duration{4 * time.Minute}
			d.open("a")
			d.steps(2)
			d.change("A", incident.Unstable)
			d.steps(3)
		}, "0 slack opened; 2 slack unstable; 4 slack reminder"},
		{"what another incident explains is not reminded of", func(d *desk) {
			d.explained = map[string]bool{"A": true}
			d.open("a")
			d.steps(40)
		}, "0 slack opened"},
		{"nor what nothing confirms any more, until something does", func(d *desk) {
			d.open("a")
			d.step()
			d.s.Incidents["A"].Series.Check, d.s.Incidents["A"].Stale = report.MockMode, d.now
			d.steps(34)
			d.s.Incidents["A"].Stale = time.Time{}
			d.steps(3)
		}, "0 slack opened; 35 slack reminder"},
		{"nor a group of such", func(d *desk) {
			d.open("a", "b", "c")
			d.step()
			for _, inc := range d.s.Incidents {
				inc.Series.Check, inc.Stale = report.MockMode, d.now
			}
			d.steps(34)
			d.s.Incidents["B"].Stale = time.Time{}
			d.steps(3)
		}, "0 slack opened; 35 slack reminder"},
		{"but an outage that no check confirms", func(d *desk) {
			d.open("a")
			d.step()
			d.s.Incidents["A"].Stale = d.now
			d.steps(34)
		}, "0 slack opened; 30 slack reminder"},
		{"nor what is silenced", func(d *desk) {
			d.open("a")
			d.step()
			d.command(report.Command{Action: report.Silence, Incident: "A", For: time.Hour})
			d.steps(40)
		}, "0 slack opened; 1 slack (silenced)"},
		{"nor what is over", func(d *desk) {
			d.open("a")
			d.step()
			d.resolve("A")
			d.steps(40)
		}, "0 slack opened; 1 slack resolved"},
		{"the group reminds for its members", func(d *desk) {
			d.open("a", "b", "c")
			d.steps(31)
		}, "0 slack opened; 30 slack reminder"},
		{"a receiver that reminds by itself is not reminded, nor are the others", func(d *desk) {
			d.escalating().p.Receivers["slack"] = policy.Receiver{Pages: true, Reminds: true}
			d.open("a")
			d.steps(60)
		}, "0 slack opened"},
		{"while such a receiver fails, the others are reminded and escalate, and no more once it has taken it", func(d *desk) {
			d.escalating().paging()
			d.down["pager"] = true
			d.open("a")
			d.steps(40)
			d.down["pager"] = false
			d.steps(90)
		}, "0 slack opened; 15 boss escalated; 30 boss reminder; 30 slack reminder; 40 pager escalated"},
		{"while such a receiver refuses, the others are reminded and escalate", func(d *desk) {
			d.escalating().paging()
			d.gone["pager"] = true
			d.open("a")
			d.steps(35)
		}, "0 slack opened; 15 boss escalated; 30 boss reminder; 30 slack reminder"},
		{"such a receiver that took it has the duty, whatever it refuses later", func(d *desk) {
			d.escalating().paging()
			d.open("a")
			d.step()
			d.gone["pager"] = true
			d.change("A", incident.CauseChanged)
			d.steps(60)
		}, "0 pager opened; 0 slack opened; 1 slack cause_changed"},
		{"but not of what fails again", func(d *desk) {
			d.escalating().paging()
			d.open("a")
			d.step()
			d.resolve("A")
			d.step()
			d.gone["pager"] = true
			d.reopen("A")
			d.steps(20)
		}, "0 pager opened; 0 slack opened; 1 pager resolved; 1 slack resolved; 2 slack reopened; 17 boss escalated"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			tt.play(d)
			d.want(tt.want)
		})
	}
}

func TestEscalation(t *testing.T) {
	for _, tt := range []struct {
		name string
		play func(*desk)
		want string // who escalation told
	}{
		{"what no one acknowledges, once, after fifteen minutes", func(d *desk) { d.open("a"); d.steps(40) }, "15 boss escalated"},
		{"and its end", func(d *desk) { d.open("a"); d.steps(20); d.resolve("A"); d.step() }, "15 boss escalated; 20 boss resolved"},
		{"as the route says", func(d *desk) { d.p.Routes[0].EscalateAfter = 5 * time.Minute; d.open("a"); d.steps(7) }, "5 boss escalated"},
		{"acknowledged", func(d *desk) {
			d.open("a")
			d.step()
			d.command(report.Command{Action: report.Acknowledge, Incident: "A"})
			d.steps(40)
		}, ""},
		{"a warning", func(d *desk) { d.open("a"); d.s.Incidents["A"].Severity = cause.SeverityWarning; d.steps(40) }, ""},
		{"explained by another", func(d *desk) { d.explained = map[string]bool{"A": true}; d.open("a"); d.steps(40) }, ""},
		{"silenced: the time begins at its end", func(d *desk) {
			d.command(report.Command{Action: report.Silence, Series: report.Series{Database: "a"}, For: 10 * time.Minute})
			d.open("a")
			d.steps(40)
		}, "25 boss escalated"},
		{"reopened: the time begins anew", func(d *desk) {
			d.open("a")
			d.steps(10)
			d.resolve("A")
			d.steps(2)
			d.reopen("A")
			d.steps(17)
		}, "27 boss escalated"},
		{"unstable: it does not", func(d *desk) {
			d.open("a")
			d.steps(10)
			d.resolve("A")
			d.steps(2)
			d.reopen("A")
			d.s.Incidents["A"].Unstable = true
			d.steps(17)
		}, "15 boss escalated"},
		{"a warning that becomes an outage: the time begins then", func(d *desk) {
			d.open("a")
			d.s.Incidents["A"].Severity = cause.SeverityWarning
			d.steps(20)
			d.s.Incidents["A"].Severity = cause.SeverityCritical
			d.change("A", incident.Raised)
			d.steps(17)
		}, "35 boss escalated"},
		{"a group, for all", func(d *desk) { d.open("a", "b", "c"); d.steps(20) }, "15 boss escalated"},
		{"a group that was reopened", func(d *desk) {
			d.open("a", "b", "c")
			d.steps(5)
			d.resolve("A", "B", "C")
			d.steps(2)
			d.reopen("A")
			d.steps(17)
		}, "22 boss escalated"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t).escalating()
			tt.play(d)
			var boss []string
			for _, told := range d.told {
				if strings.Contains(told, "boss") && !strings.Contains(told, "reminder") && !strings.Contains(told, "(") {
					boss = append(boss, told)
				}
			}
			if got := strings.Join(boss, "; "); got != tt.want {
				t.Errorf("escalation told %q, want %q", got, tt.want)
			}
		})
	}
	d := newDesk(t)
	d.open("a")
	d.steps(20)
	if inc := d.s.Incidents["A"]; !inc.Escalated.IsZero() {
		t.Errorf("escalated at %v to no one", inc.Escalated)
	}
}

func TestTheFallbackStandsIn(t *testing.T) {
	for _, tt := range []struct {
		name string
		play func(*desk)
		want string
	}{
		{"for a receiver that fails for three minutes", func(d *desk) {
			d.down["slack"] = true
			d.open("a")
			d.steps(6)
		}, "3 mail opened"},
		{"and is told the rest", func(d *desk) {
			d.down["slack"] = true
			d.open("a")
			d.steps(6)
			d.change("A", incident.Raised)
			d.step()
			d.resolve("A")
			d.step()
		}, "3 mail opened; 6 mail raised; 7 mail resolved"},
		{"for one that refuses, at once", func(d *desk) {
			d.gone["slack"] = true
			d.open("a")
			d.step()
			d.step()
		}, "1 mail opened"},
		{"not for a warning that is late", func(d *desk) {
			d.down["slack"] = true
			d.open("a")
			d.s.Incidents["A"].Severity = cause.SeverityWarning
			d.steps(10)
		}, ""},
		{"not for an edit that is late", func(d *desk) {
			d.open("a")
			d.step()
			d.down["slack"] = true
			d.change("A", incident.Updated)
			d.steps(10)
		}, "0 slack opened"},
		{"but for an outage of which only a warning was told", func(d *desk) {
			d.open("a")
			d.s.Incidents["A"].Severity = cause.SeverityWarning
			d.step()
			d.down["slack"] = true
			d.s.Incidents["A"].Severity = cause.SeverityCritical
			d.change("A", incident.Raised)
			d.steps(6)
		}, "0 slack opened; 4 mail opened"},
		{"its own before the route's", func(d *desk) {
			d.p.Receivers["sms"] = policy.Receiver{}
			d.p.Receivers["slack"] = policy.Receiver{Fallback: []string{"sms"}}
			d.gone["slack"] = true
			d.open("a")
			d.steps(2)
		}, "1 sms opened"},
		{"not itself, nor one that is told anyway", func(d *desk) {
			d.p.Routes[0].Fallback = []string{"slack", "mail"}
			d.p.Routes[0].Receivers = []string{"slack", "mail"}
			d.gone["slack"] = true
			d.open("a")
			d.steps(2)
			if got := d.s.Incidents["A"].Deliveries["mail"]; got.Instead != "" {
				d.t.Errorf("mail stands in for %q", got.Instead)
			}
		}, "0 mail opened"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			d.p.Receivers["mail"] = policy.Receiver{}
			d.p.Routes[0].Fallback = []string{"mail"}
			tt.play(d)
			d.want(tt.want)
		})
	}
	d := newDesk(t)
	d.p.Receivers["mail"] = policy.Receiver{}
	d.p.Routes[0].Fallback = []string{"mail"}
	d.gone["slack"] = true
	d.open("a")
	d.step()
	if got := d.s.Incidents["A"].Deliveries["mail"]; got.Instead != "slack" || got.Why != "revoked" || got.Want != 1 || !got.Since.Equal(noon) {
		t.Errorf("the stand-in: %+v", got)
	}
}
