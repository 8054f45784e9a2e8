package local

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/inbound"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// CommandsPath is where a running process takes the commands of this machine's
// people; `pongwatch ack`, silence, unsilence and drill post there.
const CommandsPath = "/api/v1/commands"

// maxCommand bounds a command's body.
const maxCommand = 16 << 10

// CommandRequest is the body of a POST to [CommandsPath]: a command whose duration may
// be text. Its time is the server's; without an id it gets one.
type CommandRequest struct {
	report.Command
	For Span `json:"for,omitempty"`
}

// Span is a duration that is written as text, "2h", and read as text or nanoseconds.
type Span time.Duration

// MarshalText implements [encoding.TextMarshaler].
func (s Span) MarshalText() ([]byte, error) { return []byte(text.Short(time.Duration(s))), nil }

// UnmarshalJSON implements [json.Unmarshaler].
func (s *Span) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("for is %q, want a duration such as \"2h\" or \"45m\"", report.CutEvidence(text))
		}
		*s = Span(d)
		return nil
	}
	return json.Unmarshal(data, (*time.Duration)(s))
}

// commands takes what a person at this machine asks, and answers 202 with the command
// once it is in the queue, which survives a kill. In the cloud the topic's IAM decides
// who may publish. Here it is any program of this machine, as [exposure.thisMachine]
// guards it. A web page is not, because a browser does not send JSON to another origin
// unasked, and [exposure.guard] refuses other origins and rebound names. A name that the
// configuration does not have is answered 422.
func commands(c *config.Config, reports report.Publisher, now func() time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if kind != "application/json" {
			job.WriteError(w, http.StatusUnsupportedMediaType, "want Content-Type: application/json")
			return
		}
		command, err := readCommand(http.MaxBytesReader(w, r.Body, maxCommand), now())
		if err != nil {
			job.WriteError(w, http.StatusBadRequest, err.Error())
			return
		}
		if wrong := unknownName(c, command); wrong != "" {
			job.WriteError(w, http.StatusUnprocessableEntity, wrong)
			return
		}
		message, err := report.Encode(command)
		if err != nil {
			job.WriteError(w, http.StatusBadRequest, err.Error())
			return
		}
		if err := reports.Publish(r.Context(), message); err != nil {
			job.WriteError(w, http.StatusServiceUnavailable, "the command is not stored: "+err.Error())
			return
		}
		job.WriteJSON(w, http.StatusAccepted, CommandRequest{Command: command, For: Span(command.For)})
	})
}

// unknownName returns what is wrong with a command that names a database or a receiver which the
// configuration does not have.
func unknownName(c *config.Config, command report.Command) string {
	missing := func(what, name string, known []string) string {
		if name == "" || name == report.MonitorDatabase || slices.Contains(known, name) {
			return ""
		}
		const most = 10
		list := strings.Join(known[:min(len(known), most)], ", ")
		if more := len(known) - most; more > 0 {
			list += fmt.Sprintf(" and %d more", more)
		}
		return fmt.Sprintf("there is no %s %q; want one of %s", what, report.CutEvidence(name), list)
	}
	var databases, receivers []string
	for _, d := range c.Databases {
		databases = append(databases, d.Name)
	}
	for i := range c.Receivers {
		receivers = append(receivers, policy.Addresses(&c.Receivers[i])...)
	}
	return cmp.Or(missing("database", command.Series.Database, databases), missing("receiver", command.Receiver, receivers))
}

func readCommand(body io.Reader, now time.Time) (report.Command, error) {
	var q CommandRequest
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	err := d.Decode(&q)
	if err == nil && d.More() {
		err = errors.New("something follows it")
	}
	if err != nil {
		return report.Command{}, fmt.Errorf(`reading the command: %w; want JSON such as {"action":"drill","by":"anna"}`, err)
	}
	text.Outside(&q, report.MaxEvidence)
	c := q.Command
	c.For, c.At = time.Duration(q.For), now.UTC()
	if c.ID == "" {
		c.ID = rand.Text()
	}
	if c.Via != "cli" {
		c.Via = "http"
	}
	return c, nil
}

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
				if o, ok := settled(s, c, now()); ok || wait == 0 {
					return o, ok
				}
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
