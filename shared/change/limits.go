package change

import (
	"fmt"
	"strings"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// limits are the figures of a plan, with what people call them and their unit.
var limits = []struct {
	gauge report.Gauge
	name  string
	print func(float64) string
}{
	{report.GaugeDataLimit, "the memory limit", func(v float64) string { return text.Thousands(v/(1<<20)) + " MB" }},
	{report.GaugeCommandsLimit, "the month's commands", text.Thousands[float64]},
	{report.GaugeBudget, "the budget", func(v float64) string { return fmt.Sprintf("$%.0f", v) }},
	{report.GaugeConnectionsLimit, "the most connections", text.Thousands[float64]},
}

// Limits returns how a database's plan and limits changed between readings, which are in the order
// of time. A figure that is missing says nothing. A change may be as old as the last reading
// before it.
func Limits(database string, readings []report.Reading) []report.Change {
	var changes []report.Change
	differs := func(before, after report.Reading, what, was, is string) {
		what = fmt.Sprintf("%s went from %s to %s between %s and %s", what, was, is,
			strings.TrimSuffix(text.Clock(before.At, after.At), " UTC"), text.Clock(after.At, after.At))
		changes = append(changes, report.Change{At: before.At, Kind: report.Planned, Databases: []string{database}, What: what})
	}
	for _, l := range limits {
		var last *report.Reading
		for i := range readings {
			is, known := readings[i].Values[l.gauge]
			if !known || is <= 0 {
				continue
			}
			if last != nil && last.Values[l.gauge] != is {
				differs(*last, readings[i], l.name, l.print(last.Values[l.gauge]), l.print(is))
			}
			last = &readings[i]
		}
	}
	var last *report.Reading
	for i := range readings {
		if readings[i].Policy == "" {
			continue
		}
		if last != nil && last.Policy != readings[i].Policy {
			differs(*last, readings[i], "eviction", last.Policy, readings[i].Policy)
		}
		last = &readings[i]
	}
	return changes
}
