package statistics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
)

// material is what the databases of a shard share.
type material struct {
	*Reader
	shard string
	w     window
	long  bool
	now   time.Time

	overview  *history.Overview  // up to now
	blind     error              // why it does not hold what it should
	days      []*history.Day     // of a long window
	closed    map[time.Time]bool // the days that are compacted and could be read
	pings     map[string][]*history.PingHour
	readings  []*history.GaugeHour
	jobs      []JobStatus
	state     *incident.State
	stateRead bool
	incidents []incident.Document
	lapses    map[string][]lapse // by database, nil where they are not known
	unread    []string
}

func (m *material) missing(ctx context.Context, what string, err error) {
	m.unread = append(m.unread, what+" of shard "+m.shard)
	m.options.Log.WarnContext(ctx, "statistics incomplete", slog.String("event", "statistics_failed"), slog.String("shard", m.shard), slog.Any("error", err))
}

// broken names the documents that are there and cannot be read, and joins why, of those that may have
// a later run than the last one.
func broken[S any](ctx context.Context, m *material, what, layout string, docs []*history.Document[S], last history.Run) (later error) {
	for _, d := range docs {
		if d.Broken == nil {
			continue
		}
		m.missing(ctx, what+" of "+d.Begin.Format(layout), d.Broken)
		if d.Begin.After(last.Scheduled) {
			later = errors.Join(later, d.Broken)
		}
	}
	return later
}

// hourLayout names an hour.
const hourLayout = "2006-01-02 15:04 UTC"

// history reads the shard's history of the window, and what its overview does not hold yet.
func (m *material) history(ctx context.Context) {
	today := m.now.Truncate(day)
	from := m.archive.Uncounted(m.overview, m.now)
	if m.long && m.w.from.Before(from) {
		from = m.w.from
	}
	if from.Before(today) {
		days, err := m.Reader.days.get(m.shard, from, m.now, func(from time.Time) ([]*history.Day, error) {
			return m.archive.Days(ctx, m.shard, from, m.now)
		})
		if err != nil {
			m.missing(ctx, "days", err)
		}
		_ = broken(ctx, m, "the day", time.DateOnly, days, history.Run{})
		m.closed = map[time.Time]bool{}
		for _, d := range days {
			m.overview.LearnDay(d)
			m.closed[d.Begin] = d.Broken == nil
		}
		m.days = days
	}
	since := m.archive.Since(m.overview, m.now)
	from = m.w.from
	if m.long {
		from = m.open()
	}
	if since.Before(from) {
		from = since
	}
	configured := m.config.RegionsOf(m.shard, m.options.Region)
	for _, region := range append(slices.Clone(configured), m.overview.Regions()...) {
		if _, done := m.pings[region]; done || !slices.Contains(configured, region) && m.overview.Runs[region].Scheduled.Before(from.Add(-time.Hour)) {
			continue
		}
		hours, err := m.Reader.pings.get(m.shard+"/"+region, from, m.now, func(from time.Time) ([]*history.PingHour, error) {
			return m.archive.Pings(ctx, m.shard, region, from, m.now)
		})
		if err != nil {
			m.missing(ctx, "pings from "+region, err)
		}
		m.pings[region] = hours
		m.overview.LearnPings(region, beginning(hours, since))
		err = errors.Join(err, broken(ctx, m, "pings from "+region, hourLayout, hours, m.overview.Runs[region]))
		if slices.Contains(configured, region) {
			m.job(report.HealthCheck, region, m.overview.Runs[region], err)
		}
	}
	// What the overview holds is not learned from these any more.
	hours, err := m.Reader.gauges.get(m.shard, base(from), since.Add(settled), func(from time.Time) ([]*history.GaugeHour, error) {
		if !from.Before(since) {
			return nil, nil
		}
		old, err := m.archive.Readings(ctx, m.shard, from, since.Add(-time.Second))
		history.Trim(old)
		return old, err
	})
	recent, failed := m.archive.Readings(ctx, m.shard, since, m.now)
	if err = errors.Join(err, failed); err != nil {
		m.missing(ctx, "readings", err)
	}
	m.overview.LearnReadings(recent)
	history.Trim(recent)
	m.readings = slices.Concat(hours, recent)
	err = errors.Join(err, broken(ctx, m, "readings", hourLayout, m.readings, m.overview.Runs[""]))
	m.job(report.Metrics, "", m.overview.Runs[""], err)
}

// base is from when on readings are needed to tell how counters grew from a time on.
func base(from time.Time) time.Time { return from.Add(-time.Hour).Truncate(time.Hour) }

// open is when the oldest of the days begins that are not compacted and whose hours are kept.
func (m *material) open() time.Time {
	from := m.now.Truncate(day)
	for t := from; !t.Before(m.now.Add(-m.archive.Retention())); t = t.Add(-day) {
		if !m.compacted(t) {
			from = t
		}
	}
	if from.Before(m.w.from) {
		return m.w.from
	}
	return from
}

// compacted says whether the window's days have the day that holds t.
func (m *material) compacted(t time.Time) bool {
	return m.closed[t.UTC().Truncate(day)]
}

// beginning returns the hours, which are in order, that begin from a time on.
func beginning[S any](hours []*history.Document[S], from time.Time) []*history.Document[S] {
	i, _ := slices.BinarySearchFunc(hours, from, func(h *history.Document[S], t time.Time) int { return h.Begin.Compare(t) })
	return hours[i:]
}

// job adds how a job's last run went. unread is why there may be a later one.
func (m *material) job(j report.Job, region string, last history.Run, unread error) {
	every := m.config.Every(j)
	limit := m.config.Alerting.Missing.After(every)
	out := JobStatus{
		Job: j, Shard: m.shard, Region: region, State: JobNever, LastRun: last.Scheduled,
		EverySeconds: int64(every / time.Second), LateAfterSeconds: int64(limit / time.Second),
	}
	on := false
	if last.Scheduled.IsZero() {
		unread = errors.Join(unread, m.blind)
	} else {
		out.LagMS, out.State, on = last.Lag().Milliseconds(), JobLate, m.now.Sub(last.Scheduled) <= limit
		if out.Region == "" {
			out.Region = last.Region
		}
	}
	switch {
	case on:
		out.State = JobOK
	case unread != nil:
		out.State = JobUnknown
	}
	m.jobs = append(m.jobs, out)
}

// alert reads Alert's state of the shard, and the documents of incidents.
func (m *material) alert(ctx context.Context) {
	doc, err := m.options.Store.Get(ctx, incident.StateKey(m.shard))
	if err == nil {
		var state incident.State
		if state, err = incident.Decode(doc.Data); err == nil {
			m.state = &state
		}
	}
	m.stateRead = err == nil || errors.Is(err, store.ErrNotFound) // there is none yet
	if !m.stateRead {
		m.missing(ctx, "incidents", err)
	}
	from := m.now.Add(-fallbackDays * day).Truncate(day) // every range but the longest takes the same
	if m.w.from.Before(from) {
		from = m.w.from
	}
	documents, unreadable, err := m.documents.get(ctx, m.options.Store, m.shard, m.state, from.Add(-longest), m.now)
	if err != nil {
		m.missing(ctx, "past incidents", err)
	}
	if unreadable > 0 {
		m.missing(ctx, fmt.Sprintf("%d past incidents", unreadable), errors.New("a document cannot be decoded"))
	}
	m.incidents = documents
	if m.stateRead && err == nil {
		m.lapses = m.mockMode()
	}
}
