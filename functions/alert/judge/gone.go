package judge

import (
	"maps"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// asks reports whether the configuration still has the source of a series that is watched:
// the region, the job, or what an app is asked.
func (s *shard) asks(key report.Series, src incident.SourceState, regions map[string]bool) bool {
	_, _, job := cutJob(src.Source)
	switch {
	case votes(key.Check), key == incident.MonitorSeries(subjectNetwork):
		return len(regions) == 0 || src.Source == "" || regions[src.Source]
	case key.Check == report.MockMode:
		apps := s.policy.Databases[key.Database].Apps
		return signals(&src) || key.Subject == "" || apps == nil || slices.Contains(apps[key.Subject], src.Source)
	case key.Check != report.ConfigLoad && key != incident.MonitorSeries("") || !job || len(s.policy.Jobs) == 0:
		return true
	}
	return slices.ContainsFunc(s.policy.Jobs, func(j policy.Job) bool {
		// A job without a region may have moved.
		last, _ := s.lastRun(j)
		return covers(j, src.Source) && (last == src.Source || s.now.Sub(src.Seen) <= s.silent(j.Every))
	})
}

// closeGone closes what the configuration no longer knows. A configuration that could
// not be read closes nothing, and what another shard has now is handed over to it.
func (s *shard) closeGone() {
	if s.policy.Databases == nil {
		return
	}
	for key, ss := range s.Series {
		if s.watched(key) || s.policy.Elsewhere[key.Database] != "" {
			continue
		}
		if inc := s.openOf(ss); inc != nil {
			s.resolve(inc, incident.NoLongerWatched)
		}
		delete(s.Series, key)
	}
	regions := map[string]bool{}
	for _, j := range s.policy.Jobs {
		if j.Job == report.HealthCheck && j.Region != "" {
			regions[j.Region] = true
		}
	}
	for key, ss := range s.Series {
		isDown := func(src incident.SourceState) bool { return src.Down }
		was := slices.ContainsFunc(ss.Sources, isDown)
		ss.Sources = slices.DeleteFunc(ss.Sources, func(src incident.SourceState) bool { return !s.asks(key, src, regions) })
		// What is left may be good, but the failure was seen by a source that is gone.
		if inc := s.openOf(ss); inc != nil && was && !slices.ContainsFunc(ss.Sources, isDown) {
			s.resolve(inc, incident.NoLongerWatched)
		}
	}
	if len(regions) > 0 {
		maps.DeleteFunc(s.Canary, func(region string, _ time.Time) bool { return !regions[region] })
	}
	if len(s.policy.Databases) > 0 {
		return
	}
	// Of a shard that is gone, the monitor's own series are left.
	moves := func(key report.Series) bool { return s.policy.Elsewhere[key.Database] != "" }
	for _, inc := range s.Incidents {
		if inc.Open() && !moves(inc.Series) {
			s.resolve(inc, incident.NoLongerWatched)
		}
	}
	maps.DeleteFunc(s.Series, func(key report.Series, _ *incident.SeriesState) bool { return !moves(key) })
	clear(s.Jobs)
}
