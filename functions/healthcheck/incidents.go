package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/store"
)

// incidentsFresh is for how long a shard's open incidents are kept.
const incidentsFresh = 30 * time.Second

// incidents reads which incidents Alert holds open.
type incidents struct {
	store store.Store
	now   func() time.Time

	mu      sync.Mutex
	byShard map[string]known
}

type known struct {
	at   time.Time
	open []incident.Incident
}

// of returns the database's open incidents, at most [incidentsFresh] old.
func (i *incidents) of(ctx context.Context, shard, database string) ([]incident.Incident, error) {
	i.mu.Lock()
	k, ok := i.byShard[shard]
	i.mu.Unlock()
	if !ok || i.now().Sub(k.at) >= incidentsFresh {
		open, err := i.read(ctx, shard)
		if err != nil {
			return nil, err
		}
		k = known{i.now(), open}
		i.mu.Lock()
		i.byShard[shard] = k
		i.mu.Unlock()
	}
	return slices.DeleteFunc(slices.Clone(k.open), func(x incident.Incident) bool { return x.Series.Database != database }), nil
}

func (i *incidents) read(ctx context.Context, shard string) ([]incident.Incident, error) {
	doc, err := i.store.Get(ctx, incident.StateKey(shard))
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
	var open []incident.Incident
	for _, x := range state.Incidents {
		if x.Open() && !x.Drill {
			open = append(open, *x)
		}
	}
	slices.SortFunc(open, func(a, b incident.Incident) int { return strings.Compare(a.ID, b.ID) })
	return open, nil
}
