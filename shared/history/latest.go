package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/store"
)

// clockShift is how far a run's clock may be ahead of the reader's.
const clockShift = 10 * time.Second

// lastRun returns the newest run that the documents below prefix, or else the overview of
// the shard, know: however long ago it was.
func lastRun[H interface {
	document
	Runs() []Run
}](ctx context.Context, a *Archive, shard, region, prefix string, span time.Duration, now time.Time, decode func(store.Doc) (H, error)) (Run, bool, error) {
	var last Run
	see := func(runs []Run) bool {
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
	for _, t := range []time.Time{now, now.Add(-span)} {
		doc, err := a.store.Get(ctx, partKey(prefix, t, span))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return Run{}, false, fmt.Errorf("reading history: %w", err)
		}
		if h, err := decode(doc); err == nil && see(h.Runs()) {
			return last, true, nil
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
	hours, err := between(ctx, a.store, hourKey(prefix, from), hourKey(prefix, now.Add(time.Hour)), decode)
	if err != nil {
		return Run{}, false, err
	}
	for _, h := range hours {
		see(h.Runs())
	}
	return last, !last.Scheduled.IsZero(), nil
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

// newest returns key and version of the newest document below prefix of this hour or the one before.
func (a *Archive) newest(ctx context.Context, prefix string, span time.Duration, now time.Time) (string, error) {
	for _, t := range []time.Time{now, now.Add(-span)} {
		doc, err := a.store.Get(ctx, partKey(prefix, t, span))
		if !errors.Is(err, store.ErrNotFound) {
			return doc.Key + "@" + doc.Version, err
		}
	}
	newest := ""
	if span == time.Hour {
		return newest, nil
	}
	for doc, err := range a.store.Range(ctx, hourKey(prefix, now.Add(-time.Hour)), hourKey(prefix, now.Add(time.Hour))) {
		if err != nil {
			return "", err
		}
		newest = doc.Key + "@" + doc.Version
	}
	return newest, nil
}
