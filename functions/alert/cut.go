package alert

import (
	"cmp"
	"maps"
	"slices"
	"sort"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// cut returns the state without its least important series, as few as lets [incident.Encode]
// return at most limit bytes, and which they are. Apps go first, because they can be many, then what
// is over, then warnings, then what is critical, each the newest first. The monitor's own series stay.
func cut(s incident.State, limit int) (incident.State, []report.Series) {
	began, rank := map[report.Series]string{}, map[report.Series]int{}
	for key := range s.Series {
		began[key], rank[key] = "~", 2 // later than any: it may be about to open one
	}
	for _, id := range slices.Sorted(maps.Keys(s.Incidents)) { // ids sort by time: the latest one stays
		i := s.Incidents[id]
		began[i.Series], rank[i.Series] = id, 1
		if i.Open() {
			rank[i.Series] = 3 + i.Severity.Rank()
		}
	}
	maps.DeleteFunc(began, func(key report.Series, _ string) bool { return key.Database == report.MonitorDatabase })
	for key := range began {
		if key.Check.OfApp() {
			rank[key] = 0
		}
	}
	order := slices.SortedFunc(maps.Keys(began), func(a, b report.Series) int {
		return cmp.Or(rank[a]-rank[b], cmp.Compare(began[b], began[a]), cmp.Compare(a.String(), b.String()))
	})
	n := sort.Search(len(order), func(n int) bool {
		data, err := incident.Encode(without(s, order[:n]))
		return err == nil && len(data) <= limit
	})
	return without(s, order[:n]), order[:n]
}

// without returns the state without some series and their incidents.
func without(s incident.State, gone []report.Series) incident.State {
	if len(gone) == 0 {
		return s
	}
	is := map[report.Series]bool{}
	for _, key := range gone {
		is[key] = true
	}
	s.Series, s.Incidents = maps.Clone(s.Series), maps.Clone(s.Incidents)
	maps.DeleteFunc(s.Series, func(key report.Series, _ *incident.SeriesState) bool { return is[key] })
	maps.DeleteFunc(s.Incidents, func(_ string, i *incident.Incident) bool { return is[i.Series] })
	return s
}
