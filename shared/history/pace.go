package history

import (
	"fmt"
	"slices"
	"time"
)

// A document holds at most so many rows, one for each run and database, since a ping takes some
// 10 bytes and a reading 100 of its megabyte. It holds the runs of an hour of minutes at most,
// because each run writes all of it.
const (
	mostRuns     = 60
	mostPings    = 30_000
	mostReadings = 6_000
)

// Pace says how often the jobs run, over how many databases of a shard at most, and returns
// the archive. Where an hour of that is too much for one document, it becomes several.
func (a *Archive) Pace(healthCheck, metrics time.Duration, databases int) *Archive {
	a.pingSpan, a.readingSpan = span(healthCheck, mostPings/max(1, databases)), span(metrics, mostReadings/max(1, databases))
	return a
}

// span returns the longest part of an hour with at most so many runs.
func span(every time.Duration, runs int) time.Duration {
	for _, d := range []time.Duration{time.Hour, 30 * time.Minute, 20 * time.Minute, 10 * time.Minute, 5 * time.Minute, 2 * time.Minute, time.Minute, 30 * time.Second} {
		if d <= every*time.Duration(min(runs, mostRuns)) {
			return d
		}
	}
	return 10 * time.Second
}

// partKey is the key of the document under prefix that holds t, where each holds a span of the hour. It has
// the span, so that documents of different spans do not mix.
func partKey(prefix string, t time.Time, span time.Duration) string {
	if span == time.Hour {
		return hourKey(prefix, t)
	}
	return fmt.Sprintf("%s%s.%d", prefix, t.UTC().Truncate(span).Format(partLayout), int(span.Seconds()))
}

// inOrder sorts the documents of hours by their first runs. In the hour in which the span changes, their
// keys have another order.
func inOrder[H interface {
	Runs() []Run
	Hour() time.Time
}](hours []H, err error,
) ([]H, error) {
	first := func(h H) time.Time {
		if runs := h.Runs(); len(runs) > 0 {
			return runs[0].Scheduled
		}
		return h.Hour()
	}
	slices.SortStableFunc(hours, func(a, b H) int { return first(a).Compare(first(b)) })
	return hours, err
}
