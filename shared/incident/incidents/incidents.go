// Package incidents is the public view of Alert's states: what is wrong, since when, who
// has taken it and who was told. The statistics, the dashboard and the command line show
// it.
package incidents

import (
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// View is the part of the statistics that is about incidents.
type View struct {
	// At is when it was made: durations and states are as of then.
	At time.Time `json:"at"`
	// Open lists what is wrong now, the most severe and oldest first, Resolved what
	// was until lately and may still be reopened, the latest first. Drills are in
	// neither.
	Open     []Incident `json:"open"`
	Resolved []Incident `json:"resolved"`
	Groups   []Group    `json:"groups"`
	// Drills are rehearsals of who is told, the latest first.
	Drills   []Incident `json:"drills"`
	Silences []Silence  `json:"silences"`
	// Deliveries counts who was told, over all of the above.
	Deliveries Deliveries `json:"deliveries"`
	// Commands holds the ids of the commands that were carried out in the last 24 hours.
	// Any other was refused, named nothing, or has not arrived.
	Commands []string `json:"commands"`

	// Unread names the shards whose state could not be read and is left out.
	Unread []string `json:"unread,omitempty"`
	// Stale names the shards whose jobs have not reported for too long. Their part of the
	// view may be old.
	Stale []string `json:"stale,omitempty"`
}

// Incident is one database's failing check.
type Incident struct {
	// ID is the id for people, "INC-7F3A9K"; FullID sorts by time and is never ambiguous.
	ID       string       `json:"id"`
	FullID   string       `json:"full_id"`
	Shard    string       `json:"shard"`
	Database string       `json:"database"`
	Check    report.Check `json:"check"`
	Subject  string       `json:"subject,omitempty"`
	// Environment is the database's, as the configuration names it now.
	Environment string `json:"environment,omitempty"`

	Severity cause.Severity `json:"severity"`
	Status   report.Status  `json:"status"`
	Cause    cause.Cause    `json:"cause"`
	// Title says the cause in words.
	Title string `json:"title"`
	// Playbook is the path of its page below Metrics' address.
	Playbook string `json:"playbook"`
	// Evidence is what was observed. It may quote what a server or an app said.
	Evidence string `json:"evidence,omitempty"`
	// Mock names the apps that fell back during an outage, with what says so:
	// "backend (app, event)".
	Mock []string `json:"mock,omitempty"`

	State State `json:"state"`
	// Since is the first failed observation, LastOK the last good one before it, or before Again.
	Since    time.Time `json:"since"`
	LastOK   time.Time `json:"last_ok,omitzero"`
	Opened   time.Time `json:"opened"`
	Resolved time.Time `json:"resolved,omitzero"`
	// Again is the first failed observation since it was reopened.
	Again time.Time `json:"again,omitzero"`
	// Stale is when it was last confirmed, absent while it is.
	Stale time.Time `json:"stale,omitzero"`
	// DurationSeconds is how long it has failed, without the time in which it was good.
	DurationSeconds int64 `json:"duration_seconds"`
	Reopened        int   `json:"reopened,omitempty"`
	Unstable        bool  `json:"unstable,omitempty"`
	Flapping        bool  `json:"flapping,omitempty"`

	Handling
	// Group is the id for people of the group that tells for it.
	Group string `json:"group,omitempty"`
	// Told says who was told of it, by itself or in its group, sorted by receiver.
	Told []Told `json:"told"`

	// SeenBy names the sources that fail, Voters all that reported lately.
	SeenBy []string `json:"seen_by,omitempty"`
	Voters []string `json:"voters,omitempty"`
	// Runs counts the failed runs.
	Runs int `json:"runs,omitempty"`
	// PreviousCause is the one before the last change of cause.
	PreviousCause cause.Cause `json:"previous_cause,omitempty"`
	// Sparkline is the last hour's latency before the opening, as text.
	Sparkline string `json:"sparkline,omitempty"`
	// Timeline is what happened and who was told, in order.
	Timeline []Moment `json:"timeline,omitempty"`
	// Configuration is what it was decided by, once that is written.
	Configuration *Configuration `json:"configuration,omitempty"`
}

// Moment is an entry of a timeline.
type Moment = incident.Moment

// Configuration is what Alert decided by.
type Configuration = incident.Configuration

// Group is one thread of notifications over several incidents.
type Group struct {
	ID       string         `json:"id"`
	FullID   string         `json:"full_id"`
	Shard    string         `json:"shard"`
	Severity cause.Severity `json:"severity"`
	Class    cause.Class    `json:"class"`
	// Region is set for a regional outage.
	Region string `json:"region,omitempty"`
	// Members are the ids for people of its incidents, in the order of joining.
	Members []string `json:"members"`

	State           State     `json:"state"`
	Since           time.Time `json:"since"`
	Again           time.Time `json:"again,omitzero"`
	Opened          time.Time `json:"opened"`
	Resolved        time.Time `json:"resolved,omitzero"`
	DurationSeconds int64     `json:"duration_seconds"`

	Handling
	Told []Told `json:"told"`
}

// Handling is what people, and windows, have done about an incident or a group.
type Handling struct {
	Acknowledged  *Acknowledged `json:"acknowledged,omitempty"`
	SilencedUntil time.Time     `json:"silenced_until,omitzero"`
	SilencedBy    string        `json:"silenced_by,omitempty"`
	// Maintenance says that a maintenance window covers it now.
	Maintenance bool `json:"maintenance,omitempty"`
	// Window is that window's name and reason: "sunday-upgrade: monthly upgrade of the plan".
	Window string `json:"window,omitempty"`
}

// Acknowledged says who has taken it.
type Acknowledged incident.Ack

// State is the one word for where an incident or a group stands.
type State string

// The states; where several are true the first of these.
const (
	StateNoLongerWatched State = "no_longer_watched"
	StateResolved        State = "resolved"
	StateSilenced        State = "silenced"
	StateMaintenance     State = "maintenance"
	StateAcknowledged    State = "acknowledged"
	StateFlapping        State = "flapping"
	StateUnstable        State = "unstable"
	StateOpen            State = "open"
)

// Told says how far one receiver is.
type Told struct {
	// Receiver is an address: "slack-oncall", "email-oncall/alice@example.com".
	Receiver string   `json:"receiver"`
	Delivery Delivery `json:"delivery"`
	// At is when it last took something, absent for never.
	At time.Time `json:"at,omitzero"`
	// Since is when what is pending became due.
	Since time.Time `json:"since,omitzero"`
	// Tries counts the attempts at what is pending, Error is why the last one, or
	// for a failed delivery all of them, did not succeed.
	Tries int    `json:"tries,omitempty"`
	Error string `json:"error,omitempty"`
	// InsteadOf names the receiver that this one stands in for.
	InsteadOf string `json:"instead_of,omitempty"`
}

// Delivery is how far a receiver is: it has everything, something is on its way, or
// it refuses for good.
type Delivery string

// The deliveries.
const (
	DeliveryDone    Delivery = "delivered"
	DeliveryPending Delivery = "pending"
	DeliveryFailed  Delivery = "failed"
)

// Deliveries counts receivers of incidents and groups by how far they are.
type Deliveries struct {
	Delivered int `json:"delivered"`
	Pending   int `json:"pending"`
	Failed    int `json:"failed"`
}

// Silence stops new notifications of what it names until it ends.
type Silence struct {
	Shard string `json:"shard"`
	// Incident is the id for people of the incident or group it is for; else
	// Database is set, and Check and Subject where it is for those only.
	Incident string       `json:"incident,omitempty"`
	Database string       `json:"database,omitempty"`
	Check    report.Check `json:"check,omitempty"`
	Subject  string       `json:"subject,omitempty"`
	Until    time.Time    `json:"until"`
	At       time.Time    `json:"at"`
	By       string       `json:"by"`
	Via      string       `json:"via,omitempty"`
	Reason   string       `json:"reason,omitempty"`
}

// Of says what is silenced: "INC-7F3A9K", "prod-cache", "prod-cache mock_mode backend".
func (s Silence) Of() string {
	if s.Incident != "" {
		return s.Incident
	}
	return strings.TrimSpace(strings.Join([]string{s.Database, string(s.Check), s.Subject}, " "))
}
