package judge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// overdue is after how many intervals a run is late.
const overdue = 2

// silent is how long something may say nothing before it is missing.
func (s *shard) silent(every time.Duration) time.Duration {
	return time.Duration(s.policy.MissAfter)*every + s.policy.Grace
}

// missing finds jobs and series that are silent. Silence is never good news, and never
// resolves anything.
func (s *shard) missing() {
	if s.policy.Databases != nil && len(s.policy.Databases) == 0 {
		return // a shard that is gone has no jobs
	}
	jobs := s.expectedJobs()
	late := map[string]bool{}
	for _, j := range jobs {
		key, last := s.lastRun(j)
		since, said := last.Scheduled, "last run "+text.Stamp(last.Scheduled)
		if since.IsZero() {
			if last.Expected.IsZero() {
				last.Expected = s.now
				s.Jobs[key] = last
			}
			since, said = last.Expected, "no run seen yet"
		}
		if s.now.Sub(since) <= overdue*j.Every {
			s.retract(subjectReports, j.Key())
			continue
		}
		// Silence counts from when it was first noticed: an Alert that was dead itself must not
		// take what it could not hear for silence.
		if last.Late.IsZero() {
			last.Late = s.now
			s.Jobs[key] = last
		}
		if s.now.Sub(since) <= s.silent(j.Every) || s.now.Sub(last.Late) < s.silent(j.Every)-overdue*j.Every {
			continue
		}
		late[j.Key()] = true
		s.assert(subjectReports, j.Key(), report.Fail, cause.MonitorMissingReports,
			fmt.Sprintf("%s: %s, expected every %s", j, said, text.Duration(j.Every)), since)
	}
	s.missingSeries(late)
	if len(s.policy.Jobs) == 0 {
		return
	}
	for key := range s.Jobs {
		if !slices.ContainsFunc(jobs, func(j policy.Job) bool { return covers(j, key) }) { // no longer configured
			delete(s.Jobs, key)
		}
	}
}

// expectedJobs are those of the policy, or all that were ever seen.
func (s *shard) expectedJobs() []policy.Job {
	if len(s.policy.Jobs) > 0 {
		return s.policy.Jobs
	}
	var jobs []policy.Job
	for _, key := range slices.Sorted(maps.Keys(s.Jobs)) {
		if job, region, ok := cutJob(key); ok && region != "" {
			jobs = append(jobs, policy.Job{Job: job, Region: region, Every: s.Jobs[key].Every})
		}
	}
	return jobs
}

// lastRun returns the newest run of a job, in any region for one without a region, and
// where the state has it.
func (s *shard) lastRun(j policy.Job) (key string, last incident.JobState) {
	key = j.Key()
	for _, k := range slices.Sorted(maps.Keys(s.Jobs)) {
		if covers(j, k) && s.Jobs[k].Scheduled.After(s.Jobs[key].Scheduled) {
			key = k
		}
	}
	return key, s.Jobs[key]
}

// covers reports whether a run under that key is one of the job's.
func covers(j policy.Job, key string) bool {
	job, region, _ := cutJob(key)
	return job == j.Job && (j.Region == "" || region == j.Region)
}

func cutJob(key string) (report.Job, string, bool) {
	job, region, ok := strings.Cut(key, "@")
	return report.Job(job), region, ok
}

// missingSeries finds series whose job runs but that have had no decided answer for
// too long, and no open incident that explains it.
func (s *shard) missingSeries(late map[string]bool) {
	reports, missed := s.Series[incident.MonitorSeries(subjectReports)]
	for key, ss := range s.Series {
		if key.Database == report.MonitorDatabase || key.Check.OfApp() {
			continue
		}
		since, every := unknownSince(ss)
		switch {
		case since.IsZero() || s.now.Sub(since) <= s.silent(every):
			s.retract(subjectReports, key.String())
			continue
		case s.explainsSilence(key, ss, late):
			continue
		}
		status := report.Warn
		if s.policy.Rule(key).Severity == cause.SeverityCritical {
			status = report.Fail
		}
		s.assert(subjectReports, key.String(), status, cause.MonitorMissingReports,
			fmt.Sprintf("%s of %s gives no answer since %s", key.Check, key.Database, text.Stamp(since)), since)
	}
	if !missed {
		return
	}
	jobs := s.expectedJobs()
	for _, src := range slices.Clone(reports.Sources) {
		key, isSeries := report.ParseSeries(src.Source)
		_, known := s.Series[key]
		if !isSeries {
			known = slices.ContainsFunc(jobs, func(j policy.Job) bool { return j.Key() == src.Source })
		}
		if !known { // it is no longer configured
			s.retract(subjectReports, src.Source)
		}
	}
}

// unknownSince returns since when no source has given a decided answer, zero if one does.
func unknownSince(ss *incident.SeriesState) (since time.Time, every time.Duration) {
	for _, src := range ss.Sources {
		if src.UnknownSince.IsZero() {
			return time.Time{}, 0
		}
		since, every = later(since, src.UnknownSince), max(every, src.Every)
	}
	return since, every
}

// explainsSilence reports whether an open incident says already why a series has no
// decided answer: its own, that of its database's ping or configuration, that of the
// network or of the quota, for a round trip that of its writes, or the one about the job that asks it.
func (s *shard) explainsSilence(key report.Series, ss *incident.SeriesState, late map[string]bool) bool {
	of := func(check report.Check) report.Series { return report.Series{Database: key.Database, Check: check} }
	asks, explaining := report.Metrics, of(report.Commands)
	if votes(key.Check) {
		asks, explaining = report.HealthCheck, incident.MonitorSeries(subjectNetwork)
	}
	all := []report.Series{key, of(report.Ping), of(report.ConfigLoad), explaining}
	if key.Check == report.RoundTrip {
		all = append(all, of(report.Write)) // it names why writes are refused
	}
	for _, open := range all {
		// A setting whose default is used is a warning, and keeps nothing from being asked.
		if i := s.openIncident(open); i != nil && (open.Check != report.ConfigLoad || i.Status == report.Fail) {
			return true
		}
	}
	for run := range late {
		job, region, _ := cutJob(run)
		if job == asks && (region == "" || slices.ContainsFunc(ss.Sources, func(src incident.SourceState) bool { return src.Source == "" || src.Source == region })) {
			return true
		}
	}
	return false
}
