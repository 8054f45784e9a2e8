// Package check asks the questions: each check is data (its interval, what it costs)
// with a func that looks at a [Target] and returns observations.
//
// Producers judge values: an observation's status says on which side of the opening
// threshold a value lies, and its Clear whether it is also beyond the closing one.
// Alert judges time. Nothing here remembers anything between runs; what a check needs
// of the past comes in with its Target, and whether a check is due is arithmetic.
package check

import (
	"context"
	"hash/fnv"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Spec is a check of one database.
type Spec struct {
	Check report.Check
	// Every is the interval; Commands is what a run costs at most by Upstash's price list.
	Every    time.Duration
	Commands int
	// Least is what a run costs by the same list when all is well and little is stored.
	Least int
	// Run asks. It returns an observation for every series and source of its own,
	// also when it could not ask: then they are unknown with the reason.
	Run func(ctx context.Context, t *Target) []report.Observation
}

const (
	// leastProof is the app's SET, and one read that finds it.
	leastProof = 2
	// leastSample is the one page of an empty database.
	leastSample = 1
)

// entry is a Spec before the configuration has said how often.
type entry struct {
	check    report.Check
	commands int
	run      func(ctx context.Context, t *Target) []report.Observation
}

// The checks of each job, in the order in which they run. The configuration is
// looked at in every run: it is not a check that can be switched off.
var (
	healthChecks = []entry{
		{report.Ping, 0, ping},
		{report.Latency, 0, latency},
		{report.MockMode, 0, mockMode},
		{report.ConfigLoad, 0, configuration},
	}
	metricsChecks = []entry{
		{report.Memory, 0, memory},
		{report.HitRate, 0, hitRate},
		{report.Eviction, 0, eviction},
		{report.Commands, 0, commands},
		{report.Write, writeCommands, write},
		{report.RoundTrip, roundTripCommands, roundTrip},
		{report.Isolation, 0, isolation}, // what a sample may cost is configured
		{report.Values, 0, values},
		{report.ConfigLoad, 0, configuration},
	}
)

// Specs returns the checks that a job asks of a database, in the order in which they
// are to run. runEvery is the job's own interval, below which no check is asked.
func Specs(job report.Job, d *config.Database, runEvery time.Duration) []Spec {
	entries := healthChecks
	if job == report.Metrics {
		entries = metricsChecks
	}
	specs := make([]Spec, 0, len(entries))
	for _, e := range entries {
		s := Spec{Check: e.check, Every: runEvery, Commands: e.commands, Least: e.commands, Run: e.run}
		if e.check != report.ConfigLoad {
			c := d.Checks.Of(e.check)
			if !c.Enabled {
				continue
			}
			s.Every = max(c.Every, runEvery)
		}
		switch e.check {
		case report.Isolation:
			s.Commands, s.Least = d.Checks.Isolation.MaxCommands, leastSample
		case report.Values:
			s.Commands, s.Least = d.Checks.Values.MaxCommands, leastSample
		}
		specs = append(specs, s)
	}
	if job == report.Metrics && d.Checks.MockMode.Enabled {
		for _, app := range d.Apps {
			if app.Proof {
				specs = append(specs, Spec{
					Check: report.MockMode, Every: max(app.ProofEvery, runEvery), Commands: proofCommands, Least: leastProof, Run: proofOf(app),
				})
			}
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
	interval := func(t time.Time) int64 { return floor(t.UnixNano()+int64(offset), int64(s.Every)) }
	return interval(scheduled) != interval(scheduled.Add(-runEvery))
}

// floor divides towards minus infinity, so that times before 1970 are no exception.
func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
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
			o.Evidence = report.CutEvidence(o.Evidence)
			if o.At.IsZero() {
				o.At = t.now()
			}
			if o.Source == "" {
				o.Source = t.source(s.Check)
			}
		}
	}()
	if s.Commands > 0 {
		return t.billed(func() []report.Observation { return s.Run(ctx, t) })
	}
	return s.Run(ctx, t)
}
