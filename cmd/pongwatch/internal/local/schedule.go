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
		attempt(ctx, j, scheduled, scheduled.Truncate(j.every).Add(j.every), logger)
		next := following(scheduled, time.Now(), j.every)
		sleep(ctx, time.Until(next))
		scheduled = due(next, time.Now(), j.every)
	}
}

// following returns when the next run is due. After a run that overran, or a clock that has
// stepped back, that is the next multiple.
func following(scheduled, now time.Time, every time.Duration) time.Time {
	next := scheduled.Truncate(every).Add(every)
	if next.Before(now) || next.Sub(now) > every {
		next = now.Truncate(every).Add(every)
	}
	return next
}

// due returns the time of a run that begins now. The clock may have stepped back while it was
// waited for, and no run is of the future.
func due(next, now time.Time, every time.Duration) time.Time {
	if next.Sub(now) > time.Second {
		return now.Truncate(every)
	}
	return next
}

func attempt(ctx context.Context, j schedulerJob, scheduled, next time.Time, logger *slog.Logger) {
	pause := min(j.every/4, maxRetryAfter)
	end := time.Now().Add(time.Until(next)) // by the monotonic clock, which does not step
	for {
		err := j.run(ctx, scheduled)
		if err == nil || ctx.Err() != nil {
			return
		}
		logger.WarnContext(ctx, "scheduled run failed", "job", j.name, "scheduled", scheduled.UTC(), "error", err)
		if !time.Now().Add(pause).Before(end) {
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
