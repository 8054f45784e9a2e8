package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// fresh is for how long an answer is repeated: a load balancer that asks every second, from
// everywhere, costs one ping and one read in five.
const fresh = 5 * time.Second

// kept has the last answer about each database, without incidents: of a run, of a live ping,
// or of history, where another instance left it.
type kept struct {
	flight singleflight.Group

	mu         sync.Mutex
	byDatabase map[string]Health
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

// repeated is what was read of each shard lately.
type repeated[T any] struct {
	flight  singleflight.Group
	byShard sync.Map // of stamped[T]
}

type stamped[T any] struct {
	at    time.Time
	value T
}

// get returns what read returned for the shard, at most [fresh] ago. All callers that wait share one
// reading. One that is not to be repeated is made again for the next caller.
func (r *repeated[T]) get(shard string, now time.Time, read func() (value T, repeat bool)) T {
	shared, _, _ := r.flight.Do(shard, func() (any, error) {
		if x, ok := r.byShard.Load(shard); ok {
			if age := now.Sub(x.(stamped[T]).at); age >= 0 && age < fresh {
				return x.(stamped[T]).value, nil
			}
		}
		value, repeat := read()
		if repeat {
			r.byShard.Store(shard, stamped[T]{now, value})
		}
		return value, nil
	})
	return shared.(T)
}

// recall reads the last samples of the shard's databases from history. Where it fails, the
// answers of before stand until they are too old.
func (f *Function) recall(ctx context.Context, shard string) error {
	now := f.now()
	return f.recalled.get(shard, now, func() (recalled, bool) {
		ctx, cancel := context.WithTimeout(ctx, recalling)
		defer cancel()
		databases := f.config.InShard(shard)
		var late time.Duration
		for _, d := range databases {
			late = max(late, f.lateAfter(d))
		}
		region := f.options.Region
		if regions := f.config.RegionsOf(shard, region); !slices.Contains(regions, region) {
			region = regions[0]
		}
		hours, err := f.archive.Pings(ctx, shard, region, now.Add(-late), now)
		for _, h := range hours {
			err = errors.Join(err, h.Broken)
		}
		if err != nil {
			f.logUnread(ctx, err)
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
		return recalled{err}, true
	}).unread
}

// recalled is why a shard's last samples could not be read.
type recalled struct{ unread error }

func (f *Function) logUnread(ctx context.Context, err error) {
	f.log.WarnContext(ctx, "history not read", slog.String("event", "history_failed"), slog.Any("error", err))
}

// known is what a shard's state said of open incidents, or why it could not be read.
type known struct {
	at         time.Time
	byDatabase map[string][]incident.Incident
	err        error
}

// openIn returns the shard's open incidents. A state that could not be read is read again by the next
// caller.
func (f *Function) openIn(ctx context.Context, shard string) known {
	now := f.now()
	return f.open.get(shard, now, func() (known, bool) {
		ctx, cancel := context.WithTimeout(ctx, recalling)
		defer cancel()
		open, err := f.readOpen(ctx, shard)
		if err != nil {
			f.log.WarnContext(ctx, "incidents not read", slog.String("event", "state_failed"), slog.Any("error", err))
		}
		return known{now, open, err}, err == nil
	})
}

func (f *Function) readOpen(ctx context.Context, shard string) (map[string][]incident.Incident, error) {
	doc, err := f.options.Store.Get(ctx, incident.StateKey(shard))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading incidents: %w", err)
	}
	state, err := incident.Decode(doc.Data)
	if err != nil {
		return nil, fmt.Errorf("reading incidents of %s: %w", shard, err)
	}
	open := map[string][]incident.Incident{}
	for _, id := range slices.Sorted(maps.Keys(state.Incidents)) {
		if x := state.Incidents[id]; x.Open() && !x.Drill {
			open[x.Series.Database] = append(open[x.Series.Database], *x)
		}
	}
	return open, nil
}
