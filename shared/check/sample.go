package check

import (
	"context"

	"github.com/pongwatch/pongwatch/shared/report"
)

// SampleIsolation asks the check isolation outside a job's runs, with at most so many
// commands, and returns how many it took.
func (t *Target) SampleIsolation(ctx context.Context, commands int) (report.Observation, int) {
	return t.sampleOnce(ctx, report.Isolation, commands, isolation)
}

// SampleValues is the same of the check values.
func (t *Target) SampleValues(ctx context.Context, commands int) (report.Observation, int) {
	return t.sampleOnce(ctx, report.Values, commands, values)
}

func (t *Target) sampleOnce(ctx context.Context, c report.Check, commands int, look func(context.Context, *Target) report.Observation) (report.Observation, int) {
	database := *t.Database
	rules := &database.Checks
	rules.Isolation.MaxCommands = min(rules.Isolation.MaxCommands, commands)
	rules.Values.MaxCommands = min(rules.Values.MaxCommands, commands)
	once := *t
	once.Database, once.sampled = &database, 0
	o := ask(ctx, &once, Spec{Check: c, Run: one(look)})
	return o[0], once.sampled
}
