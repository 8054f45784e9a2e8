package alert

import (
	"fmt"
	"maps"
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

// play runs one letter a minute for each database, in parallel: all texts have the
// same length. ' ' leaves a database out.
func (w *sim) play(lives map[string]string) {
	w.t.Helper()
	for i := range len(lives[slices.Sorted(maps.Keys(lives))[0]]) {
		var obs []report.Observation
		for _, db := range slices.Sorted(maps.Keys(lives)) {
			if l := lives[db][i]; l != ' ' {
				obs = append(obs, w.ping(db, "us", rune(l)))
			}
		}
		w.step(w.report("us", obs...))
		w.now = w.now.Add(time.Minute)
	}
}

func (w *sim) command(c report.Command) {
	w.t.Helper()
	c.ID, c.By, c.At = fmt.Sprintf("c%d-%d", w.minute(), len(w.s.Commands)), "alice", w.now
	w.step(Input{Command: &c})
}

// only returns the id of the one open incident or group that tells.
func (w *sim) only() string {
	w.t.Helper()
	var ids []string
	for id, g := range w.s.Groups {
		if g.Open() {
			ids = append(ids, id)
		}
	}
	for id, i := range w.s.Incidents {
		if i.Open() && i.Group == "" {
			ids = append(ids, id)
		}
	}
	if len(ids) != 1 {
		w.t.Fatalf("%d open threads, want one", len(ids))
	}
	return ids[0]
}

func x(n int) string  { return strings.Repeat("x", n) }
func ok(n int) string { return strings.Repeat(".", n) }

func TestGroups(t *testing.T) {
	for _, c := range []struct {
		name  string
		lives map[string]string
		told  string
	}{
		{"two databases are two incidents", map[string]string{"a": ".xx..", "b": ".xx..", "c": ".....", "d": "....."}, "2 slack opened; 2 slack opened; 4 slack resolved; 4 slack resolved"},
		{"three are one group, resolved once when all are good", map[string]string{"a": ".xx...", "b": ".xx...", "c": ".xxx.."}, "2 slack opened; 5 slack resolved"},
		{"causes of different classes are not alike", map[string]string{"a": ".xx..", "b": ".aa..", "c": ".qq.."}, "1 slack opened; 1 slack opened; 2 slack opened; 3 slack resolved; 3 slack resolved; 4 slack resolved"},
		{"who joins early is edited in and told once when the quiet time is over", map[string]string{"a": "." + x(14), "b": "." + x(14), "c": "." + x(14), "d": "...." + x(11)}, "2 slack opened; 12 slack joined"},
		{"who joins late is told at once", map[string]string{"a": "." + x(16), "b": "." + x(16), "c": "." + x(16), "d": ok(13) + "xxxx"}, "2 slack opened; 14 slack joined"},
		{"a third one makes a group of those told alone, whose own messages are closed too", map[string]string{"a": ".xx.....", "b": "..xx....", "c": "...xx..."}, "2 slack opened; 3 slack opened; 4 slack resolved; 4 slack opened; 5 slack resolved; 6 slack resolved"},
		{"a group that fails again soon is reopened as one", map[string]string{"a": ".xx..xx...", "b": ".xx..xx...", "c": ".xx..xx..."}, "2 slack opened; 4 slack resolved; 6 slack reopened; 9 slack resolved"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newSim(t)
			w.play(c.lives)
			w.check(c.told)
		})
	}
}

func TestAHundredDatabasesAreOneMessage(t *testing.T) {
	w := newSim(t)
	lives := map[string]string{}
	for i := range 100 {
		name := fmt.Sprintf("db-%03d", i)
		w.p.Databases[name] = policy.Database{Region: "us-east-1"}
		lives[name] = ".xxx..."
	}
	w.p.Receivers["mail"] = policy.Receiver{}
	w.play(lives)
	w.check("2 mail opened; 2 slack opened; 5 mail resolved; 5 slack resolved")
	for _, g := range w.s.Groups {
		if g.Region != "us-east-1" || len(g.Members) != 100 {
			t.Errorf("group in region %q with %d members, want us-east-1 and 100", g.Region, len(g.Members))
		}
	}
}

func TestNoise(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, life, told string }{
		{
			"a check that flips every run for two hours: one open, one flapping notice, reminders at their interval",
			strings.Repeat(".x", 60),
			"5 slack opened; 6 slack flapping; 35 slack reminder; 95 slack reminder",
		},
		{
			"five minutes down, five up, for eight hours: at most twelve notifications",
			strings.Repeat("xxxxx.....", 48) + ok(40),
			"1 slack opened; 6 slack resolved; 11 slack reopened; 17 slack resolved; 21 slack reopened; 27 slack resolved; " +
				"31 slack unstable; 61 slack reminder; 121 slack reminder; 241 slack reminder; 481 slack reminder; 505 slack resolved",
		},
		{
			"what settles after flapping resolves once",
			strings.Repeat(".x", 10) + ok(30),
			"5 slack opened; 6 slack flapping; 35 slack reminder; 37 slack resolved",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newSim(t)
			w.life(c.life)
			w.check(c.told)
		})
	}
}

func TestSilence(t *testing.T) {
	t.Parallel()
	t.Run("a silenced incident is not reminded of, and resumes at the end", func(t *testing.T) {
		w := newSim(t)
		w.life("." + x(3))
		w.command(report.Command{Action: report.Silence, Incident: incident.ShortID(w.only()), For: time.Hour})
		w.life(x(70))
		w.check("2 slack opened; 64 slack resumed")
	})
	t.Run("its end is told during the silence", func(t *testing.T) {
		w := newSim(t)
		w.life("." + x(3))
		w.command(report.Command{Action: report.Silence, Incident: w.only(), For: time.Hour})
		w.life(x(3) + ok(5))
		w.check("2 slack opened; 8 slack resolved")
	})
	t.Run("what opens under a silence of its database is told when that ends", func(t *testing.T) {
		w := newSim(t)
		w.life(".")
		w.command(report.Command{Action: report.Silence, Series: report.Series{Database: "a"}, For: 10 * time.Minute})
		w.life(x(20))
		w.check("11 slack opened")
	})
	t.Run("what opens and closes under it is never told", func(t *testing.T) {
		w := newSim(t)
		w.life(".")
		w.command(report.Command{Action: report.Silence, Series: report.Series{Database: "a"}, For: 10 * time.Minute})
		w.life(x(5) + ok(20))
		w.check("")
	})
	t.Run("a reopening under it whose end comes before the silence's is never told", func(t *testing.T) {
		w := newSim(t)
		w.life(".xx..")
		w.command(report.Command{Action: report.Silence, Series: report.Series{Database: "a"}, For: 20 * time.Minute})
		w.life(x(5) + ok(30))
		w.check("2 slack opened; 4 slack resolved")
	})
	t.Run("unsilencing ends it", func(t *testing.T) {
		w := newSim(t)
		w.life("." + x(3))
		w.command(report.Command{Action: report.Silence, Incident: w.only(), For: time.Hour})
		w.life(x(3))
		w.command(report.Command{Action: report.Unsilence, Incident: w.only()})
		w.check("2 slack opened; 7 slack resumed")
	})
	t.Run("a silence of a group holds for all of it", func(t *testing.T) {
		w := newSim(t)
		all := func(s string) map[string]string { return map[string]string{"a": s, "b": s, "c": s} }
		w.play(all(".xxx"))
		w.command(report.Command{Action: report.Silence, Incident: incident.ShortID(w.only()), For: time.Hour})
		w.play(all(x(70)))
		w.check("2 slack opened; 64 slack resumed")
	})
}

func TestMaintenance(t *testing.T) {
	w := newSim(t)
	w.p.Windows = []policy.Window{{Databases: []string{"a"}, Start: noon.Add(2 * time.Minute), End: noon.Add(20 * time.Minute)}}
	w.life("." + x(30))
	w.check("20 slack opened")
}

func TestAcknowledgeAndEscalate(t *testing.T) {
	t.Parallel()
	escalate := func(w *sim) {
		w.p.Receivers["boss"] = policy.Receiver{Pages: true}
		w.p.Routes = []policy.Route{{Receivers: []string{"slack"}, Escalate: []string{"boss"}}}
	}
	t.Run("unacknowledged: escalated once after fifteen minutes", func(t *testing.T) {
		w := newSim(t)
		escalate(w)
		w.life("." + x(25) + "..")
		w.check("2 slack opened; 17 boss escalated; 27 boss resolved; 27 slack resolved")
	})
	t.Run("acknowledged: no escalation, reminders far apart", func(t *testing.T) {
		w := newSim(t)
		escalate(w)
		w.life("." + x(5))
		w.command(report.Command{Action: report.Acknowledge, Incident: incident.ShortID(w.only())})
		w.life(x(245))
		w.check("2 slack opened; 246 slack reminder")
	})
	t.Run("reopening clears the acknowledge", func(t *testing.T) {
		w := newSim(t)
		w.life(".xx")
		w.command(report.Command{Action: report.Acknowledge, Incident: incident.ShortID(w.only())})
		w.life("..xx")
		if inc := w.s.Incidents[w.only()]; inc.Ack != nil || inc.Reopened != 1 {
			t.Errorf("acknowledged %v, reopened %d; want no one, once", inc.Ack, inc.Reopened)
		}
	})
	t.Run("a link of an earlier life no longer acts", func(t *testing.T) {
		w := newSim(t)
		w.life(".xx..xx")
		life := 0
		w.command(report.Command{Action: report.Acknowledge, Incident: incident.ShortID(w.only()), Reopened: &life})
		if inc := w.s.Incidents[w.only()]; inc.Ack != nil {
			t.Error("acknowledged by a command that was bound to the first life")
		}
	})
	t.Run("PagerDuty reminds and escalates by itself", func(t *testing.T) {
		w := newSim(t)
		escalate(w)
		w.p.Receivers["slack"] = policy.Receiver{Pages: true, Reminds: true}
		w.life("." + x(70))
		w.check("2 slack opened")
	})
}

func TestCause(t *testing.T) {
	for _, c := range []struct{ name, life, told string }{
		{"another class is told once it has held for two runs", ".xxxaa", "2 slack opened; 4 slack cause_changed"},
		{"two classes in turn are told once each, then edited", ".xx" + strings.Repeat("55xx", 10), "2 slack opened; 4 slack cause_changed; 32 slack reminder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newSim(t)
			w.life(c.life)
			w.check(c.told)
		})
	}
}

func TestGone(t *testing.T) {
	w := newSim(t)
	w.life(".xx")
	delete(w.p.Databases, "a")
	w.step(Input{})
	w.now = w.now.Add(time.Minute)
	w.step(Input{})
	w.check("2 slack opened; 3 slack no_longer_watched")

	w = newSim(t)
	w.life(".xx")
	w.p.Databases = nil
	w.step(Input{})
	w.check("2 slack opened")
}

func TestAge(t *testing.T) {
	w := newSim(t)
	w.life("..")
	at := func(d time.Duration, letter rune) {
		now := w.now
		w.now = now.Add(d)
		in := w.report("us", w.ping("a", "us", letter))
		w.now = now
		w.step(in)
	}
	at(5*time.Minute, 'a')
	at(-2*time.Minute, 'a')
	at(-time.Hour, 'a')
	w.check("")
	at(0, 'a')
	w.check("2 slack opened")
	at(-11*time.Minute, 'a')
	if inc := w.s.Incidents[w.only()]; !inc.Since.Equal(noon.Add(2*time.Minute+time.Second)) || !inc.LastOK.Equal(noon.Add(time.Minute)) {
		t.Errorf("since %v, last ok %v: a bad observation before the last good one must not move them", inc.Since, inc.LastOK)
	}
}

func TestDrill(t *testing.T) {
	w := newSim(t)
	w.p.Receivers["mail"] = policy.Receiver{}
	w.life(".")
	w.command(report.Command{Action: report.Drill})
	w.life(ok(20))
	w.check("1 mail drill; 1 slack drill; 16 mail resolved; 16 slack resolved")
}

// A backlog that is replayed after Alert was dead for an hour neither opens what is
// over nor closes what is not.
func TestBacklog(t *testing.T) {
	w := newSim(t)
	w.life("..")
	var backlog []Input
	for range 60 {
		backlog = append(backlog, w.report("us", w.ping("a", "us", 'x')))
		w.now = w.now.Add(time.Minute)
	}
	w.step(w.report("us", w.ping("a", "us", '.')))
	for _, in := range backlog {
		w.step(in)
	}
	w.now = w.now.Add(time.Minute)
	w.life("...")
	w.check("")
}

func TestRegionThatFellSilentDoesNotHoldOtherChecksBack(t *testing.T) {
	w := newSim(t)
	w.p.Jobs = nil
	w.step(w.report("eu", w.ping("a", "eu", 'x')))
	for range 6 {
		w.step(w.report("us", w.ping("a", "us", '.'), w.other("a", report.Write, "", report.Fail, cause.StorageFull)))
		w.now = w.now.Add(time.Minute)
	}
	if got := w.told[0]; got != "4 slack opened" {
		t.Errorf("told %v, want the write incident once eu has been silent for three intervals", w.told)
	}
}

func TestSparse(t *testing.T) {
	w := newSim(t)
	w.life(".xx..")
	w.life(ok(60))
	if len(w.s.Series) != 0 || len(w.s.Incidents) != 0 {
		t.Errorf("%d series and %d incidents an hour after the resolve, want none", len(w.s.Series), len(w.s.Incidents))
	}
	if diff := cmp.Diff(1, len(w.s.Jobs)); diff != "" {
		t.Error(diff)
	}
}
