package incident

import (
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
)

// Input is what happened. At most one of Report, Command and Signal is set; with
// none, only time has passed: a tick.
type Input struct {
	Report  *report.Report
	Command *report.Command
	Signal  *report.Signal
	// Receivers is what delivering has taught about receivers.
	Receivers []ReceiverHealth
	// SetAside is the key under which an unreadable state was kept, empty for none.
	SetAside string
}

// truncated returns the input with the producers' times in whole milliseconds of UTC, so
// that a time reads the same wherever it is shown.
func (in Input) truncated() Input {
	cut := func(t *time.Time) { *t = t.UTC().Truncate(time.Millisecond) }
	if in.Report != nil {
		r := *in.Report
		r.Observations = slices.Clone(r.Observations)
		cut(&r.Scheduled)
		for i := range r.Observations {
			cut(&r.Observations[i].At)
		}
		in.Report = &r
	}
	if in.Command != nil {
		c := *in.Command
		cut(&c.At)
		in.Command = &c
	}
	if in.Signal != nil {
		sig := *in.Signal
		cut(&sig.At)
		in.Signal = &sig
	}
	return in
}

// ReceiverHealth says whether a receiver takes notifications.
type ReceiverHealth struct {
	Address string
	// Problem is why it refuses for good, redacted; empty where it has just taken one.
	Problem string
}
