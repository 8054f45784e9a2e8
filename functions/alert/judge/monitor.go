package judge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Subjects of the monitor's own series that are judged here.
const (
	subjectReports = "reports"
	subjectNetwork = "network"
)

// assert makes a source of one of the monitor's own series bad, without thresholds.
func (s *shard) assert(subject, name string, status report.Status, c cause.Cause, evidence string, since time.Time) {
	evidence = report.CutEvidence(evidence)
	key := incident.MonitorSeries(subject)
	ss := s.series(key)
	src := source(ss, name)
	o := report.Observation{
		Database: key.Database, Check: key.Check, Subject: subject, Source: name,
		Status: status, Cause: c, Evidence: evidence, At: s.now, Every: time.Minute,
	}
	if src.Down && src.Status == status && src.Cause == c {
		if src.Observation != nil && src.Observation.Evidence != evidence { // more is known of it
			src.Observation, s.fresh[key] = &o, true
		}
		return
	}
	*src = incident.SourceState{
		Source: name, Scheduled: s.now, Seen: s.now, Every: o.Every, Status: status, Cause: c,
		History: 1, Known: 1, Bad: 1, Runs: 1, Down: true, Since: since, Observation: &o,
	}
	ss.LastBad, s.fresh[key] = s.now, true
}

// retract ends what assert said.
func (s *shard) retract(subject, name string) {
	ss, ok := s.Series[incident.MonitorSeries(subject)]
	if !ok {
		return
	}
	i := slices.IndexFunc(ss.Sources, func(src incident.SourceState) bool { return src.Source == name && src.Down })
	if i < 0 {
		return
	}
	ss.Sources[i] = incident.SourceState{
		Source: name, Scheduled: s.now, Seen: s.now, Every: ss.Sources[i].Every, Status: report.OK, Good: 1, Known: 1,
	}
	ss.LastOK = s.now
}

// canary judges the report's network canary: an observation of the monitor's own
// series with subject "network". Its failure counts only if it worked lately and at
// least CanaryDatabases fail with it. Then the network, and not each database, is what
// is wrong, and the databases that it hides are returned.
func (s *shard) canary(r report.Report) map[string]bool {
	if r.Job != report.HealthCheck {
		return nil
	}
	failing := map[string]bool{}
	for _, o := range r.Observations {
		if o.Check == report.Ping && o.Status == report.Fail && o.Cause.Class() == cause.ClassNetwork {
			failing[o.Database] = true
		}
	}
	i := slices.IndexFunc(r.Observations, func(o report.Observation) bool {
		return o.Database == report.MonitorDatabase && o.Subject == subjectNetwork
	})
	switch {
	case i >= 0 && r.Observations[i].Status == report.OK:
		s.Canary[r.Region] = r.Scheduled
		s.retract(subjectNetwork, r.Region)
		return nil
	case i < 0 && len(failing) < s.policy.CanaryDatabases:
		s.retract(subjectNetwork, r.Region) // it is asked only when it may explain something
		return nil
	case i < 0 || !r.Observations[i].Status.Bad():
		return nil
	}
	worked, ok := s.Canary[r.Region]
	if !ok || s.now.Sub(worked) > s.policy.CanaryWithin || len(failing) < s.policy.CanaryDatabases {
		return nil
	}
	unseen := strings.Join(slices.Sorted(maps.Keys(failing)), ", ")
	s.assert(subjectNetwork, r.Region, report.Fail, cause.MonitorNetwork,
		fmt.Sprintf("%s cannot reach the network; unseen: %s", r.Region, unseen), r.Scheduled)
	return failing
}
