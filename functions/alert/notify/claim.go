package notify

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
)

// backoff is the pause before the next attempt: 10 s × 2^tries, at most a minute.
func backoff(tries int) time.Duration {
	return min(10*time.Second<<min(max(tries, 0), 10), time.Minute)
}

// Claim takes the right to send what is owed and due, at most limit deliveries to receivers and
// all documents, for one worker. The state that it returns must be written before anything is sent,
// and the notices are rendered from it.
func Claim(state incident.State, now time.Time, owner string, lease time.Duration, limit int) (incident.State, []incident.Notice) {
	now = now.UTC().Truncate(time.Millisecond)
	if !Due(state, now) {
		return state, nil
	}
	state = state.Clone()
	s := &shard{State: &state, now: now}
	threads := s.threads()
	slices.SortStableFunc(threads, func(a, b thread) int { return cmp.Compare(b.severity.Rank(), a.severity.Rank()) })
	var notices []incident.Notice
	claimed := 0
	for _, t := range threads {
		for _, address := range slices.Sorted(maps.Keys(t.Deliveries)) {
			d := t.Deliveries[address]
			if !d.Due(now) || address != incident.Documents && claimed >= limit {
				continue
			}
			if address != incident.Documents {
				claimed++
			}
			d.Lease = incident.Lease{Owner: owner, Until: now.Add(lease)}
			d.NotBefore = now.Add(backoff(d.Tries))
			d.Tries++
			t.Deliveries[address] = d
			notices = append(notices, s.notice(t, address, d))
		}
	}
	return state, notices
}

// notice copies what a message needs, so that it stays as it was claimed.
func (s *shard) notice(t thread, address string, d incident.Delivery) incident.Notice {
	n := incident.Notice{
		Shard: s.Shard, Address: address, Owner: d.Lease.Owner, Until: d.Lease.Until, Done: d.Done, Want: d.Want,
		Events: t.Marks.Between(d.Done, d.Want, d.Open), Previous: d.Ref,
		Maybe: d.Maybe == d.Want && d.Maybe > 0, Open: t.Marks.Open(),
		Instead: d.Instead, Why: d.Why, Now: s.now,
	}
	if t.Suppressed == "" {
		n.Next = t.RemindAt
	}
	if len(n.Events) == 0 {
		n.Events = []incident.Event{incident.Updated}
	}
	if t.incident != nil {
		inc := *t.incident
		n.Incident = &inc
		if address == incident.Documents {
			document := incident.NewDocument(s.Shard, inc, s.Groups[inc.Group])
			document.Rev = d.Want
			n.Document = &document
		}
		return n
	}
	g := *t.group
	n.Group = &g
	for _, inc := range s.members(&g) {
		n.Members = append(n.Members, *inc)
	}
	slices.SortStableFunc(n.Members, func(a, b incident.Incident) int { return cmp.Compare(a.Series.Database, b.Series.Database) })
	return n
}

// Due reports whether there is anything to claim.
func Due(s incident.State, now time.Time) bool {
	return owed(s, func(d incident.Delivery) bool { return d.Due(now) })
}

// Leased reports whether owner holds a claim.
func Leased(s incident.State, owner string) bool {
	return owed(s, func(d incident.Delivery) bool { return d.Lease.Owner == owner })
}

// owed reports whether there is such a delivery.
func owed(s incident.State, such func(incident.Delivery) bool) bool {
	for t := range s.Threads() {
		for _, d := range t.Deliveries {
			if such(d) {
				return true
			}
		}
	}
	return false
}

// knows reports whether a receiver was told that what is open now is open, and how severe
// it is: one that was told of a warning was not told of an outage.
func knows(t *incident.Thread, d incident.Delivery) bool {
	return d.Open && d.Done >= t.Marks[incident.Raised]
}

// Unheard is a critical incident or group whose opening has reached no receiver that pages.
type Unheard struct {
	ID    string
	Since time.Time
	// Receivers that should have been told, with their latest error.
	Receivers map[string]string
}

// Undelivered returns the critical incidents and groups whose opening has reached
// no receiver that pages, UndeliveredAfter it was due.
func Undelivered(state incident.State, p policy.Policy, now time.Time) []Unheard {
	var out []Unheard
threads:
	for _, t := range (&shard{State: &state}).threads() {
		if t.severity != cause.SeverityCritical || !t.open || !t.Marks.Open() {
			continue
		}
		u := Unheard{ID: t.id, Receivers: map[string]string{}}
		for address, d := range t.Deliveries {
			switch {
			case address == incident.Documents || !p.Receivers[address].Pages:
			case knows(t.Thread, d):
				continue threads
			case d.Want > d.Done || d.Refused != "":
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
	return out
}
