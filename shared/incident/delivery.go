package incident

import "time"

// Ref is a receiver's own reference to what it has sent: Slack's channel and
// timestamp, a mail's Message-ID. No other code reads it.
type Ref struct {
	Channel string `json:"channel,omitempty"`
	ID      string `json:"id,omitempty"`
	Thread  string `json:"thread,omitempty"`
}

// IsZero reports whether nothing was sent yet.
func (r Ref) IsZero() bool { return r == Ref{} }

// Documents is the address of the internal receiver that writes an incident's document.
// It is owed every revision, and one more each time a receiver's delivery ends, because a
// document says who was told. Its level may therefore be ahead of the thread's revision.
const Documents = "_documents"

// Delivery is an outbox entry: what one receiver is owed of one thread. It is a
// level, not a queue, so it never grows: the receiver knows revision Done and
// should know revision Want.
type Delivery struct {
	Want int `json:"want"`
	Done int `json:"done"`
	// Maybe is a revision that was sent without a certain answer. It is sent again, and
	// marked as a possible duplicate.
	Maybe int `json:"maybe,omitempty"`
	Ref   Ref `json:"ref,omitzero"`
	// Open says that what the receiver was last told is that it is open.
	Open bool `json:"open,omitempty"`

	Lease Lease `json:"lease,omitzero"`
	// Tries counts the attempts since the last success.
	Tries int `json:"tries,omitempty"`
	// NotBefore is when the next attempt may begin.
	NotBefore time.Time `json:"not_before,omitzero"`
	// Since is when Want first exceeded Done.
	Since time.Time `json:"since,omitzero"`
	// Sent is when Done last moved.
	Sent time.Time `json:"sent,omitzero"`

	// Refused is why the receiver refused for good; nothing is sent to it any more.
	Refused string `json:"refused,omitempty"`
	// Refusals counts the refusals since the last success, Settings are the receiver's at the last one.
	Refusals int    `json:"refusals,omitempty"`
	Settings string `json:"settings,omitempty"`
	// Place is where Ref is: the receiver's at the last success, empty where that is not known.
	Place string `json:"place,omitempty"`
	// Instead names the receiver that this delivery stands in for, and Why.
	Instead string `json:"instead,omitempty"`
	Why     string `json:"why,omitempty"`
	// Repair asks for one more edit, because another worker may have written an older
	// revision over a newer one.
	Repair bool `json:"repair,omitempty"`
	// Error is why the last attempt failed, redacted.
	Error string `json:"error,omitempty"`
}

// Lease is a worker's right to send.
type Lease struct {
	Owner string    `json:"owner,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// Held reports whether a worker may be sending at now.
func (l Lease) Held(now time.Time) bool { return l.Owner != "" && now.Before(l.Until) }

// Pending reports whether something is owed.
func (d Delivery) Pending() bool { return d.Refused == "" && (d.Want > d.Done || d.Repair) }

// Due reports whether it may be claimed at now.
func (d Delivery) Due(now time.Time) bool {
	return d.Pending() && !d.Lease.Held(now) && !now.Before(d.NotBefore)
}

// Again returns the delivery as one that is tried again at once after a refusal.
func (d Delivery) Again() Delivery {
	if d.Refused != "" {
		d.Refused, d.Tries, d.NotBefore = "", 0, time.Time{}
	}
	return d
}

// Notice is one delivery that was claimed, with all that its message needs. It is
// rendered from the claimed state, never from the input that led to it.
type Notice struct {
	Shard   string
	Address string
	// Owner holds the claim until Until.
	Owner string
	Until time.Time
	// Done and Want are the revisions between which the events lie.
	Done, Want int
	// Events is what is news to this receiver, the most significant first. It is
	// never empty; a repair repeats Updated.
	Events []Event
	// Previous is what the receiver has of this thread; zero before the first message.
	Previous Ref
	// Maybe says that this revision may have arrived already.
	Maybe bool
	// Open says whether the receiver knows of it as open once it has this notice.
	Open bool
	// Instead names the receiver that this delivery stands in for, and Why it must.
	Instead, Why string

	// Incident is set for a thread of its own, Group and Members for a group.
	Incident *Incident
	Group    *Group
	Members  []Incident // by their databases' names, resolved ones included

	// Document is what to write, for the address Documents only.
	Document *Document

	// Next is when the next reminder is due, zero for none.
	Next time.Time
	// Now is when the notice was claimed.
	Now time.Time
}

// Event returns what the message is about.
func (n Notice) Event() Event { return n.Events[0] }

// ID returns the full id of the incident or group.
func (n Notice) ID() string {
	if n.Group != nil {
		return n.Group.ID
	}
	return n.Incident.ID
}

// Short returns the id for people.
func (n Notice) Short() string { return ShortID(n.ID()) }

// Thread returns the notifications' state of the incident or group.
func (n Notice) Thread() Thread {
	if n.Group != nil {
		return n.Group.Thread
	}
	return n.Incident.Thread
}
