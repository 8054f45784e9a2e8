package healthcheck

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
)

// recalling bounds a look into history, or into the state, for which a report or a person waits.
const recalling = time.Second

const (
	// canaryEvery is how often the canary is asked while all is well: its failure
	// counts for Alert only if it worked lately.
	canaryEvery   = time.Hour
	canaryTimeout = 2 * time.Second
)

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
	var pings, apps []func()
	for _, x := range all {
		if x.pings {
			pings = append(pings, func() { f.runs.ask(ctx, x.target) })
		}
		if x.apps {
			apps = append(apps, func() { x.target.AskApps(ctx) })
		}
	}
	// Apps are asked beside the databases' second and third attempts, so that they do not
	// lengthen the run.
	questions := slices.Concat(pings, apps)
	job.Each(len(questions), func(i int) { questions[i]() })
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
		x := watched{target: f.target(d), specs: check.Specs(report.HealthCheck, d, r.Every)}
		x.target.Apps, x.target.Deployments = f.apps, f.options.Deployments
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
		if d := f.config.Database(o.Database); *o.Value > d.Thresholds.Latency.Critical.Seconds()*1000 {
			slow, window = append(slow, i), max(window, check.LatencyWindow(d.Thresholds.Latency.Window, d.Checks.Pings()))
		}
	}
	if len(slow) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, recalling)
	defer cancel()
	hours, err := f.archive.Pings(ctx, r.Shard, f.options.Region, r.Scheduled.Add(-window), r.Scheduled)
	if err != nil {
		f.logUnread(ctx, err)
		return
	}
	for _, i := range slow {
		o := observations[i]
		var recent []report.Sample
		for _, h := range hours {
			recent = slices.AppendSeq(recent, h.Of[o.Database].All())
		}
		d := f.config.Database(o.Database)
		rule := d.Thresholds.Latency
		observations[i] = check.JudgeLatency(o, recent, rule.Critical, check.LatencyWindow(rule.Window, d.Checks.Pings()))
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

// canary asks an address that answers whenever the network works, where several
// databases fail by the network, and once an hour. It returns no observation when it
// was not asked, or not to the end.
func (f *Function) canary(ctx context.Context, r job.Round, observations []report.Observation) []report.Observation {
	c := f.config.Alerting.Canary
	failed := 0
	for _, o := range observations {
		if o.Check == report.Ping && o.Status == report.Fail && o.Cause.Class() == cause.ClassNetwork {
			failed++
		}
	}
	due := failed >= c.Databases || check.Due(check.Spec{Every: canaryEvery}, report.MonitorDatabase, r.Scheduled, r.Every)
	if !c.Enabled || c.URL == "" || !due {
		return nil
	}
	attempt, cancel := context.WithTimeout(ctx, canaryTimeout)
	defer cancel()
	o := report.Observation{
		Database: report.MonitorDatabase, Check: report.Monitor, Subject: "network",
		Source: string(report.HealthCheck) + "@" + f.options.Region, Every: canaryEvery, At: f.now().UTC(),
		Status: report.OK, Clear: true,
	}
	err := f.askCanary(attempt, c.URL)
	if err != nil && ctx.Err() != nil {
		return nil
	}
	if err != nil {
		f.log.WarnContext(ctx, "network canary failed", slog.String("event", "canary_failed"))
		o.Status, o.Clear, o.Cause, o.Evidence = report.Fail, false, cause.MonitorNetwork, "the network canary does not answer"
	}
	return []report.Observation{o}
}

// askCanary succeeds with any answer: a redirect of a captive portal is one too, but
// then the databases' certificates fail, which names itself.
func (f *Function) askCanary(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := f.canaryTransport.RoundTrip(r)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// logProbes writes a line for each database. Log-based metrics are made of its fields: a change
// here is a change in Terraform. What is wrong with a database is a
// warning: errors are pongwatch's own. A phase that was not reached is left out. A run in which no
// ping is due writes a line of its own, because Cloud Monitoring takes silence for a job that is dead.
func (f *Function) logProbes(ctx context.Context, r job.Round, observations []report.Observation) {
	if !slices.ContainsFunc(observations, func(o report.Observation) bool { return o.Check == report.Ping }) {
		f.log.InfoContext(ctx, "run", slog.String("event", "run"), slog.String("shard", r.Shard), slog.String("region", f.options.Region))
	}
	for _, o := range observations {
		if o.Check != report.Ping {
			continue
		}
		level := slog.LevelInfo
		if o.Status != report.OK {
			level = slog.LevelWarn
		}
		attrs := []slog.Attr{
			slog.String("event", "probe"),
			slog.String("database", o.Database),
			slog.String("shard", r.Shard),
			slog.String("region", f.options.Region),
			slog.String("status", string(o.Status)),
			slog.String("cause", string(o.Cause)),
			slog.Int("attempts", o.Attempts),
			slog.String("scheduled", r.Scheduled.UTC().Format(time.RFC3339)),
			slog.Int64("lag_ms", r.Lag().Milliseconds()),
		}
		phase := func(field string, ms float64) {
			if ms > 0 {
				attrs = append(attrs, slog.Float64(field, ms))
			}
		}
		if p := o.Phases; p != nil {
			phase("latency_ms", p.Wait)
			phase("dns_ms", p.DNS)
			phase("connect_ms", p.Connect)
			phase("tls_ms", p.TLS)
			phase("total_ms", p.Total)
		}
		f.log.LogAttrs(ctx, level, "probe", attrs...)
	}
}
