package incident

import (
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
)

// Why nothing new is told.
const (
	suppressedBySilence     = "silenced"
	suppressedByMaintenance = "maintenance"
)

// suppress finds out what is silenced or in maintenance now, and lets what still
// fails at the end of either be told.
func (e *engine) suppress() {
	e.s.Silences = slices.DeleteFunc(e.s.Silences, func(s Silence) bool { return !e.now.Before(s.Until) })
	for _, id := range sorted(e.incidents) {
		inc := e.incidents[id]
		if !inc.Open() {
			continue
		}
		if was := e.setSuppressed(&inc.Thread, e.silence(inc), e.inMaintenance(inc)); was && inc.Suppressed == "" {
			inc.Resumed = e.now
			e.announce(inc, Resumed)
		}
	}
	for _, id := range sorted(e.groups) {
		g := e.groups[id]
		if !g.Open() {
			continue
		}
		if was := e.setSuppressed(&g.Thread, e.groupSilence(g), e.allSuppressed(g)); was && g.Suppressed == "" {
			g.Resumed = e.now
			e.tell(g.ID, Resumed)
		}
	}
}

// setSuppressed reports whether the thread was suppressed before.
func (e *engine) setSuppressed(t *Thread, s *Silence, other string) bool {
	was := t.Suppressed != ""
	t.Suppressed, t.SilencedUntil, t.SilencedBy = other, time.Time{}, ""
	if s != nil {
		t.Suppressed, t.SilencedUntil, t.SilencedBy = suppressedBySilence, s.Until, s.By
	}
	return was
}

// silence returns the silence of an incident that lasts longest, if any.
func (e *engine) silence(inc *Incident) *Silence {
	return e.longest(func(s Silence) bool {
		if s.Incident != "" {
			return s.Incident == inc.ID || s.Incident == inc.Group
		}
		return s.Matches(inc.Series)
	})
}

func (e *engine) groupSilence(g *Group) *Silence {
	return e.longest(func(s Silence) bool { return s.Incident == g.ID })
}

func (e *engine) longest(match func(Silence) bool) *Silence {
	var found *Silence
	for i := range e.s.Silences {
		if s := &e.s.Silences[i]; match(*s) && (found == nil || s.Until.After(found.Until)) {
			found = s
		}
	}
	return found
}

// Matches reports whether a silence without an incident covers the series.
func (s Silence) Matches(key report.Series) bool {
	return s.Incident == "" && s.Series.Database == key.Database &&
		(s.Series.Check == "" || s.Series.Check == key.Check) &&
		(s.Series.Subject == "" || s.Series.Subject == key.Subject)
}

// inMaintenance says "maintenance" where a window covers the incident now.
func (e *engine) inMaintenance(inc *Incident) string {
	database := inc.Series.Database
	if inc.Drill || database == report.MonitorDatabase {
		return ""
	}
	for _, w := range e.p.Windows {
		if w.Covers(database, e.p.Databases[database].Environment) && w.Active(e.now) {
			return suppressedByMaintenance
		}
	}
	return ""
}

// allSuppressed says why a group is suppressed: because all its open members are.
func (e *engine) allSuppressed(g *Group) string {
	why := ""
	for _, id := range g.Members {
		inc, ok := e.incidents[id]
		if !ok || !inc.Open() {
			continue
		}
		if inc.Suppressed == "" {
			return ""
		}
		why = inc.Suppressed
	}
	return why
}
