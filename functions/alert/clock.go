package alert

import (
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// latest is how late something may have happened: a run, which has an interval, or anything
// else, which may be an app's word.
func latest(p policy.Policy, now time.Time, every time.Duration) time.Time {
	if every > 0 {
		return now.Add(p.Shift)
	}
	return now.Add(policy.SignalShift)
}

// ahead returns by how much the newest thing that the state says has happened lies in the
// future, beyond what a producer's clock may be fast by. It is evidence that the clock has
// stepped back since.
func ahead(s incident.State, p policy.Policy, now time.Time) (by time.Duration) {
	past(s, func(t *time.Time, every time.Duration) {
		if t.After(latest(p, now, every)) {
			by = max(by, t.Sub(now))
		}
	})
	return by
}

// stepBack corrects what a clock that was fast has left in the state. What is said to have
// happened in the future has happened now, so that no age is negative. A run happened one
// interval ago, so that the next one is accepted. Leases, pauses and reminders are due as much
// sooner as the clock has stepped back.
func stepBack(s incident.State, p policy.Policy, now time.Time) {
	by := ahead(s, p, now)
	if by == 0 {
		return
	}
	past(s, func(t *time.Time, every time.Duration) {
		if t.After(latest(p, now, every)) {
			*t = now.Add(-every)
		}
	})
	for i := range s.Silences {
		if most := now.Add(p.SilenceMost); s.Silences[i].Until.After(most) {
			s.Silences[i].Until = most
		}
	}
	sooner := func(t *time.Time) {
		if !t.IsZero() {
			*t = t.Add(-by)
		}
	}
	for t := range s.Threads() {
		sooner(&t.RemindAt)
		for address, d := range t.Deliveries {
			sooner(&d.Lease.Until)
			sooner(&d.NotBefore)
			t.Deliveries[address] = d
		}
	}
}

// past calls f with each time at which something has happened, and with the interval of what
// happens again and again. It leaves out zero times.
func past(s incident.State, f func(t *time.Time, every time.Duration)) {
	each := func(every time.Duration, times ...*time.Time) {
		for _, t := range times {
			if !t.IsZero() {
				f(t, every)
			}
		}
	}
	for key, j := range s.Jobs {
		each(j.Every, &j.Scheduled)
		each(0, &j.Expected, &j.Late)
		s.Jobs[key] = j
	}
	for _, times := range []map[string]time.Time{s.Canary, s.Commands} {
		for name, t := range times {
			each(0, &t)
			times[name] = t
		}
	}
	for _, ss := range s.Series {
		each(0, &ss.HeldAt, &ss.LastBad, &ss.LastOK)
		for i := range ss.Sources {
			src := &ss.Sources[i]
			every := src.Every
			if kind, _ := report.CutEvidenceSource(src.Source); kind == report.SourceEvent || kind == report.SourceLogs {
				every = 0 // a signal is no run
			}
			each(every, &src.Scheduled)
			each(0, &src.Seen, &src.UnknownSince, &src.Since)
		}
	}
	for _, inc := range s.Incidents {
		each(0, &inc.Since, &inc.LastOK, &inc.Opened, &inc.Resolved, &inc.Again, &inc.Good, &inc.Resumed, &inc.RedisBack, &inc.Stale)
		for i := range inc.Reopenings {
			each(0, &inc.Reopenings[i])
		}
		for class, t := range inc.CauseTold {
			each(0, &t)
			inc.CauseTold[class] = t
		}
	}
	for _, g := range s.Groups {
		each(0, &g.Since, &g.Opened, &g.Resolved, &g.Reopened, &g.Again, &g.Resumed)
	}
	for t := range s.Threads() {
		each(0, &t.Escalated, &t.Edited, &t.Renewed)
		if t.Ack != nil {
			each(0, &t.Ack.At)
		}
		for address, d := range t.Deliveries {
			each(0, &d.Since, &d.Sent)
			t.Deliveries[address] = d
		}
	}
}
