package history

import (
	"context"
	"errors"
	"fmt"
	"reflect"
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
// of the same hours, so a compaction that was cut short is made again. What cannot be read,
// or would be too large, is left out and named by the error; the day is compacted all the same.
func (a *Archive) Compact(ctx context.Context, c Compaction, t time.Time) error {
	from := t.UTC().Truncate(day)
	if err := a.compact(ctx, c, from); err != nil {
		return fmt.Errorf("compacting %s of %s: %w", from.Format(dayLayout), c.Shard, err)
	}
	return nil
}

func (a *Archive) compact(ctx context.Context, c Compaction, from time.Time) error {
	end := from.Add(day - time.Second)
	summary := &Day{Of: map[string]*DatabaseDay{}}
	of := func(name string) *DatabaseDay {
		if summary.Of[name] == nil {
			summary.Of[name] = &DatabaseDay{}
		}
		return summary.Of[name]
	}
	samples := map[string]*SampleDay{}
	var leftOut error
	for _, region := range c.Regions {
		hours, err := a.Pings(ctx, c.Shard, region, from, end)
		if err != nil {
			return err
		}
		leftOut = errors.Join(leftOut, brokenOf(hours))
		for name, list := range byDatabase(hours) {
			var tally Tally
			for _, s := range list {
				tally.Add(s)
			}
			of(name).Regions = append(of(name).Regions, RegionSummary{region, tally.Summary()})
			if samples[name] == nil {
				samples[name] = &SampleDay{Of: map[string]*Samples{}}
			}
			samples[name].Of[region] = newDaySamples(list)
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
		for name := range h.Of {
			names[name] = true
		}
	}
	for name := range names {
		if f := SumUp(hours, name, from); f != (Figures{}) {
			of(name).Figures = f
		}
	}
	var group errgroup.Group
	group.SetLimit(writers)
	dropped := make(chan error, len(samples))
	for name, d := range samples {
		group.Go(func() error {
			left, err := a.createSamples(ctx, name, d, from, c.SampleDays)
			dropped <- left
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for range samples {
		leftOut = errors.Join(leftOut, <-dropped)
	}
	left, err := create(ctx, a, store.Doc{Key: dayKey(dayPrefix(c.Shard), from), ExpiresAt: from.Add(time.Duration(c.RollupDays+1) * day)}, summary)
	if errors.Is(err, store.ErrConflict) {
		err = nil // another compaction made the same of the same
	}
	return errors.Join(err, leftOut, left)
}

// byDatabase joins the samples of hours.
func byDatabase(hours []*PingHour) map[string][]report.Sample {
	out := map[string][]report.Sample{}
	for _, h := range hours {
		for name, s := range h.Of {
			if list := slices.AppendSeq(out[name], s.All()); len(list) > 0 {
				out[name] = list
			}
		}
	}
	return out
}

// newDaySamples returns what percentiles and uptime need of samples: time, status, cause and wait, which
// is the total as well. Phases are kept for as long as the hours are.
func newDaySamples(list []report.Sample) *Samples {
	for i, s := range list {
		list[i].Attempts, list[i].Phases = 0, report.Phases{Wait: s.Phases.Wait}
	}
	return newSamples(list)
}

// createSamples writes a database's day. Where another shard, from which the database was
// moved that day, has written its part, the two are merged. What a compaction that was cut
// short has written is not written again.
func (a *Archive) createSamples(ctx context.Context, database string, d *SampleDay, from time.Time, days int) (dropped, err error) {
	doc := store.Doc{Key: dayKey(samplePrefix(database), from), ExpiresAt: from.Add(time.Duration(days+1) * day)}
	for range maxAttempts {
		dropped, err = create(ctx, a, doc, d)
		if !errors.Is(err, store.ErrConflict) {
			return dropped, err
		}
		there, failed := a.store.Get(ctx, doc.Key)
		if failed != nil && !errors.Is(failed, store.ErrNotFound) {
			return nil, fmt.Errorf("reading %s: %w", doc.Key, failed)
		}
		doc.Version = there.Version
		// What cannot be read is written anew.
		before := decode[Samples](there).Of
		for region, s := range before {
			d.Of[region] = newDaySamples(slices.AppendSeq(slices.Collect(s.All()), d.Of[region].All()))
		}
		if reflect.DeepEqual(before, d.Of) {
			return nil, nil
		}
	}
	return dropped, err
}

// create writes what a compaction made in place of doc's version.
func create[S any](ctx context.Context, a *Archive, doc store.Doc, body *Document[S]) (dropped, err error) {
	doc.Data, dropped, err = packFitting(body, body.Of)
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
