package statistics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// Options are what a Reader needs. All but Version are required.
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

// Reader reads statistics. It is safe for concurrent use, and keeps documents that no
// longer change.
type Reader struct {
	options    Options
	config     *config.Config
	archive    *history.Archive
	footprints []Footprint // every database's
	days       cache[history.Day]
	pings      cache[history.PingHour]
	gauges     cache[history.GaugeHour]

	mu   sync.Mutex
	mock map[string]mockIncidents // by shard
}

// NewReader returns a Reader.
func NewReader(o Options) *Reader {
	const hours = 26 * time.Hour // a day, the hour before it, and the one that is not over
	return &Reader{
		options: o, config: o.Config, archive: o.Archive, footprints: footprints(o.Config),
		days:   cache[history.Day]{width: day, keep: (uptimeDays + 2) * day, late: o.Archive.Retention() + 2*day, began: (*history.Day).Date},
		pings:  cache[history.PingHour]{width: time.Hour, keep: hours, began: (*history.PingHour).Hour},
		gauges: cache[history.GaugeHour]{width: time.Hour, keep: hours, began: (*history.GaugeHour).Hour},
		mock:   map[string]mockIncidents{},
	}
}

// ErrNothing is the error of Read if nothing at all could be read.
var ErrNothing = errors.New("nothing could be read")

// Read answers q. Missing names what could not be read. If that is everything, Read
// returns ErrNothing with the answer.
func (r *Reader) Read(ctx context.Context, q Query) (*Statistics, error) {
	now := r.options.Now().UTC()
	pingEvery := r.config.Every(report.HealthCheck)
	w := q.window(now, pingEvery)
	s := &Statistics{
		GeneratedAt: now, Version: r.options.Version, Range: q.Range, From: w.from, To: w.to, StepSeconds: int64(w.step / time.Second),
		Databases: []Database{}, Past: []incidents.Incident{},
		Monitor: Monitor{Status: JobOK, Jobs: []JobStatus{}, Footprint: r.footprints},
	}
	if i := slices.IndexFunc(r.footprints, func(f Footprint) bool { return f.Database == q.Database }); i >= 0 {
		s.Monitor.Footprint = r.footprints[i : i+1]
	}
	var states []incident.State
	var past []incident.Document
	read := false
	for _, shard := range r.config.ShardNames() {
		sr := &shardReader{Reader: r, s: s, q: q, w: w, now: now, shard: shard}
		m := sr.material(ctx)
		for _, d := range r.config.InShard(shard) {
			if q.Database == "" || d.Name == q.Database {
				s.Databases = append(s.Databases, sr.database(ctx, d, m))
			}
		}
		state, err := sr.state(ctx)
		if err != nil {
			sr.missing(ctx, "incidents", err)
		} else {
			read = true
			sr.fallback(ctx, state)
		}
		if state != nil {
			states = append(states, *state)
		}
		past = append(past, sr.past(ctx)...)
	}
	s.Incidents = incidents.New(now, states...)
	if q.Database != "" {
		s.Incidents = s.Incidents.Only(q.Database)
	}
	shown := map[string]bool{}
	written := map[string]*incident.Configuration{}
	for _, d := range past {
		written[d.ID] = d.Configuration
	}
	for _, list := range [][]incidents.Incident{s.Incidents.Open, s.Incidents.Resolved, s.Incidents.Drills} {
		for i := range list {
			shown[list[i].FullID] = true
			list[i].Configuration = (*incidents.Configuration)(written[list[i].FullID])
		}
	}
	s.Monitor.Deliveries = s.Incidents.Deliveries
	for _, d := range past {
		if d.Drill || d.Resolved.IsZero() || d.Resolved.Before(w.from) {
			continue
		}
		if !shown[d.ID] && (q.Database == "" || d.Series.Database == q.Database) {
			i := incidents.FromDocument(d, now)
			s.Past = append(s.Past, i)
			s.Monitor.Deliveries.Add(i.Told)
		}
	}
	for _, list := range [][]incidents.Incident{s.Incidents.Open, s.Incidents.Resolved, s.Incidents.Drills, s.Past} {
		for k := range list {
			list[k].Environment = r.environment(list[k].Database)
		}
	}
	slices.SortStableFunc(s.Past, func(a, b incidents.Incident) int { return b.Resolved.Compare(a.Resolved) })
	for _, j := range s.Monitor.Jobs {
		if j.State != JobOK {
			s.Monitor.Status = JobLate
		}
		read = read || !j.LastRun.IsZero()
	}
	for i := range s.Databases {
		s.Databases[i].judge(s.Incidents.Open, now, r.config.Alerting.Missing.After(pingEvery))
	}
	if len(s.Missing) > 0 && !read {
		return s, ErrNothing
	}
	return s, nil
}

// environment returns that of a database, and the document's for what is not configured,
// such as pongwatch itself.
func (r *Reader) environment(database string) string {
	if d := r.config.Database(database); d != nil {
		return cmp.Or(d.Environment, r.config.Environment)
	}
	return r.config.Environment
}

// markEvery is how often an answer changes while nothing else does.
const markEvery = time.Minute

// Mark returns a text that changes whenever an answer may: with a run, with Alert's state,
// and with time, because what does not run becomes late.
func (r *Reader) Mark(ctx context.Context) (string, error) {
	now := r.options.Now().UTC()
	marks := []string{now.Truncate(markEvery).Format(time.RFC3339)}
	for _, shard := range r.config.ShardNames() {
		versions, err := r.archive.Versions(ctx, shard, r.regions(shard), now)
		if err != nil {
			return "", err
		}
		doc, err := r.options.Store.Get(ctx, incident.StateKey(shard))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return "", fmt.Errorf("reading incidents: %w", err)
		}
		marks = append(append(marks, versions...), doc.Version)
	}
	return strings.Join(marks, "|"), nil
}

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
	r.options.Log.WarnContext(ctx, "statistics incomplete", slog.String("event", "statistics_failed"), slog.String("shard", r.shard), slog.Any("error", err))
}

// state returns Alert's state of the shard, or nil where there is none yet.
func (r *shardReader) state(ctx context.Context) (*incident.State, error) {
	doc, err := r.options.Store.Get(ctx, incident.StateKey(r.shard))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	state, err := incident.Decode(doc.Data)
	if err != nil {
		return nil, err
	}
	return &state, nil
}

// longest is how long before the window an incident may have been opened to be found
// among those that were resolved in it.
const longest = day

// past returns the incidents that may have been resolved in the window, or are open.
func (r *shardReader) past(ctx context.Context) []incident.Document {
	documents, err := r.documents(ctx, r.w.from.Add(-longest))
	if err != nil {
		r.missing(ctx, "past incidents", err)
	}
	return documents
}

// documents returns the documents of incidents that were opened from a time on. It leaves
// out, and reports as missing, those that cannot be decoded.
func (r *shardReader) documents(ctx context.Context, from time.Time) ([]incident.Document, error) {
	first, last := store.Prefix(incident.DocumentKey(r.shard, ""))
	var out []incident.Document
	// Ids begin with the second of opening.
	for doc, err := range r.options.Store.Range(ctx, first+from.Format("20060102T150405Z"), last) {
		if err != nil {
			return out, err
		}
		if d, err := incident.DecodeDocument(doc.Data); err != nil {
			r.missing(ctx, "an incident", err)
		} else {
			out = append(out, d)
		}
	}
	return out, nil
}
