package preflight

import (
	"context"
	"time"

	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// appLimiter tests the limiters of the configured apps exactly as Metrics does.
func appLimiter(ctx context.Context, r *run) Finding {
	tested := 0
	for _, d := range r.databases {
		t := *d.target
		t.Apps = check.NewApps(r.Config, check.ProofKeys(r.Config, r.Secrets))
		for _, spec := range check.Specs(report.Metrics, d.Database, time.Minute) {
			if spec.Check != report.Limiter {
				continue
			}
			for _, o := range spec.Run(ctx, &t) {
				if o.Status != report.OK {
					return because(Fail, o.Cause, spec.Subject+": "+o.Evidence)
				}
				tested++
			}
		}
	}
	if tested == 0 {
		return manual("no app has app.limiter in the configuration", "Let the app answer the test of docs/limiter.md, set app.limiter: true, and run this again.")
	}
	return pass("%s refused hits above the limit", text.Count(tested, "limiter", "limiters"))
}
