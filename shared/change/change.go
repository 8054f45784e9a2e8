// Package change finds what was changed in the hour before a failure: deployments, secret
// versions, actions in the Upstash account and limits. [Sources] reads it where it happened, and
// [First] picks the change that most likely explains a failure.
package change

import (
	"cmp"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
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
