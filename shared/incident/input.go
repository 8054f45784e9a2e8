package incident

import "github.com/pongwatch/pongwatch/shared/report"

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

// ReceiverHealth says whether a receiver takes notifications.
type ReceiverHealth struct {
	Address string
	// Problem is why it refuses for good, redacted; empty where it has just taken one.
	Problem string
}
