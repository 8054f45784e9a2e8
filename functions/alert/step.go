package alert

import (
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/judge"
	"github.com/pongwatch/pongwatch/functions/alert/notify"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Input is what happened. At most one of Report, Command and Signal is set; with
// none, only time has passed: a tick.
type Input struct {
	Report  *report.Report
	Command *report.Command
	Signal  *report.Signal
	// Receivers is what delivering has shown about receivers.
	Receivers []ReceiverHealth
	// Unknown says which services spoke that the configuration does not name, empty for none.
	Unknown string
	// Configuration is the hash of Alert's own configuration where its changes count, else empty.
	Configuration string
	// SetAside says where an unreadable state was kept, empty for none.
	SetAside string
	// Arriving is what other shards hand over, Left names the databases that are elsewhere now.
	Arriving []string
	Left     []string
	// Cut says what the state's document had no room for, empty for nothing; Fits that it has
	// room again.
	Cut  string
	Fits bool
	// cut asks for a state that fits.
	cut bool
}

// ReceiverHealth says whether a receiver takes notifications.
type ReceiverHealth struct {
	Address string
	// Problem is why it refuses for good, redacted; empty where it has just taken one.
	Problem string
	// Minor says that the receiver's other recipients took what this one refuses.
	Minor bool
	// Renewed says that its credential has changed since it refused. Whether it takes
	// notifications is not known yet.
	Renewed bool
}

// Step returns the state after one input, and what happened. It changes neither
// argument and decides the same for the same arguments; s.Counter and s.Owner are
// the writer's business.
//
// An input is applied first; then, whatever it was, time passes: missing reports,
// the ends of silences and maintenance, reminders and escalation are due by now.
func Step(s incident.State, in Input, p policy.Policy, now time.Time) (incident.State, []notify.Transition) {
	s, in, now = s.Clone(), in.truncated(), now.UTC().Truncate(time.Millisecond)
	stepBack(s, p, now)
	for _, name := range in.Left {
		delete(s.Leaving, name)
	}
	moved := putAside(&s, p.Elsewhere, now)
	for _, h := range in.Arriving {
		moved = append(moved, takeIn(&s, h, now)...)
	}
	var changes []incident.Change
	var told []notify.Transition
	if in.Command != nil {
		changes, told = notify.Command(&s, *in.Command, p, now)
	}
	judged, explained := judge.Judge(&s, judge.Evidence{Report: in.Report, Signal: in.Signal, Findings: in.findings(s, p, now)}, p, now)
	learned := learn(&s, in, now)
	ended := notify.Suppress(&s, p, now)
	notify.Group(&s, p, now)
	told = append(told, notify.Reconcile(&s, p, now)...)
	for _, h := range in.Receivers {
		if h.Problem == "" {
			notify.TryAgain(&s, h.Address, now)
		}
	}
	told = append(told, notify.Tell(&s, slices.Concat(moved, changes, judged, learned, ended), p, now)...)
	told = append(told, notify.Remind(&s, explained, p, now)...)
	notify.Prune(&s, p, now)
	judge.Prune(&s, p, now)
	return s, told
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

// Subjects of the monitor's own series that Alert finds out itself.
const (
	subjectReceivers = "receivers"
	subjectState     = "state"
	subjectServices  = "services"
	// sourceSize is the source of subjectState for a state that does not fit its document.
	sourceSize = "size"
)

// asideFor is how long the incident about a state that was set aside stays open: nothing
// else would end it.
const asideFor = 24 * time.Hour

// unknownFor is how long after an unknown service spoke last the incident about it stays open.
const unknownFor = 24 * time.Hour

// findings says what Alert has found out about receivers and its own state.
func (in Input) findings(s incident.State, p policy.Policy, now time.Time) []judge.Finding {
	var out []judge.Finding
	for _, h := range in.Receivers {
		f := judge.Finding{Subject: subjectReceivers, Source: h.Address}
		if h.Problem != "" {
			f.Cause, f.Evidence = cause.MonitorReceiver, h.Address+": "+h.Problem
		}
		if h.Minor {
			f.Status = report.Warn
		}
		if !h.Renewed {
			out = append(out, f)
		}
	}
	for _, address := range refusing(s) {
		if _, ok := p.Receivers[address]; !ok && p.Databases != nil { // it is no longer configured
			out = append(out, judge.Finding{Subject: subjectReceivers, Source: address})
		}
	}
	if in.Unknown != "" {
		out = append(out, judge.Finding{Subject: subjectServices, Source: subjectServices, Status: report.Warn, Cause: cause.ConfigInvalid, Evidence: in.Unknown})
	}
	for _, inc := range s.Incidents {
		switch {
		case !inc.Open():
		case inc.Series == incident.MonitorSeries(subjectServices) && now.Sub(inc.Observation.At) >= unknownFor: // no signal says that these services are gone
			out = append(out, judge.Finding{Subject: subjectServices, Source: subjectServices})
		case inc.Series == incident.MonitorSeries(subjectState) && in.SetAside == "" && now.Sub(inc.Opened) >= asideFor:
			out = append(out, judge.Finding{Subject: subjectState, Source: subjectState})
		}
	}
	if in.Cut != "" {
		out = append(out, judge.Finding{Subject: subjectState, Source: sourceSize, Cause: cause.MonitorState, Evidence: in.Cut})
	} else if in.Fits {
		out = append(out, judge.Finding{Subject: subjectState, Source: sourceSize})
	}
	if in.SetAside != "" {
		out = append(out, judge.Finding{Subject: subjectState, Source: subjectState, Cause: cause.MonitorState, Evidence: in.SetAside})
	}
	return out
}

// refusing returns the addresses that are known to refuse notifications.
func refusing(s incident.State) []string {
	out := []string{}
	if ss := s.Series[incident.MonitorSeries(subjectReceivers)]; ss != nil {
		for _, src := range ss.Sources {
			if src.Down {
				out = append(out, src.Source)
			}
		}
	}
	return out
}
