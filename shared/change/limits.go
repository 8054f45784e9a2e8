package change

import (
	"fmt"
	"strings"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// limits are what a plan sets, with what people call it and how a reading says it; empty is unknown.
var limits = []struct {
	name string
	of   func(report.Reading) string
}{
	{"the memory limit", figure(report.GaugeDataLimit, func(v float64) string { return text.Thousands(v/(1<<20)) + " MB" })},
	{"the month's commands", figure(report.GaugeCommandsLimit, text.Thousands[float64])},
	{"the budget", figure(report.GaugeBudget, func(v float64) string { return fmt.Sprintf("$%.0f", v) })},
	{"the most connections", figure(report.GaugeConnectionsLimit, text.Thousands[float64])},
	{"eviction", func(r report.Reading) string { return r.Policy }},
}

func figure(g report.Gauge, print func(float64) string) func(report.Reading) string {
	return func(r report.Reading) string {
		if r.Values[g] <= 0 {
			return ""
		}
		return print(r.Values[g])
	}
}

// Limits returns how a database's plan and limits changed between readings, which are in the order
// of time. A change may be as old as the last reading before it.
func Limits(database string, readings []report.Reading) []report.Change {
	var changes []report.Change
	for _, l := range limits {
		var last report.Reading
		for _, r := range readings {
			was, is := l.of(last), l.of(r)
			if is == "" {
				continue
			}
			if was != "" && was != is {
				changes = append(changes, report.Change{At: last.At, Kind: report.Planned, Databases: []string{database}, What: fmt.Sprintf(
					"%s went from %s to %s between %s and %s", l.name, was, is, strings.TrimSuffix(text.Clock(last.At, r.At), " UTC"), text.Clock(r.At, r.At))})
			}
			last = r
		}
	}
	return changes
}
