package preflight

import (
	"context"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/report"
)

// sampleCommands is how many commands each of the two samples may take: a tenth of what
// the monitor's own checks may take each day.
const sampleCommands = 10

func isolation(ctx context.Context, _ *run, d *database) Finding {
	return d.sample(ctx, (*check.Target).SampleIsolation)
}

// values reads a few strings and says whether they are JSON; it never shows one.
func values(ctx context.Context, _ *run, d *database) Finding {
	return d.sample(ctx, (*check.Target).SampleValues)
}

// sample asks one of the monitor's own checks, so that both judge alike.
func (d *database) sample(ctx context.Context, ask func(*check.Target, context.Context, int) (report.Observation, int)) Finding {
	if err := d.resolve(ctx); err != nil {
		return broken(err)
	}
	t := &check.Target{Database: d.Database, Job: report.Metrics, Now: d.run.Now}
	t.SetClient(d.client, "", nil)
	o, commands := ask(t, ctx, sampleCommands)
	d.used += int64(commands)
	switch {
	case o.Status == report.OK:
		return pass("%s", o.Evidence)
	case o.Status == report.Warn:
		return because(Warn, o.Cause, o.Evidence)
	case o.Cause == cause.ReadonlyToken:
		// Upstash's read-only token may not SCAN, which is for another item to judge.
		return skip("the token may not SCAN: see redis.write")
	}
	return because(Fail, o.Cause, o.Evidence)
}
