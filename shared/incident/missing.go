package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// silent is how long something may say nothing before it is missing.
func (e *engine) silent(every time.Duration) time.Duration {
	return time.Duration(e.p.MissAfter)*every + e.p.Grace
}

// missing finds jobs and series from which nothing is heard. Silence is never good
// news, and never resolves anything.
func (e *engine) missing() {
	if e.p.Databases != nil && len(e.p.Databases) == 0 {
		return // a shard that is gone has no jobs
	}
	expected := e.expectedJobs()
	late := map[string]bool{}
	for _, j := range expected {
		last := e.lastRun(j)
		since, said := last, "last run "+text.Stamp(last)
		if last.IsZero() {
			since, said = e.expect(j), "no run seen yet"
		}
		if e.now.Sub(since) <= overdue*j.Every {
			e.retract(subjectReports, j.Key())
			continue
		}
		if heard := e.now.Sub(e.late(j)); e.now.Sub(since) <= e.silent(j.Every) || heard < e.silent(j.Every)-overdue*j.Every {
			continue
		}
		late[j.Key()] = true
		e.assert(subjectReports, j.Key(), report.Fail, cause.MonitorMissingReports,
			fmt.Sprintf("%s: %s, expected every %v", j, said, j.Every), since)
	}
	e.missingSeries(late)
	e.forgetJobs(expected)
}

// String names the job for people.
func (j Job) String() string {
	if j.Region == "" {
		return string(j.Job)
	}
	return string(j.Job) + " in " + j.Region
}

// covers reports whether a run under that key is one of the job's.
func (j Job) covers(key string) bool {
	job, region, _ := cutJob(key)
	return job == j.Job && (j.Region == "" || region == j.Region)
}

// lastRun is the newest run of a job, zero for none.
func (e *engine) lastRun(j Job) time.Time {
	var last time.Time
	for key, js := range e.s.Jobs {
		if j.covers(key) {
			last = later(last, js.Scheduled)
		}
	}
	return last
}

// overdue is after how many intervals a run is late.
const overdue = 2

// late returns when a job was first found to be overdue, and remembers it: an Alert
// that was dead itself must not take what it could not hear for silence.
func (e *engine) late(j Job) time.Time {
	key := j.Key()
	for k := range e.s.Jobs {
		if j.covers(k) && e.s.Jobs[k].Scheduled.After(e.s.Jobs[key].Scheduled) {
			key = k // the region that ran last
		}
	}
	js := e.s.Jobs[key]
	if js.Late.IsZero() {
		js.Late = e.now
		e.s.Jobs[key] = js
	}
	return js.Late
}

// expect returns since when a job that has never run is waited for.
func (e *engine) expect(j Job) time.Time {
	js := e.s.Jobs[j.Key()]
	if js.Expected.IsZero() {
		js.Expected = e.now
		e.s.Jobs[j.Key()] = js
	}
	return js.Expected
}

// expectedJobs are those of the policy, or all that were ever seen.
func (e *engine) expectedJobs() []Job {
	if len(e.p.Jobs) > 0 {
		return e.p.Jobs
	}
	var jobs []Job
	for _, key := range sorted(e.s.Jobs) {
		if job, region, ok := cutJob(key); ok && region != "" {
			jobs = append(jobs, Job{Job: job, Region: region, Every: e.s.Jobs[key].Every})
		}
	}
	return jobs
}

func cutJob(key string) (report.Job, string, bool) {
	job, region, ok := strings.Cut(key, "@")
	return report.Job(job), region, ok
}

// forgetJobs drops what is known of jobs and regions that are no longer configured.
func (e *engine) forgetJobs(expected []Job) {
	if len(e.p.Jobs) == 0 {
		return
	}
	for _, key := range sorted(e.s.Jobs) {
		if !slices.ContainsFunc(expected, func(j Job) bool { return j.covers(key) }) {
			delete(e.s.Jobs, key)
			e.retract(subjectReports, key)
		}
	}
}

// missingSeries finds series whose job runs but that has had no decided answer for
// too long, and no open incident that explains it.
func (e *engine) missingSeries(late map[string]bool) {
	reports, missed := e.series[monitorSeries(subjectReports)]
	for key, ss := range e.series {
		if key.Database == report.MonitorDatabase || key.Check == report.MockMode {
			continue
		}
		since, every := ss.unknownSince()
		if since.IsZero() && !missed {
			continue
		}
		name := key.String()
		if since.IsZero() || e.now.Sub(since) <= e.silent(every) {
			e.retract(subjectReports, name)
			continue
		}
		if e.explainsSilence(key, ss, late) {
			continue
		}
		status := report.Warn
		if e.p.Rule(key).Severity == cause.SeverityCritical {
			status = report.Fail
		}
		e.assert(subjectReports, name, status, cause.MonitorMissingReports,
			fmt.Sprintf("%s of %s gives no answer since %s", key.Check, key.Database, text.Stamp(since)), since)
	}
	// What is no longer known of is no longer missed.
	if missed {
		for _, src := range slices.Clone(reports.Sources) {
			key, isSeries := report.ParseSeries(src.Source)
			if _, known := e.series[key]; isSeries && !known {
				e.retract(subjectReports, src.Source)
			}
		}
	}
}

// explainsSilence reports whether an open incident says already why a series has no
// decided answer: its own, that of its database's ping or configuration, that of the
// network or of the quota, or the one about the job that asks it.
func (e *engine) explainsSilence(key report.Series, ss *SeriesState, late map[string]bool) bool {
	of := func(check report.Check) report.Series { return report.Series{Database: key.Database, Check: check} }
	switch {
	case e.openIncident(key) != nil, e.openIncident(of(report.Ping)) != nil, e.openIncident(of(report.ConfigLoad)) != nil:
		return true
	case votes(key.Check):
		return e.openIncident(monitorSeries(subjectNetwork)) != nil || ss.askedBy(report.HealthCheck, late)
	}
	return e.openIncident(of(report.Commands)) != nil || ss.askedBy(report.Metrics, late)
}

// askedBy reports whether a late run of that job is one that asks the series.
func (ss *SeriesState) askedBy(job report.Job, late map[string]bool) bool {
	for key := range late {
		of, region, _ := cutJob(key)
		if of == job && (region == "" || slices.ContainsFunc(ss.Sources, func(s SourceState) bool { return s.Source == "" || s.Source == region })) {
			return true
		}
	}
	return false
}

// unknownSince returns since when no source has given a decided answer, zero if one does.
func (ss *SeriesState) unknownSince() (since time.Time, every time.Duration) {
	for _, src := range ss.Sources {
		if src.UnknownSince.IsZero() {
			return time.Time{}, 0
		}
		since, every = later(since, src.UnknownSince), max(every, src.Every)
	}
	return since, every
}

// gone closes what the configuration no longer knows, saying so once. A
// configuration that could not be read closes nothing.
func (e *engine) gone() {
	if e.p.Databases == nil {
		return
	}
	for key, ss := range e.series {
		if e.watched(key) {
			continue
		}
		if inc := e.openOf(ss); inc != nil {
			e.resolve(inc, NoLongerWatched)
		}
		delete(e.series, key)
	}
	e.goneRegions()
	if len(e.p.Databases) == 0 {
		e.closeAll()
	}
}

// closeAll closes what is left of a shard that is gone: the monitor's own series.
func (e *engine) closeAll() {
	for _, id := range sorted(e.incidents) {
		if inc := e.incidents[id]; inc.Open() {
			e.resolve(inc, NoLongerWatched)
		}
	}
	clear(e.series)
	clear(e.s.Jobs)
}

// goneRegions drops the votes of regions that are no longer configured.
func (e *engine) goneRegions() {
	regions := map[string]bool{}
	for _, j := range e.p.Jobs {
		if j.Job == report.HealthCheck && j.Region != "" {
			regions[j.Region] = true
		}
	}
	if len(regions) == 0 {
		return
	}
	for key, ss := range e.series {
		if !votes(key.Check) {
			continue
		}
		ss.Sources = slices.DeleteFunc(ss.Sources, func(src SourceState) bool { return src.Source != "" && !regions[src.Source] })
	}
}
