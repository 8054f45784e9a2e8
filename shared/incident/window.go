package incident

import (
	"time"

	"github.com/pongwatch/pongwatch/shared/cron"
)

// Window is a maintenance window: nothing new is told of what it covers while it is
// in force.
type Window struct {
	Name string
	// Reason says why, for people.
	Reason string
	// Databases (names, or patterns with * and ?) and Environments that it covers; an
	// empty list covers all.
	Databases, Environments []string
	// Start and End bound a window that happens once.
	Start, End time.Time
	// Cron, in Zone (nil is UTC) and lasting For, makes one that repeats.
	Cron *cron.Schedule
	Zone *time.Location
	For  time.Duration
}

// String is the window for people: "sunday-upgrade: monthly upgrade of the plan".
func (w Window) String() string {
	if w.Reason == "" {
		return w.Name
	}
	return w.Name + ": " + w.Reason
}

// Covers reports whether the window is about the database.
func (w Window) Covers(database, environment string) bool {
	return anyName(w.Databases, database) && anyOf(w.Environments, environment)
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
	return w.Cron.Active(t, w.For, zone)
}
