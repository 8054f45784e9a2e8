package alert

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/store"
)

// TakeOver is called before the first message by a process that holds its store alone, as
// `pongwatch local` holds its file. What an earlier process has claimed may be sent at once,
// because that process is dead. setAside says which file could not be read and where it is
// kept, empty for none; it opens an incident.
func (f *Function) TakeOver(ctx context.Context, setAside string) error {
	for _, shard := range f.storedShards(ctx) {
		if err := f.voidLeases(ctx, shard); err != nil {
			return fmt.Errorf("ending the claims of an earlier process: %w", err)
		}
	}
	if setAside == "" {
		return nil
	}
	if err := f.apply(ctx, f.first, Input{SetAside: setAside}); err != nil {
		return fmt.Errorf("opening the incident about what was set aside: %w", err)
	}
	return nil
}

func (f *Function) voidLeases(ctx context.Context, shard string) error {
	doc, err := f.store.Get(ctx, incident.StateKey(shard))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s, err := incident.Decode(doc.Data)
	if err != nil {
		return nil //nolint:nilerr // the first message sets it aside
	}
	held := false
	for t := range s.Threads() {
		for address, d := range t.Deliveries {
			if d.Lease.Owner != "" {
				held = true
				// A claim also sets when the next try may begin, for the case of a crash.
				d.Lease, d.NotBefore = incident.Lease{}, time.Time{}
				t.Deliveries[address] = d
			}
		}
	}
	if !held {
		return nil
	}
	if doc, err = encoded(doc, s, ""); err == nil {
		_, err = f.store.Put(ctx, doc)
	}
	return err
}
