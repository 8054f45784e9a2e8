package incident

import "time"

// Window is a maintenance window: nothing new is told of what it matches while it
// is in force.
type Window struct {
	Name string
	// Databases and Environments that it covers; both empty covers all.
	Databases, Environments []string
	// Start and End bound a window that happens once.
	Start, End time.Time
	// Cron, in Zone and lasting For, makes one that repeats.
	Cron *Cron
	Zone *time.Location
	For  time.Duration
}

// Cron is the start times of a repeated window.
type Cron struct{}
