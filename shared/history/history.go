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
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pongwatch/pongwatch/shared/store"
)

const day = 24 * time.Hour

// dayLayout names a day in keys and documents, hourLayout an hour in keys, and partLayout
// what lies inside an hour.
const (
	dayLayout  = time.DateOnly
	hourLayout = "2006-01-02T15"
	partLayout = hourLayout + "-04-05"
)

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
	// pingSpan and readingSpan are how much of an hour one document holds.
	pingSpan, readingSpan time.Duration

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
	return &Archive{store: s, retention: defaultRetention, pingSpan: time.Hour, readingSpan: time.Hour, written: map[string]writtenHour{}}
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
	// pack drops the largest series if it must, which dropped names.
	pack() (data []byte, dropped, err error)
}

// appendRun adds a run to the document of its hour by compare-and-swap. A run that is
// already there changes nothing. Where the document would be too large, the largest
// database is left out, and where it cannot be read, it is set aside and begun anew: the
// run is stored, and the error names what is lost.
func appendRun[Row any, Hour hourDocument[Row]](
	ctx context.Context, a *Archive, prefix string, span time.Duration, run Run, rows map[string]Row, empty func() Hour, decode func(store.Doc) (Hour, error),
) error {
	key := partKey(prefix, run.Scheduled, span)
	hour := a.take(prefix, key)
	content, known := hour.content.(Hour)
	var failed, lost error
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
					lost = fmt.Errorf("appending a run to %s: %w", key, err)
					if err := a.setAside(ctx, doc, run); err != nil {
						return errors.Join(lost, err)
					}
					content = empty()
				}
			}
			hour = writtenHour{key, doc.Version, content}
		}
		if content.has(run.Scheduled) {
			a.keep(prefix, hour)
			return lost
		}
		content.add(run, rows)
		data, dropped, err := content.pack()
		if err != nil {
			return fmt.Errorf("appending a run to %s: %w", key, err)
		}
		expires := run.Scheduled.UTC().Truncate(time.Hour).Add(time.Hour + a.retention)
		doc, err := a.store.Put(ctx, store.Doc{Key: key, Data: data, Version: hour.version, ExpiresAt: expires, Schema: schema})
		if err == nil {
			hour.version = doc.Version
			a.keep(prefix, hour)
			if dropped != nil {
				return fmt.Errorf("appending a run to %s: %w", key, dropped)
			}
			return lost
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

// setAside keeps a document of an hour that cannot be read, from the run that found it so. It stays
// beside the hour, where readers name it, and a newer version may read it.
func (a *Archive) setAside(ctx context.Context, doc store.Doc, run Run) error {
	doc.Key, doc.Version = doc.Key+run.Scheduled.UTC().Format(".150405"), ""
	doc.ExpiresAt = run.Scheduled.UTC().Truncate(time.Hour).Add(time.Hour + a.retention)
	if _, err := a.store.Put(ctx, doc); err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("setting an hour aside: %w", err)
	}
	return nil
}

// runs lists a document's runs in the order of their arrival.
type runs struct {
	List []Run `json:"runs"`

	damage
}

// damage is why a document that was read is empty, and when its hour or day begins. Of hours
// that could be read, the runs say it.
type damage struct {
	broken error
	begins time.Time
}

// Broken is why nothing of the document could be read, nil where it could.
func (d *damage) Broken() error { return d.broken }

// found sets why the document could not be read.
func (d *damage) found(doc store.Doc, err error) {
	name := doc.Key[strings.LastIndexByte(doc.Key, '/')+1:]
	d.broken = fmt.Errorf("reading %s: %w", doc.Key, err)
	for _, layout := range []string{partLayout, hourLayout, dayLayout} {
		begin, _, _ := strings.Cut(name, ".")
		if t, err := time.Parse(layout, begin); err == nil {
			d.begins = t
		}
	}
}

// brokenOf joins why documents could not be read.
func brokenOf[D interface{ Broken() error }](docs []D) error {
	var all error
	for _, d := range docs {
		all = errors.Join(all, d.Broken())
	}
	return all
}

func (r *runs) has(scheduled time.Time) bool {
	return slices.ContainsFunc(r.List, func(run Run) bool { return run.Scheduled.Equal(scheduled) })
}

// Hour is when the hour begins, zero while it has no run.
func (r *runs) Hour() time.Time {
	if len(r.List) == 0 {
		return r.begins
	}
	return r.List[0].Scheduled.UTC().Truncate(time.Hour)
}

// Runs returns the hour's runs by scheduled time.
func (r *runs) Runs() []Run { return slices.SortedFunc(slices.Values(r.List), byScheduled) }

// hourKey is the key of the document under prefix that holds t.
func hourKey(prefix string, t time.Time) string { return prefix + t.UTC().Format(hourLayout) }

// dayKey is the key of the document under prefix that holds t's day.
func dayKey(prefix string, t time.Time) string { return prefix + t.UTC().Format(dayLayout) }

// document is an hour or a day that may have been damaged.
type document interface {
	found(doc store.Doc, err error)
	Broken() error
}

// between returns the documents with from ≤ key < to, in order. One that cannot be decoded
// is there, empty, and says so by Broken: it costs no other. It decodes as many at once as
// there are processors, because a page waits for some days of them.
func between[D document](ctx context.Context, s store.Store, from, to string, decode func(store.Doc) (D, error)) ([]D, error) {
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
		group.Go(func() error {
			var err error
			if out[i], err = decode(doc); err != nil {
				out[i].found(doc, err)
			}
			return nil
		})
	}
	_ = group.Wait() // no function fails
	return out, nil
}
