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
	"time"

	"github.com/pongwatch/pongwatch/shared/store"
)

// Retention is how long the documents of single runs are kept after their hour.
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
type Archive struct{ store store.Store }

// New returns the archive in s.
func New(s store.Store) *Archive { return &Archive{store: s} }

// document is one hour's content, able to take one more run.
type document interface {
	// has reports whether a run scheduled at t was appended.
	has(t time.Time) bool
	encode() ([]byte, error)
}

// update appends to the document under key by compare-and-swap. decode makes the
// document from its data, nil for a new one; add puts the run into it.
func update[D document](ctx context.Context, s store.Store, key string, run Run, expires time.Time, decode func([]byte, int) (D, error), add func(D)) error {
	var last error
	for range maxAttempts {
		old, err := s.Get(ctx, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("appending a run: %w", err)
		}
		d, err := decode(old.Data, old.Schema)
		if err != nil {
			return fmt.Errorf("appending a run to %s: %w", key, err)
		}
		if d.has(run.Scheduled) {
			return nil
		}
		add(d)
		data, err := d.encode()
		if err != nil {
			return fmt.Errorf("appending a run to %s: %w", key, err)
		}
		_, last = s.Put(ctx, store.Doc{Key: key, Data: data, Version: old.Version, ExpiresAt: expires, Schema: Schema})
		if last == nil {
			return nil
		}
		if errors.Is(last, store.ErrTooLarge) || ctx.Err() != nil {
			break
		}
		// After a conflict, and after an answer that may have been lost, the
		// document itself says whether the run is in it.
	}
	return fmt.Errorf("appending a run: %w", last)
}

// hourKey is the key of the document that holds t under prefix.
func hourKey(prefix string, t time.Time) string { return prefix + t.UTC().Format("2006-01-02T15") }

// expiry is when the document of t's hour goes.
func expiry(t time.Time) time.Time {
	return t.UTC().Truncate(time.Hour).Add(time.Hour + Retention)
}

// documents yields the decoded documents under prefix whose hours touch [from, to].
func documents[D any](ctx context.Context, s store.Store, prefix string, from, to time.Time, decode func([]byte, int) (D, error)) ([]D, error) {
	var out []D
	upper := hourKey(prefix, to.UTC().Truncate(time.Hour).Add(time.Hour))
	for doc, err := range s.Range(ctx, hourKey(prefix, from), upper) {
		if err != nil {
			return nil, fmt.Errorf("reading history: %w", err)
		}
		d, err := decode(doc.Data, doc.Schema)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", doc.Key, err)
		}
		out = append(out, d)
	}
	return out, nil
}

// latest returns the document of now's hour, or of the hour before.
func latest[D any](ctx context.Context, s store.Store, prefix string, now time.Time, decode func([]byte, int) (D, error)) (d D, ok bool, err error) {
	for _, t := range []time.Time{now, now.Add(-time.Hour)} {
		doc, err := s.Get(ctx, hourKey(prefix, t))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return d, false, fmt.Errorf("reading history: %w", err)
		}
		if d, err = decode(doc.Data, doc.Schema); err != nil {
			return d, false, fmt.Errorf("reading %s: %w", doc.Key, err)
		}
		return d, true, nil
	}
	return d, false, nil
}
