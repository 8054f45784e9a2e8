package alert

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// slot is the span of scheduled time in which one instance tells a shard's receivers once
// without a store.
const slot = 30 * time.Minute

// tellWithoutStore sends a last-resort message when the store is down. Without state it
// cannot deduplicate, so it sends at most one per slot, which lists what the report's
// own run has confirmed. The report is asked for again all the same.
func (f *Function) tellWithoutStore(ctx context.Context, r report.Report, why error) {
	failures := slices.DeleteFunc(confirmed(r), func(o report.Observation) bool {
		_, planned := f.policy(r.Shard).Maintenance(o.Database, f.now())
		return planned
	})
	at := r.Scheduled.Truncate(slot)
	f.mu.Lock()
	before := f.failOpen[r.Shard]
	send := len(failures) > 0 && f.now().Sub(r.Scheduled) <= slot && (at.After(before) || before.After(f.now()))
	if send {
		f.failOpen[r.Shard] = at
	}
	f.mu.Unlock()
	if !send {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.options.Lease/sendShare)
	defer cancel()
	m := message.RenderStoreDown(r.Shard, failures, f.now(), f.options.Context(ctx))
	if f.options.Folder != "" {
		m = message.OnDisk(m, f.options.Folder, why)
	}
	log := f.log.With("event", "store_down", "shard", r.Shard, "databases", len(failures))
	receivers, fallbacks := f.criticalReceivers(r.Shard, failures)
	if !f.tellAll(ctx, log, m, receivers) && !f.tellAll(ctx, log, m, fallbacks) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.failOpen[r.Shard] = before // the report comes again, and with it the next attempt
	}
}

// tellAll reports whether a receiver has, or may have, the message.
func (f *Function) tellAll(ctx context.Context, log *slog.Logger, m message.Message, to []string) bool {
	var told atomic.Bool
	var wg sync.WaitGroup
	for _, address := range to {
		receiver, ok := f.options.Receivers[address]
		if !ok {
			continue
		}
		wg.Go(func() {
			ref, outcome, err := receiver.Deliver(ctx, m, incident.Ref{})
			if outcome.Result == message.Delivered || outcome.Result == message.Unknown {
				told.Store(true)
				f.mu.Lock()
				f.unended[m.Shard] = append(f.unended[m.Shard], lastResort{address, ref, m})
				f.mu.Unlock()
			}
			log.ErrorContext(ctx, "told without store", "receiver", address, "outcome", outcome.Result, "error", err)
		})
	}
	wg.Wait()
	return told.Load()
}

// lastResort is a message that was sent without a store, and where it is. Only this process
// knows of it.
type lastResort struct {
	address string
	ref     incident.Ref
	message message.Message
}

// endFor is how long the end of a last-resort message is tried.
const endFor = time.Hour

// endLastResorts sends the end of the messages that were sent while the store was down. Of
// several to one receiver only the latest is loud.
func (f *Function) endLastResorts(ctx context.Context) {
	f.mu.Lock()
	ended := f.ended
	f.ended = nil
	f.mu.Unlock()
	if len(ended) == 0 {
		return
	}
	sending, ends := untilDeadline(ctx)
	defer ends()
	ctx, cancel := context.WithTimeout(sending, f.options.Lease/sendShare)
	defer cancel()
	latest, since := map[string]string{}, map[string]time.Time{}
	for _, e := range ended { // in the order of sending
		if since[e.message.Shard].IsZero() {
			since[e.message.Shard] = e.message.Since
		}
		latest[e.address+" "+e.message.Shard] = e.message.ID
	}
	var wg sync.WaitGroup
	for _, e := range ended {
		wg.Go(func() {
			m := e.message
			m.Since = since[m.Shard]
			m = message.RenderStoreBack(m, f.now())
			m.Loud = latest[e.address+" "+e.message.Shard] == m.ID
			_, outcome, err := f.options.Receivers[e.address].Deliver(ctx, m, e.ref)
			f.log.InfoContext(ctx, "end told", "event", "store_back", "shard", m.Shard, "receiver", e.address, "outcome", outcome.Result, "error", err)
			if outcome.Result == message.Later && f.now().Sub(e.message.At) < endFor {
				f.mu.Lock()
				defer f.mu.Unlock()
				f.ended = append(f.ended, e)
			}
		})
	}
	wg.Wait()
}

// confirmed returns the report's critical failures of pings and apps that its run has
// confirmed by trying again, or that trying again would not change.
func confirmed(r report.Report) []report.Observation {
	return slices.DeleteFunc(slices.Clone(r.Observations), func(o report.Observation) bool {
		info := o.Cause.Info()
		return o.Check != report.Ping && !o.Check.OfApp() || o.Status != report.Fail ||
			!info.Pages() || o.Attempts < 2 && info.Retry == cause.RetryYes
	})
}

// criticalReceivers returns the receivers of the failures, and their fallbacks.
func (f *Function) criticalReceivers(shard string, failures []report.Observation) (to, fallbacks []string) {
	p := f.policy(shard)
	for _, o := range failures {
		r := p.Route(o.Database, cause.SeverityCritical)
		to, fallbacks = append(to, r.Receivers...), append(fallbacks, r.Fallback...)
		for _, address := range r.Receivers {
			fallbacks = append(fallbacks, p.Receivers[address].Fallback...)
		}
	}
	slices.Sort(to)
	slices.Sort(fallbacks)
	return slices.Compact(to), slices.Compact(fallbacks)
}
