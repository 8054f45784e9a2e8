package incident

import (
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
)

// flapMemory bounds how long a good series is remembered for its past, whatever its
// check's interval.
const flapMemory = 6 * time.Hour

// prune forgets what no longer matters, so that the state stays sparse.
func (e *engine) prune() {
	for id, at := range e.s.Commands {
		if e.now.Sub(at) > commandMemory {
			delete(e.s.Commands, id)
		}
	}
	kept := map[string]bool{}
	for id, inc := range e.incidents {
		if e.keeps(inc.Open(), inc.Resolved, &inc.Thread) {
			kept[inc.Group] = true
			continue
		}
		if g, ok := e.groups[inc.Group]; ok && e.keeps(g.Open(), g.Resolved, &g.Thread) {
			continue // the group lists it
		}
		delete(e.incidents, id)
	}
	for id, g := range e.groups {
		if !kept[id] && !e.keeps(g.Open(), g.Resolved, &g.Thread) {
			delete(e.groups, id)
		}
	}
	for key, ss := range e.series {
		ss.fresh = false
		if ss.Incident != "" && e.incidents[ss.Incident] == nil {
			ss.Incident = ""
		}
		if e.plainlyGood(ss) {
			delete(e.series, key)
		}
		for i := range ss.Sources {
			ss.Sources[i].shorten(key)
		}
	}
}

// shorten drops what is not needed between two steps: an observation comes anew with
// the next report, except where the evidence came once.
func (src *SourceState) shorten(key report.Series) {
	if !src.Down || key.Check != report.MockMode && key.Database != report.MonitorDatabase {
		src.Observation = nil
	}
}

// keeps reports whether an incident or group is open, may be reopened, or is still owed to somebody.
func (e *engine) keeps(open bool, resolved time.Time, t *Thread) bool {
	if open || e.now.Sub(resolved) <= e.p.Reopen {
		return true
	}
	if e.now.Sub(resolved) > e.p.Keep {
		return false
	}
	for _, d := range t.Deliveries {
		if d.Pending() || d.Lease.Held(e.now) {
			return true
		}
	}
	return false
}

// plainlyGood reports whether nothing about the series is worth remembering.
func (e *engine) plainlyGood(ss *SeriesState) bool {
	if ss.Incident != "" {
		return false
	}
	history := uint32(0)
	for _, src := range ss.Sources {
		if src.Down || src.Bad > 0 || !src.UnknownSince.IsZero() {
			return false
		}
		if src.signals() && e.now.Sub(src.Scheduled) <= e.p.SignalAge {
			return false // or an older signal that comes late would look new
		}
		history |= src.History
	}
	quiet := e.now.Sub(ss.LastBad)
	return quiet > e.p.Reopen && (history == 0 || quiet > flapMemory)
}
