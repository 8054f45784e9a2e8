package incident

import (
	"slices"
	"time"
)

// Window is a maintenance window: nothing new is told of what it covers while it is
// in force.
type Window struct {
	Name string
	// Databases and Environments that it covers; both empty covers all.
	Databases, Environments []string
	// Start and End bound a window that happens once.
	Start, End time.Time
	// Cron, in Zone (nil is UTC) and lasting For, makes one that repeats.
	Cron *Cron
	Zone *time.Location
	For  time.Duration
}

// Covers reports whether the window is about the database.
func (w Window) Covers(database, environment string) bool {
	if len(w.Databases) == 0 && len(w.Environments) == 0 {
		return true
	}
	return slices.Contains(w.Databases, database) || slices.Contains(w.Environments, environment)
}

// Active reports whether the window is in force at t.
func (w Window) Active(t time.Time) bool {
	if w.Cron == nil {
		return !t.Before(w.Start) && t.Before(w.End)
	}
	zone := w.Zone
	if zone == nil {
		zone = time.UTC
	}
	return w.Cron.started(t, w.For, zone)
}
