package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/history"
)

const (
	// compacting bounds the compaction after a run. The next run does what is left.
	compacting = 12 * time.Second
	// compactWithin is how long a run may have taken for compaction to follow. Otherwise
	// Scheduler's request would time out.
	compactWithin = 8 * time.Second
)

// compacts returns a handler that compacts what is due after the run, in the same request,
// because an instance sleeps between requests.
func (f *Function) compacts(run http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := f.now()
		run.ServeHTTP(w, r)
		if f.now().Sub(began) > compactWithin {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), compacting)
		defer cancel()
		if err := f.compact(ctx); err != nil {
			f.log.WarnContext(ctx, "history not compacted", slog.String("event", "compaction_failed"), slog.Any("error", err))
		}
	})
}

// compact brings every shard's overview up to date, once an hour, and compacts the days that
// are due. What fails is left to the next run, and keeps nothing else from being done.
func (f *Function) compact(ctx context.Context) error {
	now := f.now()
	hour := now.Add(-history.CompactAfter).Truncate(time.Hour)
	if done, ok := f.compacted.Load().(time.Time); ok && !done.Before(hour) {
		return nil
	}
	overviews, failed := f.archive.Overviews(ctx)
	shards := f.config.ShardNames()
	for name, o := range overviews {
		// A shard that is no longer configured has hours that are not in its overview yet.
		if !slices.Contains(shards, name) && now.Sub(o.Until) < f.archive.Retention() {
			shards = append(shards, name)
		}
	}
	slices.Sort(shards)
	for _, shard := range shards {
		if err := f.compactShard(ctx, shard, overviews[shard], now); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	if failed == nil {
		f.compacted.Store(hour)
	}
	return failed
}

func (f *Function) compactShard(ctx context.Context, shard string, o *history.Overview, now time.Time) error {
	c := history.Compaction{
		Shard: shard, Regions: slices.Clone(f.config.RegionsOf(shard, f.options.Region)),
		SampleDays: f.config.History.SampleDays, RollupDays: f.config.History.RollupDays,
	}
	if o != nil { // a region that was renamed has left pings
		for _, region := range o.Regions() {
			if !slices.Contains(c.Regions, region) {
				c.Regions = append(c.Regions, region)
			}
		}
	}
	due, failed := f.archive.Due(ctx, shard, now)
	for _, day := range due {
		failed = errors.Join(failed, f.archive.Compact(ctx, c, day))
	}
	_, err := f.archive.Renew(ctx, c, now)
	return errors.Join(failed, err)
}
