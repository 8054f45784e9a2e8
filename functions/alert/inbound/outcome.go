package inbound

import (
	"context"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// acknowledging says what an acknowledge does.
const acknowledging = "Reminders become rare and the incident is not escalated."

// nothingChanged closes each page and answer after which everything is as before.
const nothingChanged = " Nothing has changed."

// lookEvery is how often the state is read while Alert has not come to a command.
const lookEvery = 50 * time.Millisecond

// refusal answers a link whose command Alert is sure to refuse.
func (f *function) refusal() (view, bool) {
	actors := f.config.OnCall.Actors
	return view{
		Title: "Links may not do this", Text: "`oncall.actors` lists who may, without the word \"link\"." + nothingChanged + " Use Slack or the command line.",
	}, len(actors) > 0 && !slices.Contains(actors, "link")
}

// await returns what came of a command, or says what was asked for if that is not known in time.
func (f *function) await(ctx context.Context, c report.Command, limit time.Duration, otherwise view) view {
	if f.options.State == nil {
		return otherwise
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		if v, ok := f.outcome(ctx, c); ok {
			return v
		}
		select {
		case <-ctx.Done():
			return otherwise
		case <-time.After(lookEvery):
		}
	}
}

// outcome returns what came of a command, or what it cannot change any more. It returns false
// where the command may still be carried out, or where that is not known.
func (f *function) outcome(ctx context.Context, c report.Command) (view, bool) {
	if f.options.State == nil {
		return view{}, false
	}
	state, err := f.options.State(ctx, c.Shard)
	if err != nil {
		f.log.WarnContext(ctx, "what came of a command is not known", "event", "command", "id", c.ID, "error", err.Error())
		return view{}, false
	}
	return settled(state, c, f.now())
}

// settled reads an outcome from a state. Alert remembers which commands it carried out, and
// changes nothing where a command names what is over, reopened or already acknowledged.
func settled(s incident.State, c report.Command, now time.Time) (view, bool) {
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
		return view{Title: short + " is not open", Text: "It ended some time ago, or its data was set aside." + nothingChanged}, true
	}
	switch {
	case !over.IsZero():
		return view{Title: short + " is over", Text: "It ended at " + text.Clock(over, now) + "." + nothingChanged}, true
	case former:
		return view{Title: short + " has failed again", Text: "It was reopened and has failed since " + text.Clock(again, now) + "; this message is of an earlier failure." + nothingChanged + " Use the latest message."}, true
	case c.Action == report.Acknowledge && t.Ack != nil:
		by := "Acknowledged"
		if who := (message.Note{By: t.Ack.By, Via: t.Ack.Via}).Person(); who != "" {
			by += " by " + who
		}
		return view{Title: short + " is already acknowledged", Text: by + " at " + text.Clock(t.Ack.At, now) + "." + nothingChanged}, true
	}
	return view{}, false
}

// carriedOut says what a command has changed.
func carriedOut(s incident.State, c report.Command, now time.Time) view {
	short := incident.ShortID(c.Incident)
	if c.Action == report.Acknowledge {
		return view{Title: "Acknowledged " + short, Text: acknowledging}
	}
	v := view{Title: "Silenced " + short, Text: "The silence is over."}
	if i := slices.IndexFunc(s.Silences, func(x incident.Silence) bool { return x.ID == c.ID }); i >= 0 && s.Silences[i].Until.After(now) {
		v.Text = "You get no new messages about it until " + text.Clock(s.Silences[i].Until, now) + "."
	}
	return v
}
