package incident

import "time"

// Outcome says how an attempt to deliver ended.
type Outcome string

// The outcomes.
const (
	// Delivered: the receiver has accepted it.
	Delivered Outcome = "delivered"
	// Refused: for good; no retry will change it.
	Refused Outcome = "refused"
	// Later: not now; worth another try.
	Later Outcome = "later"
	// Ambiguous: it may have arrived; the answer was lost.
	Ambiguous Outcome = "unknown"
)

// Result is what became of one notice.
type Result struct {
	ID, Address string
	// Owner is the claim's, Want the revision that was sent.
	Owner string
	Want  int
	// Open is the notice's.
	Open bool

	Outcome Outcome
	Ref     Ref
	// RetryAfter is how long the receiver asks to be left alone.
	RetryAfter time.Duration
	// Error is why, redacted.
	Error string
}

// refusedFor is how long a receiver that refused for good is not tried again with
// further news of the same incident.
const refusedFor = 30 * time.Minute

// Record merges results into a state that may have moved on since the claim. It is
// safe to repeat on a newer state.
func Record(s State, results []Result, p Policy, now time.Time) State {
	e := begin(s, p, now)
	for _, r := range results {
		if sub, ok := e.subject(r.ID); ok {
			e.record(sub, r)
		}
	}
	return e.s
}

func (e *engine) record(s subject, r Result) {
	d, ok := s.Deliveries[r.Address]
	if !ok {
		return
	}
	before := d.told()
	held := d.Lease.Owner == r.Owner
	if held {
		d.Lease = Lease{}
	}
	switch r.Outcome {
	case Delivered:
		d.delivered(r, held, e.now)
	case Refused:
		d.Refused, d.Error, d.NotBefore = r.Error, "", e.now.Add(refusedFor)
		if d.Refused == "" {
			d.Refused = "refused"
		}
	case Later, Ambiguous:
		d.Error = r.Error
		if r.Outcome == Ambiguous {
			d.Maybe = r.Want
		}
		if held {
			d.NotBefore = e.now.Add(max(backoff(d.Tries), r.RetryAfter))
		}
	}
	s.Deliveries[r.Address] = d
	if d.told() != before {
		e.rewriteDocuments(s, r.Address)
	}
	if r.Outcome == Refused && r.Address != Documents {
		e.fallBack(s, r.Address, d.Refused)
	}
}

func (d *Delivery) delivered(r Result, held bool, now time.Time) {
	// What was sent is known to the receiver even if the right to send it was lost.
	if r.Want >= d.Done {
		d.Open = r.Open
		d.Sent = now
	}
	// Another worker may be sending, or have sent, a newer revision that this one
	// has just overwritten: one more edit puts it right.
	d.Repair = !held && (r.Want < d.Done || d.Lease.Owner != "")
	d.Done = max(d.Done, r.Want)
	if !r.Ref.IsZero() && (held || d.Ref.IsZero()) {
		d.Ref = r.Ref
	}
	d.Tries, d.NotBefore, d.Maybe, d.Error, d.Refused = 0, time.Time{}, 0, "", ""
	d.Since = time.Time{}
	if d.Want > d.Done {
		d.Since = now
	}
}

// rewriteDocuments has the incidents' documents written again, with the next sweep,
// since they say who was told. It raises the level that they are owed, so that a write
// which was claimed before, and is recorded after, does not count as this one.
func (e *engine) rewriteDocuments(s subject, address string) {
	if address == Documents {
		return
	}
	ids := []string{s.id}
	if s.group != nil {
		ids = s.group.Members
	}
	for _, id := range ids {
		if inc, ok := e.incidents[id]; ok {
			inc.owe(Documents, inc.Deliveries[Documents].Want+1, e.now)
		}
	}
}
