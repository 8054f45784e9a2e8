package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// maxAttempts bounds how often an append is tried. Only a run and its own retry can
// conflict, and an answer can be lost in between.
const maxAttempts = 3

type writtenHour struct {
	key, version string
	content      any
}

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

// AppendPings adds a HealthCheck run: one sample for each database, whose At is the
// run's. A run that is already there changes nothing.
func (a *Archive) AppendPings(ctx context.Context, shard string, run Run, samples map[string]report.Sample) error {
	return appendRun(ctx, a, pingPrefix(shard, run.Region), a.pingSpan, run, samples, func(s *Samples, one report.Sample) {
		one.At = run.Scheduled
		*s = *newSamples(append(slices.Collect(s.All()), one))
	})
}

// AppendReadings adds a Metrics run: one reading for each database, whose At is
// the run's. A run that is already there changes nothing.
func (a *Archive) AppendReadings(ctx context.Context, shard string, run Run, readings map[string]report.Reading) error {
	return appendRun(ctx, a, gaugePrefix(shard), a.readingSpan, run, readings, func(r *Readings, one report.Reading) {
		one.At = run.Scheduled
		r.add(one)
	})
}

// appendRun adds a run to the document of its hour by compare-and-swap. A run that is
// already there changes nothing. Where the document would be too large, the largest
// database is left out, and where it cannot be read, it is set aside and begun anew: the
// run is stored, and the error names what is lost.
func appendRun[S, Row any](ctx context.Context, a *Archive, prefix string, span time.Duration, run Run, rows map[string]Row, add func(*S, Row)) error {
	key := partKey(prefix, run.Scheduled, span)
	expires := run.Scheduled.UTC().Truncate(time.Hour).Add(time.Hour + a.retention)
	hour := a.take(prefix, key)
	content, known := hour.content.(*Document[S])
	var failed, lost error
	for range maxAttempts {
		if !known {
			doc, err := a.store.Get(ctx, key)
			switch {
			case errors.Is(err, store.ErrNotFound):
				content = &Document[S]{Of: map[string]*S{}}
			case err != nil:
				return fmt.Errorf("appending a run: %w", err)
			default:
				if content = decode[S](doc); content.Broken != nil {
					lost = fmt.Errorf("appending a run to %s: %w", key, content.Broken)
					if err := a.setAside(ctx, doc, run.Scheduled, expires); err != nil {
						return errors.Join(lost, err)
					}
				}
			}
			hour = writtenHour{key, doc.Version, content}
		}
		if slices.ContainsFunc(content.Runs, func(r Run) bool { return r.Scheduled.Equal(run.Scheduled) }) {
			a.keep(prefix, hour)
			return lost
		}
		content.Runs = append(content.Runs, run)
		slices.SortFunc(content.Runs, func(a, b Run) int { return a.Scheduled.Compare(b.Scheduled) })
		for name, row := range rows {
			if content.Of[name] == nil {
				content.Of[name] = new(S)
			}
			add(content.Of[name], row)
		}
		data, dropped, err := packFitting(content, content.Of)
		if err != nil {
			return fmt.Errorf("appending a run to %s: %w", key, err)
		}
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

// setAside keeps a document of an hour that cannot be read, which the run of that time found. It stays
// beside the hour, where readers name it, and a newer version may read it.
func (a *Archive) setAside(ctx context.Context, doc store.Doc, found, expires time.Time) error {
	doc.Key, doc.Version, doc.ExpiresAt = doc.Key+found.UTC().Format(".150405"), "", expires
	if _, err := a.store.Put(ctx, doc); err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("setting an hour aside: %w", err)
	}
	return nil
}
