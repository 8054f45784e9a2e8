package metrics

import (
	"context"
	"log/slog"
	"net/http"
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
		for _, shard := range f.config.ShardNames() {
			if err := f.compact(ctx, shard); err != nil {
				f.log.WarnContext(ctx, "history not compacted", slog.String("event", "compaction_failed"), slog.String("shard", shard), slog.Any("error", err))
			}
		}
	})
}

func (f *Function) compact(ctx context.Context, shard string) error {
	now := f.now()
	yesterday := now.Add(-history.CompactAfter).UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour)
	if done, ok := f.compacted.Load(shard); ok && !done.(time.Time).Before(yesterday) {
		return nil
	}
	due, err := f.archive.Due(ctx, shard, now)
	if err != nil {
		return err
	}
	regions := f.config.RegionsOf(shard)
	if len(regions) == 0 {
		regions = []string{f.options.Region}
	}
	c := history.Compaction{
		Shard: shard, Regions: regions,
		SampleDays: f.config.History.SampleDays, RollupDays: f.config.History.RollupDays,
	}
	for _, day := range due {
		if err := f.archive.Compact(ctx, c, day); err != nil {
			return err
		}
	}
	f.compacted.Store(shard, yesterday)
	return nil
}
