package statistics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

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
	days       cache[history.DatabaseDay]
	pings      cache[history.Samples]
	gauges     cache[history.Readings]

	documents documents
}

// NewReader returns a Reader.
func NewReader(o Options) *Reader {
	const hours = 26 * time.Hour // a day, the hour before it, and the one that is not over
	return &Reader{
		options: o, config: o.Config, archive: o.Archive, footprints: footprints(o.Config),
		days:   cache[history.DatabaseDay]{width: day, keep: (uptimeDays + 2) * day, late: o.Archive.Retention() + 2*day},
		pings:  cache[history.Samples]{width: time.Hour, keep: hours},
		gauges: cache[history.Readings]{width: time.Hour, keep: hours},
	}
}

// reading bounds all look-ups in the store for one answer.
const reading = 10 * time.Second

// readers is how many shards are read at once.
const readers = 4

// ErrNothing is the error of Read if nothing at all could be read.
var ErrNothing = errors.New("nothing could be read")

// Read answers q. Missing names what could not be read. If that is everything, Read
// returns ErrNothing with the answer.
func (r *Reader) Read(ctx context.Context, q Query) (*Statistics, error) {
	s, _, err := r.Page(ctx, q, nil)
	return s, err
}

// A Chooser says of which database a page has the detail, and which it lists. Of the others
// there are no pings of the range and no hit rate.
type Chooser func(*Statistics) (detailed string, listed []string)

// Page answers q for all databases as Read does, and from the same documents in detail for the
// one that choose returns. Without choose there is no such one.
func (r *Reader) Page(ctx context.Context, q Query, choose Chooser) (s, one *Statistics, err error) {
	now := r.options.Now().UTC()
	w := q.window(now, r.config.Every(report.HealthCheck))
	s = &Statistics{
		GeneratedAt: now, Version: r.options.Version, Range: q.Range, From: w.from, To: w.to, StepSeconds: int64(w.step / time.Second),
		Databases: []Database{}, Past: []incidents.Incident{},
		Monitor: Monitor{Status: JobOK, Jobs: []JobStatus{}, Footprint: r.footprints},
	}
	if i := slices.IndexFunc(r.footprints, func(f Footprint) bool { return f.Database == q.Database }); i >= 0 {
		s.Monitor.Footprint = r.footprints[i : i+1]
	}
	ctx, cancel := context.WithTimeout(ctx, reading)
	defer cancel()
	said := whole
	switch {
	case choose != nil:
		said = brief
	case q.Database != "":
		said = detailed
	}
	materials := r.materials(ctx, s, q, w)
	for _, m := range materials {
		for _, d := range r.config.InShard(m.shard) {
			if q.Database == "" || d.Name == q.Database {
				s.Databases = append(s.Databases, m.database(ctx, d, materials, said))
			}
		}
	}
	read := false
	var states []incident.State
	var past []incident.Document
	var unread []string
	for _, m := range materials {
		s.Missing = append(s.Missing, m.unread...)
		s.Monitor.Jobs = append(s.Monitor.Jobs, m.jobs...)
		read = read || m.stateRead
		switch {
		case m.state != nil:
			states = append(states, *m.state)
		case !m.stateRead && slices.Contains(r.config.ShardNames(), m.shard) && (q.Database == "" || r.config.Database(q.Database).Shard == m.shard):
			unread = append(unread, m.shard)
		}
		past = append(past, m.incidents...)
	}
	s.incidents(now, q, past, states)
	s.Incidents.Unread = unread
	for _, list := range [][]incidents.Incident{s.Incidents.Open, s.Incidents.Resolved, s.Incidents.Drills, s.Past} {
		for k := range list {
			list[k].Environment = r.environment(list[k].Database)
		}
	}
	for _, j := range s.Monitor.Jobs {
		if j.State != JobOK {
			s.Monitor.Status = JobLate
		}
		read = read || !j.LastRun.IsZero()
	}
	open := map[string][]incidents.Incident{}
	for _, i := range s.Incidents.Open {
		open[i.Database] = append(open[i.Database], i)
	}
	judge := func(d *Database) {
		d.judge(open[d.Name], now, r.config.Alerting.Missing.After(r.config.Database(d.Name).Checks.Ping.Every))
	}
	for i := range s.Databases {
		judge(&s.Databases[i])
	}
	s.Databases = slices.DeleteFunc(s.Databases, func(d Database) bool { return !q.Matches(&d) })
	if len(s.Missing) > 0 && !read {
		return s, nil, ErrNothing
	}
	if choose == nil || len(s.Databases) == 0 {
		return s, nil, nil
	}
	fill := func(name string, extent extent) (Database, []string) {
		c := r.config.Database(name)
		m := materials[slices.IndexFunc(materials, func(m *material) bool { return m.shard == c.Shard })]
		m.unread = nil
		d := m.database(ctx, c, materials, extent)
		judge(&d)
		return d, m.unread
	}
	chosen, listed := choose(s)
	for i := range s.Databases {
		if d := &s.Databases[i]; slices.Contains(listed, d.Name) {
			*d, _ = fill(d.Name, whole)
		}
	}
	of := *s
	of.Databases = make([]Database, 1)
	of.Databases[0], of.Missing = fill(chosen, detailed)
	return s, &of, nil
}

// materials reads what an answer is made from: that of each shard in the order of the
// configuration, and then of those that there were. Where one database is asked for, history
// is that of the shards that know it.
func (r *Reader) materials(ctx context.Context, s *Statistics, q Query, w window) []*material {
	overviews, err := r.archive.Overviews(ctx)
	if err != nil {
		s.Missing = append(s.Missing, "overviews")
		r.options.Log.WarnContext(ctx, "statistics incomplete", slog.String("event", "statistics_failed"), slog.Any("error", err))
	}
	configured := r.config.ShardNames()
	all := slices.Clone(configured)
	for _, name := range slices.Sorted(maps.Keys(overviews)) {
		if !slices.Contains(configured, name) {
			all = append(all, name)
		}
	}
	out := make([]*material, len(all))
	var group errgroup.Group
	group.SetLimit(readers)
	for i, shard := range all {
		m := &material{Reader: r, shard: shard, w: w, long: q.long(), now: s.GeneratedAt, overview: overviews[shard], pings: map[string][]*history.PingHour{}}
		if m.overview == nil {
			m.overview, m.blind = history.NewOverview(shard), err
		}
		out[i] = m
		group.Go(func() error {
			known := q.Database == "" || m.overview.Databases[q.Database] != nil || r.config.Database(q.Database).Shard == shard
			if known {
				m.history(ctx)
			}
			if i < len(configured) {
				m.alert(ctx)
			}
			return nil
		})
	}
	_ = group.Wait() // no function fails
	return out
}

// incidents fills in what is wrong and what was, from documents and Alert's states.
func (s *Statistics) incidents(now time.Time, q Query, past []incident.Document, states []incident.State) {
	s.Incidents = incidents.New(now, states...)
	shown := map[string]bool{}
	written := map[string]*incident.Configuration{}
	for _, d := range past {
		written[d.ID] = d.Configuration
	}
	for _, list := range [][]incidents.Incident{s.Incidents.Open, s.Incidents.Resolved, s.Incidents.Drills} {
		for i := range list {
			shown[list[i].FullID] = true
			list[i].Configuration = written[list[i].FullID]
		}
	}
	s.Monitor.Deliveries = s.Incidents.Deliveries // of all databases
	if q.Database != "" {
		s.Incidents = s.Incidents.Only(q.Database)
	}
	for _, d := range past {
		if d.Drill || d.Resolved.IsZero() || d.Resolved.Before(s.From) || shown[d.ID] {
			continue
		}
		i := incidents.FromDocument(d, now)
		s.Monitor.Deliveries.Add(i.Told)
		if q.Database == "" || d.Series.Database == q.Database {
			s.Past = append(s.Past, i)
		}
	}
	slices.SortStableFunc(s.Past, func(a, b incidents.Incident) int { return b.Resolved.Compare(a.Resolved) })
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
	ctx, cancel := context.WithTimeout(ctx, reading)
	defer cancel()
	now := r.options.Now().UTC()
	shards := r.config.ShardNames()
	marks := make([]string, len(shards), len(shards)+1)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, shard := range shards {
		group.Go(func() error {
			versions, err := r.archive.Versions(ctx, shard, r.config.RegionsOf(shard, r.options.Region), now)
			if err != nil {
				return err
			}
			doc, err := r.options.Store.Get(ctx, incident.StateKey(shard))
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("reading incidents: %w", err)
			}
			marks[i] = strings.Join(append(versions, doc.Version), "|")
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	return strings.Join(append(marks, now.Truncate(markEvery).Format(time.RFC3339)), "|"), nil
}

// longest is how long an incident may have lasted to be found after its end, because documents
// are found by the time at which incidents were opened.
const longest = 30 * day
