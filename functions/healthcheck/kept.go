package healthcheck

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// kept has the last answer about each database, without incidents: of a run, of a live ping,
// or of history, where another instance left it.
type kept struct {
	flight singleflight.Group

	mu         sync.Mutex
	byDatabase map[string]Health
	// recalled is when history was last read, by shard.
	recalled map[string]time.Time
}

// last returns the last answer. One of the future was left by a clock that has stepped back.
func (k *kept) last(database string, now time.Time) (Health, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h, ok := k.byDatabase[database]
	return h, ok && !h.CheckedAt.After(now)
}

// put keeps the newer of h and the last answer, and returns it.
func (k *kept) put(h Health, now time.Time) Health {
	k.mu.Lock()
	defer k.mu.Unlock()
	if last := k.byDatabase[h.Database]; last.CheckedAt.After(h.CheckedAt) && !last.CheckedAt.After(now) {
		return last
	}
	k.byDatabase[h.Database] = h
	return h
}

// due reports whether the shard's history was not read lately, and takes note that it is now.
func (k *kept) due(shard string, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if age := now.Sub(k.recalled[shard]); age >= 0 && age < fresh {
		return false
	}
	k.recalled[shard] = now
	return true
}

// recall reads the last samples of the shard's databases from history. Where it fails, the
// answers of before stand until they are too old.
func (f *Function) recall(ctx context.Context, shard string) {
	_, _, _ = f.kept.flight.Do("shard "+shard, func() (any, error) {
		now := f.now()
		if !f.kept.due(shard, now) {
			return nil, nil
		}
		ctx, cancel := context.WithTimeout(ctx, recalling)
		defer cancel()
		databases := f.config.InShard(shard)
		oldest := now
		for _, d := range databases {
			if at := now.Add(-f.lateAfter(d)); at.Before(oldest) {
				oldest = at
			}
		}
		region := f.options.Region
		if regions := f.config.RegionsOf(shard, region); !slices.Contains(regions, region) {
			region = regions[0]
		}
		hours, err := f.archive.Pings(ctx, shard, region, oldest, now)
		if err != nil {
			f.log.WarnContext(ctx, "history not read", slog.String("event", "history_failed"), slog.Any("error", err))
			return nil, nil
		}
		for _, d := range databases {
			var last report.Sample
			for _, h := range hours {
				for s := range h.Of[d.Name].All() {
					if s.Cause != cause.Interrupted && !s.At.After(now) {
						last = s
					}
				}
			}
			if !last.At.IsZero() {
				t := f.target(d)
				t.Region = region
				t.Recall(last)
				f.kept.put(f.judge(ctx, t, last.At), f.now())
			}
		}
		return nil, nil
	})
}
