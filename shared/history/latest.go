package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/store"
)

// clockShift is how far a run's clock may be ahead of the reader's.
const clockShift = 10 * time.Second

// LastPings returns the newest HealthCheck run of the shard and region, however long ago it
// was, and whether there is one.
func (a *Archive) LastPings(ctx context.Context, shard, region string, now time.Time) (Run, bool, error) {
	return a.lastRun(ctx, shard, region, pingPrefix(shard, region), a.pingSpan, now)
}

// LastReadings returns the newest Metrics run of the shard, however long ago it was, and
// whether there is one.
func (a *Archive) LastReadings(ctx context.Context, shard string, now time.Time) (Run, bool, error) {
	return a.lastRun(ctx, shard, "", gaugePrefix(shard), a.readingSpan, now)
}

// lastRun returns the newest run that the documents below prefix, or else the overview of
// the shard, know. Of documents it decodes the runs alone. Where one cannot be read that may have
// a newer run, it returns the error as well.
func (a *Archive) lastRun(ctx context.Context, shard, region, prefix string, span time.Duration, now time.Time) (Run, bool, error) {
	var last Run
	var broken *Document[struct{}] // the newest that cannot be read
	see := func(d *Document[struct{}]) bool {
		runs := d.Runs
		if d.Broken != nil && (broken == nil || d.Begin.After(broken.Begin)) {
			broken = d
		}
		// Runs of the future were left by a clock that has stepped back since: they count
		// only where there are no others.
		past := slices.DeleteFunc(slices.Clone(runs), func(r Run) bool { return r.Scheduled.After(now.Add(clockShift)) })
		if len(past) > 0 {
			runs = past
		}
		if n := len(runs); n > 0 && runs[n-1].Scheduled.After(last.Scheduled) {
			last = runs[n-1]
		}
		return len(runs) > 0
	}
	unsure := func() error {
		if broken == nil || !last.Scheduled.Before(broken.Begin) {
			return nil
		}
		return broken.Broken
	}
	for _, t := range []time.Time{now, now.Add(-span)} {
		doc, err := a.store.Get(ctx, partKey(prefix, t, span))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return Run{}, false, fmt.Errorf("reading history: %w", err)
		}
		if see(decode[struct{}](doc)) {
			return last, true, unsure()
		}
	}
	o, err := a.Overview(ctx, shard)
	if err != nil && o.version == "" {
		return Run{}, false, err
	}
	last = o.Runs[region]
	from := now.Add(-a.retention)
	if last.Scheduled.After(from) {
		from = last.Scheduled
	}
	hours, failed := between[struct{}](ctx, a.store, hourKey(prefix, from), hourKey(prefix, now.Add(time.Hour)))
	if failed != nil {
		return Run{}, false, failed
	}
	for _, h := range hours {
		see(h)
	}
	if !last.Scheduled.IsZero() {
		return last, true, unsure()
	}
	return last, false, cmp.Or(err, unsure())
}

// Versions returns the versions of the newest documents of a shard's readings and of
// its pings from each region, empty where there is none. They change with every run.
func (a *Archive) Versions(ctx context.Context, shard string, regions []string, now time.Time) ([]string, error) {
	newest, err := a.newest(ctx, gaugePrefix(shard), a.readingSpan, now)
	out := []string{newest}
	for _, region := range regions {
		if err != nil {
			break
		}
		newest, err = a.newest(ctx, pingPrefix(shard, region), a.pingSpan, now)
		out = append(out, newest)
	}
	if err != nil {
		return nil, fmt.Errorf("reading history: %w", err)
	}
	return out, nil
}

// newest returns key and version of the document below prefix of this hour, or of the one before.
func (a *Archive) newest(ctx context.Context, prefix string, span time.Duration, now time.Time) (string, error) {
	for _, t := range []time.Time{now, now.Add(-span)} {
		doc, err := a.store.Get(ctx, partKey(prefix, t, span))
		if !errors.Is(err, store.ErrNotFound) {
			return doc.Key + "@" + doc.Version, err
		}
	}
	return "", nil
}
