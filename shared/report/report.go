package report

import (
	"fmt"
	"time"
)

// Job is a scheduled producer of reports.
type Job string

// The jobs.
const (
	HealthCheck Job = "healthcheck"
	Metrics     Job = "metrics"
)

// Report is the observations of one run of one job over one shard. It carries every check that was
// due, so that a lost one heals on the next run.
//
// Its identity is (job, region, shard, scheduled): the same run delivered twice,
// or run twice by a scheduler that retries, is the same report.
type Report struct {
	Job    Job    `json:"job"`
	Region string `json:"region"`
	Shard  string `json:"shard"`
	// Scheduled is the time for which the scheduler meant the run, constant
	// across its retries. Staleness and order are judged by it.
	Scheduled time.Time `json:"scheduled"`
	// Finished is when the observations were complete.
	Finished time.Time `json:"finished"`
	// Every is the job's own interval in nanoseconds.
	Every time.Duration `json:"every"`
	// Version is the pongwatch version of the producer.
	Version      string        `json:"version,omitempty"`
	Observations []Observation `json:"observations"`
	// Changes are those of the last hour, and Impacts is what users notice of open incidents. Both
	// come from Metrics, and only where the configuration asks for them.
	Changes []Change `json:"changes,omitempty"`
	Impacts []Impact `json:"impacts,omitempty"`
}

// Identity returns the report's identity as text, for logs and ids.
func (r Report) Identity() string {
	return fmt.Sprintf("%s/%s/%s/%s", r.Job, r.Region, r.Shard, r.Scheduled.UTC().Format(time.RFC3339))
}

func (r Report) describe() (Kind, string) { return KindReport, r.Shard }

// validate refuses what no producer of this version writes.
func (r Report) validate() error {
	switch {
	case r.Job != HealthCheck && r.Job != Metrics:
		return fmt.Errorf("report: job %q, want %q or %q", r.Job, HealthCheck, Metrics)
	case r.Shard == "":
		return fmt.Errorf("report: shard is empty, want a name such as %q", "main")
	case r.Scheduled.IsZero():
		return fmt.Errorf("report: scheduled is missing, want a time such as %q", "2026-01-02T15:04:00Z")
	}
	for i, o := range r.Observations {
		switch {
		case o.Database == "":
			return fmt.Errorf("report: observations[%d].database is empty", i)
		case !o.Check.Valid():
			return fmt.Errorf("report: observations[%d].check %q is not a check", i, o.Check)
		case !o.Status.Valid():
			return fmt.Errorf("report: observations[%d].status %q, want ok, warn, fail or unknown", i, o.Status)
		case len(o.Evidence) > MaxEvidence:
			return fmt.Errorf("report: observations[%d].evidence has %d bytes, want at most %d", i, len(o.Evidence), MaxEvidence)
		case o.Every <= 0:
			return fmt.Errorf("report: observations[%d].every is %v, want the check's interval", i, o.Every)
		}
	}
	return nil
}
