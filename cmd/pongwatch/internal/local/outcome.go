package local

import (
	"context"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/inbound"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// lookEvery is how often the state is read while Alert has not come to a command.
const lookEvery = 50 * time.Millisecond

// nothingChanged closes each page and answer after which everything is as before.
const nothingChanged = " Nothing has changed."

// outcomes returns the source of inbound's Outcome, which reads states.
func outcomes(state func(ctx context.Context, shard string) (incident.State, error), now func() time.Time) func(context.Context, report.Command, time.Duration) (inbound.Outcome, bool) {
	return func(ctx context.Context, c report.Command, wait time.Duration) (inbound.Outcome, bool) {
		deadline := time.After(wait)
		for {
			if s, err := state(ctx, c.Shard); err == nil { // what cannot be read is not known
				if o, ok := settled(s, c, now()); ok {
					return o, true
				}
			}
			if wait == 0 {
				return inbound.Outcome{}, false
			}
			select {
			case <-ctx.Done():
				return inbound.Outcome{}, false
			case <-deadline:
				return inbound.Outcome{}, false
			case <-time.After(lookEvery):
			}
		}
	}
}

// settled reads an outcome from a state. Alert remembers which commands it carried out, and
// changes nothing where a command names what is over, reopened or already acknowledged.
func settled(s incident.State, c report.Command, now time.Time) (inbound.Outcome, bool) {
	short := incident.ShortID(c.Incident)
	if _, done := s.Commands[c.ID]; done {
		return carriedOut(s, c, now), true
	}
	var t incident.Thread
	var over, again time.Time
	former := false
	switch i, g := s.Incidents[c.Incident], s.Groups[c.Incident]; {
	case i != nil:
		t, over, again, former = i.Thread, i.Resolved, i.Again, c.Reopened != nil && *c.Reopened != i.Reopened
	case g != nil:
		t, over = g.Thread, g.Resolved
	default:
		return inbound.Outcome{Title: short + " is not open", Text: "It ended some time ago, or its data was set aside." + nothingChanged}, true
	}
	switch {
	case !over.IsZero():
		return inbound.Outcome{Title: short + " is over", Text: "It ended at " + text.Clock(over, now) + "." + nothingChanged}, true
	case former:
		return inbound.Outcome{Title: short + " has failed again", Text: "It was reopened and has failed since " + text.Clock(again, now) + "; this message is of an earlier failure." + nothingChanged + " Use the latest message."}, true
	case c.Action == report.Acknowledge && t.Ack != nil:
		by := "Acknowledged"
		if who := (message.Note{By: t.Ack.By, Via: t.Ack.Via}).Person(); who != "" {
			by += " by " + who
		}
		return inbound.Outcome{Title: short + " is already acknowledged", Text: by + " at " + text.Clock(t.Ack.At, now) + "." + nothingChanged}, true
	}
	return inbound.Outcome{}, false
}

// carriedOut says what a command has changed.
func carriedOut(s incident.State, c report.Command, now time.Time) inbound.Outcome {
	short := incident.ShortID(c.Incident)
	if c.Action == report.Acknowledge {
		return inbound.Outcome{Title: "Acknowledged " + short, Text: "Reminders become rare and the incident is not escalated."}
	}
	v := inbound.Outcome{Title: "Silenced " + short, Text: "The silence is over."}
	if i := slices.IndexFunc(s.Silences, func(x incident.Silence) bool { return x.ID == c.ID }); i >= 0 && s.Silences[i].Until.After(now) {
		v.Text = "You get no new messages about it until " + text.Clock(s.Silences[i].Until, now) + "."
	}
	return v
}
