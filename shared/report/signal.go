package report

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Mode is what an app said of itself.
type Mode string

// The modes.
const (
	Activated   Mode = "activated"
	Deactivated Mode = "deactivated"
)

// Signal is one piece of mock-mode evidence from outside: an app's own signed
// event, or a log line that a sink matched.
type Signal struct {
	ID string `json:"id"`
	// Source is SourceEvent or SourceLogs.
	Source string `json:"source"`
	// Service and Revision name the app; the configuration's `services` maps the
	// service to its database. Database wins where the signal names one.
	Service  string `json:"service"`
	Revision string `json:"revision,omitempty"`
	Database string `json:"database,omitempty"`
	Mode     Mode   `json:"mode"`
	Reason   string `json:"reason,omitempty"`
	// Message is untrusted and cut like an observation's evidence.
	Message string    `json:"message,omitempty"`
	At      time.Time `json:"at"`
}

// Evidence is the signal's source with the revision, if the signal names one, such as
// "event@backend-00042-abc". Signals are ordered within it.
func (s Signal) Evidence() string {
	if s.Revision == "" {
		return s.Source
	}
	return s.Source + revisionMark + s.Revision
}

const revisionMark = "@"

// CutEvidenceSource takes a source of mock_mode apart: its kind, one of the constants
// SourceConfig to SourceProof, and the revision or empty.
func CutEvidenceSource(source string) (kind, revision string) {
	kind, revision, _ = strings.Cut(source, revisionMark)
	return kind, revision
}

func (s Signal) describe() (Kind, string) { return KindSignal, "" }

func (s Signal) validate() error {
	switch {
	case s.Source != SourceEvent && s.Source != SourceLogs:
		return fmt.Errorf("signal: source %q, want %q or %q", s.Source, SourceEvent, SourceLogs)
	case s.Service == "":
		return errors.New("signal: service is empty, want the app's service")
	case s.Mode != Activated && s.Mode != Deactivated:
		return fmt.Errorf("signal: mode %q, want %q or %q", s.Mode, Activated, Deactivated)
	case s.At.IsZero():
		return errors.New("signal: at is missing")
	}
	return nil
}
