package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/notify"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/store"
)

// A send begins only if this share of the lease is left before its end, and ends
// this share before it: 15 s and 15 s of 90 s.
const (
	sendShare   = 6
	marginShare = 6
)

// documentsAtOnce bounds how many incident documents are written at the same time.
const documentsAtOnce = 8

// How often results are written to the state: what a person was sent at most a moment later, so
// that a crash repeats little, and documents, which may be written twice, with the next of those
// or after a while. Firestore takes about one write a second of a document.
const (
	recordEvery     = time.Second
	documentsWithin = 10 * time.Second
)

// deliver sends claimed notices, each receiver's in their order and the receivers side by
// side. It records results as they come in, so that an accepted message does not wait for
// one that hangs. It goes on when the request was cancelled, because only this process holds
// the claims, but no longer than the request may take. It returns what the results show about receivers.
func (f *Function) deliver(ctx context.Context, shard string, notices []incident.Notice) []ReceiverHealth {
	sending, cancel := untilDeadline(ctx)
	defer cancel()
	ctx = context.WithoutCancel(ctx) // what has left is recorded whatever happens
	queues := map[string][]incident.Notice{}
	for _, n := range notices {
		queues[n.Address] = append(queues[n.Address], n)
	}
	results := make(chan notify.Result, len(notices))
	var wg sync.WaitGroup
	for address, queue := range queues {
		if address == incident.Documents {
			wg.Go(func() { f.sendDocuments(sending, queue, results) })
		} else {
			wg.Go(func() { f.sendAll(sending, queue, results) })
		}
	}
	go func() {
		wg.Wait()
		close(results)
	}()
	var health []ReceiverHealth
	var batch []notify.Result
	due := time.NewTimer(documentsWithin)
	defer due.Stop()
	recorded := time.Now().Add(-recordEvery)
	for open := true; open; {
		var r notify.Result
		select {
		case r, open = <-results:
			if open {
				batch = append(batch, r)
				if r.Address != incident.Documents {
					due.Reset(max(0, recordEvery-time.Since(recorded)))
				}
				continue
			}
		case <-due.C:
		}
		if len(batch) == 0 {
			continue
		}
		f.record(ctx, shard, batch)
		recorded = time.Now()
		due.Reset(documentsWithin)
		for _, r := range batch {
			known := slices.ContainsFunc(health, func(h ReceiverHealth) bool { return h.Address == r.Address })
			if r.Address != incident.Documents && !known && (r.Result == message.Refused || r.Result == message.Delivered && !r.Unsent) {
				health = append(health, ReceiverHealth{Address: r.Address, Problem: r.Reason})
			}
		}
		batch = nil
	}
	for i := range health {
		health[i].Minor = health[i].Problem != "" && slices.ContainsFunc(notices, func(n incident.Notice) bool {
			return n.Address == health[i].Address && siblingTook(n, health)
		})
	}
	return health
}

// untilDeadline returns a context that is not cancelled with ctx, and that ends at its deadline.
func untilDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, limited := ctx.Deadline()
	ctx = context.WithoutCancel(ctx)
	if !limited {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, deadline)
}

// siblingTook reports whether another recipient of the notice's receiver has the incident.
func siblingTook(n incident.Notice, health []ReceiverHealth) bool {
	name, _, _ := strings.Cut(n.Address, "/")
	sibling := func(address string) bool { return address != n.Address && strings.HasPrefix(address, name+"/") }
	for address, d := range n.Thread().Deliveries {
		if sibling(address) && d.Open && d.Refused == "" {
			return true
		}
	}
	return slices.ContainsFunc(health, func(h ReceiverHealth) bool { return sibling(h.Address) && h.Problem == "" })
}

// sendAll sends a receiver's notices one after the other. Once the receiver asks for a
// pause, the rest is not tried.
func (f *Function) sendAll(ctx context.Context, queue []incident.Notice, results chan<- notify.Result) {
	var pause message.Outcome
	for _, n := range queue {
		r := result(n)
		if pause.RetryAfter > 0 {
			r.Outcome = pause
		} else if r = f.send(ctx, n); r.Result == message.Later {
			pause = r.Outcome
		}
		results <- r
	}
}

func result(n incident.Notice) notify.Result {
	return notify.Result{ID: n.ID(), Address: n.Address, Owner: n.Owner, Want: n.Want, Open: n.Open}
}

// send renders one notice from what was claimed and delivers it inside its lease.
func (f *Function) send(ctx context.Context, n incident.Notice) notify.Result {
	r := result(n)
	receiver, ok := f.options.Receivers[n.Address]
	if !ok {
		r.Outcome = message.Outcome{Result: message.Refused, Reason: cmp.Or(f.options.Problems[n.Address], "the receiver is not configured")}
		return r
	}
	now := f.now()
	end := n.Until.Add(-f.options.Lease / marginShare)
	deadline, limited := ctx.Deadline()
	if !now.Add(f.options.Lease/sendShare).Before(end) || limited && time.Until(deadline) < f.options.Lease/sendShare {
		r.Outcome = message.Outcome{Result: message.Later, Reason: "no time left to send"}
		return r
	}
	m := message.Render(n, f.options.Context(ctx))
	f.options.Observe(Sending)
	// The clock of the lease may be a test's; what is left of it is not.
	ctx, cancel := context.WithTimeout(ctx, min(end.Sub(now), f.options.Lease/sendShare))
	defer cancel()
	var err error
	r.Ref, r.Outcome, err = receiver.Deliver(ctx, m, n.Previous)
	f.options.Observe(Sent)
	switch {
	case r.Result == message.Delivered:
		r.Reason = ""
	case r.Reason == "" && err != nil:
		r.Reason = err.Error()
	case r.Reason == "":
		r.Reason = string(r.Result)
	}
	f.logDelivery(ctx, n, r, f.now().Sub(now))
	return r
}

// sendDocuments writes incidents' documents, several at once.
func (f *Function) sendDocuments(ctx context.Context, queue []incident.Notice, results chan<- notify.Result) {
	var group errgroup.Group
	group.SetLimit(documentsAtOnce)
	for _, n := range queue {
		group.Go(func() error {
			r := result(n)
			if err := f.writeDocument(ctx, n); err != nil {
				r.Result, r.Reason = message.Later, err.Error()
			} else {
				r.Result, r.Ref = message.Delivered, incident.Ref{ID: n.ID()}
			}
			results <- r
			return nil
		})
	}
	_ = group.Wait() // each result holds its error
}

// writeDocument keeps the newer revision if another worker is writing too.
func (f *Function) writeDocument(ctx context.Context, n incident.Notice) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	key := incident.DocumentKey(n.Shard, n.Document.ID)
	doc, err := f.store.Get(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		doc = store.Doc{Key: key}
	case err != nil:
		return err
	default:
		if old, err := incident.DecodeDocument(doc.Data); err == nil && old.Rev > n.Document.Rev {
			return nil
		}
	}
	document := *n.Document
	document.Configuration = f.configuration(n.Shard, document)
	if doc.Data, err = incident.EncodeDocument(document); err != nil {
		return err
	}
	doc.Schema = incident.DocumentSchema
	doc.ExpiresAt = n.Document.Opened.Add(time.Duration(f.config.History.IncidentDays) * 24 * time.Hour)
	if _, err := f.store.Put(ctx, doc); err != nil {
		return fmt.Errorf("writing incident: %w", err)
	}
	return nil
}

// configuration returns what an incident was decided by.
func (f *Function) configuration(shard string, d incident.Document) *incident.Configuration {
	threshold := f.policy(shard).Rule(d.Series).For(d.Cause)
	c := &incident.Configuration{
		Hash: f.hash, Open: threshold.Open, OpenBad: threshold.OpenBad, OpenOf: threshold.OpenOf, Close: threshold.Close,
	}
	if database := f.config.Database(d.Series.Database); database != nil {
		c.EverySeconds = int64(database.Checks.Of(d.Series.Check).Every / time.Second)
	}
	return c
}

// record merges results into the state, however often other workers write in between. If
// it cannot write, the leases run out and what was sent may be sent once more.
func (f *Function) record(ctx context.Context, shard string, results []notify.Result) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	var err error
	for try := range contendTries {
		err = f.update(ctx, shard, func(s incident.State) incident.State { return notify.Record(s, results, f.policy(shard), f.now()) })
		if err == nil {
			f.options.Observe(Recorded)
			return
		}
		if sleep(ctx, f.options.Jitter(contendPause<<try)) != nil {
			break
		}
	}
	f.log.ErrorContext(ctx, "deliveries cannot be recorded and may be repeated", "event", "unrecorded", "shard", shard, "results", len(results), "error", err)
}
