// Package check asks the questions: each check is data (its interval, what it costs)
// with a func that looks at a [Target] and returns observations.
//
// Producers judge values: an observation's status says on which side of the opening
// threshold a value lies, and its Clear whether it is also beyond the closing one.
// Alert judges time. Nothing here remembers anything between runs; what a check needs
// of the past comes in with its Target, and whether a check is due is arithmetic.
package check

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// Spec is a check of one database.
type Spec struct {
	Check report.Check
	// Subject and Source are those of all observations, unless empty.
	Subject, Source string
	// Every is the interval; Commands is what a run costs at most by Upstash's price list.
	// A check that costs commands runs only where the database has a client, and can afford it.
	Every    time.Duration
	Commands int
	// Least is what a run costs by the same list when all is well and little is stored.
	Least int
	// Run returns an observation for every series and source of its own. What it could
	// not find out is unknown, with the reason.
	Run func(ctx context.Context, t *Target) []report.Observation
}

// leastSample is the one page of an empty database.
const leastSample = 1

// The checks of each job, in the order in which they run, before the configuration has
// said how often. ConfigLoad runs in every run: the configuration cannot switch it off.
var (
	healthChecks = []Spec{
		{Check: report.Ping, Run: one(ping)},
		{Check: report.Latency, Run: latency},
		{Check: report.MockMode, Run: mockMode},
		{Check: report.Limiter, Run: limiterPages},
		{Check: report.ConfigLoad, Run: configuration},
	}
	metricsChecks = []Spec{
		{Check: report.Memory, Run: ofInfo(memory)},
		{Check: report.HitRate, Run: ofInfo(hitRate)},
		{Check: report.Eviction, Run: ofInfo(eviction)},
		{Check: report.Commands, Run: one(commands)},
		{Check: report.Bandwidth, Run: bandwidth},
		{Check: report.Budget, Run: spent},
		{Check: report.Connections, Run: ofInfo(connections)},
		{Check: report.Write, Commands: writeCommands, Least: writeCommands, Run: one(write)},
		{Check: report.RoundTrip, Commands: roundTripCommands, Least: roundTripCommands, Run: one(roundTrip)},
		{Check: report.Isolation, Least: leastSample, Run: one(isolation)},
		{Check: report.Values, Least: leastSample, Run: one(values)},
		{Check: report.ConfigLoad, Run: configuration},
	}
)

// one makes a check of a function that returns one observation.
func one(look func(context.Context, *Target) report.Observation) func(context.Context, *Target) []report.Observation {
	return func(ctx context.Context, t *Target) []report.Observation { return []report.Observation{look(ctx, t)} }
}

// ofInfo makes a check of a function that judges INFO.
func ofInfo(judge func(*Target, upstash.Info) report.Observation) func(context.Context, *Target) []report.Observation {
	return one(func(ctx context.Context, t *Target) report.Observation {
		info, err := t.Info(ctx)
		if err != nil {
			return unknown(err)
		}
		return judge(t, info)
	})
}

// Specs returns the checks that a job asks of a database, in the order in which they
// are to run. runEvery is the job's own interval, below which no check is asked.
func Specs(job report.Job, d *config.Database, runEvery time.Duration) []Spec {
	all := healthChecks
	if job == report.Metrics {
		all = metricsChecks
	}
	specs := make([]Spec, 0, len(all))
	for _, s := range all {
		if s.Check == report.Limiter && !slices.ContainsFunc(d.Apps, func(a config.App) bool { return a.Limiter }) {
			continue
		}
		s.Every = runEvery
		if s.Check != report.ConfigLoad {
			c := d.Checks.Of(s.Check)
			if !c.Enabled {
				continue
			}
			s.Every = max(c.Every, runEvery)
		}
		switch s.Check {
		case report.Isolation:
			s.Commands = d.Checks.Isolation.MaxCommands
		case report.Values:
			s.Commands = d.Checks.Values.MaxCommands
		}
		specs = append(specs, s)
	}
	if job != report.Metrics || !d.Checks.MockMode.Enabled {
		return specs
	}
	for _, app := range d.Apps {
		if app.Proof {
			specs = append(specs, Spec{
				Check: report.MockMode, Subject: app.Service, Source: report.SourceProof,
				Every: max(app.ProofEvery, runEvery), Commands: proofCommands, Least: leastProof,
				Run: one(func(ctx context.Context, t *Target) report.Observation { return t.prove(ctx, app) }),
			})
		}
		if app.Limiter {
			specs = append(specs, Spec{
				Check: report.Limiter, Subject: app.Service, Source: report.SourceProof,
				Every: max(app.LimiterEvery, runEvery), Commands: limiterCommands, Least: leastLimiter,
				Run: one(func(ctx context.Context, t *Target) report.Observation { return t.testLimiter(ctx, app) }),
			})
		}
	}
	return specs
}

// Due reports whether the check is asked in the run scheduled at that time by a job
// that runs every runEvery: in the first run of each interval, where the intervals of
// different databases begin at different times, so that a shard's commands are spread
// over its runs. It is arithmetic, so that a run which is repeated asks the same, and
// a lost run shifts nothing.
func Due(s Spec, database string, scheduled time.Time, runEvery time.Duration) bool {
	if s.Every <= runEvery {
		return true
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(database)) // a hash never fails
	// Whole runs, so that the spread survives rounding to the job's own rhythm.
	slots := uint64(s.Every / runEvery)
	offset := time.Duration(h.Sum64()%slots) * runEvery
	begins := func(t time.Time) time.Time { return t.Add(offset).Truncate(s.Every) }
	return !begins(scheduled).Equal(begins(scheduled.Add(-runEvery)))
}

// Run asks every check that is due in the run scheduled at that time, and returns all
// their observations. A check that panics is unknown; the others go on.
func Run(ctx context.Context, t *Target, specs []Spec, scheduled time.Time, runEvery time.Duration) []report.Observation {
	var out []report.Observation
	for _, s := range specs {
		if Due(s, t.Database.Name, scheduled, runEvery) {
			out = append(out, ask(ctx, t, s)...)
		}
	}
	return out
}

// ask runs one check and puts into its observations what they all have in common.
func ask(ctx context.Context, t *Target, s Spec) (observations []report.Observation) {
	defer func() {
		if recover() != nil { // its value may hold anything
			observations = []report.Observation{panicked(s.Check)}
		}
		for i := range observations {
			o := &observations[i]
			o.Database, o.Check, o.Every = t.Database.Name, s.Check, s.Every
			o.Subject, o.Source = cmp.Or(s.Subject, o.Subject), cmp.Or(s.Source, o.Source, t.source(s.Check))
			o.Evidence = report.CutEvidence(o.Evidence)
			if o.At.IsZero() {
				o.At = t.now()
			}
		}
	}()
	if s.Commands == 0 {
		return s.Run(ctx, t)
	}
	if err := t.stopped(); err != nil {
		return []report.Observation{unknown(err)}
	}
	observations = s.Run(ctx, t)
	for _, o := range observations {
		if o.Status == report.Unknown && keepsAway(o.Cause) {
			t.trouble = &Problem{Cause: o.Cause, Evidence: o.Evidence}
		}
	}
	return observations
}

// stopped returns why checks that cost commands are not asked in this run, or nil: the
// database cannot be asked, the configuration is above its budget, an earlier check of
// this run failed in a way that keeps others away, or the quota is nearly used up.
func (t *Target) stopped() error {
	if t.client == nil {
		return t.unasked()
	}
	for _, p := range t.Database.Problems {
		if p.Cause == cause.MonitorBudget && !p.Notice {
			return &Problem{Cause: cause.MonitorBudget, Evidence: "not asked: " + p.Evidence()}
		}
	}
	if t.trouble != nil {
		return t.trouble
	}
	if t.infoErr != nil && keepsAway(unknown(t.infoErr).Cause) {
		return t.infoErr
	}
	stopAt := t.Database.Budget.StopAt
	if used, known := t.usedShare(); stopAt > 0 && known && used >= stopAt {
		return &Problem{Cause: cause.MonitorBudget, Evidence: fmt.Sprintf(
			"not asked: %.0f %% of the month's commands are used, and checks that cost commands stop at %.0f %% (budget.stop_at)", used*100, stopAt*100)}
	}
	return nil
}

// keepsAway reports whether nothing more is asked in this run after such a cause, because
// it would fail in the same way, wait as long, or cost what is not there. The write canary
// must still find a read-only token.
func keepsAway(c cause.Cause) bool {
	switch c.Class() {
	case cause.ClassNetwork, cause.ClassQuota, cause.ClassProvider:
		return c != cause.WritePaused
	case cause.ClassAuth:
		return c != cause.ReadonlyToken
	default:
		return false
	}
}
