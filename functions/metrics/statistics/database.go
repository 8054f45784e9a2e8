package statistics

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
)

// uptimeDays is what Uptime covers.
const uptimeDays = 30

// parts are the materials of the shards that know the database: its own, and those from
// which it was moved.
func (m *material) parts(all []*material, database string) []*material {
	out := []*material{m}
	for _, other := range all {
		if other != m && other.overview.Databases[database] != nil {
			out = append(out, other)
		}
	}
	return out
}

// extent is how much is said of a database.
type extent int

const (
	brief    extent = iota // nothing that takes more than an overview: no pings of the range, no hit rate
	whole                  // what lists have
	detailed               // what is there of one
)

// database joins what is known of d.
func (m *material) database(ctx context.Context, d *config.Database, all []*material, extent extent) Database {
	regions := slices.Clone(m.config.RegionsOf(m.shard, m.options.Region))
	if i := slices.Index(regions, d.Home); i > 0 { // home first
		regions = slices.Insert(slices.Delete(regions, i, i+1), 0, d.Home)
	}
	parts := m.parts(all, d.Name)
	known := &history.Known{}
	for _, part := range parts {
		if of := part.overview.Databases[d.Name]; of != nil {
			known.Merge(of)
		}
	}
	out := Database{
		Name: d.Name, Shard: d.Shard, Environment: m.environment(d.Name), Plan: d.Plan, Home: regions[0], Regions: []Region{},
		LatencyLimitMS: float64(d.Thresholds.Latency.Open) / float64(time.Millisecond),
		Uptime:         uptime(known, regions, m.now, d.Objective),
	}
	detail := extent == detailed
	var old []*history.SampleDay
	if detail && m.long {
		var err error
		if old, err = m.archive.Samples(ctx, d.Name, m.w.from, m.now); err != nil {
			m.missing(ctx, "samples of "+d.Name, err)
		}
		_ = broken(ctx, m, "samples of "+d.Name, time.DateOnly, old, history.Run{})
	}
	for _, region := range union(regions, slices.Collect(maps.Keys(known.Regions))) {
		one := Region{Region: region}
		if p := known.Regions[region]; !p.Last.At.IsZero() {
			one.Last = &Ping{At: p.Last.At, Status: p.Last.Status, Cause: string(p.Last.Cause), Phases: p.Last.Phases}
		}
		switch {
		case extent == brief:
		case m.long && !detail:
			one.Summary, one.Series = dailyPings(m.w.by(day), parts, region, d.Name)
		default:
			var hours []*history.PingHour
			for _, part := range parts {
				hours = append(hours, part.pings[region]...)
			}
			slices.SortStableFunc(hours, func(a, b *history.PingHour) int { return a.Begin.Compare(b.Begin) })
			one.Summary, one.Series = pings(m.w.of(d.Checks.Pings()), samplesOf(hours, old, region, d.Name), detail)
		}
		// A region that is no longer configured is there while the window has pings of it.
		if slices.Contains(regions, region) || one.Samples > 0 {
			out.Regions = append(out.Regions, one)
		}
	}
	m.figures(&out, known, parts, extent)
	if m.lapses != nil {
		var lapses []lapse
		for _, part := range parts {
			lapses = append(lapses, part.lapses[d.Name]...)
		}
		out.Fallback = newFallback(joinLapses(lapses), m.now)
	}
	return out
}

// union is the names of both lists, those of the first one first.
func union(first, second []string) []string {
	slices.Sort(second)
	for _, name := range second {
		if !slices.Contains(first, name) {
			first = append(slices.Clip(first), name)
		}
	}
	return first
}

// dailyPings sums up the window's days. A day that is not compacted is made of its samples.
// Counts add up; percentiles do not, so the sum has none, nor has a day with two parts.
func dailyPings(w window, parts []*material, region, database string) (history.Summary, PingSeries) {
	days := map[time.Time][]history.Summary{}
	for _, m := range parts {
		for _, d := range m.days {
			if of := d.Of[database]; of != nil {
				if s, ok := of.Regions.Of(region); ok {
					days[d.Begin] = append(days[d.Begin], s)
				}
			}
		}
		open := map[time.Time]*history.Tally{}
		for _, h := range m.pings[region] {
			date := h.Begin.Truncate(day)
			if m.compacted(date) {
				continue
			}
			for s := range h.Of[database].All() {
				if w.index(s.At) < 0 {
					continue
				}
				if open[date] == nil {
					open[date] = &history.Tally{}
				}
				open[date].Add(s)
			}
		}
		for date, tally := range open {
			days[date] = append(days[date], tally.Summary())
		}
	}
	var sum history.Summary
	series := newPingSeries(w, false)
	for date, list := range days {
		i := w.index(date)
		if i < 0 {
			continue
		}
		for _, d := range list {
			sum.Samples += d.Samples
			sum.Good += d.Good
			sum.Failed += d.Failed
			sum.Unknown += d.Unknown
			if d.Max != nil && (sum.Max == nil || *d.Max > *sum.Max) {
				sum.Max = d.Max
			}
			series.Good[i] += d.Good
			series.Failed[i] += d.Failed
			if len(list) == 1 {
				series.P50[i] = tenths(d.P50)
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

// uptime counts the pings from the home region, which is the first of the configured ones.
// Where home has a new name, those from before are of the region that fell silent when home
// began.
func uptime(k *history.Known, configured []string, now time.Time, objective float64) Uptime {
	oldest := now.Truncate(day).Add(-(uptimeDays - 1) * day)
	u := Uptime{
		Days: uptimeDays, Objective: objective,
		ByDay: ByDay{From: oldest.Format(time.DateOnly), Good: make([]int, uptimeDays), Failed: make([]int, uptimeDays)},
	}
	for region := configured[0]; region != ""; {
		p, there := k.Regions[region]
		began := now.Add(time.Nanosecond)
		if there {
			began = p.First
			var first time.Time // the first of the days that has any
			for _, d := range p.Days {
				date, err := time.Parse(time.DateOnly, d.Day)
				if i := int(date.Sub(oldest) / day); err == nil && !date.Before(oldest) && i < uptimeDays {
					u.Good += d.Good
					u.Failed += d.Failed
					u.ByDay.Good[i] += d.Good
					u.ByDay.Failed[i] += d.Failed
					if first.IsZero() && d.Good+d.Failed > 0 {
						first = date
					}
				}
			}
			// Pings from before a gap may be older than all of the days.
			if !first.IsZero() {
				u.From = first
				if p.First.After(first) {
					u.From = p.First
				}
			}
		}
		region = ""
		for _, name := range slices.Sorted(maps.Keys(k.Regions)) {
			q := k.Regions[name]
			n := len(q.Days)
			if !slices.Contains(configured, name) && n > 0 && q.First.Before(began) && q.Last.At.Before(began) && q.Days[n-1].Day <= began.Format(time.DateOnly) &&
				(region == "" || q.Counted() > k.Regions[region].Counted()) {
				region = name
			}
		}
	}
	u.Availability = availability(u.Good, u.Failed)
	// What the days allow in all, at the pace of the time of which there are pings.
	scale := 1.0
	if covered := now.Sub(u.From); covered < (uptimeDays-1)*day {
		scale = float64(uptimeDays*day) / float64(max(covered, time.Minute))
	}
	if allowed := (1 - u.Objective) * float64(u.Good+u.Failed) * scale; allowed > 0 {
		u.BudgetLeft = ratio(new(1 - float64(u.Failed)/allowed))
	}
	return u
}

// judge sets the status: the worst of the last ping and the database's open incidents.
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
		d.Severity = d.Severity.Max(i.Severity)
		word := Degraded
		switch {
		case i.Check == report.MockMode:
			word = Mock
		case !i.Severity.AtLeast(cause.SeverityCritical):
		case i.Check == report.Ping, i.Check == report.ConfigLoad, i.Check == report.Write && i.Cause != cause.WritePaused:
			word = Down // as the health page has it: with any other incident Redis can be used
		}
		if d.Status == NoData || worse(word, d.Status) {
			set(word, i.Cause)
		}
	}
}
