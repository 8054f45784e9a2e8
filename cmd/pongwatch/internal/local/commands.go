package local

import (
	"cmp"
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

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/config"
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
