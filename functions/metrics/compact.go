package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/history"
)

const (
	// compacting bounds the compaction after a run. What it does not finish, the next
	// run does.
	compacting = 12 * time.Second
	// compactWithin is how long a run may have taken for compaction to follow: with it
	// the answer stays within Scheduler's patience.
	compactWithin = 8 * time.Second
)

// compacted remembers up to which day there is nothing left to compact.
type compacted struct {
	mu   sync.Mutex
	days map[string]time.Time // by shard
}

func (c *compacted) done(shard string, day time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.days[shard].Before(day)
}

func (c *compacted) set(shard string, day time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.days == nil {
		c.days = map[string]time.Time{}
	}
	c.days[shard] = day
}

// compacts lets a run be followed by the compaction that is due, in the same request,
// since an instance sleeps between requests.
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
	if f.compacted.done(shard, yesterday) {
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
	f.compacted.set(shard, yesterday)
	return nil
}
