package incident

import (
	"cmp"
	"maps"
	"slices"
	"sort"

	"github.com/pongwatch/pongwatch/shared/report"
)

// Cut returns the state without its least important series, as few as lets Encode return at
// most limit bytes, and which they are. The newest subjects of mock_mode go first, because
// apps can be many, then what is over, then warnings, then what is critical, each the newest
// first. The monitor's own series stay.
func (s State) Cut(limit int) (State, []report.Series) {
	fits := func(s State) bool {
		data, err := Encode(s)
		return err == nil && len(data) <= limit
	}
	order := s.leastImportant()
	if n := sort.Search(len(order), func(n int) bool { return fits(s.without(order[:n])) }); n > 0 {
		return s.without(order[:n]), order[:n]
	}
	return s, nil
}

// leastImportant returns all series but the monitor's own, in the order in which they may go.
func (s State) leastImportant() []report.Series {
	latest := map[report.Series]*Incident{}
	for key := range s.Series {
		latest[key] = nil
	}
	for _, id := range slices.Sorted(maps.Keys(s.Incidents)) {
		latest[s.Incidents[id].Series] = s.Incidents[id]
	}
	maps.DeleteFunc(latest, func(key report.Series, _ *Incident) bool { return key.Database == report.MonitorDatabase })
	// rank is what an incident is worth; a series without one may be about to open one.
	rank := func(key report.Series) int {
		switch i := latest[key]; {
		case key.Check.OfApp():
			return 0
		case i == nil:
			return 2
		case !i.Open():
			return 1
		default:
			return 3 + i.Severity.Rank()
		}
	}
	began := func(key report.Series) string {
		if i := latest[key]; i != nil {
			return i.ID // it sorts by time
		}
		return "~" // later than any
	}
	return slices.SortedFunc(maps.Keys(latest), func(a, b report.Series) int {
		return cmp.Or(rank(a)-rank(b), cmp.Compare(began(b), began(a)), cmp.Compare(a.String(), b.String()))
	})
}

// without returns the state without some series and their incidents.
func (s State) without(gone []report.Series) State {
	is := make(map[report.Series]bool, len(gone))
	for _, key := range gone {
		is[key] = true
	}
	s.Series, s.Incidents = cloned(s.Series), cloned(s.Incidents)
	maps.DeleteFunc(s.Series, func(key report.Series, _ *SeriesState) bool { return is[key] })
	maps.DeleteFunc(s.Incidents, func(_ string, i *Incident) bool { return is[i.Series] })
	return s
}
