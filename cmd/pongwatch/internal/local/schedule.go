package local

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// maxRetryAfter is the longest that a failed run waits to be tried again.
const maxRetryAfter = 5 * time.Second

// A schedulerJob runs at every multiple of its interval, as Cloud Scheduler's do. Its runs
// never overlap, and missed ones are not repeated.
type schedulerJob struct {
	name  string
	every time.Duration
	// run does one run. A failed run is tried again, with the same time, until the
	// next is due.
	run func(ctx context.Context, scheduled time.Time) error
}

// schedule runs j immediately, so that a page has something to show, and then by its
// interval until ctx ends.
func schedule(ctx context.Context, j schedulerJob, logger *slog.Logger) {
	scheduled := time.Now().Truncate(time.Second)
	for ctx.Err() == nil {
		next := scheduled.Truncate(j.every).Add(j.every)
		attempt(ctx, j, scheduled, next, logger)
		// After a run that overran, the next one begins at the next multiple.
		if now := time.Now(); next.Before(now) {
			next = now.Truncate(j.every).Add(j.every)
		}
		sleep(ctx, time.Until(next))
		scheduled = next
	}
}

func attempt(ctx context.Context, j schedulerJob, scheduled, next time.Time, logger *slog.Logger) {
	pause := min(j.every/4, maxRetryAfter)
	for {
		err := j.run(ctx, scheduled)
		if err == nil || ctx.Err() != nil {
			return
		}
		logger.WarnContext(ctx, "scheduled run failed", "job", j.name, "scheduled", scheduled.UTC(), "error", err)
		if !time.Now().Add(pause).Before(next) {
			return
		}
		sleep(ctx, pause)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// scheduledPost is the job whose runs are Cloud Scheduler's POST for one shard.
func scheduledPost(c *caller, name, path, shard string, every time.Duration) schedulerJob {
	body := []byte(`{"shard":"` + shard + `"}`)
	return schedulerJob{name: name + " " + shard, every: every, run: func(ctx context.Context, scheduled time.Time) error {
		// Scheduler's own attempt deadline is 30 s with the project's Terraform.
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		return c.post(ctx, path, http.Header{
			"User-Agent":                    {"Google-Cloud-Scheduler"},
			"X-Cloudscheduler":              {"true"},
			"X-Cloudscheduler-Jobname":      {name + "-" + shard},
			"X-Cloudscheduler-Scheduletime": {scheduled.UTC().Format(time.RFC3339)},
		}, body)
	}}
}
