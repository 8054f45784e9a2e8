package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
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
// of the same hours, so one that was cut short is simply made again.
func (a *Archive) Compact(ctx context.Context, c Compaction, t time.Time) error {
	from := t.UTC().Truncate(day)
	summary := &Day{Day: from.Format(dayLayout), Shard: c.Shard, Databases: map[string]*DatabaseDay{}}
	samples, err := a.collect(ctx, c, from, summary)
	if err != nil {
		return fmt.Errorf("compacting %s of %s: %w", summary.Day, c.Shard, err)
	}
	if err := a.sumUp(ctx, c.Shard, from, summary); err != nil {
		return fmt.Errorf("compacting %s of %s: %w", summary.Day, c.Shard, err)
	}
	if err := a.placeAll(ctx, samples, from.Add(time.Duration(c.SampleDays+1)*day)); err != nil {
		return fmt.Errorf("compacting %s of %s: %w", summary.Day, c.Shard, err)
	}
	return a.place(ctx, dayKey(c.Shard, from), summary, from.Add(time.Duration(c.RollupDays+1)*day))
}

// collect reads the day's pings of every region.
func (a *Archive) collect(ctx context.Context, c Compaction, from time.Time, summary *Day) (map[string]*SampleDay, error) {
	out := map[string]*SampleDay{}
	for _, region := range c.Regions {
		hours, err := a.Pings(ctx, c.Shard, region, from, from.Add(day-time.Second))
		if err != nil {
			return nil, err
		}
		byDatabase := map[string][]report.Sample{}
		for _, h := range hours {
			for _, name := range h.Databases() {
				// A broken column is a gap, not the end of everybody's day.
				byDatabase[name] = slices.AppendSeq(byDatabase[name], h.Each(name))
			}
		}
		for name, samples := range byDatabase {
			if len(samples) == 0 {
				continue
			}
			if out[name] == nil {
				out[name] = &SampleDay{sampleBody{Database: name, Day: summary.Day, Regions: map[string]*sampleSeries{}}}
			}
			out[name].add(region, samples)
			of := summary.of(name)
			of.Regions = append(of.Regions, RegionSummary{region, Summarize(samples)})
		}
	}
	return out, nil
}

// sumUp reads the day's readings, and the hour before's, where counters stood.
func (a *Archive) sumUp(ctx context.Context, shard string, from time.Time, summary *Day) error {
	hours, err := a.Readings(ctx, shard, from.Add(-time.Hour), from.Add(day-time.Second))
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, h := range hours {
		for name := range h.body.Databases {
			names[name] = true
		}
	}
	for name := range names {
		if f := SumUp(hours, name, from); f != (Figures{}) {
			summary.of(name).Figures = f
		}
	}
	return nil
}

func (d *Day) of(name string) *DatabaseDay {
	if d.Databases[name] == nil {
		d.Databases[name] = &DatabaseDay{}
	}
	return d.Databases[name]
}

func (a *Archive) placeAll(ctx context.Context, days map[string]*SampleDay, expires time.Time) error {
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed error
		queue  = make(chan *SampleDay)
	)
	for range writers {
		wg.Go(func() {
			for d := range queue {
				if err := a.place(ctx, sampleKey(d.body.Database, d.Date()), d.body, expires); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, d := range days {
		queue <- d
	}
	close(queue)
	wg.Wait()
	return failed
}
