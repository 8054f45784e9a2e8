package report

import (
	"errors"
	"fmt"
	"time"
)

// Action is what a person asks of Alert.
type Action string

// The actions.
const (
	Acknowledge Action = "acknowledge"
	Silence     Action = "silence"
	Unsilence   Action = "unsilence"
	Drill       Action = "drill"
)

// Command is one request of a person. It is idempotent by ID.
type Command struct {
	ID     string `json:"id"`
	Action Action `json:"action"`
	// Shard may be empty: then every shard is tried and the holder acts.
	Shard string `json:"shard,omitempty"`
	// Incident is a full or short id ("INC-7F3A9K") of an incident or group.
	Incident string `json:"incident,omitempty"`
	// Reopened, where not nil, binds the command to one life of the incident: a
	// link made before it reopened no longer acts.
	Reopened *int `json:"reopened,omitempty"`
	// Series limits a silence without an incident; an empty Check is all checks.
	Series Series `json:"series,omitzero"`
	// For is how long a silence lasts, in nanoseconds, at most MaxSilence.
	For time.Duration `json:"for,omitempty"`
	// Receiver limits a drill to one receiver; empty is all.
	Receiver string `json:"receiver,omitempty"`
	Reason   string `json:"reason,omitempty"`
	// By is who asked, as the channel that verified it knows them: a Slack user
	// id, a mail address, "link", or a user of the command line.
	By string `json:"by"`
	// Via is the channel: "slack", "link", "dashboard", "cli" or "http".
	Via string    `json:"via,omitempty"`
	At  time.Time `json:"at"`
}

func (c Command) describe() (Kind, string) { return KindCommand, c.Shard }

func (c Command) validate() error {
	switch {
	case c.ID == "":
		return errors.New("command: id is empty")
	case c.By == "":
		return errors.New("command: by is empty, want the person's name or id")
	case c.At.IsZero():
		return errors.New("command: at is missing")
	}
	switch c.Action {
	case Acknowledge:
		if c.Incident == "" {
			return errors.New(`command: acknowledge needs an incident such as "INC-7F3A9K"`)
		}
	case Silence:
		if c.Incident == "" && c.Series.Database == "" {
			return errors.New("command: silence needs an incident or a database")
		}
		if c.For <= 0 || c.For > MaxSilence {
			return fmt.Errorf("command: silence for %v, want more than 0 and at most %v", c.For, MaxSilence)
		}
	case Unsilence:
		if c.Incident == "" && c.Series.Database == "" {
			return errors.New("command: unsilence needs an incident or a database")
		}
	case Drill:
	default:
		return fmt.Errorf("command: action %q, want acknowledge, silence, unsilence or drill", c.Action)
	}
	return nil
}
