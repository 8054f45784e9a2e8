package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/incidents"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

const (
	// span is what the statistics cover.
	span = time.Hour
	// reading bounds all look-ups in the store.
	reading = 10 * time.Second
)

// Statistics is the answer to GET /api/v1/admin/redis-metrics.
type Statistics struct {
	GeneratedAt time.Time `json:"generated_at"`
	Version     string    `json:"version,omitempty"`
	// From and To bound what the pings' summaries cover.
	From      time.Time  `json:"from"`
	To        time.Time  `json:"to"`
	Databases []Database `json:"databases"`
	// Incidents is what is wrong, since when, and who was told.
	Incidents incidents.View `json:"incidents"`
	Jobs      []JobStatus    `json:"jobs"`
	// Missing says what could not be read: the rest is whole.
	Missing []string `json:"missing,omitempty"`
}

// Database is one database's figures. What is not known is left out.
type Database struct {
	Name        string `json:"name"`
	Shard       string `json:"shard"`
	Environment string `json:"environment,omitempty"`
	Plan        string `json:"plan,omitempty"`
	// Regions has the pings by the region that made them.
	Regions []Region `json:"regions"`
	// ReadAt is when INFO was read last.
	ReadAt time.Time `json:"read_at,omitzero"`
	// MemoryRatio is data in use as a share of the plan's data quota.
	MemoryRatio *float64 `json:"memory_ratio,omitempty"`
	// HitRate is since the reading before.
	HitRate *float64                 `json:"hit_rate,omitempty"`
	Gauges  map[report.Gauge]float64 `json:"gauges,omitempty"`
	Policy  string                   `json:"policy,omitempty"`
	// Checks has the last verdict of each check that Metrics asks.
	Checks map[report.Check]Verdict `json:"checks,omitempty"`
}

// Region is a database's pings from one region.
type Region struct {
	Region string `json:"region"`
	// Last is the last ping.
	Last *Ping `json:"last,omitempty"`
	history.Summary
}

// Ping is one ping.
type Ping struct {
	At     time.Time     `json:"at"`
	Status report.Status `json:"status"`
	Cause  string        `json:"cause,omitempty"`
	Phases report.Phases `json:"phases_ms"`
}

// Verdict is a check's last result.
type Verdict struct {
	At     time.Time     `json:"at"`
	Status report.Status `json:"status"`
	Cause  string        `json:"cause,omitempty"`
	Value  *float64      `json:"value,omitempty"`
}

// JobStatus is a job's last run.
type JobStatus struct {
	Job     report.Job `json:"job"`
	Shard   string     `json:"shard"`
	Region  string     `json:"region,omitempty"`
	LastRun time.Time  `json:"last_run,omitzero"`
	LagMS   int64      `json:"lag_ms"`
}

// statistics answers with everything that is known, or for ?database=NAME with what is
// known of one.
func (f *Function) statistics(w http.ResponseWriter, r *http.Request) {
	only := r.URL.Query().Get("database")
	if only != "" && f.config.Database(only) == nil {
		job.WriteError(w, http.StatusNotFound, "database "+report.CutEvidence(only)+" is not configured")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), reading)
	defer cancel()
	now := f.now().UTC()
	s := &Statistics{
		GeneratedAt: now, Version: f.options.Version, From: now.Add(-span), To: now,
		Databases: []Database{}, Jobs: []JobStatus{},
	}
	var states []incident.State
	for _, shard := range f.config.ShardNames() {
		states = append(states, f.collect(ctx, s, shard, only)...)
	}
	unread := s.Incidents.Unread
	s.Incidents = incidents.New(now, states...)
	s.Incidents.Unread = unread
	if only != "" {
		s.Incidents = s.Incidents.Only(only)
	}
	if len(s.Missing) > 0 && len(s.Jobs) == 0 && len(states) == 0 {
		job.WriteJSON(w, http.StatusServiceUnavailable, s)
		return
	}
	job.WriteJSON(w, http.StatusOK, s)
}

// collect adds a shard's part, and returns Alert's state of it.
func (f *Function) collect(ctx context.Context, s *Statistics, shard, only string) []incident.State {
	missing := func(what string, err error) {
		s.Missing = append(s.Missing, what+" of shard "+shard)
		f.log.WarnContext(ctx, "statistics incomplete", slog.String("event", "statistics_failed"), slog.String("shard", shard), slog.Any("error", err))
	}
	regions := f.config.RegionsOf(shard)
	if len(regions) == 0 {
		regions = []string{f.options.Region}
	}
	pings := map[string][]*history.PingHour{}
	for _, region := range regions {
		hours, err := f.archive.Pings(ctx, shard, region, s.From, s.To)
		if err != nil {
			missing("pings from "+region, err)
		}
		pings[region] = hours
		s.Jobs = append(s.Jobs, lastRun(report.HealthCheck, shard, region, runsOf(hours))...)
	}
	readings, err := f.archive.Readings(ctx, shard, s.From, s.To)
	if err != nil {
		missing("readings", err)
	}
	s.Jobs = append(s.Jobs, lastRun(report.Metrics, shard, "", runsOf(readings))...)
	for _, d := range f.config.InShard(shard) {
		if only != "" && d.Name != only {
			continue
		}
		one := describe(d)
		for _, region := range regions {
			one.Regions = append(one.Regions, regionOf(region, d.Name, pings[region], s.From))
		}
		one.read(readings, s.From)
		s.Databases = append(s.Databases, one)
	}
	states, err := f.state(ctx, shard)
	if err != nil {
		missing("incidents", err)
		s.Incidents.Unread = append(s.Incidents.Unread, shard)
	}
	return states
}

func describe(d *config.Database) Database {
	return Database{Name: d.Name, Shard: d.Shard, Environment: d.Environment, Plan: d.Plan}
}

// hour is one hour's document.
type hour interface{ Runs() []history.Run }

func runsOf[H hour](hours []H) []history.Run {
	var out []history.Run
	for _, h := range hours {
		out = append(out, h.Runs()...)
	}
	return out
}

func lastRun(j report.Job, shard, region string, runs []history.Run) []JobStatus {
	if len(runs) == 0 {
		return nil
	}
	last := runs[len(runs)-1]
	if region == "" {
		region = last.Region
	}
	return []JobStatus{{Job: j, Shard: shard, Region: region, LastRun: last.Scheduled, LagMS: last.Lag().Milliseconds()}}
}

func regionOf(region, database string, hours []*history.PingHour, from time.Time) Region {
	var samples []report.Sample
	for _, h := range hours {
		of, err := h.Samples(database)
		if err != nil {
			continue // a broken column is a gap
		}
		for _, s := range of {
			if !s.At.Before(from) {
				samples = append(samples, s)
			}
		}
	}
	out := Region{Region: region, Summary: history.Summarize(samples)}
	if n := len(samples); n > 0 {
		last := samples[n-1]
		out.Last = &Ping{At: last.At, Status: last.Status, Cause: string(last.Cause), Phases: last.Phases}
	}
	return out
}

// read fills in what the readings tell.
func (d *Database) read(hours []*history.GaugeHour, from time.Time) {
	for _, h := range hours {
		for _, r := range h.Readings(d.Name) {
			if r.At.Before(from) {
				continue
			}
			for check, v := range r.Checks {
				if d.Checks == nil {
					d.Checks = map[report.Check]Verdict{}
				}
				d.Checks[check] = Verdict{At: r.At, Status: v.Status, Cause: string(v.Cause), Value: v.Value}
			}
			if len(r.Values) > 0 {
				d.ReadAt, d.Gauges, d.Policy = r.At, r.Values, r.Policy
			}
		}
	}
	if v, ok := d.Checks[report.Memory]; ok {
		d.MemoryRatio = v.Value
	}
	if v, ok := d.Checks[report.HitRate]; ok {
		d.HitRate = v.Value
	}
}

// state returns what Alert remembers of a shard, and nothing where that is nothing.
func (f *Function) state(ctx context.Context, shard string) ([]incident.State, error) {
	doc, err := f.options.Store.Get(ctx, "state/v1/"+shard)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading incidents: %w", err)
	}
	state, err := incident.Decode(doc.Data)
	if err != nil {
		return nil, fmt.Errorf("reading incidents of %s: %w", shard, err)
	}
	return []incident.State{state}, nil
}
