package incident

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBetween(t *testing.T) {
	for _, tt := range []struct {
		name       string
		marks      Marks
		done, want int
		knowsOpen  bool
		events     []Event
	}{
		{"nothing", Marks{Opened: 1}, 1, 1, true, nil},
		{"the opening", Marks{Opened: 1}, 0, 1, false, []Event{Opened}},
		{"not what comes later", Marks{Opened: 1, Resolved: 2}, 0, 1, false, []Event{Opened}},
		{"the latest of what opens and closes comes first", Marks{Opened: 1, Resolved: 2, Reopened: 3}, 0, 3, false, []Event{Reopened, Resolved, Opened}},
		{"an opening and its end are one event", Marks{Opened: 1, Resolved: 2}, 0, 2, false, []Event{Past, Resolved, Opened}},
		{"unless the receiver knows of the opening", Marks{Opened: 1, Reopened: 2, Resolved: 3}, 1, 3, true, []Event{Resolved, Reopened}},
		{"the end alone", Marks{Opened: 1, Resolved: 2}, 1, 2, true, []Event{Resolved}},
		{"no longer watched is no past", Marks{Opened: 1, NoLongerWatched: 2}, 0, 2, false, []Event{NoLongerWatched, Opened}},
		{"the opening before an acknowledge", Marks{Opened: 1, Acknowledged: 3, Raised: 2}, 0, 3, false, []Event{Opened, Raised, Acknowledged}},
		{"the more significant before the later", Marks{CauseChanged: 3, Raised: 2, Updated: 4}, 1, 4, true, []Event{Raised, CauseChanged, Updated}},
		{"for one that is called by an escalation that is the first thing", Marks{Opened: 1, Escalated: 2}, 0, 2, false, []Event{Escalated, Opened}},
		{"not if both came in one step", Marks{Opened: 2, Escalated: 2}, 0, 2, false, []Event{Opened, Escalated}},
		{"not if it is open again since", Marks{Opened: 1, Escalated: 2, Reopened: 3}, 0, 3, false, []Event{Reopened, Opened, Escalated}},
		{"nor for one that knew it", Marks{Opened: 1, Escalated: 3, Unstable: 2}, 1, 3, true, []Event{Unstable, Escalated}},
		{"a drill", Marks{Drill: 1}, 0, 1, false, []Event{Drill}},
	} {
		if diff := cmp.Diff(tt.events, tt.marks.Between(tt.done, tt.want, tt.knowsOpen)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestLoud(t *testing.T) {
	silent := map[Event]bool{Acknowledged: true, Silenced: true, Unsilenced: true, Updated: true}
	for _, e := range append([]Event{Opened, Reopened, Resolved, NoLongerWatched, Past, Drill}, order...) {
		if e.Loud() == silent[e] {
			t.Errorf("%s: loud %t", e, e.Loud())
		}
	}
}

func TestMarksKnowWhatPeopleWereToldLast(t *testing.T) {
	for _, tt := range []struct {
		marks  Marks
		openAt int
		open   bool
	}{
		{nil, 0, false},
		{Marks{Opened: 1}, 1, true},
		{Marks{Drill: 1}, 1, true},
		{Marks{Opened: 1, Resolved: 2}, 1, false},
		{Marks{Opened: 1, NoLongerWatched: 2}, 1, false},
		{Marks{Opened: 1, Resolved: 2, Reopened: 3}, 3, true},
		{Marks{Opened: 1, Resolved: 2, Unstable: 3, Updated: 4}, 3, true},
	} {
		if tt.marks.OpenAt() != tt.openAt || tt.marks.Open() != tt.open {
			t.Errorf("%v: open at %d, %t", tt.marks, tt.marks.OpenAt(), tt.marks.Open())
		}
	}
}

func TestDelivery(t *testing.T) {
	held := Lease{Owner: "w", Until: noon.Add(1)}
	for _, tt := range []struct {
		name         string
		d            Delivery
		pending, due bool
	}{
		{"nothing is owed", Delivery{Want: 1, Done: 1}, false, false},
		{"something is", Delivery{Want: 2, Done: 1}, true, true},
		{"a repair is", Delivery{Want: 1, Done: 1, Repair: true}, true, true},
		{"to one that refuses", Delivery{Want: 2, Done: 1, Repair: true, Refused: "gone"}, false, false},
		{"being sent", Delivery{Want: 1, Lease: held}, true, false},
		{"a lease that has run out", Delivery{Want: 1, Lease: Lease{Owner: "w", Until: noon}}, true, true},
		{"a lease of no one", Delivery{Want: 1, Lease: Lease{Until: noon.Add(1)}}, true, true},
		{"not yet", Delivery{Want: 1, NotBefore: noon.Add(1)}, true, false},
		{"now", Delivery{Want: 1, NotBefore: noon}, true, true},
	} {
		if tt.d.Pending() != tt.pending || tt.d.Due(noon) != tt.due {
			t.Errorf("%s: pending %t, due %t", tt.name, tt.d.Pending(), tt.d.Due(noon))
		}
	}
	if (Ref{}).IsZero() != true || (Ref{Thread: "x"}).IsZero() {
		t.Error("a reference is zero only without anything in it")
	}
}

func TestNotice(t *testing.T) {
	inc := Notice{Events: []Event{Raised, Updated}, Incident: &Incident{ID: "20261122T120000Z-AAAAAA000000", Thread: Thread{Rev: 1}}}
	if inc.Event() != Raised || inc.ID() != inc.Incident.ID || inc.Short() != "INC-AAAAAA" || inc.Thread().Rev != 1 {
		t.Errorf("of an incident: %s, %s, %s, revision %d", inc.Event(), inc.ID(), inc.Short(), inc.Thread().Rev)
	}
	group := Notice{Events: []Event{Opened}, Group: &Group{ID: "20261122T120000Z-BBBBBB000000", Thread: Thread{Rev: 2}}, Incident: inc.Incident}
	if group.ID() != group.Group.ID || group.Short() != "INC-BBBBBB" || group.Thread().Rev != 2 {
		t.Errorf("of a group: %s, %s, revision %d", group.ID(), group.Short(), group.Thread().Rev)
	}
}

func TestIncidentAndGroup(t *testing.T) {
	i := Incident{ID: "20261122T120000Z-AAAAAA000000", Since: noon}
	if !i.Open() || i.Short() != "INC-AAAAAA" || i.Duration(noon.Add(time.Minute)) != time.Minute || i.Duration(noon.Add(-1)) != 0 {
		t.Errorf("open: %+v lasts %v", i, i.Duration(noon.Add(time.Minute)))
	}
	i.Resolved = noon.Add(time.Second)
	if i.Open() || i.Duration(noon.Add(time.Hour)) != time.Second {
		t.Errorf("over: %+v lasts %v", i, i.Duration(noon.Add(time.Hour)))
	}
	g := Group{ID: i.ID, Key: "network|critical|slack|"}
	if !g.Open() || g.Short() != "INC-AAAAAA" {
		t.Errorf("group: %+v", g)
	}
	g.Resolved = noon
	if g.Open() {
		t.Error("a group that is resolved is open")
	}
	for entry, kinds := range map[string][]string{"backend (app, event)": {"app", "event"}, "backend": nil} {
		if got := MockEntry("backend", kinds); got != entry || MockService(got) != "backend" {
			t.Errorf("entry %q of %q", got, MockService(got))
		}
	}
}

func TestDuration(t *testing.T) {
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	for name, tt := range map[string]struct {
		incident Incident
		minutes  int
	}{
		"one that is open lasts until now":                    {Incident{Since: at(0)}, 30},
		"one that is resolved lasted until then":              {Incident{Since: at(0), Resolved: at(20)}, 20},
		"one that is held open lasted until it was good":      {Incident{Since: at(0), Good: at(12)}, 12},
		"one that was good in between counts from its return": {Incident{Since: at(0), Again: at(25), Before: 7 * time.Minute}, 12},
	} {
		if got, want := tt.incident.Duration(at(30)), time.Duration(tt.minutes)*time.Minute; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestAnIncidentThatFailsAgainCountsWhatItFailedBefore(t *testing.T) {
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	for name, tt := range map[string]struct {
		incident Incident
		since    int
		minutes  int // that it lasts by 12:30
	}{
		"one that was resolved":                 {Incident{Since: at(0), Resolved: at(10)}, 25, 15},
		"one that was held open":                {Incident{Since: at(0), Good: at(10)}, 25, 15},
		"one that failed before it was good":    {Incident{Since: at(0), Good: at(10)}, 5, 30},
		"one that was good at the same instant": {Incident{Since: at(0), Good: at(10)}, 10, 30},
		"one that failed a third time":          {Incident{Since: at(0), Again: at(20), Before: 10 * time.Minute, Good: at(22)}, 26, 16},
	} {
		i := tt.incident
		i.FailAgain(at(tt.since))
		i.Resolved = time.Time{}
		if got, want := i.Duration(at(30)), time.Duration(tt.minutes)*time.Minute; got != want || !i.Good.IsZero() {
			t.Errorf("%s: %v, want %v, and good no longer: %+v", name, got, want, i)
		}
	}
}

func TestTheTimelineKeepsItsFirstAndItsLatestMoments(t *testing.T) {
	var thread Thread
	for i := range 70 {
		thread.Note(Moment{At: noon.Add(time.Duration(i) * time.Minute)})
		if i == 59 && len(thread.Timeline) != 60 {
			t.Errorf("%d of the first 60 moments are kept", len(thread.Timeline))
		}
	}
	minute := func(i int) int { return int(thread.Timeline[i].At.Sub(noon).Minutes()) }
	if len(thread.Timeline) != 60 || minute(0) != 0 || minute(19) != 19 || minute(20) != 30 || minute(59) != 69 {
		t.Errorf("%d moments, of which the 20th is %d and the 21st %d; want 60, 19 and 30", len(thread.Timeline), minute(19), minute(20))
	}
}

func TestARefusedDeliveryIsTriedAgainAtOnce(t *testing.T) {
	refused := Delivery{Want: 2, Done: 1, Refused: "channel_not_found", Tries: 3, NotBefore: noon.Add(time.Hour)}
	if refused.Due(noon) || !refused.Again().Due(noon) || refused.Again().Tries != 0 {
		t.Errorf("refused: due %v; again: %+v", refused.Due(noon), refused.Again())
	}
	if waiting := (Delivery{Want: 2, Done: 1, Tries: 3, NotBefore: noon.Add(time.Hour)}); waiting.Again() != waiting {
		t.Errorf("one that only waits became %+v", waiting.Again())
	}
}

func TestTwoOpeningsWithinASecondHaveTwoIDs(t *testing.T) {
	if NewID("main", "a/ping", noon) == NewID("main", "a/ping", noon.Add(time.Millisecond)) {
		t.Error("both have the same id")
	}
}
