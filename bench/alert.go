package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// alertCost runs the benchmarks of functions/alert, which use what only its tests have: the time from
// the report that confirms a failure to the message that Slack accepted, and the size of the state.
func alertCost(ctx context.Context, l *lab) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^Benchmark(Notification|Step)$", "-benchtime", "20x", "./functions/alert")
	cmd.Dir = repository
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("running the benchmarks of functions/alert: %w\n%s", err, out)
	}
	for _, b := range []struct {
		name, what, metric, unit, base, floor string
		max                                   float64
	}{
		{"BenchmarkNotification/10_databases", "report to accepted message, 10 databases", "ms-message", "ms", "a bare POST", "ms-floor", 25},
		{"BenchmarkNotification/250_databases,_all_failing", "report to accepted message, 250 all failing", "ms-message", "ms", "a bare POST", "ms-floor", 250},
		{"BenchmarkStep/every_database_fails_every_check", "decode, step and encode, 250 all failing", "ms", "ms", "the report as JSON and back", "ms-floor", 0},
		{"BenchmarkStep/every_database_fails_every_check", "  size of the state", "KB-state", "KB", "", "", 250},
	} {
		value, err := benchmarkMetric(string(out), b.name, b.metric)
		if err != nil {
			return err
		}
		r := result{what: b.what, value: value, unit: b.unit, base: b.base, max: b.max}
		if b.floor != "" {
			if r.baseValue, err = benchmarkMetric(string(out), b.name, b.floor); err != nil {
				return err
			}
		}
		l.report(r)
	}
	return nil
}

// benchmarkMetric finds a metric in what go test prints: a line is name, iterations, then pairs of value and unit.
func benchmarkMetric(out, name, metric string) (float64, error) {
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != name && !strings.HasPrefix(fields[0], name+"-") {
			continue
		}
		for i := 2; i+1 < len(fields); i += 2 {
			if fields[i+1] == metric {
				return strconv.ParseFloat(fields[i], 64)
			}
		}
	}
	return 0, fmt.Errorf("go test printed no %s of %s:\n%s", metric, name, out)
}
