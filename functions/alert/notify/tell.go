package notify

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/incident"
)

// Tell tells each change in the thread that speaks for its incident.
func Tell(state *incident.State, changes []incident.Change, p policy.Policy, now time.Time) []Transition {
	s := &shard{State: state, policy: p, now: now}
	byGroup := map[string][]incident.Change{}
	var due []incident.Change
	for _, c := range changes {
		inc, ok := s.Incidents[c.ID]
		switch {
		case !ok:
			s.tell(c.ID, c.Event) // of a group
			continue
		case c.Routine && now.Sub(latest(inc.Edited, inc.Opened)) < p.EditEvery:
			continue
		case c.Event == incident.Reopened || c.Event == incident.Unstable:
			inc.Ack, inc.Reminded = nil, 0
		case c.Event == incident.Raised:
			s.renew(&inc.Thread)
		}
		due = append(due, c)
	}
	// The changes of one incident stay in order, and the incidents come by id.
	slices.SortStableFunc(due, func(a, b incident.Change) int { return strings.Compare(a.ID, b.ID) })
	for _, c := range due {
		s.tell(c.ID, c.Event)
		if group := s.Incidents[c.ID].Group; group != "" {
			byGroup[group] = append(byGroup[group], c)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(byGroup)) {
		if g, ok := s.Groups[id]; ok {
			s.tellGroup(g, byGroup[id])
		}
	}
	return s.told
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// renew makes what is open news again. An acknowledge covers what there was: who takes a warning
// does not take the outage that it becomes, and it may have been acknowledged in a receiver as well.
func (s *shard) renew(t *incident.Thread) {
	t.Generation++
	t.Ack, t.Reminded, t.Renewed = nil, 0, s.now
}

// tell raises a thread's revision by an event, and the levels of every receiver that
// must be told of it.
func (s *shard) tell(id string, event incident.Event) {
	t, ok := s.thread(id)
	if !ok {
		return
	}
	if t.Marks == nil {
		t.Marks = incident.Marks{}
	}
	t.Rev++
	t.Edited = s.now
	transition := Transition{ID: id, Event: event, Severity: t.severity, Withheld: withheld(t, event)}
	if t.incident != nil {
		t.owe(incident.Documents, max(t.Rev, t.Deliveries[incident.Documents].Want+1), s.now)
		transition.Series, transition.Cause = t.incident.Series, t.incident.Cause
	}
	s.told = append(s.told, transition)
	if event != incident.Updated { // there is one with nearly every report
		m := incident.Moment{At: s.now, Event: event, Withheld: transition.Withheld}
		switch {
		case event == incident.Acknowledged && t.Ack != nil:
			m.By, m.Via = t.Ack.By, t.Ack.Via
		case event == incident.Silenced:
			m.By, m.Via = t.SilencedBy, t.SilencedVia
		}
		t.Note(m)
	}
	if transition.Withheld != "" {
		if event.Loud() && (transition.Withheld == suppressedBySilence || transition.Withheld == suppressedByMaintenance) {
			t.Withheld = true
		}
		return
	}
	if event == incident.Resumed {
		event = resume(t.Marks)
	}
	if isEnd(event) {
		t.RemindAt = time.Time{}
		if !t.Marks.Open() {
			return // no receiver was told that it is open again
		}
	}
	opened := t.Marks.OpenAt()
	t.Marks[event] = t.Rev
	switch {
	case isEnd(event):
		// Only receivers that know of it as open, or are about to, are told of its end.
		t.oweAll(s.now, func(d incident.Delivery) bool { return d.Want > 0 && (d.Want >= opened || d.Want > d.Done) })
	case event == incident.Escalated:
		for _, a := range s.route(t).Escalate {
			t.owe(a, t.Rev, s.now)
		}
	case event.Loud():
		t.Withheld = false
		for _, a := range s.audience(t, event) {
			t.owe(a, t.Rev, s.now)
		}
		s.scheduleReminder(t, event)
	default:
		t.oweAll(s.now, func(d incident.Delivery) bool { return d.Want > 0 }) // edit what was told
	}
	// What is still owed is raised to this revision, because the mark of what it was owed
	// for may just have moved here.
	t.oweAll(s.now, func(d incident.Delivery) bool { return d.Want > d.Done })
}

func isEnd(event incident.Event) bool {
	return event == incident.Resolved || event == incident.NoLongerWatched
}

// withheld says why an event is not told.
func withheld(t thread, event incident.Event) string {
	switch {
	// What was told alone before the group formed is closed, and acknowledged, there as well.
	case t.incident != nil && t.incident.Group != "" && !((isEnd(event) || event == incident.Acknowledged) && t.Marks.Open()):
		return "grouped"
	case t.Suppressed != "" && !isEnd(event) && event != incident.Silenced && event != incident.Acknowledged:
		return t.Suppressed
	case t.incident != nil && (t.incident.Unstable || t.incident.Flapping) && event == incident.CauseChanged:
		return "noisy"
	}
	return ""
}

// resume is how the end of a suppression is told: as news if what is open was never
// told, otherwise as a continuation.
func resume(m incident.Marks) incident.Event {
	switch {
	case m.OpenAt() == 0:
		return incident.Opened
	case !m.Open():
		return incident.Reopened
	}
	return incident.Resumed
}

// owe raises a receiver's level.
func (t thread) owe(address string, rev int, now time.Time) {
	d := t.Deliveries[address]
	if rev <= d.Want {
		return
	}
	if d.Want <= d.Done || d.Since.IsZero() {
		d.Since = now
	}
	if d.Refused != "" && !now.Before(d.NotBefore) {
		d = d.Again() // give a refused receiver another chance
	}
	d.Want = rev
	if t.Deliveries == nil {
		t.Deliveries = map[string]incident.Delivery{}
	}
	t.Deliveries[address] = d
}

// oweAll raises the levels of some receivers to the thread's revision.
func (t thread) oweAll(now time.Time, some func(incident.Delivery) bool) {
	for a, d := range t.Deliveries {
		if a != incident.Documents && some(d) {
			t.owe(a, t.Rev, now)
		}
	}
}

// audience returns the receivers that must be told of a loud event: the route's, and
// after an escalation those too.
func (s *shard) audience(t thread, event incident.Event) []string {
	if t.incident != nil && t.incident.Drill {
		if t.incident.DrillFor != "" {
			return []string{t.incident.DrillFor}
		}
		return slices.Sorted(maps.Keys(s.policy.Receivers))
	}
	r := s.route(t)
	to := slices.Clone(r.Receivers)
	if !t.Escalated.IsZero() {
		to = append(to, r.Escalate...)
	}
	for a, d := range t.Deliveries {
		if d.Instead != "" { // a stand-in goes on standing in
			to = append(to, a)
		}
	}
	if event == incident.Reminder {
		to = slices.DeleteFunc(to, func(a string) bool { return s.onDuty(t, a) })
	}
	return to
}
