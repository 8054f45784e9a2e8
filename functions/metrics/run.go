package metrics

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

const (
	// lookBack is how old the readings may be that this run's are compared with.
	lookBack = time.Hour
	// recalling bounds reading history before databases are asked.
	recalling = 2 * time.Second
)

// observe asks every database of the shard at once: INFO, and the checks that are due.
func (f *Function) observe(ctx context.Context, r job.Round) job.Seen {
	past, earlier, read := f.past(ctx, r)
	databases := f.config.InShard(r.Shard)
	observations := make([][]report.Observation, len(databases))
	readings := make([]report.Reading, len(databases))
	job.Each(len(databases), func(i int) {
		observations[i], readings[i] = f.look(ctx, r, databases[i], past, earlier, read)
	})
	f.options.Account.Close()
	f.clients.Close() // an instance that is frozen between runs finds dead connections
	seen := job.Seen{Databases: len(databases)}
	byName := make(map[string]report.Reading, len(databases))
	for i, d := range databases {
		seen.Observations = append(seen.Observations, observations[i]...)
		byName[d.Name] = readings[i]
	}
	seen.Record = func(ctx context.Context, finished time.Time) error {
		run := history.Run{Scheduled: r.Scheduled, Started: r.Started, Finished: finished, Region: f.options.Region}
		return f.archive.AppendReadings(ctx, r.Shard, run, byName)
	}
	return seen
}

// look asks one database.
func (f *Function) look(ctx context.Context, r job.Round, d *config.Database, past, earlier []*history.GaugeHour, read bool) ([]report.Observation, report.Reading) {
	t := &check.Target{Database: d, Job: report.Metrics, Region: f.options.Region, Now: f.options.Now, Apps: f.apps, Account: f.options.Account, Unread: !read}
	for _, h := range past {
		t.Readings = append(t.Readings, h.Readings(d.Name)...)
	}
	for _, h := range earlier {
		t.Earlier = append(t.Earlier, h.Readings(d.Name)...)
	}
	f.connect(ctx, t)
	observations := check.Run(ctx, t, check.Specs(report.Metrics, d, r.Every), r.Scheduled, r.Every)
	return observations, t.Reading(ctx, r.Scheduled, observations)
}

// connect gives the target its client. INFO is asked at once, so that a refused token
// is read again before any check depends on it.
func (f *Function) connect(ctx context.Context, t *check.Target) {
	defer func() {
		if recover() != nil { // its value may hold anything
			t.SetClient(nil, "", &check.Problem{Cause: cause.MonitorPanic, Evidence: "asking INFO panicked"})
		}
	}()
	f.clients.Prepare(ctx, t, false)
	if _, err := t.Info(ctx); err != nil && upstash.CauseOf(err).Info().Retry == cause.RetryOnce {
		f.clients.Prepare(ctx, t, true)
	}
}

// past returns the readings that this run's are compared with, and sparse ones of the day
// before for forecasts, both by time, and whether all of them could be read. Without
// history the checks of counters start again.
func (f *Function) past(ctx context.Context, r job.Round) (past, earlier []*history.GaugeHour, read bool) {
	ctx, cancel := context.WithTimeout(ctx, recalling)
	defer cancel()
	past, read = f.hours(ctx, r, r.Scheduled.Add(-lookBack), r.Scheduled)
	// The hours of forecasts, and those in which the month's commands were read last where
	// that is rarer, the oldest first.
	backs := check.EarlierHours()
	for _, d := range f.config.InShard(r.Shard) {
		if every := d.Checks.Commands.Every; d.Checks.Commands.Enabled && every > lookBack {
			backs = append(backs, every)
		}
	}
	slices.Sort(backs)
	for _, back := range slices.Backward(slices.Compact(backs)) {
		at := r.Scheduled.Add(-back)
		hours, ok := f.hours(ctx, r, at, at)
		earlier, read = append(earlier, hours...), read && ok
	}
	return past, earlier, read
}

func (f *Function) hours(ctx context.Context, r job.Round, from, to time.Time) ([]*history.GaugeHour, bool) {
	hours, err := f.archive.Readings(ctx, r.Shard, from, to)
	if err != nil {
		f.log.WarnContext(ctx, "history not read", slog.String("event", "history_failed"), slog.Any("error", err))
		return nil, false
	}
	return hours, true
}
