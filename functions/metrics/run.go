package metrics

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/change"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

const (
	// lookBack is how old the readings may be that this run's are compared with, and lookBackRuns how
	// many runs that is at least, because a forecast takes twelve readings.
	lookBack     = time.Hour
	lookBackRuns = 12
	// recalling bounds reading history before databases are asked.
	recalling = 2 * time.Second
)

// observe asks every database of the shard at once: INFO, and the checks that are due.
func (f *Function) observe(ctx context.Context, r job.Round) job.Seen {
	past := f.past(ctx, r)
	databases := f.config.InShard(r.Shard)
	var listed check.Listed
	if f.options.Account != nil {
		listed = sync.OnceValues(func() ([]upstash.Database, error) { return f.options.Account.Databases(ctx) })
	}
	observations := make([][]report.Observation, len(databases))
	readings := make([]report.Reading, len(databases))
	var changes []report.Change
	var impacts []report.Impact
	var asides sync.WaitGroup // what does not come from the databases
	asides.Go(func() { changes = f.changes(ctx, r) })
	asides.Go(func() { impacts = f.impacts(ctx, r) })
	job.Each(len(databases), func(i int) {
		observations[i], readings[i] = f.look(ctx, r, databases[i], past, listed)
	})
	asides.Wait()
	seen := job.Seen{Databases: len(databases), Changes: changes, Impacts: impacts}
	if listed != nil && r.Shard == f.config.ShardNames()[0] { // one shard speaks for the account
		monitor := &check.Target{Job: report.Metrics, Region: f.options.Region, Now: f.options.Now, Listed: listed}
		seen.Observations = check.Unwatched(ctx, monitor, f.config, f.options.Resolve, r.Every)
	}
	f.options.Account.Close()
	f.clients.Close() // an instance that is frozen between runs finds dead connections
	byName := make(map[string]report.Reading, len(databases))
	for i, d := range databases {
		seen.Observations = append(seen.Observations, observations[i]...)
		byName[d.Name] = readings[i]
		if slices.Contains(f.config.Changes, config.ChangesLimits) {
			seen.Changes = append(seen.Changes, change.Limits(d.Name, append(past.recent(d.Name, r.Scheduled), readings[i]))...)
		}
	}
	seen.Record = func(ctx context.Context, finished time.Time) error {
		run := history.Run{Scheduled: r.Scheduled, Started: r.Started, Finished: finished, Region: f.options.Region}
		return f.archive.AppendReadings(ctx, r.Shard, run, byName)
	}
	return seen
}

// look asks one database.
func (f *Function) look(ctx context.Context, r job.Round, d *config.Database, p past, listed check.Listed) ([]report.Observation, report.Reading) {
	t := &check.Target{Database: d, Job: report.Metrics, Region: f.options.Region, Now: f.options.Now, Apps: f.apps, Account: f.options.Account, Listed: listed}
	p.of(t)
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

// past is what history knows of a shard's databases before a run.
type past struct {
	// known is what the overviews know, by database.
	known map[string]*history.Known
	// hours are those of the last hour or runs, and before it those that the overview does not hold;
	// earlier are sparse ones of the day before, for forecasts. Both are by time.
	hours, earlier []*history.GaugeHour
	// read says that all of it could be read.
	read bool
}

// past reads it. Without history the checks of counters start again.
func (f *Function) past(ctx context.Context, r job.Round) past {
	ctx, cancel := context.WithTimeout(ctx, recalling)
	defer cancel()
	p := past{read: true}
	failed := func(err error) {
		if err != nil {
			p.read = false
			f.log.WarnContext(ctx, "history not read", slog.String("event", "history_failed"), slog.Any("error", err))
		}
	}
	overview, err := f.archive.Overview(ctx, r.Shard)
	failed(err)
	p.known = overview.Databases
	if moved := slices.DeleteFunc(f.config.InShard(r.Shard), func(d *config.Database) bool { return !mayBeMoved(d, p.known[d.Name], r) }); len(moved) > 0 {
		all, err := f.archive.Overviews(ctx)
		failed(err)
		for _, d := range moved {
			known := &history.Known{}
			for _, o := range all {
				if of := o.Databases[d.Name]; of != nil {
					known.Merge(of)
				}
			}
			p.known[d.Name] = known
		}
	}
	from := r.Scheduled.Add(-max(lookBack, lookBackRuns*r.Every))
	if since := f.archive.Since(overview, r.Scheduled); since.Before(from) {
		from = since
	}
	p.hours, err = f.archive.Readings(ctx, r.Shard, from, r.Scheduled)
	failed(err)
	for _, back := range slices.Backward(slices.Sorted(slices.Values(check.EarlierHours()))) {
		at := r.Scheduled.Add(-back)
		if !at.Before(from) {
			continue // it is among the hours
		}
		hours, err := f.archive.Readings(ctx, r.Shard, at, at)
		failed(err)
		p.earlier = append(p.earlier, hours...)
	}
	for _, h := range slices.Concat(p.earlier, p.hours) {
		if err := h.Broken; err != nil { // the others and the overview say enough
			f.log.WarnContext(ctx, "history not read", slog.String("event", "history_failed"), slog.Any("error", err))
		}
	}
	return p
}

// mayBeMoved reports whether another shard may know more of a database, because its own knows nothing, or
// nothing as new as its overview should.
func mayBeMoved(d *config.Database, known *history.Known, r job.Round) bool {
	if known == nil {
		return true
	}
	last, every := known.ReadAt, r.Every
	if c := d.Checks.Commands; c.Enabled { // which adds to what was known, and is unknown where INFO is not answered
		last, every = known.Checks[report.Commands].Last.At, c.Every
	}
	return r.Scheduled.Sub(last) > 2*(every+time.Hour) // an overview is renewed once an hour
}

// recent returns a database's readings of the last hour.
func (p past) recent(database string, now time.Time) []report.Reading {
	var all []report.Reading
	for _, h := range p.hours {
		all = slices.AppendSeq(all, h.Of[database].All())
	}
	return slices.DeleteFunc(all, func(r report.Reading) bool { return r.At.Before(now.Add(-change.Window)) || !r.At.Before(now) })
}

// of gives the target what is known of its database.
func (p past) of(t *check.Target) {
	t.Unread = !p.read
	for _, h := range p.earlier {
		t.Earlier = slices.AppendSeq(t.Earlier, h.Of[t.Database.Name].All())
	}
	for _, h := range p.hours {
		t.Readings = slices.AppendSeq(t.Readings, h.Of[t.Database.Name].All())
	}
	if known := p.known[t.Database.Name]; known != nil {
		for _, r := range known.Readings() {
			if len(t.Readings) == 0 || r.At.Before(t.Readings[0].At) { // otherwise it is among the readings
				t.Earlier = append(t.Earlier, r)
			}
		}
		slices.SortStableFunc(t.Earlier, func(a, b report.Reading) int { return a.At.Compare(b.At) })
	}
}
