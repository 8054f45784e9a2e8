// Package history keeps what was observed: every ping of three days in documents
// of one hour and region, and every Metrics run of three days in documents of one
// hour.
//
// Each document has one writing function, HealthCheck or Metrics, and an append is
// idempotent by the run's scheduled time, so that a scheduler which retries writes
// once. What is missing stays missing: a run that never was, or in which a database
// was not watched, is a gap and never a good value.
//
// Hours are UTC. Documents are gzip over JSON; columns of numbers inside are
// base64 of unsigned varints, which makes 250 databases at a run a minute 75 KB an
// hour. Additions to the JSON do not raise the schema number.
package history

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pongwatch/pongwatch/shared/store"
)

// Retention is how long the documents of single runs are kept after their hour unless
// [Archive.Keep] says otherwise.
const Retention = 72 * time.Hour

// maxAttempts bounds how often an append is tried against another writer: only a
// run and its own retry can meet, and an answer can be lost in between.
const maxAttempts = 3

// ErrNewer says that a document was written by a newer version: appending to it
// would lose what this version cannot read.
var ErrNewer = errors.New("document of a newer version")

// Run is one run of a job.
type Run struct {
	// Scheduled is the time for which the scheduler meant the run.
	Scheduled time.Time `json:"scheduled"`
	// Started and Finished are when it ran.
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	// Region is where it ran.
	Region string `json:"region,omitempty"`
}

// Lag is how late the run began.
func (r Run) Lag() time.Duration { return r.Started.Sub(r.Scheduled) }

// Archive reads and writes history in a store. It is safe for concurrent use.
type Archive struct {
	store     store.Store
	retention time.Duration
	pings     written[*PingHour]
	gauges    written[*GaugeHour]
}

// New returns the archive in s.
func New(s store.Store) *Archive { return &Archive{store: s, retention: Retention} }

// Keep sets for how many days the documents of single runs are kept, and returns the
// archive. Fewer than two would be gone before their day is compacted.
func (a *Archive) Keep(days int) *Archive {
	a.retention = time.Duration(max(2, days)) * day
	return a
}

// Retention is how long the documents of single runs are kept after their hour.
func (a *Archive) Retention() time.Duration { return a.retention }

// document is one hour's content, able to take one more run.
type document interface {
	// has reports whether a run scheduled at t was appended.
	has(t time.Time) bool
	encode() ([]byte, error)
}

// written keeps the document that was written last under each prefix, since the next
// run most likely appends to it: that saves a read and the decoding. Another writer's
// run shows as a conflict. The zero value is ready.
type written[D document] struct {
	mu       sync.Mutex
	byPrefix map[string]version[D]
}

// version is a document as it is in the store.
type version[D document] struct {
	key, version string
	content      D
}

// take returns the document under key, which then belongs to the caller alone.
func (w *written[D]) take(prefix, key string) (version[D], bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.byPrefix[prefix]
	delete(w.byPrefix, prefix)
	return v, ok && v.key == key
}

func (w *written[D]) keep(prefix string, v version[D]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byPrefix == nil {
		w.byPrefix = map[string]version[D]{}
	}
	w.byPrefix[prefix] = v
}

// appending is how a run gets into a document.
type appending[D document] struct {
	store  store.Store
	kept   *written[D]
	prefix string
	run    Run
	keep   time.Duration
	// decode makes the document from its data, nil for a new one.
	decode func(data []byte, schema int) (D, error)
	add    func(D)
}

// do appends by compare-and-swap.
func (a appending[D]) do(ctx context.Context) error {
	key := hourKey(a.prefix, a.run.Scheduled)
	v, known := a.kept.take(a.prefix, key)
	var last error
	for range maxAttempts {
		if !known {
			var err error
			if v, err = a.read(ctx, key); err != nil {
				return err
			}
		}
		if v.content.has(a.run.Scheduled) {
			a.kept.keep(a.prefix, v)
			return nil
		}
		a.add(v.content)
		data, err := v.content.encode()
		if err != nil {
			return fmt.Errorf("appending a run to %s: %w", key, err)
		}
		var doc store.Doc
		doc, last = a.store.Put(ctx, store.Doc{Key: key, Data: data, Version: v.version, ExpiresAt: expiry(a.run.Scheduled, a.keep), Schema: Schema})
		if last == nil {
			v.version = doc.Version
			a.kept.keep(a.prefix, v)
			return nil
		}
		if errors.Is(last, store.ErrTooLarge) || ctx.Err() != nil {
			break
		}
		// After a conflict, and after an answer that may have been lost, the
		// document itself says whether the run is in it.
		known = false
	}
	return fmt.Errorf("appending a run: %w", last)
}

func (a appending[D]) read(ctx context.Context, key string) (version[D], error) {
	doc, err := a.store.Get(ctx, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return version[D]{}, fmt.Errorf("appending a run: %w", err)
	}
	content, err := a.decode(doc.Data, doc.Schema)
	if err != nil {
		return version[D]{}, fmt.Errorf("appending a run to %s: %w", key, err)
	}
	return version[D]{key, doc.Version, content}, nil
}

// hourKey is the key of the document that holds t under prefix.
func hourKey(prefix string, t time.Time) string { return prefix + t.UTC().Format("2006-01-02T15") }

// expiry is when the document of t's hour goes.
func expiry(t time.Time, keep time.Duration) time.Time {
	return t.UTC().Truncate(time.Hour).Add(time.Hour + keep)
}

// documents yields the decoded documents under prefix whose hours touch [from, to].
func documents[D any](ctx context.Context, s store.Store, prefix string, from, to time.Time, decode func([]byte, int) (D, error)) ([]D, error) {
	var slots []*D
	// As many at once as there are processors: a page waits for three days of them.
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	upper := hourKey(prefix, to.UTC().Truncate(time.Hour).Add(time.Hour))
	for doc, err := range s.Range(ctx, hourKey(prefix, from), upper) {
		if err != nil {
			_ = group.Wait() // of two errors the first to be seen is told
			return nil, fmt.Errorf("reading history: %w", err)
		}
		slot := new(D)
		slots = append(slots, slot)
		group.Go(func() (err error) {
			if *slot, err = decode(doc.Data, doc.Schema); err != nil {
				return fmt.Errorf("reading %s: %w", doc.Key, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	out := make([]D, len(slots))
	for i, slot := range slots {
		out[i] = *slot
	}
	return out, nil
}

// latest returns what decode makes of the document of now's hour, or of the hour before.
func latest[D any](ctx context.Context, s store.Store, prefix string, now time.Time, decode func(store.Doc) (D, error)) (d D, ok bool, err error) {
	for _, t := range []time.Time{now, now.Add(-time.Hour)} {
		doc, err := s.Get(ctx, hourKey(prefix, t))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return d, false, fmt.Errorf("reading history: %w", err)
		}
		if d, err = decode(doc); err != nil {
			return d, false, fmt.Errorf("reading %s: %w", doc.Key, err)
		}
		return d, true, nil
	}
	return d, false, nil
}

// Versions returns the versions of the newest documents of a shard's readings and of
// its pings from each region, empty where there is none. They change with every run.
func (a *Archive) Versions(ctx context.Context, shard string, regions []string, now time.Time) ([]string, error) {
	prefixes := []string{gaugePrefix(shard)}
	for _, region := range regions {
		prefixes = append(prefixes, pingPrefix(shard, region))
	}
	out := make([]string, 0, len(prefixes))
	for _, prefix := range prefixes {
		version, _, err := latest(ctx, a.store, prefix, now, func(d store.Doc) (string, error) { return d.Key + "@" + d.Version, nil })
		if err != nil {
			return nil, err
		}
		out = append(out, version)
	}
	return out, nil
}
