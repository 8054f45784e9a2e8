package notify

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// rename gives a receiver another name, in every route.
func (d *desk) rename(old, to string) {
	d.p.Receivers[to] = d.p.Receivers[old]
	delete(d.p.Receivers, old)
	for i := range d.p.Routes {
		for k, a := range d.p.Routes[i].Receivers {
			if a == old {
				d.p.Routes[i].Receivers[k] = to
			}
		}
	}
}

func TestReconcile(t *testing.T) {
	mail := func(d *desk) {
		d.p.Receivers["mail"] = policy.Receiver{Pages: true}
		d.p.Routes[0].Receivers = []string{"slack", "mail"}
	}
	for _, tt := range []struct {
		name string
		play func(*desk)
		want string
		// dropped lists "id address" of what was dropped.
		dropped string
	}{
		{"a receiver that is renamed is told of what is open, under its new name alone", func(d *desk) {
			d.open("a")
			d.step()
			d.rename("slack", "chat")
			d.step()
			d.resolve("A")
			d.step()
		}, "0 slack opened; 1 chat opened; 2 chat resolved", "A slack"},
		{"a receiver that is moved to another channel is told of what is open there", func(d *desk) {
			d.p.Receivers["slack"] = policy.Receiver{Pages: true, Place: "C1"}
			d.open("a")
			d.steps(2)
			d.p.Receivers["slack"] = policy.Receiver{Pages: true, Place: "C2"}
			d.steps(2)
			d.resolve("A")
			d.step()
		}, "0 slack opened; 2 slack opened; 4 slack resolved", "A slack"},
		{"also if it refuses in the old one, as that is archived", func(d *desk) {
			d.p.Receivers["slack"] = policy.Receiver{Pages: true, Place: "C1"}
			d.open("a")
			d.step()
			d.gone["slack"] = true
			d.change("A", incident.CauseChanged)
			d.steps(2)
			d.gone["slack"] = false
			d.p.Receivers["slack"] = policy.Receiver{Pages: true, Place: "C2"}
			d.steps(2)
		}, "0 slack opened; 3 slack opened", "A slack"},
		{"what a removed receiver is owed is dropped", func(d *desk) {
			mail(d)
			d.down["mail"] = true
			d.open("a")
			d.step()
			delete(d.p.Receivers, "mail")
			d.p.Routes[0].Receivers = []string{"slack"}
			d.steps(9)
		}, "0 slack opened", "A mail"},
		{"an end that a removed receiver is owed is dropped", func(d *desk) {
			mail(d)
			d.open("a")
			d.step()
			d.down["mail"] = true
			d.resolve("A")
			d.step()
			delete(d.p.Receivers, "mail")
			d.p.Routes[0].Receivers = []string{"slack"}
			d.steps(2)
		}, "0 mail opened; 0 slack opened; 1 slack resolved", "A mail"},
		{"a receiver that a route names now is told of what is open", func(d *desk) {
			d.open("a")
			d.steps(3)
			mail(d)
			d.steps(3)
		}, "0 slack opened; 3 mail opened", ""},
		{"of a group as one", func(d *desk) {
			d.open("a", "b", "c")
			d.steps(3)
			mail(d)
			d.steps(3)
		}, "0 slack opened; 3 mail opened", ""},
		{"a receiver that is renamed as it ends is told both", func(d *desk) {
			d.open("a")
			d.step()
			d.rename("slack", "chat")
			d.resolve("A")
			d.step()
		}, "0 slack opened; 1 chat past", "A slack"},
		{"but not of what is over", func(d *desk) {
			d.open("a")
			d.step()
			d.resolve("A")
			d.step()
			mail(d)
			d.steps(3)
		}, "0 slack opened; 1 slack resolved", ""},
		{"nor of what is silenced, until the silence ends", func(d *desk) {
			d.open("a")
			d.step()
			d.command(report.Command{Action: report.Silence, Incident: "A", For: 5 * time.Minute})
			mail(d)
			d.steps(8)
		}, "0 slack opened; 6 mail opened; 6 slack resumed", ""},
		{"a receiver that no route names any more is told the end of what it knows", func(d *desk) {
			mail(d)
			d.open("a")
			d.step()
			d.p.Routes[0].Receivers = []string{"slack"}
			d.change("A", incident.CauseChanged)
			d.step()
			d.resolve("A")
			d.step()
		}, "0 mail opened; 0 slack opened; 1 slack cause_changed; 2 mail resolved; 2 slack resolved", ""},
		{"after an escalation the escalation's receivers count as routed", func(d *desk) {
			d.escalating()
			d.open("a")
			d.steps(17)
			d.p.Receivers["boss2"] = policy.Receiver{}
			d.p.Routes[0].Escalate = []string{"boss", "boss2"}
			d.steps(2)
		}, "0 slack opened; 15 boss escalated; 17 boss2 escalated", ""},
		{"a configuration that could not be read drops nothing", func(d *desk) {
			d.open("a")
			d.step()
			d.p.Databases, d.p.Receivers = nil, nil
			d.step()
			d.resolve("A")
			d.step()
		}, "0 slack opened; 2 slack resolved", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			tt.play(d)
			d.want(tt.want)
			if got := strings.Join(d.dropped, "; "); got != tt.dropped {
				t.Errorf("dropped %q, want %q", got, tt.dropped)
			}
		})
	}
}

func TestAStandInForAReceiverThatIsGoneIsNoStandIn(t *testing.T) {
	d := newDesk(t)
	d.p.Receivers["mail"] = policy.Receiver{}
	d.p.Routes[0].Fallback = []string{"mail"}
	d.gone["slack"] = true
	d.open("a")
	d.steps(2)
	d.rename("slack", "chat")
	d.step()
	if got := d.s.Incidents["A"].Deliveries["mail"]; got.Instead != "" || got.Why != "" {
		t.Errorf("mail stands in for %q (%s), which is gone", got.Instead, got.Why)
	}
	d.change("A", incident.CauseChanged)
	d.step()
	d.want("1 mail opened; 2 chat opened; 3 chat cause_changed")
}

func TestAReceiverThatWorksAgainIsToldAtOnce(t *testing.T) {
	broken := func(d *desk) {
		d.open("a")
		d.step()
		d.gone["slack"] = true
		d.resolve("A")
		d.step()
		delete(d.gone, "slack")
	}
	for _, tt := range []struct {
		name string
		play func(*desk)
		want string
	}{
		{"by itself it is not tried again", func(d *desk) { broken(d); d.steps(20) }, "0 slack opened"},
		{"once it takes something else", func(d *desk) { broken(d); d.open("b"); d.steps(2) }, "0 slack opened; 2 slack opened; 3 slack resolved"},
		{"once its settings have changed", func(d *desk) {
			broken(d)
			d.p.Receivers["slack"] = policy.Receiver{Pages: true, Settings: "new"}
			d.steps(2)
		}, "0 slack opened; 2 slack resolved"},
		{"once someone has found out", func(d *desk) { broken(d); TryAgain(&d.s, "slack", d.now); d.step() }, "0 slack opened; 2 slack resolved"},
		{"even if that is a day later", func(d *desk) { broken(d); d.steps(24 * 60); TryAgain(&d.s, "slack", d.now); d.step() }, "0 slack opened; 1442 slack resolved"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			tt.play(d)
			d.want(tt.want)
		})
	}
}

// It may be the message that the receiver does not take: then what else it takes says nothing.
func TestAMessageThatIsRefusedAgainAndAgainWaits(t *testing.T) {
	d := newDesk(t)
	d.s.Incidents["A"] = &incident.Incident{ID: "A", Severity: cause.SeverityCritical, Thread: incident.Thread{
		Deliveries: map[string]incident.Delivery{"slack": {Want: 1, Refused: "msg_too_long", Refusals: refusalsAtOnce, Tries: 1, NotBefore: at(30)}},
	}}
	before := d.s.Clone()
	TryAgain(&d.s, "slack", noon)
	if diff := cmp.Diff(before, d.s.Clone()); diff != "" {
		t.Errorf("it is tried again at once:\n%s", diff)
	}
	TryAgain(&d.s, "slack", at(30))
	if got := d.s.Incidents["A"].Deliveries["slack"]; got.Refused != "" || got.Tries != 0 || !got.Due(at(30)) {
		t.Errorf("it is not tried again at its time: %+v", got)
	}
}
