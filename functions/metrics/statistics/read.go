package statistics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// Options are what a Reader reads. All but Log are required.
type Options struct {
	Config  *config.Config
	Store   store.Store
	Archive *history.Archive
	// Region is where pings are made if the configuration does not say.
	Region  string
	Version string
	Now     func() time.Time
	Log     *slog.Logger
}

// Reader reads statistics. It is safe for concurrent use, and keeps what no longer
// changes.
type Reader struct {
	options Options
	config  *config.Config
	store   store.Store
	archive *history.Archive
	now     func() time.Time
	log     *slog.Logger
	caches  *caches
	// footprints are every database's.
	footprints []Footprint

	fallbacks fallbacks
}

// NewReader returns a Reader.
func NewReader(o Options) *Reader {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Reader{options: o, config: o.Config, store: o.Store, archive: o.Archive, now: o.Now, log: o.Log, caches: newCaches(o.Archive.Retention()), footprints: footprints(o.Config), fallbacks: fallbacks{read: map[string]mockDocuments{}}}
}

// ErrNothing is Read's when nothing at all could be read.
var ErrNothing = errors.New("nothing could be read")

// Read answers q. What cannot be read is named in Missing; if that is everything, the
// error is ErrNothing, and the answer says what is missing.
func (r *Reader) Read(ctx context.Context, q Query) (*Statistics, error) {
	now := r.now().UTC()
	w := q.window(now, r.config.Every(report.HealthCheck))
	s := &Statistics{
		GeneratedAt: now, Version: r.options.Version, Range: q.Range, From: w.from, To: w.to, StepSeconds: int64(w.step / time.Second),
		Databases: []Database{}, Past: []incidents.Incident{},
		Monitor: Monitor{Status: JobOK, Jobs: []JobStatus{}, Footprint: footprintsOf(r.footprints, q.Database)},
	}
	var states []incident.State
	var past []incident.Document
	read := false
	for _, shard := range r.config.ShardNames() {
		sr := &shardReader{Reader: r, s: s, q: q, w: w, now: now, shard: shard}
		sr.databases(ctx)
		if state, ok := sr.state(ctx); ok {
			states, read = append(states, state...), true
			sr.fallback(ctx, state)
		}
		past = append(past, sr.documents(ctx)...)
	}
	s.Incidents = incidents.New(now, states...)
	if q.Database != "" {
		s.Incidents = s.Incidents.Only(q.Database)
	}
	s.Past = pastOf(past, s.Incidents, q.Database, now)
	s.Monitor.Deliveries = s.Incidents.Deliveries
	for _, i := range s.Past {
		s.Monitor.Deliveries.Add(i.Told)
	}
	for _, j := range s.Monitor.Jobs {
		if j.State != JobOK {
			s.Monitor.Status = JobLate
		}
		read = read || !j.LastRun.IsZero()
	}
	for i := range s.Databases {
		s.Databases[i].judge(s.Incidents.Open, now, r.config.Alerting.Missing.After(r.config.Every(report.HealthCheck)))
	}
	if len(s.Missing) > 0 && !read {
		return s, ErrNothing
	}
	return s, nil
}

// Mark returns a text that changes whenever an answer about these shards may: with a
// run, with Alert's state, and with time while nothing runs.
func (r *Reader) Mark(ctx context.Context) (string, error) {
	now := r.now().UTC()
	marks := []string{now.Truncate(markEvery).Format(time.RFC3339)}
	for _, shard := range r.config.ShardNames() {
		versions, err := r.archive.Versions(ctx, shard, r.regions(shard), now)
		if err != nil {
			return "", err
		}
		marks = append(marks, versions...)
		doc, err := r.store.Get(ctx, incident.StateKey(shard))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return "", fmt.Errorf("reading incidents: %w", err)
		}
		marks = append(marks, doc.Version)
	}
	return strings.Join(marks, "|"), nil
}

// markEvery is how often an answer changes while nothing else does.
const markEvery = time.Minute

func (r *Reader) regions(shard string) []string {
	if regions := r.config.RegionsOf(shard); len(regions) > 0 {
		return regions
	}
	return []string{r.options.Region}
}

// shardReader reads one shard's part of an answer.
type shardReader struct {
	*Reader
	s     *Statistics
	q     Query
	w     window
	now   time.Time
	shard string
}

func (r *shardReader) missing(ctx context.Context, what string, err error) {
	r.s.Missing = append(r.s.Missing, what+" of shard "+r.shard)
	r.log.WarnContext(ctx, "statistics incomplete", slog.String("event", "statistics_failed"), slog.String("shard", r.shard), slog.Any("error", err))
}

// state returns what Alert remembers of the shard, and whether that could be read.
func (r *shardReader) state(ctx context.Context) ([]incident.State, bool) {
	doc, err := r.store.Get(ctx, incident.StateKey(r.shard))
	if errors.Is(err, store.ErrNotFound) {
		return nil, true
	}
	if err != nil {
		r.missing(ctx, "incidents", err)
		return nil, false
	}
	state, err := incident.Decode(doc.Data)
	if err != nil {
		r.missing(ctx, "incidents", err)
		return nil, false
	}
	return []incident.State{state}, true
}

// longest is how long before the window an incident may have been opened to be found
// among those that were resolved in it.
const longest = day

// documents returns the documents of the window's incidents.
func (r *shardReader) documents(ctx context.Context) []incident.Document {
	from, to := store.Prefix(incident.DocumentKey(r.shard, ""))
	var out []incident.Document
	// Ids begin with the time of opening.
	for doc, err := range r.store.Range(ctx, from+r.w.from.Add(-longest).Format("20060102T150405Z"), to) {
		if err != nil {
			r.missing(ctx, "past incidents", err)
			return out
		}
		d, err := incident.DecodeDocument(doc.Data)
		if err != nil {
			r.missing(ctx, "an incident", err)
			continue
		}
		if d.Resolved.IsZero() || !d.Resolved.Before(r.w.from) {
			out = append(out, d)
		}
	}
	return out
}

// pastOf returns the documents that are resolved and that the view does not show.
func pastOf(documents []incident.Document, v incidents.View, only string, now time.Time) []incidents.Incident {
	shown := map[string]bool{}
	for _, i := range slices.Concat(v.Open, v.Resolved, v.Drills) {
		shown[i.FullID] = true
	}
	out := []incidents.Incident{}
	for _, d := range documents {
		if d.Resolved.IsZero() || d.Drill || shown[d.ID] || only != "" && d.Series.Database != only {
			continue
		}
		out = append(out, incidents.FromDocument(d, now))
	}
	slices.SortStableFunc(out, func(a, b incidents.Incident) int { return b.Resolved.Compare(a.Resolved) })
	return out
}
