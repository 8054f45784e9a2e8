package statistics

import (
	"context"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
)

// verdictsFrom is how far back a check's last verdict and forecast are looked for: the
// rarest checks are asked once a day.
const verdictsFrom = 25 * time.Hour

// dayOfPings is how many pings a day has by default.
const dayOfPings = 24 * 60

// uptimeDays is what Uptime covers.
const uptimeDays = 30

// databases adds the shard's databases and jobs.
func (r *shardReader) databases(ctx context.Context) {
	m := r.material(ctx)
	wanted := slices.DeleteFunc(slices.Clone(r.config.InShard(r.shard)), func(d *config.Database) bool {
		return r.q.Database != "" && d.Name != r.q.Database
	})
	all := make([]Database, len(wanted))
	if len(all) == 1 {
		all[0] = r.database(wanted[0], m, r.samples(ctx, wanted[0]))
	} else {
		// They share what is only read.
		var group errgroup.Group
		group.SetLimit(runtime.GOMAXPROCS(0))
		for i, d := range wanted {
			group.Go(func() error {
				all[i] = r.database(d, m, nil)
				return nil
			})
		}
		_ = group.Wait() // nothing there fails
	}
	r.s.Databases = append(r.s.Databases, all...)
}

// samples returns the past days of one database's samples, where they are shown.
func (r *shardReader) samples(ctx context.Context, d *config.Database) []*history.SampleDay {
	if r.q.Database == "" || !r.long() {
		return nil
	}
	days, err := r.archive.Samples(ctx, d.Name, r.w.from, r.now)
	if err != nil {
		r.missing(ctx, "samples of "+d.Name, err)
	}
	return days
}

// material is what the databases of a shard share.
type material struct {
	days    []*history.Day
	covered map[time.Time]bool // the days that are there
	// pings are the hours of each region that lie in the window or in no day.
	pings    map[string][]*history.PingHour
	readings []*history.GaugeHour
	since    time.Time // the first day that is in no day's document yet
}

func (r *shardReader) material(ctx context.Context) *material {
	m := &material{covered: map[time.Time]bool{}, pings: map[string][]*history.PingHour{}}
	today := r.now.Truncate(day)
	days, err := r.days(ctx, r.shard, today.Add(-(uptimeDays-1)*day), r.now)
	if err != nil {
		r.missing(ctx, "days", err)
	}
	m.days = days
	for _, d := range days {
		m.covered[d.Date()] = true
	}
	from := today // in no day yet
	for t := today.Add(-day); !t.Before(r.now.Add(-r.archive.Retention())) && !m.covered[t]; t = t.Add(-day) {
		from = t
	}
	m.since = from
	if r.w.to.Sub(r.w.from) <= day+r.w.step && r.w.from.Before(from) {
		from = r.w.from
	}
	for _, region := range r.regions(r.shard) {
		hours, err := r.Reader.pings(ctx, r.shard, region, from, r.now)
		if err != nil {
			r.missing(ctx, "pings from "+region, err)
		}
		m.pings[region] = hours
		r.job(report.HealthCheck, region, runsOf(hours))
	}
	// The figures of more than a day come from days; counters need the hour before.
	from = r.w.from.Add(-time.Hour)
	if r.w.to.Sub(r.w.from) > day+r.w.step {
		from = m.since.Add(-time.Hour)
	}
	if least := r.now.Add(-verdictsFrom); least.Before(from) {
		from = least
	}
	if m.readings, err = r.Reader.readings(ctx, r.shard, from, r.now); err != nil {
		r.missing(ctx, "readings", err)
	}
	r.job(report.Metrics, "", runsOf(m.readings))
	return m
}

// database joins what is known of d. old are the past days' samples, where they are shown.
func (r *shardReader) database(d *config.Database, m *material, old []*history.SampleDay) Database {
	regions := r.regions(r.shard)
	home := d.Home
	if !slices.Contains(regions, home) {
		home = regions[0]
	}
	out := Database{
		Name: d.Name, Shard: d.Shard, Environment: d.Environment, Plan: d.Plan, Home: home, Regions: []Region{},
		LatencyLimitMS: float64(d.Thresholds.Latency.Open) / float64(time.Millisecond),
		Uptime:         Uptime{Days: uptimeDays, Objective: d.Objective},
	}
	detail := r.q.Database != ""
	order := append([]string{home}, slices.DeleteFunc(slices.Clone(regions), func(x string) bool { return x == home })...)
	for _, region := range order {
		if region == home {
			out.Uptime.count(m, region, d.Name, r.now)
		}
		out.Regions = append(out.Regions, r.region(region, d.Name, m, old, detail))
	}
	r.read(&out, m, detail)
	return out
}

// long says that the window is wider than what hours are read for.
func (r *shardReader) long() bool { return r.w.to.Sub(r.w.from) > day+r.w.step }

func (r *shardReader) region(region, database string, m *material, old []*history.SampleDay, detail bool) Region {
	out := Region{Region: region, Last: lastPing(m.pings[region], database)}
	if r.long() && !detail {
		sums := r.summaries(region, database, m)
		out.Summary, out.Series = joined(sums), daySeries(r.w, sums)
		return out
	}
	var tally history.Tally
	points := newPoints(r.w, detail)
	for s := range samplesOf(m.pings[region], old, region, database) {
		if r.w.index(s.At) >= 0 {
			tally.Add(s)
			points.add(s)
		}
	}
	out.Summary, out.Series = tally.Summary(), points.end()
	return out
}

// summaries are those of the window's days: of the ones that are in no day's document yet
// they are made of their samples.
func (r *shardReader) summaries(region, database string, m *material) map[time.Time]history.Summary {
	out := map[time.Time]history.Summary{}
	for _, d := range m.days {
		if of := d.Databases[database]; of != nil && !d.Date().Before(r.w.from.Truncate(day)) {
			if s, ok := of.Regions.Of(region); ok {
				out[d.Date()] = s
			}
		}
	}
	open := map[time.Time]*history.Tally{}
	for s := range m.open(region, database) {
		date := s.At.UTC().Truncate(day)
		if open[date] == nil {
			open[date] = &history.Tally{}
			open[date].Grow(dayOfPings)
		}
		open[date].Add(s)
	}
	for date, tally := range open {
		out[date] = tally.Summary()
	}
	return out
}

// joined adds up what can be added up: counts, not percentiles.
func joined(days map[time.Time]history.Summary) history.Summary {
	var s history.Summary
	for _, d := range days {
		s.Samples += d.Samples
		s.Good += d.Good
		s.Failed += d.Failed
		s.Unknown += d.Unknown
		if d.Max != nil && (s.Max == nil || *d.Max > *s.Max) {
			s.Max = d.Max
		}
	}
	if judged := s.Good + s.Failed; judged > 0 {
		s.Availability = new(float64(s.Good) / float64(judged))
	}
	return s
}

func (u *Uptime) count(m *material, region, database string, now time.Time) {
	for _, d := range m.days {
		if of := d.Databases[database]; of != nil {
			s, _ := of.Regions.Of(region)
			u.Good += s.Good
			u.Failed += s.Failed
		}
	}
	for s := range m.open(region, database) {
		switch {
		case now.Sub(s.At.UTC().Truncate(day)) > uptimeDays*day:
		case s.Status == report.OK, s.Status == report.Warn:
			u.Good++
		case s.Status == report.Fail:
			u.Failed++
		}
	}
	judged := float64(u.Good + u.Failed)
	if judged == 0 {
		return
	}
	u.Availability = new(float64(u.Good) / judged)
	if allowed := (1 - u.Objective) * judged; allowed > 0 {
		u.BudgetLeft = ratio(new(1 - float64(u.Failed)/allowed))
	}
}

// judge says how the database is.
func (d *Database) judge(open []incidents.Incident, now time.Time, late time.Duration) {
	d.Status = NoData
	if last := d.Regions[0].Last; last != nil && now.Sub(last.At) <= late {
		switch last.Status {
		case report.OK:
			d.Status = Connected
		case report.Warn:
			d.set(Degraded, cause.Cause(last.Cause))
		case report.Fail:
			d.set(Down, cause.Cause(last.Cause))
		}
	}
	for _, i := range open {
		if i.Database != d.Name {
			continue
		}
		word := Degraded
		switch {
		case i.Check == report.MockMode:
			word = Mock
		case i.Severity.AtLeast(cause.SeverityCritical):
			word = Down
		}
		if d.Status == NoData || worse(word, d.Status) {
			d.set(word, i.Cause)
		}
	}
}

func (d *Database) set(w Word, c cause.Cause) {
	d.Status, d.Cause, d.Title = w, c, c.Info().Title
}

func worse(a, b Word) bool {
	order := Words()
	return slices.Index(order, a) < slices.Index(order, b)
}

// job adds how a job's last run went.
func (r *shardReader) job(j report.Job, region string, runs []history.Run) {
	every := r.config.Every(j)
	limit := r.config.Alerting.Missing.After(every)
	out := JobStatus{
		Job: j, Shard: r.shard, Region: region, State: JobNever,
		EverySeconds: int64(every / time.Second), LateAfterSeconds: int64(limit / time.Second),
	}
	if n := len(runs); n > 0 {
		last := runs[n-1]
		out.LastRun, out.LagMS, out.State = last.Scheduled, last.Lag().Milliseconds(), JobOK
		if out.Region == "" {
			out.Region = last.Region
		}
		if r.now.Sub(last.Scheduled) > limit {
			out.State = JobLate
		}
	}
	r.s.Monitor.Jobs = append(r.s.Monitor.Jobs, out)
}

// hour is one hour's document.
type hour interface{ Runs() []history.Run }

func runsOf[H hour](hours []H) []history.Run {
	for _, h := range slices.Backward(hours) {
		if runs := h.Runs(); len(runs) > 0 {
			return runs
		}
	}
	return nil
}
