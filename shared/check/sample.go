package check

import (
	"context"

	"github.com/pongwatch/pongwatch/shared/report"
)

// SampleKeys asks one of the checks isolation and values outside a job's runs, with at most so
// many commands, and returns how many it took.
func (t *Target) SampleKeys(ctx context.Context, c report.Check, commands int) (report.Observation, int) {
	database := *t.Database
	rules := &database.Checks
	rules.Isolation.MaxCommands = min(rules.Isolation.MaxCommands, commands)
	rules.Values.MaxCommands = min(rules.Values.MaxCommands, commands)
	look := isolation
	if c == report.Values {
		look = values
	}
	once := *t
	once.Database, once.sampled = &database, 0
	o := ask(ctx, &once, Spec{Check: c, Run: one(look)})
	return o[0], once.sampled
}
