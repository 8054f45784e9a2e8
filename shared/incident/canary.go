package incident

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// canary judges the report's network canary: an observation of the monitor's own
// series with subject "network". Its failure counts only if it worked lately and at
// least CanaryDatabases fail with it; then it, and not each database, is what is
// wrong. The databases it hides are returned.
func (e *engine) canary(r report.Report, age Age) map[string]bool {
	if age != Fresh || r.Job != report.HealthCheck {
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
		e.s.Canary[r.Region] = r.Scheduled.UTC()
		e.retract(subjectNetwork, r.Region)
		return nil
	case i < 0 && len(failing) < e.p.CanaryDatabases:
		e.retract(subjectNetwork, r.Region) // it is asked only when it may explain something
		return nil
	case i < 0 || !r.Observations[i].Status.Bad():
		return nil
	}
	worked, ok := e.s.Canary[r.Region]
	if !ok || e.now.Sub(worked) > e.p.CanaryWithin || len(failing) < e.p.CanaryDatabases {
		return nil
	}
	e.assert(subjectNetwork, r.Region, report.Fail, cause.MonitorNetwork,
		fmt.Sprintf("%s cannot reach the network; unseen: %s", r.Region, strings.Join(sorted(failing), ", ")), r.Scheduled)
	return failing
}
