package incident

import (
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// scheduleReminder decides when the next reminder is due after a loud event.
func (e *engine) scheduleReminder(s subject, event Event) {
	switch event {
	case Opened, Reopened, Resumed, Raised:
		s.Reminded = 0
	case Unstable:
		if s.RemindAt.After(e.now) {
			return // noise must not put off what is due
		}
	case Reminder:
	default:
		return
	}
	s.RemindAt = time.Time{}
	pauses := e.pauses(s)
	if len(pauses) > 0 && !e.remindsItself(s) && s.open() {
		s.RemindAt = e.now.Add(pauses[min(s.Reminded, len(pauses)-1)])
	}
}

// pauses are what lies before each reminder.
func (e *engine) pauses(s subject) []time.Duration {
	switch {
	case s.incident != nil && s.incident.Drill:
		return nil
	case s.severity != cause.SeverityCritical:
		return e.route(s).Reminders.Warning
	case s.Ack != nil:
		return e.route(s).Reminders.Acknowledged
	}
	return e.route(s).Reminders.Critical
}

// remindsItself reports whether one of the receivers reminds and escalates by itself.
func (e *engine) remindsItself(s subject) bool {
	for _, a := range e.route(s).Receivers {
		if e.p.Receivers[a].Reminds {
			return true
		}
	}
	return false
}

func (e *engine) remind() {
	e.groupsDue()
	for s := range e.threads {
		if s.RemindAt.IsZero() || e.now.Before(s.RemindAt) || s.Suppressed != "" || e.explained(s) {
			continue
		}
		s.Reminded++
		e.tell(s.id, Reminder)
	}
}

// escalate adds the escalation receivers to what nobody has acknowledged.
func (e *engine) escalate() {
	for s := range e.threads {
		if s.severity != cause.SeverityCritical || s.Ack != nil || !s.Escalated.IsZero() || s.Suppressed != "" ||
			!s.Marks.open() || e.explained(s) || e.remindsItself(s) {
			continue
		}
		if r := e.route(s); len(r.Escalate) == 0 || e.now.Sub(s.waitingSince()) < r.EscalateAfter {
			continue
		}
		s.Escalated = e.now
		e.tell(s.id, Escalated)
	}
}

// threads yields everything open that tells for itself.
func (e *engine) threads(yield func(subject) bool) {
	for _, id := range sorted(e.incidents) {
		if inc := e.incidents[id]; inc.Open() && inc.Group == "" {
			if s, ok := e.subject(id); ok && !yield(s) {
				return
			}
		}
	}
	for _, id := range sorted(e.groups) {
		if e.groups[id].Open() {
			if s, ok := e.subject(id); ok && !yield(s) {
				return
			}
		}
	}
}

// explained reports whether an open ping incident explains this one: then that one
// reminds and escalates.
func (e *engine) explained(s subject) bool {
	return s.incident != nil && s.incident.Series.Check != report.MockMode && e.held(s.incident.Series) == heldByPing
}

// waitingSince is when people were first told of what is open now. An unstable
// incident counts from its beginning, else noise would keep it from being escalated.
func (s subject) waitingSince() time.Time {
	if s.group != nil {
		return later(later(s.group.Opened, s.group.Reopened), s.group.Resumed)
	}
	if n := len(s.incident.Reopenings); n > 0 && !s.incident.Unstable {
		return later(s.incident.Reopenings[n-1], s.incident.Resumed)
	}
	return later(s.incident.Opened, s.incident.Resumed)
}

// standIn lets the fallback tell what a receiver has failed to take for too long.
func (e *engine) standIn() {
	for s := range e.threads {
		if s.severity != cause.SeverityCritical {
			continue
		}
		for _, a := range sorted(s.Deliveries) {
			d := s.Deliveries[a]
			if a != Documents && d.Pending() && !s.knows(d) && d.Tries > 0 && d.Error != "" && e.now.Sub(d.Since) >= e.p.UndeliveredAfter {
				e.fallBack(s, a, d.Error)
			}
		}
	}
}

// fallBack makes others owe what address does not take.
func (e *engine) fallBack(s subject, address, why string) {
	for _, fallback := range e.p.fallbacks(e.route(s), address) {
		d, told := s.Deliveries[fallback]
		if fallback == address || told && d.Instead == "" {
			continue // it is told anyway
		}
		d.Instead, d.Why = address, why
		s.Deliveries[fallback] = d
		s.owe(fallback, s.Deliveries[address].Want, e.now)
	}
}
