package notify

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

func TestWhoIsToldOfWhat(t *testing.T) {
	for _, tt := range []struct {
		name string
		play func(*desk)
		want string
	}{
		{"opened and resolved", func(d *desk) { d.open("a"); d.step(); d.resolve("A"); d.step() }, "0 slack opened; 1 slack resolved"},
		{"no longer watched", func(d *desk) {
			d.open("a")
			d.step()
			d.resolve("A")
			d.pending[0].Event = incident.NoLongerWatched
			d.step()
		}, "0 slack opened; 1 slack no_longer_watched"},
		{"each change that is loud", func(d *desk) {
			d.open("a")
			d.step()
			for _, event := range []incident.Event{incident.Raised, incident.CauseChanged, incident.Flapping} {
				d.change("A", event)
				d.step()
			}
		}, "0 slack opened; 1 slack raised; 2 slack cause_changed; 3 slack flapping"},
		{"an update edits what was told", func(d *desk) { d.open("a"); d.step(); d.change("A", incident.Updated); d.step() }, "0 slack opened; 1 slack (updated)"},
		{"an update of what was never told is no news, but to a receiver that is routed since", func(d *desk) {
			d.open("a")
			d.down["slack"], d.p.Receivers["mail"] = true, policy.Receiver{}
			d.step()
			d.p.Routes[0].Receivers = []string{"mail"}
			d.change("A", incident.Updated)
			d.step()
		}, "1 mail opened"},
		{"one message in the past tense for what was never delivered", func(d *desk) {
			d.down["slack"] = true
			d.open("a")
			d.step()
			d.down["slack"] = false
			d.resolve("A")
			d.step()
		}, "1 slack past"},
		{"the end only to those who know the beginning", func(d *desk) {
			d.open("a")
			d.step()
			d.p.Receivers["mail"] = policy.Receiver{}
			d.p.Routes[0].Receivers = []string{"slack", "mail"}
			d.resolve("A")
			d.step()
		}, "0 slack opened; 1 slack resolved"},
		{"a reopening and its end, to all again", func(d *desk) {
			d.open("a")
			d.step()
			d.resolve("A")
			d.step()
			d.reopen("A")
			d.step()
			d.resolve("A")
			d.step()
		}, "0 slack opened; 1 slack resolved; 2 slack reopened; 3 slack resolved"},
		{"no change of cause while it is noisy", func(d *desk) {
			d.open("a", "b")
			d.step()
			d.s.Incidents["A"].Unstable, d.s.Incidents["B"].Flapping = true, true
			d.change("A", incident.CauseChanged)
			d.change("B", incident.CauseChanged)
			d.step()
		}, "0 slack opened; 0 slack opened"},
		{"a severity without a route goes to all receivers", func(d *desk) {
			d.p.Receivers["mail"] = policy.Receiver{}
			d.p.Routes[0].Severities = []cause.Severity{cause.SeverityWarning}
			d.open("a")
			d.step()
		}, "0 mail opened; 0 slack opened"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			tt.play(d)
			d.want(tt.want)
		})
	}
}

func TestTransitionsSayWhatHappened(t *testing.T) {
	d := newDesk(t)
	d.open("a")
	d.s.Incidents["A"].Suppressed = suppressedByMaintenance
	got := Tell(&d.s, d.pending, d.p, at(3))
	want := []Transition{{
		ID: "A", Series: report.Series{Database: "a", Check: report.Ping}, Event: incident.Opened,
		Severity: cause.SeverityCritical, Cause: cause.TimeoutResponse, Withheld: "maintenance",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("transitions (-want +got):\n%s", diff)
	}
	if inc := d.s.Incidents["A"]; !inc.Withheld || inc.Rev != 1 || !inc.Edited.Equal(at(3)) || inc.Deliveries["slack"].Want != 0 || inc.Deliveries[incident.Documents].Want != 1 {
		t.Errorf("thread %+v, want it withheld and its document owed", inc.Thread)
	}
	// What is told by someone else is not kept back.
	d = newDesk(t)
	d.open("a")
	d.s.Incidents["A"].Group = "g"
	if got := Tell(&d.s, d.pending, d.p, at(3)); got[0].Withheld != "grouped" || d.s.Incidents["A"].Withheld {
		t.Errorf("transition %+v, thread %+v", got[0], d.s.Incidents["A"].Thread)
	}
}

// Messages are edited for the latest observation alone no more often than EditEvery.
func TestRoutineChangesWait(t *testing.T) {
	for _, tt := range []struct {
		name         string
		edited, open int // minutes
		at           time.Duration
		want         int
	}{
		{"five minutes after the last edit", 10, 0, 15 * time.Minute, 1},
		{"sooner", 10, 0, 15*time.Minute - 1, 0},
		{"sooner after the opening", 0, 10, 15*time.Minute - 1, 0},
	} {
		d := newDesk(t)
		d.open("a")
		inc := d.s.Incidents["A"]
		inc.Edited, inc.Opened = at(tt.edited), at(tt.open)
		got := Tell(&d.s, []incident.Change{{ID: "A", Event: incident.Updated, Routine: true}}, d.p, noon.Add(tt.at))
		if len(got) != tt.want {
			t.Errorf("%s: %d transitions, want %d", tt.name, len(got), tt.want)
		}
	}
}

func TestWhatIsNewsClearsTheAcknowledge(t *testing.T) {
	for _, event := range []incident.Event{incident.Reopened, incident.Unstable, incident.Raised} {
		d := newDesk(t)
		d.open("a")
		d.step()
		d.command(report.Command{Action: report.Acknowledge, Incident: "A"})
		d.s.Incidents["A"].Reminded = 3
		d.s.Incidents["A"].RemindAt = at(1000)
		d.change("A", event)
		d.step()
		inc := d.s.Incidents["A"]
		if inc.Ack != nil || inc.Reminded != 0 {
			t.Errorf("%s: acknowledged %v, reminded %d", event, inc.Ack, inc.Reminded)
		}
		if renewed := inc.Generation == 1 && inc.Renewed.Equal(at(1)); renewed != (event == incident.Raised) {
			t.Errorf("%s: generation %d, renewed at %v", event, inc.Generation, inc.Renewed)
		}
	}
}

func TestOwe(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before incident.Delivery
		rev    int
		want   incident.Delivery
	}{
		{"nothing was owed", incident.Delivery{Want: 1, Done: 1, Since: at(-9)}, 2, incident.Delivery{Want: 2, Done: 1, Since: noon}},
		{"something is owed since before", incident.Delivery{Want: 2, Done: 1, Since: at(-9)}, 3, incident.Delivery{Want: 3, Done: 1, Since: at(-9)}},
		{"as much is owed already", incident.Delivery{Want: 2, Done: 1, Since: at(-9)}, 2, incident.Delivery{Want: 2, Done: 1, Since: at(-9)}},
		{"a receiver that refused is left alone for a while", incident.Delivery{Want: 1, Since: at(-9), Refused: "gone", Tries: 4, NotBefore: noon.Add(1)}, 2, incident.Delivery{Want: 2, Since: at(-9), Refused: "gone", Tries: 4, NotBefore: noon.Add(1)}},
		{"then it has another chance", incident.Delivery{Want: 1, Since: at(-9), Refused: "gone", Tries: 4, NotBefore: noon}, 2, incident.Delivery{Want: 2, Since: at(-9)}},
	} {
		th := thread{Thread: &incident.Thread{Deliveries: map[string]incident.Delivery{"x": tt.before}}}
		th.owe("x", tt.rev, noon)
		if diff := cmp.Diff(tt.want, th.Deliveries["x"]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// An incident's document is owed with every revision, ahead of it once it was rewritten.
func TestDocumentsAreOwedEveryRevision(t *testing.T) {
	d := newDesk(t)
	d.open("a")
	for want := 1; want < 4; want++ {
		Tell(&d.s, []incident.Change{{ID: "A", Event: incident.Updated}}, d.p, noon)
		if got := d.s.Incidents["A"].Deliveries[incident.Documents].Want; got != want {
			t.Errorf("document %d, want %d", got, want)
		}
	}
	d.s.Incidents["A"].Deliveries[incident.Documents] = incident.Delivery{Want: 9, Done: 9}
	Tell(&d.s, []incident.Change{{ID: "A", Event: incident.Updated}}, d.p, noon)
	if got := d.s.Incidents["A"].Deliveries[incident.Documents].Want; got != 10 {
		t.Errorf("document %d, want 10", got)
	}
}

func TestAudience(t *testing.T) {
	receivers := map[string]policy.Receiver{"slack": {}, "pager": {Reminds: true}, "boss": {}, "mail": {}}
	route := []policy.Route{{Receivers: []string{"slack", "pager"}, Escalate: []string{"boss"}}}
	for _, tt := range []struct {
		name  string
		edit  func(*incident.Incident)
		event incident.Event
		want  []string
	}{
		{"the route's receivers", func(*incident.Incident) {}, incident.Opened, []string{"pager", "slack"}},
		{"after an escalation those too", func(inc *incident.Incident) { inc.Escalated = noon }, incident.Opened, []string{"boss", "pager", "slack"}},
		{"a stand-in goes on standing in", func(inc *incident.Incident) {
			inc.Deliveries = map[string]incident.Delivery{"mail": {Instead: "slack"}, "boss": {Want: 1}}
		}, incident.Opened, []string{"mail", "pager", "slack"}},
		{"a receiver that reminds by itself and has taken it is not reminded", func(inc *incident.Incident) {
			inc.Deliveries = map[string]incident.Delivery{"pager": {Want: 1, Done: 1, Open: true}}
		}, incident.Reminder, []string{"slack"}},
		{"one that has not is", func(*incident.Incident) {}, incident.Reminder, []string{"pager", "slack"}},
		{"all of a drill", func(inc *incident.Incident) { inc.Drill = true }, incident.Drill, []string{"boss", "mail", "pager", "slack"}},
		{"the one that a drill is for", func(inc *incident.Incident) { inc.Drill, inc.DrillFor = true, "mail" }, incident.Drill, []string{"mail"}},
	} {
		d := newDesk(t)
		d.p.Receivers, d.p.Routes = receivers, route
		d.open("a")
		tt.edit(d.s.Incidents["A"])
		s := &shard{State: &d.s, policy: d.p, now: noon}
		th, _ := s.thread("A")
		got := s.audience(th, tt.event)
		slices.Sort(got)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestHowTheEndOfASuppressionIsTold(t *testing.T) {
	for _, tt := range []struct {
		name  string
		marks incident.Marks
		want  incident.Event
	}{
		{"what was never told is news", incident.Marks{incident.Updated: 1}, incident.Opened},
		{"what people take for over is open again", incident.Marks{incident.Opened: 1, incident.Resolved: 2}, incident.Reopened},
		{"what they know goes on", incident.Marks{incident.Opened: 1}, incident.Resumed},
	} {
		if got := resume(tt.marks); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestPrune(t *testing.T) {
	pending := map[string]incident.Delivery{"slack": {Want: 2, Done: 1}}
	sending := map[string]incident.Delivery{"slack": {Want: 1, Done: 1, Lease: incident.Lease{Owner: "w", Until: noon.Add(1)}}}
	done := map[string]incident.Delivery{"slack": {Want: 1, Done: 1}}
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	for _, tt := range []struct {
		name       string
		resolved   time.Time
		deliveries map[string]incident.Delivery
		kept       bool
	}{
		{"open", time.Time{}, done, true},
		{"it may be reopened", ago(15 * time.Minute), done, true},
		{"it may not", ago(15*time.Minute + 1), done, false},
		{"something is owed", ago(72 * time.Hour), pending, true},
		{"for too long", ago(72*time.Hour + 1), pending, false},
		{"something is being sent", ago(time.Hour), sending, true},
	} {
		s := incident.New("main", noon)
		s.Incidents["A"] = &incident.Incident{ID: "a", Resolved: tt.resolved, Thread: incident.Thread{Deliveries: tt.deliveries}}
		s.Groups["g"] = &incident.Group{ID: "g", Resolved: tt.resolved, Thread: incident.Thread{Deliveries: tt.deliveries}}
		Prune(&s, policy.Default(), noon)
		if len(s.Incidents) == 1 != tt.kept || len(s.Groups) == 1 != tt.kept {
			t.Errorf("%s: kept %d incidents and %d groups", tt.name, len(s.Incidents), len(s.Groups))
		}
	}
	old := ago(time.Hour)
	s := incident.New("main", noon)
	s.Incidents["member"] = &incident.Incident{ID: "member", Resolved: old, Group: "open"}
	s.Incidents["owed"] = &incident.Incident{ID: "owed", Resolved: old, Group: "over", Thread: incident.Thread{Deliveries: pending}}
	s.Incidents["other"] = &incident.Incident{ID: "other", Resolved: old, Group: "unknown"}
	s.Groups["open"] = &incident.Group{ID: "open"}
	s.Groups["over"] = &incident.Group{ID: "over", Resolved: old}
	s.Commands = map[string]time.Time{"new": ago(24 * time.Hour), "old": ago(24*time.Hour + 1)}
	Prune(&s, policy.Default(), noon)
	if s.Incidents["member"] == nil || s.Incidents["other"] != nil || s.Groups["over"] == nil || len(s.Commands) != 1 || s.Commands["new"].IsZero() {
		t.Errorf("left incidents %v, groups %v, commands %v; want a group's members, and the group of a member that is kept", s.Incidents, s.Groups, s.Commands)
	}
}
