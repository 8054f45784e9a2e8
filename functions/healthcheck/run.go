package healthcheck

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
)

// recalling bounds a look into history, or into the state, for which a report or a person waits.
const recalling = time.Second

// watched is one database of a run.
type watched struct {
	target *check.Target
	specs  []check.Spec
	// pings says whether a PONG is asked for in this run, apps whether apps are.
	pings, apps bool
}

// observe asks every database of the shard at once. What is not confirmed, or not
// tried, when the context ends is observed as that.
func (f *Function) observe(ctx context.Context, r job.Round) job.Seen {
	all := f.targets(r)
	var pinged, apps []*check.Target
	for _, x := range all {
		if x.pings {
			pinged = append(pinged, x.target)
		}
		if x.apps {
			apps = append(apps, x.target)
		}
	}
	// Apps are asked beside the databases' second and third attempts, so that they do not
	// lengthen the run.
	job.Each(len(pinged)+len(apps), func(i int) {
		if i < len(pinged) {
			f.watch(ctx, pinged[i])
		} else {
			apps[i-len(pinged)].AskApps(ctx)
		}
	})
	var observations []report.Observation
	for _, x := range all {
		observations = append(observations, check.Run(ctx, x.target, x.specs, r.Scheduled, r.Every)...)
		if t, at := x.target.Pinged(); !at.IsZero() {
			f.kept.put(f.judge(ctx, t, at), f.now())
		}
	}
	f.judgeLatency(ctx, r, observations)
	observations = append(observations, f.canary(ctx, r, observations)...)
	f.logProbes(ctx, r, observations)
	return job.Seen{
		Observations: observations, Databases: len(all),
		Record: func(ctx context.Context, finished time.Time) error { return f.record(ctx, r, all, finished) },
	}
}

// targets returns the shard's databases with their checks.
func (f *Function) targets(r job.Round) []watched {
	databases := f.config.InShard(r.Shard)
	out := make([]watched, 0, len(databases))
	for _, d := range databases {
		x := watched{
			target: &check.Target{
				Database: d, Job: report.HealthCheck, Region: f.options.Region, Now: f.options.Now,
				Apps: f.apps, Deployments: f.options.Deployments,
			},
			specs: check.Specs(report.HealthCheck, d, r.Every),
		}
		for _, s := range x.specs {
			due := check.Due(s, d.Name, r.Scheduled, r.Every)
			x.pings = x.pings || due && (s.Check == report.Ping || s.Check == report.Latency)
			x.apps = x.apps || due && s.Check == report.MockMode && len(d.Apps) > 0
		}
		out = append(out, x)
	}
	return out
}

// judgeLatency looks at the recent past of the databases that are very slow now.
// Without history a slow answer stays a warning.
func (f *Function) judgeLatency(ctx context.Context, r job.Round, observations []report.Observation) {
	var slow []int
	var window time.Duration // the longest of their rules'
	for i, o := range observations {
		if o.Check != report.Latency || o.Status != report.Warn || o.Value == nil {
			continue
		}
		if rule := f.config.Database(o.Database).Thresholds.Latency; *o.Value > rule.Critical.Seconds()*1000 {
			slow, window = append(slow, i), max(window, rule.Window)
		}
	}
	if len(slow) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, recalling)
	defer cancel()
	hours, err := f.archive.Pings(ctx, r.Shard, f.options.Region, r.Scheduled.Add(-window), r.Scheduled)
	if err != nil {
		f.log.WarnContext(ctx, "history not read", slog.String("event", "history_failed"), slog.Any("error", err))
		return
	}
	for _, i := range slow {
		o := observations[i]
		var recent []report.Sample
		for _, h := range hours {
			recent = slices.AppendSeq(recent, h.Of[o.Database].All())
		}
		rule := f.config.Database(o.Database).Thresholds.Latency
		observations[i] = check.JudgeLatency(o, recent, rule.Critical, rule.Window)
	}
}

// record appends the run's pings to history.
func (f *Function) record(ctx context.Context, r job.Round, all []watched, finished time.Time) error {
	samples := make(map[string]report.Sample, len(all))
	for _, x := range all {
		if x.pings {
			samples[x.target.Database.Name] = x.target.Sample(r.Scheduled)
		}
	}
	run := history.Run{Scheduled: r.Scheduled, Started: r.Started, Finished: finished, Region: f.options.Region}
	return f.archive.AppendPings(ctx, r.Shard, run, samples)
}
