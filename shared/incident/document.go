package incident

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Document is what is kept of an incident for 400 days, for pages and people. Of its thread it
// has Ack, SilencedUntil, Suppressed and Timeline, with that of its group. Its Rev is the level of [Documents] that it is, which
// grows with every document of the incident.
type Document struct {
	Incident
	Shard string `json:"shard"`
	// Told says who was told, by address.
	Told map[string]Told `json:"told,omitempty"`
	// Configuration is what it was decided by when this document was written.
	Configuration *Configuration `json:"configuration,omitempty"`
}

// Told says how far one receiver is.
type Told struct {
	// At is when it last took something, zero for never.
	At time.Time `json:"at,omitzero"`
	// Pending says that something is still owed, with the latest Error.
	Pending bool   `json:"pending,omitempty"`
	Error   string `json:"error,omitempty"`
	// Refused says why it takes nothing any more.
	Refused string `json:"refused,omitempty"`
}

// DocumentKey returns where an incident's document is kept.
func DocumentKey(shard, id string) string { return "incidents/v1/" + shard + "/" + id }

// StateKey returns where a shard's state is kept.
func StateKey(shard string) string { return "state/v1/" + shard }

// NewDocument copies what is worth keeping of an incident. group is the one that tells
// for it, or nil.
func NewDocument(shard string, i Incident, group *Group) Document {
	d := Document{Incident: i, Shard: shard, Told: map[string]Told{}}
	d.Thread = Thread{Ack: i.Ack, SilencedUntil: i.SilencedUntil, Suppressed: i.Suppressed, Timeline: slices.Clone(i.Timeline)}
	d.CauseTold, d.Group = nil, ""
	d.add(i.Deliveries)
	if group != nil {
		d.Group = group.ID
		d.add(group.Deliveries)
		for _, m := range group.Timeline {
			// A group that was formed opens for each of its members anew.
			if m.Receiver != "" || m.Event == Acknowledged || m.Event == Silenced || m.Event == Escalated {
				d.Timeline = append(d.Timeline, m)
			}
		}
		slices.SortStableFunc(d.Timeline, func(a, b Moment) int { return a.At.Compare(b.At) })
	}
	return d
}

func (d *Document) add(deliveries map[string]Delivery) {
	for address, l := range deliveries {
		if address != Documents {
			d.Told[address] = l.Told()
		}
	}
}

// Told is what documents say of a delivery.
func (d Delivery) Told() Told {
	return Told{At: d.Sent, Pending: d.Pending(), Error: d.Error, Refused: d.Refused}
}

// EncodeDocument returns the document's bytes.
func EncodeDocument(d Document) ([]byte, error) {
	data, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encoding incident %s: %w", d.ID, err)
	}
	return data, nil
}

// DecodeDocument is the inverse of EncodeDocument.
func DecodeDocument(data []byte) (Document, error) {
	var d Document
	if err := json.Unmarshal(data, &d); err != nil {
		return Document{}, fmt.Errorf("decoding incident: %w", err)
	}
	return d, nil
}

// Moment is an entry of a timeline: what happened to an incident or a group, or who was
// told of it.
type Moment struct {
	At    time.Time `json:"at"`
	Event Event     `json:"event"`
	// By is the person who did it, as the channel Via names them.
	By  string `json:"by,omitempty"`
	Via string `json:"via,omitempty"`
	// Withheld says why no receiver is told.
	Withheld string `json:"withheld,omitempty"`
	// Receiver is the address that was told of Event at this time. Edited says that a
	// message which it had was changed silently.
	Receiver string `json:"receiver,omitempty"`
	Edited   bool   `json:"edited,omitempty"`
}

// A timeline keeps its first and its latest moments.
const (
	firstMoments  = 20
	latestMoments = 40
)

// Note adds a moment to the timeline.
func (t *Thread) Note(m Moment) {
	t.Timeline = append(t.Timeline, m)
	if len(t.Timeline) > firstMoments+latestMoments {
		t.Timeline = slices.Delete(t.Timeline, firstMoments, firstMoments+1)
	}
}

// Configuration is what Alert decided by.
type Configuration struct {
	Hash string `json:"hash"`
	// EverySeconds is how often the check runs.
	EverySeconds int64 `json:"every_seconds,omitempty"`
	// Open bad results in a row open an incident, and so do OpenBad of the last OpenOf;
	// Close good ones in a row close it.
	Open    int `json:"open,omitempty"`
	OpenBad int `json:"open_bad,omitempty"`
	OpenOf  int `json:"open_of,omitempty"`
	Close   int `json:"close,omitempty"`
}
