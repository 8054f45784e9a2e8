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

// Signal is one piece of evidence about an app from outside: its own signed event, or a
// log line that a sink matched.
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
	// Limiter says that the signal is about the app's rate limiter, not about mock mode.
	Limiter bool   `json:"limiter,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Message is untrusted and cut like an observation's evidence.
	Message string    `json:"message,omitempty"`
	At      time.Time `json:"at"`
}

// Named sets what the signal says by the name of an event, such as "mock_mode.activated" or
// "limiter_open.deactivated". ok is false where it is no such name.
func (s *Signal) Named(event string) (ok bool) {
	kind, mode, _ := strings.Cut(event, ".")
	s.Mode, s.Limiter = Mode(mode), kind == "limiter_open"
	return (s.Limiter || kind == "mock_mode") && (s.Mode == Activated || s.Mode == Deactivated)
}

// Logged is Named for the name of an event in a log line, such as "redis_mock_mode_activated".
func (s *Signal) Logged(event string) (ok bool) {
	name, ours := strings.CutPrefix(event, "redis_")
	at := strings.LastIndexByte(name, '_')
	return ours && at > 0 && s.Named(name[:at]+"."+name[at+1:])
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

// CutEvidenceSource takes a source of mock_mode or limiter apart: its kind, one of the constants
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
