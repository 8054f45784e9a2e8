package alert

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// slot is the span of scheduled time in which a shard without a store is told of
// once by one instance.
const slot = 30 * time.Minute

// slots remembers the slots that were used.
type slots map[string]time.Time

// tellWithoutStore is what is left when the store is down: without memory there is
// no telling what was told, so at most one message a slot lists what the report's
// own run has confirmed. The message is asked for again all the same.
func (f *Function) tellWithoutStore(ctx context.Context, r report.Report) {
	failures := confirmed(r)
	if len(failures) == 0 || f.now().Sub(r.Scheduled) > slot || !f.takeSlot(r) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.options.Lease/sendShare)
	defer cancel()
	m := message.RenderStoreDown(r.Shard, failures, f.now(), f.options.Context(ctx))
	var wg sync.WaitGroup
	for _, address := range f.criticalReceivers(r.Shard, failures) {
		receiver, ok := f.options.Receivers[address]
		if !ok {
			continue
		}
		wg.Go(func() {
			_, outcome, err := receiver.Deliver(ctx, m, incident.Ref{})
			f.log.ErrorContext(ctx, "told without store", "event", "store_down", "shard", r.Shard, "receiver", address,
				"databases", len(failures), "outcome", outcome.Result, "error", err)
		})
	}
	wg.Wait()
}

// takeSlot reports whether the shard's slot is still free, and takes it.
func (f *Function) takeSlot(r report.Report) bool {
	at := r.Scheduled.Truncate(slot)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failOpen == nil {
		f.failOpen = slots{}
	}
	if last, ok := f.failOpen[r.Shard]; ok && !at.After(last) {
		return false
	}
	f.failOpen[r.Shard] = at
	return true
}

// confirmed returns the report's critical ping and mock-mode failures that its run
// has confirmed: by trying again, or because trying again would change nothing.
func confirmed(r report.Report) []report.Observation {
	return slices.DeleteFunc(slices.Clone(r.Observations), func(o report.Observation) bool {
		info := o.Cause.Info()
		return o.Check != report.Ping && o.Check != report.MockMode || o.Status != report.Fail ||
			!info.Pages() || o.Attempts < 2 && info.Retry == cause.RetryYes
	})
}

// criticalReceivers are those who would be told of the failures.
func (f *Function) criticalReceivers(shard string, failures []report.Observation) []string {
	p := f.policy(shard)
	var to []string
	for _, o := range failures {
		to = append(to, p.Route(o.Database, cause.SeverityCritical).Receivers...)
	}
	slices.Sort(to)
	return slices.Compact(to)
}
