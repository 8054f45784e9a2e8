package judge

import (
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// flapMemory bounds how long a good series is remembered for its past, whatever its
// check's interval.
const flapMemory = 6 * time.Hour

// Prune forgets series that are plainly good, and observations that the next report
// brings anew.
func Prune(state *incident.State, p policy.Policy, now time.Time) {
	for key, ss := range state.Series {
		if _, kept := state.Incidents[ss.Incident]; !kept {
			ss.Incident = ""
		}
		if plainlyGood(ss, p, now) {
			delete(state.Series, key)
		}
		for i := range ss.Sources {
			// Evidence about an app and about the monitor itself comes once.
			if src := &ss.Sources[i]; !src.Down || !key.Check.OfApp() && key.Database != report.MonitorDatabase {
				src.Observation = nil
			}
		}
	}
}

// plainlyGood reports whether nothing about the series is worth remembering.
func plainlyGood(ss *incident.SeriesState, p policy.Policy, now time.Time) bool {
	if ss.Incident != "" {
		return false
	}
	history := uint32(0)
	for i := range ss.Sources {
		src := &ss.Sources[i]
		if src.Down || src.Bad > 0 || !src.UnknownSince.IsZero() {
			return false
		}
		if signals(src) && now.Sub(src.Scheduled) <= p.SignalAge {
			return false // otherwise an older signal that comes late would look new
		}
		history |= src.History
	}
	quiet := now.Sub(ss.LastBad)
	return quiet > p.Reopen && (history == 0 || quiet > flapMemory)
}
