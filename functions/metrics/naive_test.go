package metrics_test

import (
	"cmp"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/report"
)

// This is a second implementation of the statistics, as plain as can be: it keeps everything
// that was ever observed in two lists, and counts with loops over all of it. It shares no
// code with the first one.

type ping struct {
	shard, region, database string
	at                      time.Time
	status                  report.Status
	wait                    float64
}

type reading struct {
	shard, database, replica string
	at                       time.Time
	values                   map[report.Gauge]float64
	checks                   map[report.Check]report.Verdict
}

// informed says that INFO was answered.
func (r *reading) informed() bool { return r.replica != "" }

type jobRun struct {
	job           report.Job
	shard, region string
	at            time.Time
}

type naive struct {
	pings    []ping
	readings []reading
	runs     []jobRun
}

// counts of the pings of a database from a region in [from, to].
type counts struct{ samples, good, failed, unknown int }

func (n *naive) count(database, region string, from, to time.Time) (c counts, waits []float64) {
	for _, p := range n.pings {
		if p.database != database || p.region != region || p.at.Before(from) || p.at.After(to) {
			continue
		}
		c.samples++
		switch p.status {
		case "ok", "warn":
			c.good++
			waits = append(waits, p.wait)
		case "fail":
			c.failed++
		default:
			c.unknown++
		}
	}
	slices.Sort(waits)
	return c, waits
}

// percentile is the nearest rank: the first value that at least so many of them do not exceed.
func percentile(sorted []float64, percent float64) *float64 {
	for i, v := range sorted {
		if float64(i+1) >= percent/100*float64(len(sorted))-1e-9 {
			return &v
		}
	}
	return nil
}

func share(part, other int) *float64 {
	if part+other == 0 {
		return nil
	}
	v := float64(part) / float64(part+other)
	return &v
}

// last is the last ping from a region.
func (n *naive) last(database, region string) *ping {
	var last *ping
	for i, p := range n.pings {
		if p.database == database && p.region == region && (last == nil || !p.at.Before(last.at)) {
			last = &n.pings[i]
		}
	}
	return last
}

// grown is by how much hits and misses grew in [from, to]. Between two readings of a replica
// they are counted if the earlier one is no older than the hour before the one in which from lies.
func (n *naive) grown(database string, from, to time.Time) (hits, misses float64) {
	begin := from.Truncate(time.Hour).Add(-time.Hour)
	for i, r := range n.readings {
		if r.database != database || r.at.Before(from) || r.at.After(to) || !r.informed() {
			continue
		}
		var before *reading
		for k := range n.readings[:i] { // they are in order
			b := &n.readings[k]
			if b.database == database && b.shard == r.shard && b.replica == r.replica && b.informed() && !b.at.Before(begin) {
				before = b
			}
		}
		if before == nil {
			continue
		}
		reset := r.values["hits_total"] < before.values["hits_total"] || r.values["misses_total"] < before.values["misses_total"]
		if reset {
			hits, misses = hits+r.values["hits_total"], misses+r.values["misses_total"]
		} else {
			hits, misses = hits+r.values["hits_total"]-before.values["hits_total"], misses+r.values["misses_total"]-before.values["misses_total"]
		}
	}
	return hits, misses
}

// hitRate of a window, whose days count for themselves where it is a long one.
func (n *naive) hitRate(database string, from, to time.Time, days bool) *float64 {
	var hits, misses float64
	if !days {
		hits, misses = n.grown(database, from, to)
	}
	for day := from; days && !day.After(to); day = day.Add(24 * time.Hour) {
		h, m := n.grown(database, day, day.Add(24*time.Hour-time.Nanosecond))
		hits, misses = hits+h, misses+m
	}
	if hits+misses == 0 {
		return nil
	}
	v := math.Round(hits/(hits+misses)*1e5) / 1e5
	return &v
}

// verdict is the last one of a check, and the last that has a value.
func (n *naive) verdict(database string, check report.Check) (last, valued *reading) {
	for i, r := range n.readings {
		v, asked := r.checks[check]
		if r.database != database || !asked {
			continue
		}
		last = &n.readings[i]
		if v.Value != nil {
			valued = last
		}
	}
	return last, valued
}

// lastRun of a job, zero for none.
func (n *naive) lastRun(job report.Job, shard, region string) (last time.Time) {
	for _, r := range n.runs {
		if r.job == job && r.shard == shard && (region == "" || r.region == region) && r.at.After(last) {
			last = r.at
		}
	}
	return last
}

// setting is what the configuration says of a database now.
type setting struct {
	name, shard   string
	regions       []string // home first
	former        string   // what home was called before
	pingEvery     time.Duration
	commandsEvery time.Duration
}

// compare holds one database of an answer to what was observed.
func (n *naive) compare(t *testing.T, what string, s *statistics.Statistics, d *statistics.Database, c setting, detail bool) {
	t.Helper()
	long := s.Range == "7d" || s.Range == "30d"
	same := func(name string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s of %s is %v, want %v", what, name, d.Name, got, want)
		}
	}
	for i, region := range c.regions {
		r := d.Regions[i]
		want, waits := n.count(c.name, region, s.From, s.To)
		same("pings from "+r.Region, counts{r.Samples, r.Good, r.Failed, r.Unknown}, want)
		same("availability", spell(r.Availability), spell(share(want.good, want.failed)))
		if long && !detail {
			same("p50 of days", r.P50, (*float64)(nil))
		} else {
			same("p50", spell(r.P50), spell(percentile(waits, 50)))
			same("p95", spell(r.P95), spell(percentile(waits, 95)))
			same("p99", spell(r.P99), spell(percentile(waits, 99)))
		}
		same("slowest", spell(r.Max), spell(percentile(waits, 100)))
		step := time.Duration(r.Series.StepSeconds) * time.Second
		for k := range r.Series.Good {
			from := r.Series.From.Add(time.Duration(k) * step)
			end := from.Add(step - 1)
			if end.After(s.To) {
				end = s.To
			}
			point, _ := n.count(c.name, region, from, end)
			if r.Series.Good[k] != point.good || r.Series.Failed[k] != point.failed {
				t.Errorf("%s: point %d of %s from %s has %d good and %d failed, want %+v", what, k, d.Name, region, r.Series.Good[k], r.Series.Failed[k], point)
			}
		}
		if last := n.last(c.name, region); last == nil || r.Last == nil {
			same("a last ping", r.Last != nil, last != nil)
		} else {
			same("the last ping", r.Last.At.Unix(), last.at.Unix())
			same("its status", r.Last.Status, last.status)
		}
	}
	today := s.GeneratedAt.Truncate(24 * time.Hour)
	up, _ := n.count(c.name, c.regions[0], today.AddDate(0, 0, -29), s.GeneratedAt)
	if c.former != "" {
		before, _ := n.count(c.name, c.former, today.AddDate(0, 0, -29), s.GeneratedAt)
		up.good, up.failed = up.good+before.good, up.failed+before.failed
	}
	same("uptime", counts{good: d.Uptime.Good, failed: d.Uptime.Failed}, counts{good: up.good, failed: up.failed})
	var read time.Time
	for _, r := range n.readings {
		if r.database == c.name && r.informed() {
			read = r.at
		}
	}
	same("the last INFO", d.ReadAt.Unix(), read.Unix())
	same("hit rate", spell(d.HitRate), spell(n.hitRate(c.name, s.From, s.To, long)))
	n.compareChecks(same, s.GeneratedAt, d, c)
	status := statistics.NoData
	if last := n.last(c.name, c.regions[0]); last != nil && s.GeneratedAt.Sub(last.at) <= 3*c.pingEvery+2*time.Minute {
		status = map[report.Status]statistics.Word{"ok": "connected", "warn": "degraded", "fail": "down", "unknown": "no_data"}[last.status]
	}
	same("status", d.Status, status)
}

func (n *naive) compareChecks(same func(string, any, any), now time.Time, d *statistics.Database, c setting) {
	for check, of := range map[report.Check]struct {
		every time.Duration
		share *float64
		left  *int64
		hours report.Gauge
	}{
		report.Memory:   {0, d.MemoryRatio, d.MemoryFullInSeconds, report.GaugeMemoryHours},
		report.Commands: {c.commandsEvery, d.CommandsRatio, d.CommandsOutInSeconds, report.GaugeCommandsHours},
	} {
		shown := max(24*time.Hour, of.every) + time.Hour
		last, valued := n.verdict(c.name, check)
		if last != nil && now.Sub(last.at) > shown {
			last = nil
		}
		got, known := d.Checks[check]
		same("a verdict of "+string(check), known, last != nil)
		if known && last != nil {
			same("the verdict of "+string(check), got.Status, last.checks[check].Status)
			same("the time of "+string(check), got.At.Unix(), last.at.Unix())
		}
		if valued == nil || now.Sub(valued.at) > shown {
			same("the share of "+string(check), of.share == nil && of.left == nil, true)
			continue
		}
		same("the share of "+string(check), spell(of.share), spell(valued.checks[check].Value))
		hours, forecast := valued.values[of.hours]
		same("a forecast of "+string(check), of.left != nil, forecast)
		if forecast && of.left != nil {
			same("the forecast of "+string(check), *of.left, max(0, int64(hours*3600)-int64(now.Sub(valued.at)/time.Second)))
		}
		if check == report.Commands {
			_, seen := valued.values[report.GaugeMonthCommandsSeen]
			same("a lower bound", d.CommandsAtLeast, seen)
		}
	}
}

// compareJobs holds the jobs to the runs that there were.
func (n *naive) compareJobs(t *testing.T, what string, s *statistics.Statistics) {
	t.Helper()
	for _, j := range s.Monitor.Jobs {
		region := j.Region
		if j.Job == report.Metrics {
			region = ""
		}
		last := n.lastRun(j.Job, j.Shard, region)
		want := statistics.JobOK
		switch {
		case last.IsZero():
			want = statistics.JobNever
		case s.GeneratedAt.Sub(last) > time.Duration(j.LateAfterSeconds)*time.Second:
			want = statistics.JobLate
		}
		if !j.LastRun.Equal(last) || j.State != want {
			t.Errorf("%s: %s of %s from %q ran last at %v and is %s, want %v and %s", what, j.Job, j.Shard, j.Region, j.LastRun, j.State, last, want)
		}
	}
}

// spell is a figure to nine digits, or "none".
func spell(v *float64) any {
	if v == nil {
		return "none"
	}
	return cmp.Or(math.Round(*v*1e9)/1e9, 0)
}
