// Package change finds what was changed in the hour before a failure: deployments, secret
// versions, actions in the Upstash account and limits. [Sources] reads it where it happened, and
// [First] picks the change that most likely explains a failure.
package change

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Window is how long before a failure a change is looked for.
const Window = time.Hour

const (
	// slack is how long after the first failure a change may be said to have been made, because
	// clocks differ and checks are made by the minute.
	slack = time.Minute
	// place is how much older a change must be to be suspected one place later.
	place = 15 * time.Minute
)

// places orders the kinds of changes by how likely they explain a failure of each class, the
// likeliest at zero. A kind without a place explains none.
var places = map[cause.Class]map[report.ChangeKind]int{
	cause.ClassAuth:        {report.Secret: 0, report.Password: 0, report.Account: 1, report.Settings: 2, report.Deployed: 3},
	cause.ClassQuota:       {report.Deployed: 0, report.Planned: 1, report.Account: 2, report.Settings: 3},
	cause.ClassCapacity:    {report.Deployed: 0, report.Planned: 1, report.Account: 2, report.Settings: 3},
	cause.ClassPerformance: {report.Planned: 0, report.Deployed: 1, report.Account: 2, report.Settings: 3},
	cause.ClassNetwork:     {report.Account: 0, report.Planned: 0, report.Settings: 1, report.Secret: 2, report.Deployed: 3},
	cause.ClassProvider:    {report.Planned: 0, report.Account: 0, report.Deployed: 3},
	cause.ClassProtocol:    {report.Deployed: 0, report.Settings: 1, report.Secret: 1, report.Account: 2, report.Planned: 2},
	cause.ClassConfig:      {report.Settings: 0, report.Secret: 0, report.Deployed: 2},
	cause.ClassMock:        {report.Deployed: 0, report.Secret: 1, report.Password: 1, report.Account: 2, report.Planned: 3},
	cause.ClassData:        {report.Deployed: 0, report.Planned: 1, report.Settings: 2},
}

// First returns the change that most likely explains a failure of the class, in a database,
// since then: the likelier kind, where each quarter of an hour of age counts as one place. It
// returns nil where nothing was changed that could explain it.
func First(changes []report.Change, database string, class cause.Class, since time.Time) *report.Change {
	suspicion := func(c report.Change) float64 {
		return float64(places[class][c.Kind]) + float64(since.Sub(c.At))/float64(place)
	}
	var first *report.Change
	for i := range changes {
		c := &changes[i]
		_, explains := places[class][c.Kind]
		concerns := len(c.Databases) == 0 || slices.Contains(c.Databases, database)
		if !explains || !concerns || c.At.Before(since.Add(-Window)) || c.At.After(since.Add(slack)) {
			continue
		}
		if first == nil || cmp.Or(cmp.Compare(suspicion(*c), suspicion(*first)), cmp.Compare(c.What, first.What)) < 0 {
			first = c
		}
	}
	return first
}

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
