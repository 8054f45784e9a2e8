package history

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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
// of the same hours, so a compaction that was cut short is made again.
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
	for _, region := range c.Regions {
		hours, err := a.Pings(ctx, c.Shard, region, from, end)
		if err != nil {
			return err
		}
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
				samples[name] = &SampleDay{sampleBody{Database: name, Day: summary.Day, Series: map[string]*sampleSeries{}}}
			}
			samples[name].add(region, list)
			of := summary.of(name)
			of.Regions = append(of.Regions, RegionSummary{region, summarize(list)})
		}
	}
	// The hour before has the base from which the day's counters grow.
	hours, err := a.Readings(ctx, c.Shard, from.Add(-time.Hour), end)
	if err != nil {
		return err
	}
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
	group.SetLimit(writers)
	for d := range maps.Values(samples) {
		group.Go(func() error {
			return a.create(ctx, dayKey(samplePrefix(d.Database), from), d, from.Add(time.Duration(c.SampleDays+1)*day))
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return a.create(ctx, dayKey(dayPrefix(c.Shard), from), summary, from.Add(time.Duration(c.RollupDays+1)*day))
}

func (d *Day) of(name string) *DatabaseDay {
	if d.Databases[name] == nil {
		d.Databases[name] = &DatabaseDay{}
	}
	return d.Databases[name]
}

// create writes what a compaction made. Every compaction of a day makes the same, so a
// document that is already there stays.
func (a *Archive) create(ctx context.Context, key string, body any, expires time.Time) error {
	data, err := pack(body)
	if err != nil {
		return fmt.Errorf("writing %s: %w", key, err)
	}
	_, err = a.store.Put(ctx, store.Doc{Key: key, Data: data, ExpiresAt: expires, Schema: schema})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("writing %s: %w", key, err)
	}
	return nil
}
