package notify

import (
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Why receivers are told nothing new.
const (
	suppressedBySilence     = "silenced"
	suppressedByMaintenance = "maintenance"
)

// Suppress finds out what is silenced or in maintenance now, and returns what still
// fails at the end of either.
func Suppress(state *incident.State, p policy.Policy, now time.Time) (changes []incident.Change) {
	s := &shard{State: state, policy: p, now: now}
	s.Silences = slices.DeleteFunc(s.Silences, func(x incident.Silence) bool { return !now.Before(x.Until) })
	for _, t := range s.threads() {
		if !t.open {
			continue
		}
		was := t.Suppressed
		t.Suppressed, t.Window = s.otherwise(t)
		t.SilencedUntil, t.SilencedBy, t.SilencedVia = time.Time{}, "", ""
		for _, x := range s.Silences {
			if covers(x, t) && x.Until.After(t.SilencedUntil) { // the one that lasts longest
				t.Suppressed, t.SilencedUntil, t.SilencedBy, t.SilencedVia = suppressedBySilence, x.Until, x.By, x.Via
			}
		}
		if was == "" || t.Suppressed != "" {
			continue
		}
		if t.group != nil {
			t.group.Resumed = now
		} else {
			t.incident.Resumed = now
		}
		changes = append(changes, incident.Change{ID: t.id, Event: incident.Resumed})
	}
	return changes
}

// covers reports whether a silence is of the thread.
func covers(x incident.Silence, t thread) bool {
	if t.group != nil {
		return x.Incident == t.id
	}
	return x.Incident != "" && (x.Incident == t.id || x.Incident == t.incident.Group) || matches(x, t.incident.Series)
}

// matches reports whether a silence without an incident covers the series.
func matches(x incident.Silence, key report.Series) bool {
	return x.Incident == "" && x.Series.Database == key.Database &&
		(x.Series.Check == "" || x.Series.Check == key.Check) &&
		(x.Series.Subject == "" || x.Series.Subject == key.Subject)
}

// otherwise says what besides a silence suppresses a thread: of an incident a
// maintenance window, which it returns as well, of a group that all its open members are
// suppressed.
func (s *shard) otherwise(t thread) (why, window string) {
	if t.group != nil {
		for _, inc := range s.members(t.group) {
			switch {
			case !inc.Open():
			case inc.Suppressed == "":
				return "", ""
			default:
				why, window = inc.Suppressed, inc.Window
			}
		}
		return why, window
	}
	if t.incident.Drill || t.database == report.MonitorDatabase {
		return "", ""
	}
	if w, planned := s.policy.Maintenance(t.database, s.now); planned {
		return suppressedByMaintenance, w.String()
	}
	return "", ""
}
