// Package statistics reads what Metrics shows: history, Alert's states and the
// incidents' documents, joined into one answer for JSON, OpenMetrics, pictures and the
// dashboard.
//
// Percentiles are exact, by nearest rank, and never averaged: one that a range cannot
// give exactly is left out. A gap is never a good value.
package statistics

import (
	"bytes"
	_ "embed" // for the schema
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
)

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of [Statistics], which a test generates
// from the types. The caller must not change it.
func Schema() []byte { return schema }

// Statistics is the answer to GET /api/v1/admin/redis-metrics.
type Statistics struct {
	GeneratedAt time.Time `json:"generated_at"`
	Version     string    `json:"version,omitempty"`
	// Range is what was asked for: "1h", "6h", "24h", "7d" or "30d". From and To bound
	// what was counted, and StepSeconds is the width of a series' point. A range of days
	// begins with the day on which it begins.
	Range       string    `json:"range"`
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	StepSeconds int64     `json:"step_seconds"`
	// Databases has every database, or the one that was asked for.
	Databases []Database `json:"databases"`
	// Incidents is what is wrong, since when, and who was notified.
	Incidents incidents.View `json:"incidents"`
	// Past lists the range's resolved incidents that are no longer in Alert's state, the
	// latest first.
	Past    []incidents.Incident `json:"past_incidents"`
	Monitor Monitor              `json:"monitor"`
	// Missing says what could not be read. The rest is whole.
	Missing []string `json:"missing,omitempty"`
}

// Word says how a database is.
type Word string

// The words, the worst first.
const (
	Down      Word = "down"
	Mock      Word = "mock"
	Degraded  Word = "degraded"
	NoData    Word = "no_data"
	Connected Word = "connected"
)

// Words are the words, the worst first.
func Words() []Word { return []Word{Down, Mock, Degraded, NoData, Connected} }

// Database is one database's figures. What is not known is left out.
type Database struct {
	Name        string `json:"name"`
	Shard       string `json:"shard"`
	Environment string `json:"environment,omitempty"`
	Plan        string `json:"plan,omitempty"`
	// Status is the worst of its incidents and its last ping.
	Status Word `json:"status"`
	// Severity is that of the worst open incident, empty where none is open.
	Severity cause.Severity `json:"severity,omitempty"`
	// Cause and Title say why the status is not connected.
	Cause cause.Cause `json:"cause,omitempty"`
	Title string      `json:"title,omitempty"`
	// LatencyLimitMS is from when on a ping is slow.
	LatencyLimitMS float64 `json:"latency_limit_ms"`
	// Home is the region whose pings count for Uptime. Regions has the pings by the
	// region that made them, home first.
	Home    string   `json:"home"`
	Regions []Region `json:"regions"`
	// Uptime is of the last 30 days whatever the range.
	Uptime Uptime `json:"uptime"`
	// Fallback is of the last 24 hours and seven days whatever the range.
	Fallback *Fallback `json:"fallback,omitempty"`

	// ReadAt is when INFO was read last.
	ReadAt time.Time `json:"read_at,omitzero"`
	// MemoryRatio is data in use as a share of the plan's data quota, CommandsRatio
	// the month's commands as a share of theirs.
	MemoryRatio   *float64 `json:"memory_ratio,omitempty"`
	CommandsRatio *float64 `json:"commands_ratio,omitempty"`
	// CommandsAtLeast says that CommandsRatio is a lower bound, because the account was not
	// asked, or did not answer.
	CommandsAtLeast bool `json:"commands_at_least,omitempty"`
	// MemoryFullInSeconds and CommandsOutInSeconds say when they are used up at the
	// rate of the last hours, where that is known.
	MemoryFullInSeconds  *int64 `json:"memory_full_in_seconds,omitempty"`
	CommandsOutInSeconds *int64 `json:"commands_out_in_seconds,omitempty"`
	// BandwidthRatio is the month's traffic as a share of the plan's, BudgetRatio what the
	// month costs as a share of the budget, and ConnectionsRatio the open TCP connections as a
	// share of the plan's. Absent is not known; so are the forecasts.
	BandwidthRatio        *float64 `json:"bandwidth_ratio,omitempty"`
	BudgetRatio           *float64 `json:"budget_ratio,omitempty"`
	ConnectionsRatio      *float64 `json:"connections_ratio,omitempty"`
	BandwidthOutInSeconds *int64   `json:"bandwidth_out_in_seconds,omitempty"`
	BudgetOutInSeconds    *int64   `json:"budget_out_in_seconds,omitempty"`
	// HitRate is of the whole range.
	HitRate *float64                 `json:"hit_rate,omitempty"`
	Gauges  map[report.Gauge]float64 `json:"gauges,omitempty"`
	// Replica is the one that answered: the gauges that count are its own.
	Replica string `json:"replica,omitempty"`
	Policy  string `json:"policy,omitempty"`
	// Checks has the last verdict of each check that Metrics asks.
	Checks map[report.Check]Verdict `json:"checks,omitempty"`
	// Figures has the readings over time, where one database was asked for.
	Figures *FigureSeries `json:"figures,omitempty"`
}

// Region is a database's pings from one region.
type Region struct {
	Region string `json:"region"`
	// Last is the last ping.
	Last *Ping `json:"last,omitempty"`
	history.Summary
	Series PingSeries `json:"series"`
}

// Ping is one ping.
type Ping struct {
	At     time.Time     `json:"at"`
	Status report.Status `json:"status"`
	Cause  string        `json:"cause,omitempty"`
	Phases report.Phases `json:"phases_ms"`
}

// PingSeries is pings over time: point i is about the StepSeconds from
// From + i × StepSeconds. Null, and zero pings, is a gap.
type PingSeries struct {
	From        time.Time `json:"from"`
	StepSeconds int64     `json:"step_seconds"`
	// P50, P95 and P99 are waits in milliseconds. P95 and P99 are there where one
	// database was asked for; of fewer than 100 pings, P99 is the slowest.
	P50 []*float64 `json:"p50_ms"`
	P95 []*float64 `json:"p95_ms,omitempty"`
	P99 []*float64 `json:"p99_ms,omitempty"`
	// Good, Failed and Unknown count the pings.
	Good    []int `json:"good"`
	Failed  []int `json:"failed"`
	Unknown []int `json:"unknown,omitempty"`
	// DNS, Connect and TLS are medians in milliseconds, while single phases are kept.
	DNS     []*float64 `json:"dns_ms,omitempty"`
	Connect []*float64 `json:"connect_ms,omitempty"`
	TLS     []*float64 `json:"tls_ms,omitempty"`
}

// FigureSeries is readings over time, as [PingSeries] is pings.
type FigureSeries struct {
	From          time.Time  `json:"from"`
	StepSeconds   int64      `json:"step_seconds"`
	HitRate       []*float64 `json:"hit_rate"`
	MemoryRatio   []*float64 `json:"memory_ratio"`
	CommandsRatio []*float64 `json:"commands_ratio"`
	// Commands is by how many each point grew.
	Commands []*float64 `json:"commands"`
	// BandwidthRatio and BudgetRatio are left out where no point has one.
	BandwidthRatio []*float64 `json:"bandwidth_ratio,omitempty"`
	BudgetRatio    []*float64 `json:"budget_ratio,omitempty"`
}

// Uptime is how a database did against its objective.
type Uptime struct {
	Days int `json:"days"`
	// From is since when there are pings of these days.
	From time.Time `json:"from,omitzero"`
	// Good and Failed count pings; Availability is good among both.
	Good         int      `json:"good"`
	Failed       int      `json:"failed"`
	Availability *float64 `json:"availability,omitempty"`
	Objective    float64  `json:"objective"`
	// BudgetLeft is the share of the failures that the objective allows in all these days,
	// at the pace of the pings there are, which is left; below zero it is overspent.
	BudgetLeft *float64 `json:"budget_left,omitempty"`
	ByDay      ByDay    `json:"by_day"`
}

// ByDay counts pings by the day in UTC, the last of which is today. A day without any is a gap.
type ByDay struct {
	From   string `json:"from"`
	Good   []int  `json:"good"`
	Failed []int  `json:"failed"`
}

// Verdict is a check's last result.
type Verdict struct {
	At     time.Time     `json:"at"`
	Status report.Status `json:"status"`
	Cause  string        `json:"cause,omitempty"`
	Value  *float64      `json:"value,omitempty"`
}

// JobState says whether a job runs.
type JobState string

// The states, the best first. The worst is the monitor's.
const (
	JobOK      JobState = "ok"
	JobLate    JobState = "late"
	JobUnknown JobState = "unknown" // not all could be read where its runs would be
	JobNever   JobState = "never"
)

// Monitor is pongwatch itself.
type Monitor struct {
	Status JobState    `json:"status"`
	Jobs   []JobStatus `json:"jobs"`
	// Deliveries counts the receivers of the range's incidents.
	Deliveries incidents.Deliveries `json:"deliveries"`
	// Footprint is what watching takes of each database's plan.
	Footprint []Footprint `json:"footprint"`
}

// JobStatus is a job's last run.
type JobStatus struct {
	Job    report.Job `json:"job"`
	Shard  string     `json:"shard"`
	Region string     `json:"region,omitempty"`
	State  JobState   `json:"state"`
	// LastRun is the scheduled time of the last run, LagMS how late it began.
	LastRun          time.Time `json:"last_run,omitzero"`
	LagMS            int64     `json:"lag_ms"`
	EverySeconds     int64     `json:"every_seconds"`
	LateAfterSeconds int64     `json:"late_after_seconds"`
}

// String is the word for people.
func (w Word) String() string {
	switch w {
	case NoData:
		return "no data"
	case Mock:
		return "mock mode"
	}
	return string(w)
}

// Encode writes the statistics as JSON, database by database.
func (s *Statistics) Encode(w io.Writer) error {
	frame := *s
	frame.Databases = []Database{}
	text, err := json.Marshal(frame)
	if err != nil {
		return fmt.Errorf("encoding the statistics: %w", err)
	}
	const list = `"databases":[`
	before, after, _ := bytes.Cut(text, []byte(list))
	if _, err := w.Write(text[:len(before)+len(list)]); err != nil {
		return err
	}
	for i := range s.Databases {
		one, err := json.Marshal(&s.Databases[i])
		if err != nil {
			return fmt.Errorf("encoding the statistics of %s: %w", s.Databases[i].Name, err)
		}
		if i > 0 {
			one = append([]byte{','}, one...)
		}
		if _, err := w.Write(one); err != nil {
			return err
		}
	}
	_, err = w.Write(append(after, '\n'))
	return err
}

func worse(a, b Word) bool {
	return slices.Index(Words(), a) < slices.Index(Words(), b)
}

// Worst is the worst status of all databases. Without their incidents none is known to be
// connected, because a full database answers PING, too.
func (s *Statistics) Worst() Word {
	if len(s.Databases) == 0 {
		return NoData
	}
	worst := Connected
	if len(s.Incidents.Unread) > 0 {
		worst = NoData
	}
	for i := range s.Databases {
		if worse(s.Databases[i].Status, worst) {
			worst = s.Databases[i].Status
		}
	}
	return worst
}

// Shown returns the pings from that region, or from home for none.
func (d *Database) Shown(region string) *Region {
	for i := range d.Regions {
		if d.Regions[i].Region == region {
			return &d.Regions[i]
		}
	}
	return &d.Regions[0]
}
