package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// HeaderScheduleTime is when Cloud Scheduler meant the run, in RFC 3339. It is the
// same in every retry, which makes runs comparable.
const HeaderScheduleTime = "X-CloudScheduler-ScheduleTime"

const (
	// A scheduled time decides which run of history is written, so that it must be about now.
	// maxAhead is how far this clock may be behind the scheduler's. maxRetries is how long after
	// the next run is due a run may still be tried again.
	maxAhead   = 10 * time.Second
	maxRetries = 2 * time.Minute
	// maxBody bounds a scheduler's request.
	maxBody = 4 << 10

	// observing is for how long a run may look at its databases. With publishing it
	// stays below the 20 s within which a report must be out, and Scheduler's deadline
	// of 25 s.
	observing = 17 * time.Second
	// publishing bounds the hand-over of the report, recording the append to history.
	publishing = 2500 * time.Millisecond
	recording  = 3 * time.Second
)

// Request is the body with which a scheduler asks. The shard may be empty where there is only one.
type Request struct {
	Shard string `json:"shard"`
}

// Round is one run over one shard.
type Round struct {
	Shard              string
	Scheduled, Started time.Time
	// Every is the job's interval.
	Every time.Duration
}

// Lag is how late the run began.
func (r Round) Lag() time.Duration { return r.Started.Sub(r.Scheduled) }

// Seen is what a run saw.
type Seen struct {
	Observations []report.Observation
	Changes      []report.Change
	Impacts      []report.Impact
	// Databases is how many the shard has.
	Databases int
	// Record appends the run to history, idempotently.
	Record func(ctx context.Context, finished time.Time) error
}

// Runner answers a scheduler: it observes, publishes one report, and only then writes
// history. All fields are required.
type Runner struct {
	Job             report.Job
	Region, Version string
	Every           time.Duration
	Shards          []string
	Reports         report.Publisher
	// Observe looks at the databases within the context's deadline. It reports what it
	// could not do in time as observations, and cannot fail otherwise.
	Observe func(ctx context.Context, r Round) Seen
	Now     func() time.Time
	Log     *slog.Logger

	last sync.Map // the lastRun of each shard
}

// lastRun is the last run of a shard whose report is out. A scheduler that missed the
// answer must not cause the work twice, and gets the same answer again. An instance that
// forgets it does no harm, because readers recognise a repeated report.
type lastRun struct {
	scheduled time.Time
	answer    Summary
	recordErr error // why history does not have it
}

// Summary is the answer to a scheduled run.
type Summary struct {
	Report    string `json:"report"`
	Databases int    `json:"databases"`
	// Observations counts them by status.
	Observations map[report.Status]int `json:"observations,omitempty"`
	LagMS        int64                 `json:"lag_ms"`
	TookMS       int64                 `json:"took_ms"`
	// Recorded says whether history has the run.
	Recorded bool `json:"recorded"`
	// Repeated says that this run had been completed before.
	Repeated bool `json:"repeated,omitempty"`
}

// ServeHTTP implements [http.Handler]. Only a report that could not be published is an
// error to the scheduler: then, and only then, it is to try again.
func (n *Runner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	round, err := n.round(r)
	if err != nil {
		WriteError(w, http.StatusBadRequest, err.Error())
		return
	}
	rep := report.Report{
		Job: n.Job, Region: n.Region, Shard: round.Shard, Scheduled: round.Scheduled, Every: round.Every, Version: n.Version,
	}
	kept, _ := n.last.Load(round.Shard)
	last, _ := kept.(lastRun)
	if last.scheduled.Equal(round.Scheduled) {
		last.answer.Repeated = true
		WriteJSON(w, http.StatusOK, last.answer)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), observing)
	defer cancel()
	seen := n.Observe(ctx, round)
	if errors.Is(r.Context().Err(), context.Canceled) {
		// The caller has gone. A report that was cut short by that would hide the one of
		// the next attempt.
		WriteError(w, http.StatusServiceUnavailable, "the run was cancelled before it was complete")
		return
	}
	rep.Observations = append(seen.Observations, n.monitor(round, seen, last.recordErr))
	rep.Changes, rep.Impacts = seen.Changes, seen.Impacts
	rep.Finished = n.Now().UTC()
	// From here on the run no longer belongs to its caller.
	lasting := context.WithoutCancel(r.Context())
	if err := n.publish(lasting, rep); err != nil {
		n.Log.ErrorContext(lasting, "report not published", slog.String("event", "publish_failed"), slog.String("report", rep.Identity()), slog.Any("error", err))
		WriteError(w, http.StatusServiceUnavailable, "the report could not be published; the scheduler will try again")
		return
	}
	answer := Summary{
		Report: rep.Identity(), Databases: seen.Databases, Observations: map[report.Status]int{},
		LagMS: round.Lag().Milliseconds(), TookMS: rep.Finished.Sub(round.Started).Milliseconds(),
	}
	for _, o := range rep.Observations {
		answer.Observations[o.Status]++
	}
	n.last.Store(round.Shard, lastRun{scheduled: round.Scheduled, answer: answer}) // at once, for a retry that comes meanwhile
	recordErr := n.record(lasting, rep, seen)
	answer.Recorded = recordErr == nil
	n.last.Store(round.Shard, lastRun{scheduled: round.Scheduled, answer: answer, recordErr: recordErr})
	WriteJSON(w, http.StatusOK, answer)
}

// round reads a scheduler's request: a body such as {"shard":"main"}, which may be empty where there
// is only one, and the header [HeaderScheduleTime]. Without the header, as when a person asks, the
// run belongs to the interval that has begun last.
func (n *Runner) round(r *http.Request) (Round, error) {
	now := n.Now().UTC()
	round := Round{Started: now, Scheduled: now.Truncate(n.Every), Every: n.Every}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return round, fmt.Errorf("reading body: %w", err)
	case len(body) > maxBody:
		return round, fmt.Errorf("reading body: more than %d bytes", maxBody)
	}
	var asked Request
	if text := strings.TrimSpace(string(body)); text != "" {
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&asked); err != nil {
			return round, errors.New(`reading body: want JSON such as {"shard":"main"}`)
		}
	}
	switch {
	case asked.Shard == "" && len(n.Shards) == 1:
		round.Shard = n.Shards[0]
	case slices.Contains(n.Shards, asked.Shard):
		round.Shard = asked.Shard
	default:
		return round, fmt.Errorf(`shard %q is not in the configuration, want one of %s as {"shard":"…"}`, asked.Shard, strings.Join(n.Shards, ", "))
	}
	if header := r.Header.Get(HeaderScheduleTime); header != "" {
		at, err := time.Parse(time.RFC3339, header)
		if err != nil {
			return round, fmt.Errorf("reading header %s: want a time such as 2026-01-02T15:04:00Z", HeaderScheduleTime)
		}
		switch late := now.Sub(at); {
		case -late > maxAhead:
			return round, fmt.Errorf("reading header %s: %s is more than %s in the future", HeaderScheduleTime, header, maxAhead)
		case late > n.Every+maxRetries:
			return round, fmt.Errorf("reading header %s: %s is more than %s ago, which no retry explains", HeaderScheduleTime, header, n.Every+maxRetries)
		}
		round.Scheduled = at.UTC()
	}
	return round, nil
}

func (n *Runner) publish(ctx context.Context, r report.Report) error {
	ctx, cancel := context.WithTimeout(ctx, publishing)
	defer cancel()
	m, err := report.Encode(r)
	if err != nil {
		return fmt.Errorf("encoding the report: %w", err)
	}
	if err := n.Reports.Publish(ctx, m); err != nil {
		return fmt.Errorf("publishing the report: %w", err)
	}
	return nil
}

// record appends the run to history. A failure is a warning now, and the monitor's own
// observation in the next run.
func (n *Runner) record(ctx context.Context, r report.Report, seen Seen) error {
	ctx, cancel := context.WithTimeout(ctx, recording)
	defer cancel()
	err := seen.Record(ctx, r.Finished)
	if err != nil {
		n.Log.WarnContext(ctx, "run not recorded", slog.String("event", "history_failed"), slog.String("report", r.Identity()), slog.Any("error", err))
	}
	return err
}

// monitor is what the run says about itself: its value is how late it began.
func (n *Runner) monitor(round Round, seen Seen, recordErr error) report.Observation {
	o := report.Observation{
		Database: report.MonitorDatabase, Check: report.Monitor, Source: string(n.Job) + "@" + n.Region,
		Status: report.OK, Clear: true, Every: round.Every, At: n.Now().UTC(),
		Value: new(float64(round.Lag().Milliseconds())), Unit: report.Milliseconds,
	}
	warn := func(c cause.Cause, evidence string) {
		o.Status, o.Clear, o.Cause, o.Evidence = report.Warn, false, c, report.CutEvidence(evidence)
	}
	var panics int
	untried := map[string]bool{}
	for _, s := range seen.Observations {
		switch s.Cause {
		case cause.MonitorPanic:
			panics++
		case cause.Interrupted:
			untried[s.Database] = true
		}
	}
	switch {
	case panics > 0:
		warn(cause.MonitorPanic, fmt.Sprintf("%d checks panicked", panics))
	case len(untried) > 0:
		warn(cause.Interrupted, fmt.Sprintf("%d of %d databases could not be looked at in time", len(untried), seen.Databases))
	case recordErr != nil:
		warn(cause.MonitorStore, "the previous run was not recorded: "+recordErr.Error())
	}
	return o
}
