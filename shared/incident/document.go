package incident

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// DocumentSchema is the number of the format of an incident's document.
const DocumentSchema = 1

// Document is what is kept of an incident for 400 days, for pages and people.
type Document struct {
	ID    string `json:"id"`
	Short string `json:"short"`
	Shard string `json:"shard"`
	// Rev is the level of [Documents] that this is: it grows with every document of the incident.
	Rev      int            `json:"rev"`
	Series   report.Series  `json:"series"`
	Severity cause.Severity `json:"severity"`
	Status   report.Status  `json:"status"`
	Cause    cause.Cause    `json:"cause"`
	Previous cause.Cause    `json:"previous_cause,omitempty"`

	Since    time.Time     `json:"since"`
	LastOK   time.Time     `json:"last_ok,omitzero"`
	Opened   time.Time     `json:"opened"`
	Resolved time.Time     `json:"resolved,omitzero"`
	Again    time.Time     `json:"again,omitzero"`
	Good     time.Time     `json:"good,omitzero"`
	Before   time.Duration `json:"before,omitempty"`
	Gone     bool          `json:"gone,omitempty"`
	Reopened int           `json:"reopened,omitempty"`
	Unstable bool          `json:"unstable,omitempty"`
	Flapping bool          `json:"flapping,omitempty"`
	Drill    bool          `json:"drill,omitempty"`

	Ack           *Ack      `json:"ack,omitempty"`
	SilencedUntil time.Time `json:"silenced_until,omitzero"`
	Suppressed    string    `json:"suppressed,omitempty"`

	Down        []string           `json:"down,omitempty"`
	Voters      []string           `json:"voters,omitempty"`
	Runs        int                `json:"runs,omitempty"`
	Mock        []string           `json:"mock,omitempty"`
	Observation report.Observation `json:"observation"`
	Sparkline   string             `json:"sparkline,omitempty"`

	// Group is the short id of the group that told for it.
	Group string `json:"group,omitempty"`
	// Told says who was told, by address.
	Told map[string]Told `json:"told,omitempty"`
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
	d := Document{
		ID: i.ID, Short: i.Short(), Shard: shard, Series: i.Series, Severity: i.Severity, Status: i.Status,
		Cause: i.Cause, Previous: i.Previous, Since: i.Since, LastOK: i.LastOK, Opened: i.Opened, Resolved: i.Resolved,
		Again: i.Again, Good: i.Good, Before: i.Before, Gone: i.Gone, Reopened: i.Reopened, Unstable: i.Unstable, Flapping: i.Flapping, Drill: i.Drill,
		Ack: i.Ack, SilencedUntil: i.SilencedUntil, Suppressed: i.Suppressed,
		Down: i.Down, Voters: i.Voters, Runs: i.Runs, Mock: i.Mock, Observation: i.Observation, Sparkline: i.Sparkline,
		Told: map[string]Told{},
	}
	d.add(i.Deliveries)
	if group != nil {
		d.Group = group.Short()
		d.add(group.Deliveries)
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

// Incident returns what the document holds of its incident; who was told is [Document.Told].
func (d *Document) Incident() Incident {
	return Incident{
		ID: d.ID, Series: d.Series, Severity: d.Severity, Status: d.Status, Cause: d.Cause, Previous: d.Previous,
		Observation: d.Observation, Down: d.Down, Voters: d.Voters, Runs: d.Runs, Since: d.Since, LastOK: d.LastOK,
		Opened: d.Opened, Resolved: d.Resolved, Again: d.Again, Good: d.Good, Before: d.Before, Gone: d.Gone, Reopened: d.Reopened, Unstable: d.Unstable, Flapping: d.Flapping,
		Mock: d.Mock, Sparkline: d.Sparkline, Drill: d.Drill,
	}
}
