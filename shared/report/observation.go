// Package report holds the reports, signals and commands of pongwatch's functions.
package report

import (
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Check is a named question asked of a database. The set is closed.
type Check string

// The checks. Monitor is asked of pongwatch itself.
const (
	Ping        Check = "ping"
	Latency     Check = "latency"
	Write       Check = "write"
	MockMode    Check = "mock_mode"
	Limiter     Check = "limiter"
	HitRate     Check = "hit_rate"
	Memory      Check = "memory"
	Commands    Check = "commands"
	Bandwidth   Check = "bandwidth"
	Budget      Check = "budget"
	Connections Check = "connections"
	Eviction    Check = "eviction"
	Isolation   Check = "isolation"
	Values      Check = "values"
	RoundTrip   Check = "round_trip"
	ConfigLoad  Check = "config"
	Monitor     Check = "monitor"
)

// Checks returns the closed set in the order in which pages list it.
func Checks() []Check {
	return []Check{Ping, Latency, Write, MockMode, Limiter, HitRate, Memory, Commands, Bandwidth, Budget, Connections, Eviction, Isolation, Values, RoundTrip, ConfigLoad, Monitor}
}

// Valid reports whether c belongs to the closed set.
func (c Check) Valid() bool { return slices.Contains(Checks(), c) }

// OfApp reports whether c is about an app: its subject is the app's service, and its sources
// are kinds of evidence.
func (c Check) OfApp() bool { return c == MockMode || c == Limiter }

// Status is what one source saw.
type Status string

// The statuses. Unknown says that the question could not be asked or answered;
// it neither advances nor resets a threshold.
const (
	OK      Status = "ok"
	Warn    Status = "warn"
	Fail    Status = "fail"
	Unknown Status = "unknown"
)

// Valid reports whether s belongs to the closed set.
func (s Status) Valid() bool { return s == OK || s == Warn || s == Fail || s == Unknown }

// Bad reports whether s speaks against the database.
func (s Status) Bad() bool { return s == Warn || s == Fail }

// Unit is the unit of an observation's value and threshold.
type Unit string

// The units. Ratio is a share between 0 and 1.
const (
	Milliseconds Unit = "ms"
	Bytes        Unit = "bytes"
	Ratio        Unit = "ratio"
	Count        Unit = "count"
	Hours        Unit = "hours"
)

// The sources of mock_mode and limiter: each is a kind of evidence and closes only its own.
const (
	SourceConfig = "config"
	SourceApp    = "app"
	SourceLogs   = "logs"
	SourceEvent  = "event"
	SourceProof  = "proof"
)

// MonitorDatabase is the reserved database that carries the monitor's own series.
const MonitorDatabase = "_pongwatch"

// Series is what thresholds, incidents and silences are kept for: one question
// about one database and, for mock_mode and limiter, one of the app's services.
type Series struct {
	Database string `json:"database"`
	Check    Check  `json:"check"`
	Subject  string `json:"subject,omitempty"`
}

// String returns "database/check" or "database/check/subject".
func (s Series) String() string {
	if s.Subject == "" {
		return s.Database + "/" + string(s.Check)
	}
	return s.Database + "/" + string(s.Check) + "/" + s.Subject
}

// ParseSeries is the inverse of String.
func ParseSeries(text string) (Series, bool) {
	database, rest, ok := strings.Cut(text, "/")
	check, subject, _ := strings.Cut(rest, "/")
	s := Series{Database: database, Check: Check(check), Subject: subject}
	return s, ok && database != "" && s.Check.Valid()
}

// Phases says where the time of one request went, each in milliseconds. A phase
// that was not reached is zero; Reached names the last one that began.
type Phases struct {
	DNS     float64 `json:"dns,omitempty"`
	Connect float64 `json:"connect,omitempty"`
	TLS     float64 `json:"tls,omitempty"`
	// Wait is first byte minus request written: what latency judges.
	Wait    float64 `json:"wait,omitempty"`
	Total   float64 `json:"total,omitempty"`
	Reached string  `json:"reached,omitempty"`
}

// Observation is what one source saw for one database and one check.
type Observation struct {
	Database string `json:"database"`
	Check    Check  `json:"check"`
	// Subject is the app's service for mock_mode and limiter, empty otherwise.
	Subject string `json:"subject,omitempty"`
	// Source is a region for ping and latency, a kind of evidence for mock_mode and limiter,
	// "job@region" for config and monitor, and empty otherwise.
	Source string `json:"source,omitempty"`

	Status Status `json:"status"`
	// Clear says that the value is also beyond the closing threshold. An
	// observation that is ok but not clear does not count towards closing.
	Clear bool        `json:"clear,omitempty"`
	Cause cause.Cause `json:"cause,omitempty"`

	Value     *float64 `json:"value,omitempty"`
	Threshold *float64 `json:"threshold,omitempty"`
	Unit      Unit     `json:"unit,omitempty"`
	Phases    *Phases  `json:"phases,omitempty"`
	// HTTPStatus is the answer's status code, 0 where there was no answer.
	HTTPStatus int `json:"http_status,omitempty"`
	// Attempts counts the tries within the run.
	Attempts int `json:"attempts,omitempty"`
	// Evidence is at most MaxEvidence bytes, redacted, and untrusted: it may
	// quote what a server or an app said.
	Evidence string `json:"evidence,omitempty"`
	// TokenVersion is the secret's version in use, in ping observations only.
	TokenVersion string `json:"token_version,omitempty"`

	At time.Time `json:"at"`
	// Every is the interval of this check, in nanoseconds, so that the reader knows
	// when the series is overdue.
	Every time.Duration `json:"every"`
}

// Series returns the series that o belongs to.
func (o Observation) Series() Series {
	return Series{Database: o.Database, Check: o.Check, Subject: o.Subject}
}

// CutEvidence returns s as one line of at most MaxEvidence bytes.
func CutEvidence(s string) string { return text.ClipBytes(text.Line(s), MaxEvidence) }
