package alert

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/notify"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// network is a run in which pongwatch's own network was asked, too.
func (w *sim) network(status report.Status, letters string) {
	w.t.Helper()
	obs := []report.Observation{{
		Database: report.MonitorDatabase, Check: report.Monitor, Subject: "network", Source: "us", Status: status, Clear: status == report.OK, At: w.now, Every: time.Minute,
	}}
	for i, l := range letters {
		obs = append(obs, w.ping(string(rune('a'+i)), "us", l))
	}
	w.step(w.report("us", obs...))
	w.now = w.now.Add(time.Minute)
}

// What an open incident says already is not said again as a lack of answers.
func TestSilenceThatIsExplainedIsNotMissed(t *testing.T) {
	t.Run("by the network, for as long as that lasts, with all that it hides", func(t *testing.T) {
		w := newSim(t)
		w.network(report.OK, "....")
		w.network(report.Fail, "xx..")
		for range 20 {
			w.network(report.Fail, "xxxx")
		}
		w.check("1 slack opened")
		if o := w.newest(report.Monitor).Observation; !strings.Contains(o.Evidence, "a, b, c, d") {
			t.Errorf("the evidence %q does not name all that is unseen", o.Evidence)
		}
		if inc := w.newest(report.Monitor); inc.Severity != cause.SeverityCritical {
			t.Errorf("severity %s, want critical", inc.Severity)
		}
	})
	t.Run("by the database's configuration", func(t *testing.T) {
		w := newSim(t)
		w.life("..")
		for range 20 {
			w.step(w.report("us", w.ping("a", "us", '?'), w.other("a", report.ConfigLoad, "us", report.Fail, cause.ConfigInvalid)))
			w.now = w.now.Add(time.Minute)
		}
		w.check("2 slack opened")
	})
	t.Run("but not by another job that is late", func(t *testing.T) {
		w := newSim(t)
		w.p.Jobs = append(w.p.Jobs, policy.Job{Job: report.Metrics, Every: 5 * time.Minute})
		w.life("." + strings.Repeat("?", 40))
		silent := 0
		for _, src := range w.s.Series[incident.MonitorSeries("reports")].Sources {
			if src.Down && src.Source == "a/ping" {
				silent++
			}
		}
		if silent != 1 {
			t.Errorf("the ping that has no answer is not missed: %+v", w.s.Series[incident.MonitorSeries("reports")].Sources)
		}
	})
}

// Two regions that see two causes are one failure, whose cause is that of the region
// that failed first: not of the one that reported last.
func TestTwoCausesInTwoRegionsDoNotTakeTurns(t *testing.T) {
	w := newSim(t)
	w.p.Jobs = append(w.p.Jobs, policy.Job{Job: report.HealthCheck, Region: "eu", Every: time.Minute})
	edits := 0
	for range 60 {
		for region, letter := range map[string]rune{"us": 'x', "eu": '5'} {
			for _, tr := range w.step(w.report(region, w.ping("a", region, letter))) {
				if tr.Event == incident.Updated {
					edits++
				}
			}
		}
		w.now = w.now.Add(time.Minute)
	}
	for _, told := range w.told {
		if strings.Contains(told, string(incident.CauseChanged)) {
			t.Errorf("told %q", told)
		}
	}
	if most := 60/int(w.p.EditEvery.Minutes()) + 3; edits > most {
		t.Errorf("%d edits in an hour, want at most %d", edits, most)
	}
}

// A database that one region alone cannot reach works: mode mock beside it is an outage
// of its own.
func TestAPingThatFailsFromAFarRegionExplainsNothing(t *testing.T) {
	w := newSim(t)
	w.p.Jobs = append(w.p.Jobs, policy.Job{Job: report.HealthCheck, Region: "eu", Every: time.Minute})
	w.p.Databases["a"] = policy.Database{Home: "us"}
	for i := range 6 {
		app := w.other("a", report.MockMode, report.SourceApp, report.OK, "")
		if i > 3 {
			app = w.other("a", report.MockMode, report.SourceApp, report.Fail, cause.Mock)
		}
		w.step(w.report("us", w.ping("a", "us", '.'), app))
		w.step(w.report("eu", w.ping("a", "eu", 'x')))
		w.now = w.now.Add(time.Minute)
	}
	if inc := w.newest(report.MockMode); !inc.Open() || inc.Severity != cause.SeverityCritical || inc.Marks[incident.Opened] == 0 {
		t.Errorf("mock mode = %+v, want it told", inc)
	}
}

// Who has heard of a warning has not heard of the outage that it became.
func TestAWarningThatWasToldIsNoOutageThatWasTold(t *testing.T) {
	w := newSim(t)
	w.p.Jobs = nil
	w.p.Receivers["mail"] = policy.Receiver{}
	w.p.Routes = []policy.Route{{Receivers: []string{"slack"}, Fallback: []string{"mail"}}}
	regions := []string{"asia", "eu", "us"}
	for _, r := range regions {
		w.p.Jobs = append(w.p.Jobs, policy.Job{Job: report.HealthCheck, Region: r, Every: time.Minute})
	}
	for minute := range 12 {
		w.down["slack"] = minute > 3
		for i, r := range regions {
			letter := '.'
			if i == 0 || i == 1 && minute > 3 {
				letter = 'x'
			}
			w.step(w.report(r, w.ping("a", r, letter)))
		}
		w.now = w.now.Add(time.Minute)
	}
	if got := notify.Undelivered(w.s, w.p, w.now); len(got) != 1 || got[0].Receivers["slack"] == "" {
		t.Errorf("undelivered = %+v, want the outage that Slack has not taken", got)
	}
	if !strings.Contains(strings.Join(w.told, "; "), "mail") {
		t.Errorf("told %v, want the fallback among them", w.told)
	}
}

func TestGroupsWhoseMembersDiffer(t *testing.T) {
	t.Run("a silenced member that fails again is not told", func(t *testing.T) {
		w := newSim(t)
		w.play(map[string]string{"a": "." + x(13), "b": "." + x(13), "c": "." + x(13)})
		w.command(report.Command{Action: report.Silence, Series: report.Series{Database: "b"}, For: time.Hour})
		w.play(map[string]string{"a": x(14), "b": ok(3) + x(11), "c": x(14)})
		w.check("2 slack opened")
	})
	t.Run("a new one is told although others have silenced the group", func(t *testing.T) {
		w := newSim(t)
		w.play(map[string]string{"a": "." + x(4), "b": "." + x(4), "c": "." + x(4)})
		for id := range w.s.Groups {
			w.command(report.Command{Action: report.Silence, Incident: id, For: time.Hour})
		}
		w.play(map[string]string{"a": x(5), "b": x(5), "c": x(5), "d": ".xxxx"})
		w.check("2 slack opened; 7 slack opened")
	})
	t.Run("a change of class of all is told, and is no regional outage any more", func(t *testing.T) {
		w := newSim(t)
		for _, name := range []string{"a", "b", "c"} {
			w.p.Databases[name] = policy.Database{Region: "us-east-1"}
		}
		w.play(map[string]string{"a": "." + x(5) + "aaaa", "b": "." + x(5) + "aaaa", "c": "." + x(5) + "aaaa"})
		w.check("2 slack opened; 6 slack cause_changed")
		for _, g := range w.s.Groups {
			if g.Region != "" || g.Class != cause.ClassAuth {
				t.Errorf("group of %s in region %q, want auth, and none", g.Class, g.Region)
			}
		}
	})
	t.Run("an acknowledge reaches what was told alone before", func(t *testing.T) {
		for _, of := range []string{"the group", "the member"} {
			w := newSim(t)
			w.play(map[string]string{"a": ".xxxxxxx", "b": "..xxxxxx", "c": "...xxxxx"})
			group, told := "", "" // a is told alone, and then in the group
			for id := range w.s.Groups {
				group = id
			}
			for id, inc := range w.s.Incidents {
				if inc.Series.Database == "a" {
					told = id
				}
			}
			w.command(report.Command{Action: report.Acknowledge, Incident: map[string]string{"the group": group, "the member": told}[of]})
			if inc := w.s.Incidents[told]; inc.Ack == nil || inc.Deliveries["slack"].Done != inc.Marks[incident.Acknowledged] || inc.Marks[incident.Acknowledged] == 0 {
				t.Errorf("acknowledged in %s: the message of its own is at %+v with marks %v", of, inc.Deliveries["slack"], inc.Marks)
			}
		}
	})
	t.Run("a reopened group has all the time to be acknowledged", func(t *testing.T) {
		w := newSim(t)
		w.p.Receivers["boss"] = policy.Receiver{}
		w.p.Routes = []policy.Route{{Receivers: []string{"slack"}, Escalate: []string{"boss"}}}
		life := "." + x(10) + "..." + x(12)
		w.play(map[string]string{"a": life, "b": life, "c": life})
		for _, told := range w.told {
			if strings.Contains(told, "boss") {
				t.Errorf("told %v: escalated before its time", w.told)
			}
		}
	})
}

// People cannot acknowledge what they were not told, so the time to acknowledge begins
// when a silence ends.
func TestASilenceThatEndsLeavesTimeToAcknowledge(t *testing.T) {
	for name, silenced := range map[string]string{"before it failed": ".", "while it failed": ".xxx"} {
		t.Run(name, func(t *testing.T) {
			w := newSim(t)
			w.p.Receivers["boss"] = policy.Receiver{}
			w.p.Routes = []policy.Route{{Receivers: []string{"slack"}, Escalate: []string{"boss"}}}
			w.life(silenced)
			w.command(report.Command{Action: report.Silence, Series: report.Series{Database: "a"}, For: time.Hour})
			w.life(x(90))
			ended := len(silenced) + 60
			var called []string
			for _, told := range w.told {
				if strings.Contains(told, "boss") {
					called = append(called, told)
				}
			}
			if want := fmt.Sprintf("%d boss escalated", ended+15); len(called) != 1 || called[0] != want {
				t.Errorf("told %v, want %q alone", called, want)
			}
		})
	}
}

// A receiver that asks for half an hour has failed to take it for three minutes, too.
func TestTheFallbackDoesNotWaitForALongRetryAfter(t *testing.T) {
	p := policy.Default()
	p.Databases = map[string]policy.Database{"a": {}}
	p.Receivers = map[string]policy.Receiver{"slack": {Pages: true}, "mail": {}}
	p.Routes = []policy.Route{{Receivers: []string{"slack"}, Fallback: []string{"mail"}}}
	w := newSim(t)
	s, now := incident.New("main", noon), noon
	for minute := range 10 {
		letter := 'x'
		if minute == 0 {
			letter = '.'
		}
		w.now = now
		s, _ = Step(s, w.report("us", w.ping("a", "us", letter)), p, now)
		next, notices := notify.Claim(s, now, "w", 90*time.Second, 10)
		var results []notify.Result
		for _, n := range notices {
			r := notify.Result{ID: n.ID(), Address: n.Address, Owner: "w", Want: n.Want, Open: n.Open, Outcome: message.Outcome{Result: message.Delivered}}
			if n.Address == "slack" {
				r.Outcome = message.Outcome{Result: message.Later, Reason: "429", RetryAfter: 30 * time.Minute}
			}
			if n.Address == "mail" {
				if late := now.Sub(noon); late > 6*time.Minute {
					t.Errorf("mail is told after %v", late)
				}
				return
			}
			results = append(results, r)
		}
		s = notify.Record(next, results, p, now)
		now = now.Add(time.Minute)
	}
	t.Error("mail is not told within ten minutes")
}

// What a signature accepts counts, because an app whose signal was accepted does not repeat it.
func TestASignalOfAClockThatIsFastCounts(t *testing.T) {
	for ahead, want := range map[time.Duration]string{90 * time.Second: "0 slack opened", 4 * time.Minute: "0 slack opened", 6 * time.Minute: ""} {
		w := newSim(t)
		sig := report.Signal{Database: "a", Service: "backend", Source: report.SourceEvent, Mode: report.Activated, At: w.now.Add(ahead)}
		w.step(Input{Signal: &sig})
		if got := strings.Join(w.told, "; "); got != want {
			t.Errorf("%v ahead: told %q, want %q", ahead, got, want)
		}
	}
}
