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

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/store"
)

// incidents reads which incidents Alert holds open.
type incidents struct {
	flight singleflight.Group

	mu      sync.Mutex
	byShard map[string]known
}

// known is what a shard's state said, or why it could not be read.
type known struct {
	at         time.Time
	byDatabase map[string][]incident.Incident
	err        error
}

// openIn returns the shard's open incidents, at most [fresh] old. All callers that wait share
// one read, and a state that could not be read is read again by the next caller.
func (f *Function) openIn(ctx context.Context, shard string) known {
	shared, _, _ := f.open.flight.Do(shard, func() (any, error) {
		f.open.mu.Lock()
		k, ok := f.open.byShard[shard]
		f.open.mu.Unlock()
		if age := f.now().Sub(k.at); ok && age >= 0 && age < fresh {
			return k, nil
		}
		ctx, cancel := context.WithTimeout(ctx, recalling)
		defer cancel()
		k = known{at: f.now()}
		if k.byDatabase, k.err = f.readOpen(ctx, shard); k.err != nil {
			f.log.WarnContext(ctx, "incidents not read", slog.String("event", "state_failed"), slog.Any("error", k.err))
			return k, nil
		}
		f.open.mu.Lock()
		f.open.byShard[shard] = k
		f.open.mu.Unlock()
		return k, nil
	})
	return shared.(known)
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
