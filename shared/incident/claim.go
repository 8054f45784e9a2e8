package incident

import (
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// The pauses between attempts: 10 s × 2^tries, at most a minute, or what the
// receiver asks for.
const (
	backoffFirst = 10 * time.Second
	backoffMost  = time.Minute
)

func backoff(tries int) time.Duration {
	return min(backoffFirst<<min(max(tries, 0), 10), backoffMost)
}

// Claim takes the right to send what is owed and due, at most limit deliveries, for
// one worker. The state that it returns must be written before anything is sent,
// and the notices are rendered from it.
func Claim(s State, now time.Time, owner string, lease time.Duration, limit int) (State, []Notice) {
	if !s.Due(now) {
		return s, nil
	}
	var notices []Notice
	e := begin(s, Policy{}, now)
	for _, id := range e.byUrgency() {
		sub, _ := e.subject(id)
		for _, address := range sorted(sub.Deliveries) {
			d := sub.Deliveries[address]
			if !d.Due(e.now) || len(notices) >= limit {
				continue
			}
			d.Lease = Lease{Owner: owner, Until: e.now.Add(lease)}
			d.NotBefore = e.now.Add(backoff(d.Tries))
			d.Tries++
			sub.Deliveries[address] = d
			notices = append(notices, e.notice(sub, address, d))
		}
	}
	return e.s, notices
}

// byUrgency returns the ids of all threads, the most severe and oldest first.
func (e *engine) byUrgency() []string {
	ids := slices.Concat(sorted(e.incidents), sorted(e.groups))
	rank := func(id string) int {
		s, _ := e.subject(id)
		return s.severity.Rank()
	}
	slices.SortStableFunc(ids, func(a, b string) int { return rank(b) - rank(a) })
	return ids
}

// notice copies what a message needs, so that it stays as it was claimed.
func (e *engine) notice(s subject, address string, d Delivery) Notice {
	n := Notice{
		Shard: e.s.Shard, Address: address, Owner: d.Lease.Owner, Until: d.Lease.Until, Done: d.Done, Want: d.Want,
		Events: s.Marks.Between(d.Done, d.Want, d.Open), Previous: d.Ref,
		Maybe: d.Maybe == d.Want && d.Maybe > 0, Open: s.Marks.open(),
		Instead: d.Instead, Why: d.Why, Next: s.RemindAt, Now: e.now,
	}
	if len(n.Events) == 0 {
		n.Events = []Event{Updated}
	}
	if s.incident != nil {
		inc := *s.incident
		n.Incident = &inc
		if address == Documents {
			n.Document = document(e.s.Shard, &inc, e.groups[inc.Group])
			n.Document.Rev = d.Want
		}
		return n
	}
	g := *s.group
	n.Group = &g
	for _, id := range g.Members {
		if inc, ok := e.incidents[id]; ok {
			n.Members = append(n.Members, *inc)
		}
	}
	return n
}

// Due reports whether there is anything to claim.
func (s State) Due(now time.Time) bool {
	for _, inc := range s.Incidents {
		if inc.due(now) {
			return true
		}
	}
	for _, g := range s.Groups {
		if g.due(now) {
			return true
		}
	}
	return false
}

func (t Thread) due(now time.Time) bool {
	for _, d := range t.Deliveries {
		if d.Due(now) {
			return true
		}
	}
	return false
}

// Leased reports whether owner holds a claim.
func (s State) Leased(owner string) bool {
	for _, inc := range s.Incidents {
		if inc.leased(owner) {
			return true
		}
	}
	for _, g := range s.Groups {
		if g.leased(owner) {
			return true
		}
	}
	return false
}

func (t Thread) leased(owner string) bool {
	for _, d := range t.Deliveries {
		if d.Lease.Owner == owner {
			return true
		}
	}
	return false
}

// Refusing returns the addresses that are known to refuse notifications.
func (s State) Refusing() []string {
	var out []string
	ss, ok := s.Series[monitorSeries(subjectReceivers)]
	if !ok {
		return nil
	}
	for _, src := range ss.Sources {
		if src.Down {
			out = append(out, src.Source)
		}
	}
	return out
}

// Undelivered is a critical that nobody who can be woken has been told of.
type Undelivered struct {
	ID    string
	Since time.Time
	// Receivers that should have been told, with their latest error.
	Receivers map[string]string
}

// knows reports whether a receiver was told that what is open now is open, and how severe
// it is: who has heard of a warning has not heard of an outage.
func (t *Thread) knows(d Delivery) bool { return d.Open && d.Done >= t.Marks[Raised] }

// Undelivered returns the critical incidents and groups whose opening has reached
// no receiver that pages, UndeliveredAfter it was due.
func (s State) Undelivered(p Policy, now time.Time) []Undelivered {
	var out []Undelivered
	add := func(id string, t Thread, severity cause.Severity, open bool) {
		if severity != cause.SeverityCritical || !open || !t.Marks.open() {
			return
		}
		u := Undelivered{ID: id, Receivers: map[string]string{}}
		for address, d := range t.Deliveries {
			if address == Documents || !p.Receivers[address].Pages {
				continue
			}
			if t.knows(d) {
				return
			}
			if d.Want > d.Done || d.Refused != "" {
				u.Receivers[address] = d.Error + d.Refused
				if u.Since.IsZero() || d.Since.Before(u.Since) {
					u.Since = d.Since
				}
			}
		}
		if len(u.Receivers) > 0 && now.Sub(u.Since) >= p.UndeliveredAfter {
			out = append(out, u)
		}
	}
	for _, id := range sorted(s.Incidents) {
		inc := s.Incidents[id]
		add(id, inc.Thread, inc.Severity, inc.Open())
	}
	for _, id := range sorted(s.Groups) {
		g := s.Groups[id]
		add(id, g.Thread, g.Severity, g.Open())
	}
	return out
}
