package history

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// CompactAfter is how long after its end a day may be compacted: by then its last run
// has been recorded.
const CompactAfter = 10 * time.Minute

// writers is how many documents a compaction writes at once.
const writers = 8

// Compaction says what to compact and how long to keep what comes of it.
type Compaction struct {
	Shard string
	// Regions are those whose pings there may be.
	Regions []string
	// SampleDays and RollupDays are how long the samples of single pings and the
	// day's summary are kept.
	SampleDays, RollupDays int
}

// Due returns the days that have ended, may be compacted by now, whose hours are still
// there, and that were not compacted, oldest first.
func (a *Archive) Due(ctx context.Context, shard string, now time.Time) ([]time.Time, error) {
	var due []time.Time
	last := now.Add(-CompactAfter).UTC().Truncate(day).Add(-day)
	for t := last.Add(-a.retention + 2*day); !t.After(last); t = t.Add(day) {
		done, err := a.Compacted(ctx, shard, t)
		if err != nil {
			return nil, err
		}
		if !done {
			due = append(due, t)
		}
	}
	return due, nil
}

// Compact makes one document of samples for each database, and last the day's summary,
// whose presence says that the day is compacted. It changes no hour and makes the same
// of the same hours, so a compaction that was cut short is made again. What cannot be read,
// or would be too large, is left out and named by the error; the day is compacted all the same.
func (a *Archive) Compact(ctx context.Context, c Compaction, t time.Time) error {
	from := t.UTC().Truncate(day)
	summary := &Day{Day: from.Format(dayLayout), Shard: c.Shard, Databases: map[string]*DatabaseDay{}}
	if err := a.compact(ctx, c, from, summary); err != nil {
		return fmt.Errorf("compacting %s of %s: %w", summary.Day, c.Shard, err)
	}
	return nil
}

func (a *Archive) compact(ctx context.Context, c Compaction, from time.Time, summary *Day) error {
	end := from.Add(day - time.Second)
	samples := map[string]*SampleDay{}
	var leftOut error
	for _, region := range c.Regions {
		hours, err := a.Pings(ctx, c.Shard, region, from, end)
		if err != nil {
			return err
		}
		leftOut = errors.Join(leftOut, brokenOf(hours))
		byDatabase := map[string][]report.Sample{}
		for _, h := range hours {
			for _, name := range h.Databases() {
				byDatabase[name] = slices.AppendSeq(byDatabase[name], h.Each(name))
			}
		}
		for name, list := range byDatabase {
			if len(list) == 0 {
				continue
			}
			if samples[name] == nil {
				samples[name] = newSampleDay(name, summary.Day)
			}
			samples[name].add(region, list)
			of := summary.of(name)
			var tally Tally
			for _, s := range list {
				tally.Add(s)
			}
			of.Regions = append(of.Regions, RegionSummary{region, tally.Summary()})
		}
	}
	// The hour before has the base from which the day's counters grow.
	hours, err := a.Readings(ctx, c.Shard, from.Add(-time.Hour), end)
	if err != nil {
		return err
	}
	leftOut = errors.Join(leftOut, brokenOf(hours))
	names := map[string]bool{}
	for _, h := range hours {
		for name := range h.Series {
			names[name] = true
		}
	}
	for name := range names {
		if f := SumUp(hours, name, from); f != (Figures{}) {
			summary.of(name).Figures = f
		}
	}
	var group errgroup.Group
	var mu sync.Mutex
	left := func(dropped, err error) error {
		mu.Lock()
		defer mu.Unlock()
		leftOut = errors.Join(leftOut, dropped)
		return err
	}
	group.SetLimit(writers)
	for d := range maps.Values(samples) {
		group.Go(func() error {
			return left(a.createSamples(ctx, d, from.Add(time.Duration(c.SampleDays+1)*day)))
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	err = left(create(ctx, a, store.Doc{Key: dayKey(dayPrefix(c.Shard), from), ExpiresAt: from.Add(time.Duration(c.RollupDays+1) * day)}, summary, summary.Databases))
	if errors.Is(err, store.ErrConflict) {
		err = nil // another compaction made the same of the same
	}
	return errors.Join(err, leftOut)
}

func (d *Day) of(name string) *DatabaseDay {
	if d.Databases[name] == nil {
		d.Databases[name] = &DatabaseDay{}
	}
	return d.Databases[name]
}

// createSamples writes a database's day. Where another shard, from which the database was
// moved that day, has written its part, the two are merged.
func (a *Archive) createSamples(ctx context.Context, d *SampleDay, expires time.Time) (dropped, err error) {
	doc := store.Doc{Key: dayKey(samplePrefix(d.Database), d.Date()), ExpiresAt: expires}
	for range maxAttempts {
		dropped, err = create(ctx, a, doc, d, d.Series)
		if !errors.Is(err, store.ErrConflict) {
			return dropped, err
		}
		there, failed := a.store.Get(ctx, doc.Key)
		if failed != nil && !errors.Is(failed, store.ErrNotFound) {
			return nil, fmt.Errorf("reading %s: %w", doc.Key, failed)
		}
		doc.Version = there.Version
		before, failed := decodeSamples(there)
		if failed != nil {
			continue // what cannot be read is written anew
		}
		merged := before.merge(d)
		if merged == nil {
			return nil, nil
		}
		d = merged
	}
	return dropped, err
}

// create writes what a compaction made in place of doc's version.
func create[S any](ctx context.Context, a *Archive, doc store.Doc, body any, series map[string]S) (dropped, err error) {
	doc.Data, dropped, err = packFitting(body, series)
	if err == nil {
		doc.Schema = schema
		_, err = a.store.Put(ctx, doc)
	}
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", doc.Key, err)
	}
	if dropped != nil {
		dropped = fmt.Errorf("writing %s: %w", doc.Key, dropped)
	}
	return dropped, nil
}
