package notify

import (
	"maps"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
)

// Remind tells what is due by now: joiners whose quiet time is over, reminders,
// escalation, and the fallback of a receiver that has failed for too long. An incident
// that another one explains is not reminded of and not escalated: the other one is. An app that nothing
// says to be without Redis any more is not reminded of until something does.
func Remind(state *incident.State, explained map[string]bool, p policy.Policy, now time.Time) []Transition {
	s := &shard{State: state, policy: p, now: now}
	for _, t := range s.active() {
		if t.group != nil && t.Marks.OpenAt() > 0 {
			s.tellJoined(t.group)
		}
		s.handOver(t)
		quiet := t.Suppressed != "" || explained[t.id]
		if !t.RemindAt.IsZero() && !now.Before(t.RemindAt) && !quiet && !s.stale(t) {
			t.Reminded++
			s.tell(t.id, incident.Reminder)
		}
		if t.severity != cause.SeverityCritical {
			continue
		}
		r := s.route(t)
		if t.Ack == nil && t.Escalated.IsZero() && !quiet && t.Marks.Open() && !s.remindsItself(t) &&
			len(r.Escalate) > 0 && now.Sub(t.toldSince()) >= r.EscalateAfter {
			t.Escalated = now
			s.tell(t.id, incident.Escalated)
		}
		for _, a := range slices.Sorted(maps.Keys(t.Deliveries)) {
			d := t.Deliveries[a]
			if a != incident.Documents && d.Pending() && !knows(t.Thread, d) && d.Tries > 0 && d.Error != "" && now.Sub(d.Since) >= p.UndeliveredAfter {
				s.fallBack(t, a, d.Error)
			}
		}
	}
	return s.told
}

// stale reports whether nothing says any more of an app that it is without Redis.
func (s *shard) stale(t thread) bool {
	is := func(inc *incident.Incident) bool { return inc.Series.Check.OfApp() && !inc.Stale.IsZero() }
	if t.incident != nil {
		return is(t.incident)
	}
	return !slices.ContainsFunc(s.members(t.group), func(inc *incident.Incident) bool { return inc.Open() && !is(inc) })
}

// active returns everything open that tells for itself.
func (s *shard) active() []thread {
	return slices.DeleteFunc(s.threads(), func(t thread) bool { return !t.open || t.incident != nil && t.incident.Group != "" })
}

// scheduleReminder decides when the next reminder is due after a loud event.
func (s *shard) scheduleReminder(t thread, event incident.Event) {
	switch event {
	case incident.Opened, incident.Reopened, incident.Resumed, incident.Raised:
		t.Reminded = 0
	case incident.Unstable:
		if t.RemindAt.After(s.now) {
			return // noise must not put off what is due
		}
	case incident.Joined:
		if !t.Renewed.Equal(s.now) {
			return // the acknowledge, if any, still holds
		}
	case incident.Reminder:
	default:
		return
	}
	t.RemindAt = time.Time{}
	if pauses := s.pauses(t); len(pauses) > 0 && !s.remindsItself(t) && t.open {
		t.RemindAt = s.now.Add(pauses[min(t.Reminded, len(pauses)-1)])
	}
}

// pauses returns what lies before each reminder.
func (s *shard) pauses(t thread) []time.Duration {
	switch r := s.route(t).Reminders; {
	case t.incident != nil && t.incident.Drill:
		return nil
	case t.severity != cause.SeverityCritical:
		return r.Warning
	case t.Ack != nil:
		return r.Acknowledged
	default:
		return r.Critical
	}
}

// remindsItself reports whether a receiver that reminds and escalates by itself has taken what
// is open, or is about to. One that fails has no duty, so that pongwatch goes on.
func (s *shard) remindsItself(t thread) bool {
	return slices.ContainsFunc(s.route(t).Receivers, func(a string) bool { return s.onDuty(t, a) })
}

func (s *shard) onDuty(t thread, address string) bool {
	d := t.Deliveries[address]
	taken := d.Open && d.Done >= max(t.Marks.OpenAt(), t.Marks[incident.Raised])
	return s.policy.Receivers[address].Reminds && (taken || d.Refused == "" && d.Error == "" && d.Want > d.Done)
}

// handOver keeps the reminders with those who have the duty: a receiver that reminds by
// itself while it has taken what is open, pongwatch otherwise.
func (s *shard) handOver(t thread) {
	if !t.Marks.Open() || t.Suppressed != "" {
		return
	}
	pauses := s.pauses(t)
	switch {
	case len(pauses) == 0 || s.remindsItself(t):
		t.RemindAt = time.Time{}
	case t.RemindAt.IsZero():
		t.RemindAt = latest(t.toldSince().Add(pauses[min(t.Reminded, len(pauses)-1)]), s.now)
	}
}

func (t thread) toldSince() time.Time {
	if t.group != nil {
		return t.group.ToldSince()
	}
	return t.incident.ToldSince()
}

// fallBack makes others owe what address does not take.
func (s *shard) fallBack(t thread, address, why string) {
	r := s.route(t)
	fallbacks := r.Fallback
	if own := s.policy.Receivers[address].Fallback; len(own) > 0 {
		fallbacks = own
	}
	for _, fallback := range fallbacks {
		d, told := t.Deliveries[fallback]
		if fallback == address || told && d.Instead == "" {
			continue // it is told anyway
		}
		d.Instead, d.Why = address, why
		t.Deliveries[fallback] = d
		t.owe(fallback, t.Deliveries[address].Want, s.now)
	}
}
