package healthcheck

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
)

// healthTimeout bounds the look into history.
const healthTimeout = 5 * time.Second

// MonitorHealth is the answer to GET /health: about pongwatch itself.
type MonitorHealth struct {
	// Status is "ok", or "late" if a job is late or never ran, or "unknown" if that
	// could not be found out.
	Status  string      `json:"status"`
	Version string      `json:"version,omitempty"`
	Jobs    []JobHealth `json:"jobs"`
}

// JobHealth is one job of one shard.
type JobHealth struct {
	Job    string `json:"job"`
	Shard  string `json:"shard"`
	Region string `json:"region,omitempty"`
	// State is "ok", "late", "never" or "unknown".
	State string `json:"state"`
	// LastRun is the scheduled time of the last run, LagMS how late it began.
	LastRun time.Time `json:"last_run,omitzero"`
	LagMS   int64     `json:"lag_ms,omitempty"`
	// AgeSeconds is the last run's age, LateAfterSeconds from when on it is late.
	AgeSeconds       int64 `json:"age_seconds,omitempty"`
	LateAfterSeconds int64 `json:"late_after_seconds"`
	// Error says what could not be read, or that a clock is wrong. The log has the reason.
	Error string `json:"error,omitempty"`
}

// The states, of which the whole has the worst.
const (
	stateOK      = "ok"
	stateLate    = "late"
	stateNever   = "never"
	stateUnknown = "unknown"
)

// health answers whether every job of every shard keeps running: HealthCheck by what
// it left in history, and Metrics likewise.
func (f *Function) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
	defer cancel()
	var unread error
	h := MonitorHealth{Status: stateOK, Version: f.options.Version, Jobs: []JobHealth{}}
	for _, shard := range f.config.ShardNames() {
		for _, region := range f.config.RegionsOf(shard, f.options.Region) {
			run, ran, err := f.archive.LastPings(ctx, shard, region, f.now())
			unread = cmp.Or(unread, err)
			h.Jobs = append(h.Jobs, f.timely(report.HealthCheck, shard, region, run, ran, err != nil))
		}
		last, ran, err := f.archive.LastReadings(ctx, shard, f.now())
		unread = cmp.Or(unread, err)
		h.Jobs = append(h.Jobs, f.timely(report.Metrics, shard, last.Region, last, ran, err != nil))
	}
	// Polling a public page must not fill the log, so only the first reason of an outage is logged.
	if r.Context().Err() == nil && f.unread.Swap(unread != nil) != (unread != nil) && unread != nil {
		f.logUnread(ctx, unread)
	}
	for _, j := range h.Jobs {
		switch {
		case j.State == stateLate, j.State == stateNever:
			h.Status = stateLate
		case j.State == stateUnknown && h.Status == stateOK:
			h.Status = stateUnknown
		}
	}
	status := http.StatusOK
	if h.Status != stateOK {
		status = http.StatusServiceUnavailable
	}
	job.WriteJSON(w, status, h)
}

// clockShift is how far a run's clock may be ahead of this one.
const clockShift = 10 * time.Second

// timely judges a job by its last run.
func (f *Function) timely(name report.Job, shard, region string, last history.Run, ran, unread bool) JobHealth {
	limit := f.config.Alerting.Missing.After(f.config.Every(name))
	j := JobHealth{Job: string(name), Shard: shard, Region: region, LateAfterSeconds: int64(limit.Seconds())}
	age := f.now().Sub(last.Scheduled)
	if ran {
		j.LastRun, j.LagMS, j.AgeSeconds = last.Scheduled, last.Lag().Milliseconds(), int64(age.Seconds())
	}
	switch {
	case ran && age <= limit && age >= -clockShift:
		j.State = stateOK
	case unread:
		// The reason is for the log: access.health: public lets everyone read this page.
		j.State, j.Error = stateUnknown, "history could not be read"
	case !ran:
		j.State = stateNever
	case age > limit:
		j.State = stateLate
	default: // what ran by another clock says nothing of now
		j.State, j.Error = stateUnknown, "the last run lies in the future: the clock has stepped back"
	}
	return j
}
