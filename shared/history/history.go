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
	"maps"
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

// Document is what one hour or one day holds.
type Document[S any] struct {
	// Runs are by time. A day has none.
	Runs []Run `json:"runs,omitempty"`
	// Of has what was observed by database, or by region where the document is a database's own.
	Of map[string]*S `json:"of"`

	// Begin is when the first run was scheduled, or else when the hour or the day begins.
	Begin time.Time `json:"-"`
	// Broken is why nothing of the document could be read, nil where it could.
	Broken error `json:"-"`
}

type (
	// PingHour is an hour of a shard and region, by database.
	PingHour = Document[Samples]
	// SampleDay is a day of a database, by region.
	SampleDay = Document[Samples]
	// GaugeHour is an hour of a shard, by database.
	GaugeHour = Document[Readings]
	// Day is a day of a shard, by database.
	Day = Document[DatabaseDay]
)

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

func pingPrefix(shard, region string) string { return "hot/v1/" + shard + "/" + region + "/" }
func gaugePrefix(shard string) string        { return "gauges/v1/" + shard + "/" }
func samplePrefix(database string) string    { return "samples/v1/" + database + "/" }
func dayPrefix(shard string) string          { return "days/v1/" + shard + "/" }

func hourKey(prefix string, t time.Time) string { return prefix + t.UTC().Format(hourLayout) }
func dayKey(prefix string, t time.Time) string  { return prefix + t.UTC().Format(dayLayout) }

// partKey is the key of the document under prefix that holds t, where each holds a span of the hour. It has
// the span, so that documents of different spans do not mix.
func partKey(prefix string, t time.Time, span time.Duration) string {
	if span == time.Hour {
		return hourKey(prefix, t)
	}
	return fmt.Sprintf("%s%s.%d", prefix, t.UTC().Truncate(span).Format(partLayout), int(span.Seconds()))
}

// Pings returns the hours that touch [from, to], in order.
func (a *Archive) Pings(ctx context.Context, shard, region string, from, to time.Time) ([]*PingHour, error) {
	prefix := pingPrefix(shard, region)
	return between[Samples](ctx, a.store, hourKey(prefix, from), hourKey(prefix, to.Add(time.Hour)))
}

// Readings returns the hours that touch [from, to], in order.
func (a *Archive) Readings(ctx context.Context, shard string, from, to time.Time) ([]*GaugeHour, error) {
	prefix := gaugePrefix(shard)
	return between[Readings](ctx, a.store, hourKey(prefix, from), hourKey(prefix, to.Add(time.Hour)))
}

// Samples returns the database's days that touch [from, to], in order. A day that was not
// compacted yet is not among them.
func (a *Archive) Samples(ctx context.Context, database string, from, to time.Time) ([]*SampleDay, error) {
	prefix := samplePrefix(database)
	return between[Samples](ctx, a.store, dayKey(prefix, from), dayKey(prefix, to.Add(day)))
}

// Days returns the shard's days that touch [from, to], in order. A day that was not
// compacted yet is not among them.
func (a *Archive) Days(ctx context.Context, shard string, from, to time.Time) ([]*Day, error) {
	prefix := dayPrefix(shard)
	return between[DatabaseDay](ctx, a.store, dayKey(prefix, from), dayKey(prefix, to.Add(day)))
}

// between returns the documents with from ≤ key < to, by time. One that cannot be decoded is
// there, empty, and says so: it costs no other. It decodes as many at once as there are
// processors, because a page waits for some days of them.
func between[S any](ctx context.Context, s store.Store, from, to string) ([]*Document[S], error) {
	var docs []store.Doc
	for doc, err := range s.Range(ctx, from, to) {
		if err != nil {
			return nil, fmt.Errorf("reading history: %w", err)
		}
		docs = append(docs, doc)
	}
	out := make([]*Document[S], len(docs))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, doc := range docs {
		group.Go(func() error {
			out[i] = decode[S](doc)
			return nil
		})
	}
	_ = group.Wait() // no function fails
	// In the hour in which the span changes, keys have another order.
	slices.SortStableFunc(out, func(a, b *Document[S]) int { return a.Begin.Compare(b.Begin) })
	return out, nil
}

func decode[S any](doc store.Doc) *Document[S] {
	d := &Document[S]{}
	if err := unpack(doc, d); err != nil {
		d = &Document[S]{Broken: fmt.Errorf("reading %s: %w", doc.Key, err)}
	}
	if d.Of == nil {
		d.Of = map[string]*S{}
	}
	maps.DeleteFunc(d.Of, func(_ string, s *S) bool { return s == nil })
	name, _, _ := strings.Cut(doc.Key[strings.LastIndexByte(doc.Key, '/')+1:], ".")
	for _, layout := range []string{partLayout, hourLayout, dayLayout} {
		if t, err := time.Parse(layout, name); err == nil {
			d.Begin = t
		}
	}
	if len(d.Runs) > 0 {
		d.Begin = d.Runs[0].Scheduled
	}
	return d
}

// brokenOf joins why documents could not be read.
func brokenOf[S any](docs []*Document[S]) error {
	var all error
	for _, d := range docs {
		all = errors.Join(all, d.Broken)
	}
	return all
}
