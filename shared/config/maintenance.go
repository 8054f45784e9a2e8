package config

import (
	"fmt"
	"time"
)

// window is planned work: an incident that opens inside it notifies no one until its end, and
// only if it is still open then. Either `cron` with `for`, or `from` with `until`.
type window struct {
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

	dropped bool // for a problem
}

func (w *window) check(v *validator, path string, _ any) {
	repeated, once := w.Cron != "" || w.For != 0, w.From != "" || w.Until != ""
	switch {
	case v.BadUnder(path): // half of it was left out for what is wrong with it
	case repeated == once:
		v.Report(path, "wants either cron and for, or from and until", "cron: 0 3 * * SUN, for: 2h")
	case repeated && (w.Cron == "" || w.For == 0):
		v.Report(path, "wants both cron and for", "cron: 0 3 * * SUN, for: 2h")
	case once && (w.From == "" || w.Until == ""):
		v.Report(path, "wants both from and until", "from: '2026-12-24T22:00', until: '2026-12-25T06:00'")
	case once:
		if from, until, err := w.Span(); err == nil && !from.Before(until) {
			v.Report(path+".until", "is not after from", "'2026-12-25T06:00'")
		}
	}
	// Otherwise a window with a mistyped database would silence all of them.
	w.dropped = v.Bad(path) || v.BadUnder(path)
}

// Span returns the beginning and the end of a window that happens once.
func (w *window) Span() (from, until time.Time, err error) {
	zone, err := time.LoadLocation(w.Zone)
	if err != nil {
		return from, until, fmt.Errorf("loading zone of window %s: %w", w.Name, err)
	}
	if from, err = parseTime(w.From, zone); err != nil {
		return from, until, fmt.Errorf("parsing from of window %s: %w", w.Name, err)
	}
	if until, err = parseTime(w.Until, zone); err != nil {
		return from, until, fmt.Errorf("parsing until of window %s: %w", w.Name, err)
	}
	return from, until, nil
}
