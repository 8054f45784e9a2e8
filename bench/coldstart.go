package main

import (
	"context"
	"fmt"
)

// coldStart measures from exec to the first answer, interleaved with the floor so that
// whatever else the machine does meets both. The page cache is warm: what the
// container's disk adds is the same for both.
func coldStart(ctx context.Context, l *lab) error {
	if err := l.build(ctx); err != nil {
		return err
	}
	c, err := startCloud(ctx)
	if err != nil {
		return err
	}
	defer c.stop()
	env := append(c.env(), "PONGWATCH_CONFIG=databases:\n"+databaseEntries("main", 10, "https://merry-cat-32748.upstash.io", tokenReference))
	var floor, ours []float64
	for i := range l.runs + 2 {
		for _, program := range []struct {
			binary string
			env    []string
			took   *[]float64
		}{{l.floor, nil, &floor}, {l.functions, env, &ours}} {
			s, err := startServer(ctx, program.binary, program.env...)
			if err != nil {
				return fmt.Errorf("starting %s: %w", program.binary, err)
			}
			s.stop()
			if i >= 2 { // the first two fill the page cache
				*program.took = append(*program.took, s.answered.Seconds()*1000)
			}
		}
	}
	l.report(result{
		what: fmt.Sprintf("cold start, exec to first answer (%d runs)", l.runs), value: median(ours), unit: "ms",
		base: "framework and Secret Manager SDK", baseValue: median(floor), maxRatio: 1.2,
	})
	return nil
}
