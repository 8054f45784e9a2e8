package emailtest

import (
	"slices"
	"time"

	"github.com/emersion/go-smtp"
)

// Stage is a point of the conversation.
type Stage string

// The stages at which a fault can be scripted.
const (
	StageConnect Stage = "connect" // also after STARTTLS, when the session begins anew
	StageAuth    Stage = "auth"
	StageMail    Stage = "mail"
	StageRcpt    Stage = "rcpt"
	StageData    Stage = "data" // after the whole message was read
)

// Fault is one way in which a conversation goes wrong. What is set decides, in
// the order of the fields.
type Fault struct {
	Stage Stage
	// Recipient limits a fault of StageRcpt or StageData to mail for one address.
	Recipient string
	// Times is how often it hits: 0 is once, a negative number always.
	Times int
	// Accept keeps the mail first: at StageData, its answer is lost.
	Accept bool

	// Delay waits; alone, the conversation then goes on as usual.
	Delay time.Duration
	// Hang never answers; it ends with the server.
	Hang bool
	// Drop closes the connection.
	Drop bool
	// Code is the answer, such as 451 or 550.
	Code int
}

// Fail adds faults: each point of a conversation takes the first one that fits.
func (s *Server) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

func (s *Server) nextFault(stage Stage, recipient string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if !(f.Stage == stage && (f.Recipient == "" || f.Recipient == recipient)) {
			continue
		}
		if f.Times == 0 || f.Times == 1 {
			s.faults = slices.Delete(s.faults, i, i+1)
		} else {
			s.faults[i].Times--
		}
		return &f
	}
	return nil
}

// stage lets a fault happen, if one is due.
func (s *session) stage(stage Stage, recipient string) error {
	if f := s.server.nextFault(stage, recipient); f != nil {
		return s.fail(*f)
	}
	return nil
}

func (s *session) fail(f Fault) error {
	if f.Delay > 0 || f.Hang {
		var timeout <-chan time.Time
		if !f.Hang {
			timeout = time.After(f.Delay)
		}
		select {
		case <-timeout:
		case <-s.server.closing:
		}
	}
	switch {
	case f.Hang, f.Drop:
		_ = s.conn.Conn().Close()
		return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 0, 0}, Message: "closing"}
	case f.Code != 0:
		return &smtp.SMTPError{Code: f.Code, EnhancedCode: smtp.EnhancedCode{f.Code / 100, 0, 0}, Message: "scripted answer"}
	}
	return nil
}
