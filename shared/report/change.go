package report

import "time"

// ChangeKind says where a change was made, for the order in which changes are suspected.
type ChangeKind string

// The kinds of changes.
const (
	// Deployed is a revision of an app, or its traffic.
	Deployed ChangeKind = "deployment"
	// Secret is a new version of a secret with a database's credentials.
	Secret ChangeKind = "secret"
	// Password is a reset of credentials in the Upstash account.
	Password ChangeKind = "password"
	// Planned is a change of plan, limits, budget or regions.
	Planned ChangeKind = "plan"
	// Account is anything else that was done in the Upstash account.
	Account ChangeKind = "account"
	// Settings is pongwatch's own configuration.
	Settings ChangeKind = "settings"
)

// Change is something that was changed, and that may explain a failure.
type Change struct {
	At   time.Time  `json:"at"`
	Kind ChangeKind `json:"kind"`
	// Databases are those that it may concern; empty means all of the shard.
	Databases []string `json:"databases,omitempty"`
	// What says it in words, at most MaxEvidence bytes. It may quote names from outside.
	What string `json:"what"`
}

// Rollout is the latest change of a Cloud Run service, and what serves since.
type Rollout struct {
	// Updated is when the service was last modified.
	Updated time.Time
	// Revision is the latest one if it serves, else the one with the largest share of the requests. It gets
	// Percent of them, and was made at Created.
	Revision string
	Percent  int
	Created  time.Time
	// Failed says that the latest revision never became ready, so that no request went to it.
	Failed bool
}

// Traffic is the requests that an app answered in a span of time.
type Traffic struct {
	Requests int64 `json:"requests"`
	// Errors are those that were answered with a status of 500 or more.
	Errors int64 `json:"errors"`
	// P95 is the 95th percentile of the latencies in milliseconds, zero where it is not known.
	P95 float64 `json:"p95,omitempty"`
}

// Impact is what users of one service notice during an incident.
type Impact struct {
	// Incident is the full id.
	Incident string `json:"incident"`
	Service  string `json:"service"`
	// Since is when the incident's failure began, or later where it has lasted for long.
	Since time.Time `json:"since"`
	// During is the traffic since then, Before that of the hour before the failure. A span
	// without requests is unknown.
	During Traffic `json:"during"`
	Before Traffic `json:"before,omitzero"`
	// Own is how many requests of During, at most, were pongwatch's to the health page.
	Own int64 `json:"own,omitempty"`
}
