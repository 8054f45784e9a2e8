// Package history keeps what was observed: every ping of some days in documents of
// one hour and region, every Metrics run in documents of one hour, and what a nightly
// compaction makes of them, in documents of one day.
//
// Each document has one writing function, HealthCheck or Metrics. An append is
// idempotent by the run's scheduled time, so a scheduler that retries writes once.
// What is missing stays missing: a run that never was, or in which a database was not
// watched, is a gap and never a good value.
//
// Hours and days are UTC. Documents are gzip over JSON, with columns of numbers in
// base64. Additions to the JSON do not raise the schema number.
package history

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pongwatch/pongwatch/shared/store"
)

const day = 24 * time.Hour

// dayLayout names a day in keys and documents.
const dayLayout = time.DateOnly

// defaultRetention is how long the documents of single runs are kept after their hour
// unless [Archive.Keep] says otherwise.
const defaultRetention = 3 * day

// maxAttempts bounds how often an append is tried. Only a run and its own retry can
// conflict, and an answer can be lost in between.
const maxAttempts = 3

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

func byScheduled(a, b Run) int { return a.Scheduled.Compare(b.Scheduled) }

// Archive reads and writes history in a store. It is safe for concurrent use.
type Archive struct {
	store     store.Store
	retention time.Duration

	mu sync.Mutex
	// written has the document that was written last under each prefix. The next run
	// most likely appends to it, which saves a read.
	written map[string]writtenHour
}

type writtenHour struct {
	key, version string
	content      any
}

// New returns the archive in s.
func New(s store.Store) *Archive {
	return &Archive{store: s, retention: defaultRetention, written: map[string]writtenHour{}}
}

// Keep sets for how many days the documents of single runs are kept, and returns the
// archive. The least is two, because compaction needs a whole day of them.
func (a *Archive) Keep(days int) *Archive {
	a.retention = time.Duration(max(2, days)) * day
	return a
}

// Retention is how long the documents of single runs are kept after their hour.
func (a *Archive) Retention() time.Duration { return a.retention }

// take removes and returns the document under key, so that one append alone changes it.
func (a *Archive) take(prefix, key string) writtenHour {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.written[prefix]
	delete(a.written, prefix)
	if w.key != key {
		return writtenHour{}
	}
	return w
}

func (a *Archive) keep(prefix string, w writtenHour) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.written[prefix] = w
}

// hourDocument is an hour's content, with a row for each run and database.
type hourDocument[Row any] interface {
	has(scheduled time.Time) bool
	add(run Run, rows map[string]Row)
}

// appendRun adds a run to the document of its hour by compare-and-swap. A run that is
// already there changes nothing.
func appendRun[Row any, Hour hourDocument[Row]](
	ctx context.Context, a *Archive, prefix string, run Run, rows map[string]Row, empty func() Hour, decode func(store.Doc) (Hour, error),
) error {
	key := hourKey(prefix, run.Scheduled)
	hour := a.take(prefix, key)
	content, known := hour.content.(Hour)
	var failed error
	for range maxAttempts {
		if !known {
			doc, err := a.store.Get(ctx, key)
			switch {
			case errors.Is(err, store.ErrNotFound):
				content = empty()
			case err != nil:
				return fmt.Errorf("appending a run: %w", err)
			default:
				if content, err = decode(doc); err != nil {
					return fmt.Errorf("appending a run to %s: %w", key, err)
				}
			}
			hour = writtenHour{key, doc.Version, content}
		}
		if content.has(run.Scheduled) {
			a.keep(prefix, hour)
			return nil
		}
		content.add(run, rows)
		data, err := pack(content)
		if err != nil {
			return fmt.Errorf("appending a run to %s: %w", key, err)
		}
		expires := run.Scheduled.UTC().Truncate(time.Hour).Add(time.Hour + a.retention)
		doc, err := a.store.Put(ctx, store.Doc{Key: key, Data: data, Version: hour.version, ExpiresAt: expires, Schema: schema})
		if err == nil {
			hour.version = doc.Version
			a.keep(prefix, hour)
			return nil
		}
		failed = err
		if errors.Is(err, store.ErrTooLarge) || ctx.Err() != nil {
			break
		}
		// After a conflict or a lost answer, the document itself shows whether the run
		// is in it.
		known = false
	}
	return fmt.Errorf("appending a run: %w", failed)
}

// runs lists a document's runs in the order of their arrival.
type runs struct {
	List []Run `json:"runs"`
}

func (r *runs) has(scheduled time.Time) bool {
	return slices.ContainsFunc(r.List, func(run Run) bool { return run.Scheduled.Equal(scheduled) })
}

// Hour is when the hour begins, zero while it has no run.
func (r *runs) Hour() time.Time {
	if len(r.List) == 0 {
		return time.Time{}
	}
	return r.List[0].Scheduled.UTC().Truncate(time.Hour)
}

// Runs returns the hour's runs by scheduled time.
func (r *runs) Runs() []Run { return slices.SortedFunc(slices.Values(r.List), byScheduled) }

// hourKey is the key of the document under prefix that holds t.
func hourKey(prefix string, t time.Time) string { return prefix + t.UTC().Format("2006-01-02T15") }

// dayKey is the key of the document under prefix that holds t's day.
func dayKey(prefix string, t time.Time) string { return prefix + t.UTC().Format(dayLayout) }

// between returns the decoded documents with from ≤ key < to, in order. It decodes as many
// at once as there are processors, because a page waits for some days of them.
func between[D any](ctx context.Context, s store.Store, from, to string, decode func(store.Doc) (D, error)) ([]D, error) {
	var docs []store.Doc
	for doc, err := range s.Range(ctx, from, to) {
		if err != nil {
			return nil, fmt.Errorf("reading history: %w", err)
		}
		docs = append(docs, doc)
	}
	out := make([]D, len(docs))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, doc := range docs {
		group.Go(func() (err error) {
			if out[i], err = decode(doc); err != nil {
				return fmt.Errorf("reading %s: %w", doc.Key, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return out, nil
}

// latest returns the decoded document of now's hour, or else of the hour before.
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
