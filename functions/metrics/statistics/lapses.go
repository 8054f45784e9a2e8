package statistics

import (
	"cmp"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// lapse is one stretch in mock mode of one of a database's apps.
type lapse struct {
	// Service is empty where the app is not known.
	Service  string
	From, To time.Time
	// Activations is how often the app fell back: once, and again with each reopening.
	Activations int
}

// apart is the least time between two lapses of an app that count as two. During an outage
// an app that fell back is part of the outage's incident, and afterwards has its own.
const apart = 5 * time.Minute

// lapsesOf returns the apps in mock mode that an incident tells of, as of now: its own,
// or those that its outage left without Redis, which count for as long as that lasted.
func lapsesOf(i *incident.Incident, now time.Time) []lapse {
	if i.Drill {
		return nil
	}
	l := lapse{From: i.Since, To: i.Resolved, Activations: 1}
	if i.Open() {
		l.To = now
	}
	switch i.Series.Check {
	case report.MockMode:
		if i.Cause != cause.Mock {
			return nil // an app that cannot be asked
		}
		l.Service = i.Series.Subject
		l.Activations += i.Reopened
		return []lapse{l}
	case report.Ping:
		out := make([]lapse, 0, len(i.Mock))
		for _, entry := range i.Mock {
			l.Service = incident.MockService(entry)
			out = append(out, l)
		}
		return out
	}
	return nil
}

// joinLapses sorts the lapses by service and time, and makes one of those of
// an app that overlap or lie close together.
func joinLapses(lapses []lapse) []lapse {
	lapses = slices.Clone(lapses)
	slices.SortFunc(lapses, func(a, b lapse) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), a.From.Compare(b.From), a.To.Compare(b.To))
	})
	out := lapses[:0]
	for _, l := range lapses {
		if n := len(out); n > 0 {
			last := &out[n-1]
			if last.Service == l.Service && l.From.Sub(last.To) <= apart {
				last.Activations += l.Activations - 1
				if l.To.After(last.To) {
					last.To = l.To
				}
				continue
			}
		}
		out = append(out, l)
	}
	return out
}

// countLapses returns how often lapses began in [from, to), and for how long at least one
// lasted then. They are of one database, joined.
func countLapses(lapses []lapse, from, to time.Time) (activations int, lasted time.Duration) {
	lapses = slices.Clone(lapses)
	slices.SortFunc(lapses, func(a, b lapse) int { return a.From.Compare(b.From) })
	counted := from // what lies before is counted
	for _, l := range lapses {
		if !l.From.Before(from) && l.From.Before(to) {
			activations += l.Activations
		}
		begin, end := l.From, l.To
		if begin.Before(counted) {
			begin = counted
		}
		if end.After(to) {
			end = to
		}
		if end.After(begin) {
			lasted += end.Sub(begin)
			counted = end
		}
	}
	return activations, lasted
}
