package config

import "time"

// Window is planned work: nobody is notified of what opens inside it, and what still
// fails at its end is notified then. Either `cron` with `for`, or `from` with `until`.
type Window struct {
	// Its name, for messages.
	Name string `yaml:"name" required:"true" pattern:"name" example:"sunday-upgrade"`
	// When it begins, repeatedly: minute, hour, day of month, month, day of week.
	Cron string `yaml:"cron" pattern:"cron" example:"0 3 * * SUN"`
	// How long it lasts.
	For time.Duration `yaml:"for" min:"1m" max:"168h" example:"2h"`
	// When it begins, once. A time without an offset is in `zone`.
	From string `yaml:"from" pattern:"time" example:"'2026-12-24T22:00'"`
	// When that one ends.
	Until string `yaml:"until" pattern:"time" example:"'2026-12-25T06:00'"`
	// The IANA time zone of these times.
	Zone string `yaml:"zone" pattern:"zone" example:"Europe/Berlin"`
	// The environments that it concerns. Empty is all.
	Environments []string `yaml:"environments" single:"true" pattern:"name" example:"[staging]"`
	// The databases that it concerns, by name or with * and ?. Empty is all.
	Databases []string `yaml:"databases" single:"true" pattern:"glob" example:"['prod-*']"`
	// Why, for messages.
	Reason string `yaml:"reason" example:"monthly upgrade of the plan"`
}
