package alert

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/store"
)

// errMoving says that a database cannot be handed over to its new shard yet.
var errMoving = errors.New("a database of another shard has not arrived yet")

// settle makes sure that the shard has been handed all that others know of its databases, since it
// would otherwise open their incidents anew. It reads all states once in the life of an instance,
// because the configuration does not change meanwhile.
func (f *Function) settle(ctx context.Context, shard string) error {
	select {
	case f.settling <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-f.settling }()
	if f.settled {
		return nil
	}
	from, to := store.Prefix(incident.StateKey(""))
	moving := false
	for doc, err := range f.store.Range(ctx, from, to) {
		if err != nil {
			return nil // an outage that is told twice is better than one that is not told
		}
		s, err := incident.Decode(doc.Data)
		if err != nil || len(s.Moving(f.policy(s.Shard).Elsewhere)) == 0 {
			continue // one that cannot be read is set aside with its first message
		}
		if err := f.apply(ctx, s.Shard, Input{}); err != nil {
			return err
		}
		f.mu.Lock()
		elsewhere := f.moving[s.Shard] // to which it still has something to hand over
		f.mu.Unlock()
		moving = moving || len(elsewhere) > 0
		if slices.Contains(elsewhere, shard) {
			return fmt.Errorf("shard %s: %w", shard, errMoving)
		}
	}
	f.settled = !moving
	return nil
}

// noteMoves remembers what a state that was just committed has to hand over.
func (f *Function) noteMoves(s incident.State, p policy.Policy) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moving[s.Shard], f.leaving[s.Shard] = s.Moving(p.Elsewhere), s.Leaving
}

// handOver gives other shards what a shard has put aside for them, and then lets it go. What a
// crash leaves behind is handed over once more, which changes nothing.
func (f *Function) handOver(ctx context.Context, shard string) {
	f.mu.Lock()
	leaving := f.leaving[shard]
	delete(f.leaving, shard)
	f.mu.Unlock()
	elsewhere := f.policy(shard).Elsewhere
	names, arriving := map[string][]string{}, map[string][]string{} // by their new shard
	for _, name := range slices.Sorted(maps.Keys(leaving)) {
		other := elsewhere[name]
		names[other], arriving[other] = append(names[other], name), append(arriving[other], leaving[name])
	}
	for _, other := range slices.Sorted(maps.Keys(names)) {
		err := f.apply(ctx, other, Input{Arriving: arriving[other]})
		for _, text := range arriving[other] {
			err = cmp.Or(err, f.endDocuments(ctx, shard, text))
		}
		if err == nil {
			err = f.apply(ctx, shard, Input{Left: names[other]})
		}
		if err != nil {
			f.log.WarnContext(ctx, "databases are not handed over yet", "event", "moved", "shard", shard, "to", other, "databases", names[other], "error", err)
			return
		}
		f.log.InfoContext(ctx, "databases are handed over", "event", "moved", "shard", shard, "to", other, "databases", names[other])
	}
}

// endDocuments lets the documents of incidents that were handed over expire: the new shard has
// documents of its own.
func (f *Function) endDocuments(ctx context.Context, shard, handover string) error {
	var h struct {
		Incidents []struct {
			ID string `json:"id"`
		} `json:"incidents"`
	}
	if err := json.Unmarshal([]byte(handover), &h); err != nil {
		return fmt.Errorf("reading what shard %s hands over: %w", shard, err)
	}
	for _, i := range h.Incidents {
		doc, err := f.store.Get(ctx, incident.DocumentKey(shard, i.ID))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err == nil {
			doc.ExpiresAt = f.now()
			_, err = f.store.Put(ctx, doc)
		}
		if err != nil {
			return fmt.Errorf("ending the document of %s: %w", incident.ShortID(i.ID), err)
		}
	}
	return nil
}
