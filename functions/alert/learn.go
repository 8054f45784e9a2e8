package alert

import (
	"maps"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/change"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// mostChanges bounds how many changes a state holds: the latest ones.
const mostChanges = 100

// learn notes what was changed and what users notice, and returns a change of each open incident
// whose message says more because of it.
func learn(s *incident.State, in Input, now time.Time) []incident.Change {
	s.Changes = lately(*s, in, now)
	if in.Configuration != "" {
		s.Configuration = in.Configuration
	}
	var impacts []report.Impact
	if in.Report != nil {
		impacts = in.Report.Impacts
	}
	var out []incident.Change
	for _, id := range slices.Sorted(maps.Keys(s.Incidents)) {
		i := s.Incidents[id]
		if !i.Open() || i.Drill || i.Series.Database == report.MonitorDatabase {
			continue
		}
		known, noticed := i.Changed, len(i.Impacts) > 0
		all := s.Changes
		if known != nil {
			all = append(slices.Clone(all), *known)
		}
		i.Changed = change.First(all, i.Series.Database, i.Cause.Info().Class, i.Failing())
		if own := slices.DeleteFunc(slices.Clone(impacts), func(m report.Impact) bool {
			return m.Incident != id || i.Series.Check == report.MockMode && m.Service != i.Series.Subject
		}); len(own) > 0 {
			i.Impacts = own
		}
		news := i.Changed != nil && (known == nil || known.What != i.Changed.What) || !noticed && len(i.Impacts) > 0
		if news && i.Opened.Before(now) { // one that opens now is told with it
			out = append(out, incident.Change{ID: id, Event: incident.Updated})
		}
	}
	return out
}

// lately returns the changes that may explain a failure by now: what the state has, what the
// report adds, and Alert's own configuration.
func lately(s incident.State, in Input, now time.Time) []report.Change {
	all := s.Changes
	if in.Report != nil {
		all = append(slices.Clone(all), in.Report.Changes...)
	}
	if in.Configuration != "" && s.Configuration != "" && s.Configuration != in.Configuration {
		all = append(slices.Clone(all), report.Change{At: now, Kind: report.Settings, What: "pongwatch's configuration changed"})
	}
	var out []report.Change
	for _, c := range all {
		// A failure is confirmed minutes after it began.
		old := c.At.Before(now.Add(-2 * change.Window))
		if !old && !slices.ContainsFunc(out, func(o report.Change) bool { return o.At.Equal(c.At) && o.Kind == c.Kind && o.What == c.What }) {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b report.Change) int { return a.At.Compare(b.At) })
	return out[max(0, len(out)-mostChanges):]
}
