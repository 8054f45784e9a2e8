package notify

import (
	"cmp"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/incident"
)

// Result is what became of one notice.
type Result struct {
	ID, Address string
	// Owner is the claim's, Want the revision that was sent.
	Owner string
	Want  int
	// Open is the notice's.
	Open bool

	message.Outcome
	Ref incident.Ref
}

// refusedFor is how long a receiver that refused for good is not tried again with
// further news of the same incident.
const refusedFor = 30 * time.Minute

// Record merges results into a state that may have moved on since the claim. It is
// safe to repeat on a newer state.
func Record(state incident.State, results []Result, p policy.Policy, now time.Time) incident.State {
	state = state.Clone()
	s := &shard{State: &state, policy: p, now: now.UTC().Truncate(time.Millisecond)}
	for _, r := range results {
		if t, ok := s.thread(r.ID); ok {
			s.record(t, r)
		}
	}
	return state
}

func (s *shard) record(t thread, r Result) {
	d, ok := t.Deliveries[r.Address]
	if !ok {
		return
	}
	was := d
	held := d.Lease.Owner == r.Owner
	if held {
		d.Lease = incident.Lease{}
	}
	switch r.Result {
	case message.Delivered:
		// What was sent is known to the receiver even if the right to send it was lost.
		if r.Want >= d.Done {
			d.Open = r.Open
			if !r.Unsent { // otherwise nothing has left
				d.Sent = s.now
			}
		}
		// Another worker may be sending, or have sent, a newer revision that this one
		// has just overwritten: one more edit puts it right.
		d.Repair = !held && (r.Want < d.Done || d.Lease.Owner != "")
		d.Done = max(d.Done, r.Want)
		if !r.Ref.IsZero() && (held || d.Ref.IsZero()) {
			d.Ref = r.Ref
		}
		d.Tries, d.NotBefore, d.Maybe, d.Error, d.Since = 0, time.Time{}, 0, "", time.Time{}
		d.Refused, d.Refusals, d.Settings = "", 0, ""
		d.Place = s.policy.Receivers[r.Address].Place
		if d.Want > d.Done {
			d.Since = s.now
		}
	case message.Refused:
		d.Refused, d.Error, d.NotBefore = cmp.Or(r.Reason, "refused"), "", s.now.Add(refusedFor)
		d.Refusals, d.Settings = d.Refusals+1, s.policy.Receivers[r.Address].Settings
	case message.Later, message.Unknown:
		d.Error = r.Reason
		if r.Result == message.Unknown {
			d.Maybe = r.Want
		}
		if held {
			d.NotBefore = s.now.Add(max(backoff(d.Tries), r.RetryAfter))
		}
	}
	t.Deliveries[r.Address] = d
	if r.Address == incident.Documents {
		return
	}
	if d.Told() != was.Told() {
		s.rewriteDocuments(t)
	}
	switch {
	case r.Result == message.Refused:
		s.fallBack(t, r.Address, d.Refused)
	case r.Result == message.Delivered && !r.Unsent:
		TryAgain(s.State, r.Address, s.now)
		if d.Done > was.Done { // otherwise it was recorded before
			s.noteDelivery(t, was, r)
		}
	}
}

// noteDelivery adds to the timeline who was told of what.
func (s *shard) noteDelivery(t thread, was incident.Delivery, r Result) {
	event := append(t.Marks.Between(was.Done, r.Want, was.Open), incident.Updated)[0]
	t.Note(incident.Moment{At: s.now, Event: event, Receiver: r.Address, Edited: !event.Loud()})
}

// rewriteDocuments has the incidents' documents written again with the next sweep, since
// they say who was told. It raises the level that they are owed. Otherwise a write that
// was claimed before, and is recorded after, would count as this one.
func (s *shard) rewriteDocuments(t thread) {
	ids := []string{t.id}
	if t.group != nil {
		ids = t.group.Members
	}
	for _, id := range ids {
		if m, ok := s.thread(id); ok && m.incident != nil {
			m.owe(incident.Documents, m.Deliveries[incident.Documents].Want+1, s.now)
		}
	}
}
