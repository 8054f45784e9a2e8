package statistics

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
)

// verdictsFrom is how old a check's last verdict and forecast may be: the rarest checks
// run once a day.
const verdictsFrom = 25 * time.Hour

// uptimeDays is what Uptime covers.
const uptimeDays = 30

// material is what the databases of a shard share.
type material struct {
	days     []*history.Day                 // compacted
	since    time.Time                      // the first of the latest days that are not compacted
	pings    map[string][]*history.PingHour // by region, of the window and from since on
	readings []*history.GaugeHour
}

func (r *shardReader) material(ctx context.Context) *material {
	m := &material{since: r.now.Truncate(day), pings: map[string][]*history.PingHour{}}
	var err error
	m.days, err = r.days.get(r.shard, m.since.Add(-(uptimeDays-1)*day), r.now, func(from time.Time) ([]*history.Day, error) {
		return r.archive.Days(ctx, r.shard, from, r.now)
	})
	if err != nil {
		r.missing(ctx, "days", err)
	}
	for t := m.since.Add(-day); !t.Before(r.now.Add(-r.archive.Retention())); t = t.Add(-day) {
		if slices.ContainsFunc(m.days, func(d *history.Day) bool { return d.Date().Equal(t) }) {
			break
		}
		m.since = t
	}
	from := m.since
	if !r.long() && r.w.from.Before(from) {
		from = r.w.from
	}
	for _, region := range r.regions(r.shard) {
		hours, err := r.pings.get(r.shard+"/"+region, from, r.now, func(from time.Time) ([]*history.PingHour, error) {
			return r.archive.Pings(ctx, r.shard, region, from, r.now)
		})
		if err != nil {
			r.missing(ctx, "pings from "+region, err)
		}
		m.pings[region] = hours
		r.job(report.HealthCheck, region, lastRun(hours))
	}
	from = from.Add(-time.Hour) // counters need the hour before
	if least := r.now.Add(-verdictsFrom); least.Before(from) {
		from = least
	}
	m.readings, err = r.gauges.get(r.shard, from, r.now, func(from time.Time) ([]*history.GaugeHour, error) {
		return r.archive.Readings(ctx, r.shard, from, r.now)
	})
	if err != nil {
		r.missing(ctx, "readings", err)
	}
	r.job(report.Metrics, "", lastRun(m.readings))
	return m
}

// open yields a database's samples of the latest days that are not compacted.
func (m *material) open(region, database string) iter.Seq[report.Sample] {
	hours := m.pings[region]
	first, _ := slices.BinarySearchFunc(hours, m.since, func(h *history.PingHour, t time.Time) int { return h.Hour().Compare(t) })
	return samplesOf(hours[first:], nil, region, database)
}

// lastRun returns the newest run in the hours, or the zero Run.
func lastRun[H interface{ Runs() []history.Run }](hours []H) history.Run {
	for _, h := range slices.Backward(hours) {
		if runs := h.Runs(); len(runs) > 0 {
			return runs[len(runs)-1]
		}
	}
	return history.Run{}
}

// job adds how a job's last run went.
func (r *shardReader) job(j report.Job, region string, last history.Run) {
	every := r.config.Every(j)
	limit := r.config.Alerting.Missing.After(every)
	out := JobStatus{
		Job: j, Shard: r.shard, Region: region, State: JobNever, LastRun: last.Scheduled,
		EverySeconds: int64(every / time.Second), LateAfterSeconds: int64(limit / time.Second),
	}
	if !last.Scheduled.IsZero() {
		out.LagMS, out.State = last.Lag().Milliseconds(), JobOK
		if out.Region == "" {
			out.Region = last.Region
		}
		if r.now.Sub(last.Scheduled) > limit {
			out.State = JobLate
		}
	}
	r.s.Monitor.Jobs = append(r.s.Monitor.Jobs, out)
}

// database joins what is known of d.
func (r *shardReader) database(ctx context.Context, d *config.Database, m *material) Database {
	regions := slices.Clone(r.regions(r.shard))
	if i := slices.Index(regions, d.Home); i > 0 { // home first
		regions = slices.Insert(slices.Delete(regions, i, i+1), 0, d.Home)
	}
	out := Database{
		Name: d.Name, Shard: d.Shard, Environment: d.Environment, Plan: d.Plan, Home: regions[0], Regions: []Region{},
		LatencyLimitMS: float64(d.Thresholds.Latency.Open) / float64(time.Millisecond),
		Uptime:         uptime(m, regions[0], d),
	}
	detail := r.q.Database != ""
	var old []*history.SampleDay
	if detail && r.long() {
		var err error
		if old, err = r.archive.Samples(ctx, d.Name, r.w.from, r.now); err != nil {
			r.missing(ctx, "samples of "+d.Name, err)
		}
	}
	for _, region := range regions {
		one := Region{Region: region, Last: lastPing(m.pings[region], d.Name)}
		if r.long() && !detail {
			one.Summary, one.Series = r.dailyPings(region, d.Name, m)
		} else {
			one.Summary, one.Series = pings(r.w, samplesOf(m.pings[region], old, region, d.Name), detail)
		}
		out.Regions = append(out.Regions, one)
	}
	r.readings(&out, m, detail)
	return out
}

// long says that the window is wider than the hours that are read.
func (r *shardReader) long() bool { return r.w.to.Sub(r.w.from) > day+r.w.step }

// dailyPings sums up the window's days. A day that is not compacted is made of its samples.
// Counts add up; percentiles do not, so the sum has none.
func (r *shardReader) dailyPings(region, database string, m *material) (history.Summary, PingSeries) {
	days := map[time.Time]history.Summary{}
	for _, d := range m.days {
		if of := d.Databases[database]; of != nil && !d.Date().Before(r.w.from.Truncate(day)) {
			if s, ok := of.Regions.Of(region); ok {
				days[d.Date()] = s
			}
		}
	}
	open := map[time.Time]*history.Tally{}
	for s := range m.open(region, database) {
		date := s.At.UTC().Truncate(day)
		if open[date] == nil {
			open[date] = &history.Tally{}
		}
		open[date].Add(s)
	}
	for date, tally := range open {
		days[date] = tally.Summary()
	}
	var sum history.Summary
	w := r.w.daily()
	series := newPingSeries(w, false)
	for date, d := range days {
		sum.Samples += d.Samples
		sum.Good += d.Good
		sum.Failed += d.Failed
		sum.Unknown += d.Unknown
		if d.Max != nil && (sum.Max == nil || *d.Max > *sum.Max) {
			sum.Max = d.Max
		}
		if i := w.index(date); i >= 0 {
			series.Good[i], series.Failed[i] = d.Good, d.Failed
			if d.P50 != nil {
				series.P50[i] = tenths(*d.P50)
			}
		}
	}
	sum.Availability = availability(sum.Good, sum.Failed)
	return sum, series
}

// availability is good among good and failed, nil of none.
func availability(good, failed int) *float64 {
	if good+failed == 0 {
		return nil
	}
	return new(float64(good) / float64(good+failed))
}

func uptime(m *material, home string, d *config.Database) Uptime {
	u := Uptime{Days: uptimeDays, Objective: d.Objective}
	for _, of := range m.days {
		if one := of.Databases[d.Name]; one != nil {
			s, _ := one.Regions.Of(home)
			u.Good += s.Good
			u.Failed += s.Failed
		}
	}
	for s := range m.open(home, d.Name) {
		switch s.Status {
		case report.OK, report.Warn:
			u.Good++
		case report.Fail:
			u.Failed++
		}
	}
	u.Availability = availability(u.Good, u.Failed)
	if allowed := (1 - u.Objective) * float64(u.Good+u.Failed); allowed > 0 {
		u.BudgetLeft = ratio(new(1 - float64(u.Failed)/allowed))
	}
	return u
}

// judge sets the status: the worst of the last ping and the open incidents.
func (d *Database) judge(open []incidents.Incident, now time.Time, late time.Duration) {
	set := func(w Word, c cause.Cause) { d.Status, d.Cause, d.Title = w, c, c.Info().Title }
	d.Status = NoData
	if last := d.Regions[0].Last; last != nil && now.Sub(last.At) <= late {
		switch last.Status {
		case report.OK:
			d.Status = Connected
		case report.Warn:
			set(Degraded, cause.Cause(last.Cause))
		case report.Fail:
			set(Down, cause.Cause(last.Cause))
		}
	}
	for _, i := range open {
		if i.Database != d.Name {
			continue
		}
		d.Severity = d.Severity.Max(i.Severity)
		word := Degraded
		switch {
		case i.Check == report.MockMode:
			word = Mock
		case i.Severity.AtLeast(cause.SeverityCritical):
			word = Down
		}
		if d.Status == NoData || worse(word, d.Status) {
			set(word, i.Cause)
		}
	}
}
