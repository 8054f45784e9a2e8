package notify

import (
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// commandMemory is how long a command's id is remembered. Older commands are refused,
// so that replaying one is always harmless.
const commandMemory = 24 * time.Hour

// Command applies what a person asks, once. A command that is old, unknown, ambiguous or
// bound to an earlier life of the incident changes nothing.
func Command(state *incident.State, c report.Command, p policy.Policy, now time.Time) ([]incident.Change, []Transition) {
	s := &shard{State: state, policy: p, now: now}
	if _, done := s.Commands[c.ID]; done || c.At.After(now.Add(p.Shift)) || now.Sub(c.At) > commandMemory {
		return nil, nil
	}
	var changes []incident.Change
	applied := false
	switch c.Action {
	case report.Acknowledge:
		applied = s.acknowledge(c)
	case report.Silence:
		applied = s.silence(c)
	case report.Unsilence:
		applied = s.unsilence(c)
	case report.Drill:
		changes, applied = s.drill(c)
	}
	if applied {
		s.Commands[c.ID] = now
	}
	return changes, s.told
}

// target returns the open incident or group that the command names.
func (s *shard) target(c report.Command) (thread, bool) {
	found := slices.DeleteFunc(s.threads(), func(t thread) bool { return !t.open || !incident.MatchID(c.Incident, t.id) })
	if len(found) != 1 {
		return thread{}, false
	}
	t := found[0]
	return t, c.Reopened == nil || t.incident == nil || t.incident.Reopened == *c.Reopened
}

func (s *shard) acknowledge(c report.Command) bool {
	t, ok := s.target(c)
	if !ok || t.Ack != nil {
		return false
	}
	s.ack(t, c)
	if t.group != nil {
		for _, inc := range s.members(t.group) {
			if m, _ := s.thread(inc.ID); m.open && m.Ack == nil {
				s.ack(m, c)
			}
		}
		return true
	}
	group, ok := s.thread(t.incident.Group)
	if !ok || !group.open {
		return true
	}
	// The acknowledge is the group's once no open member is without one.
	if group.Ack == nil && !slices.ContainsFunc(s.members(group.group), func(inc *incident.Incident) bool { return inc.Open() && inc.Ack == nil }) {
		s.ack(group, c)
	} else {
		s.tell(group.id, incident.Updated)
	}
	return true
}

func (s *shard) ack(t thread, c report.Command) {
	t.Ack = &incident.Ack{By: c.By, Via: c.Via, At: c.At}
	t.Reminded = 0
	if pauses := s.pauses(t); len(pauses) > 0 && !t.RemindAt.IsZero() {
		t.RemindAt = s.now.Add(pauses[0])
	}
	s.tell(t.id, incident.Acknowledged)
}

func (s *shard) silence(c report.Command) bool {
	silence := incident.Silence{
		ID: c.ID, Series: c.Series, Until: c.At.Add(min(c.For, s.policy.SilenceMost)),
		At: c.At, By: c.By, Via: c.Via, Reason: report.CutEvidence(c.Reason),
	}
	if !s.now.Before(silence.Until) {
		return false
	}
	if c.Incident != "" {
		t, ok := s.target(c)
		if !ok {
			return false
		}
		silence.Incident, silence.Series = t.id, report.Series{}
		s.Silences = append(s.Silences, silence)
		s.tellSilenced(t, silence)
		return true
	}
	if _, ok := s.policy.Databases[c.Series.Database]; !ok && s.policy.Databases != nil && c.Series.Database != report.MonitorDatabase {
		return false // another shard's
	}
	s.Silences = append(s.Silences, silence)
	for _, t := range s.threads() {
		if t.incident != nil && t.open && matches(silence, t.incident.Series) {
			s.tellSilenced(t, silence)
		}
	}
	return true
}

// tellSilenced tells of a silence in the thread that people see.
func (s *shard) tellSilenced(t thread, silence incident.Silence) {
	t.SilencedUntil, t.SilencedBy, t.SilencedVia = silence.Until, silence.By, silence.Via
	s.tell(t.id, incident.Silenced)
	if t.incident != nil && t.incident.Group != "" {
		s.tell(t.incident.Group, incident.Updated)
	}
}

func (s *shard) unsilence(c report.Command) bool {
	ends := func(x incident.Silence) bool {
		return x.Incident == "" && x.Series.Database == c.Series.Database && (c.Series.Check == "" || x.Series.Check == c.Series.Check)
	}
	if c.Incident != "" {
		t, ok := s.target(c)
		if !ok {
			return false
		}
		ends = func(x incident.Silence) bool {
			return covers(x, t)
		}
	}
	before := len(s.Silences)
	s.Silences = slices.DeleteFunc(s.Silences, ends)
	return len(s.Silences) < before
}

// drill opens an incident in which nothing is wrong, to rehearse who is told.
func (s *shard) drill(c report.Command) ([]incident.Change, bool) {
	if _, ok := s.policy.Receivers[c.Receiver]; !ok && c.Receiver != "" {
		return nil, false
	}
	key := incident.MonitorSeries(incident.DrillSubject(c.ID))
	inc := &incident.Incident{
		ID: incident.NewID(s.Shard, key.String()+c.ID, s.now), Series: key, Drill: true, DrillFor: c.Receiver,
		Severity: cause.Drill.Info().Severity, Status: report.Warn, Cause: cause.Drill, Since: c.At, Opened: s.now,
		Observation: report.Observation{
			Database: key.Database, Check: key.Check, Subject: key.Subject, Status: report.Warn, Cause: cause.Drill,
			Evidence: report.CutEvidence("asked for by " + c.By), At: c.At, Every: time.Minute,
		},
	}
	s.Incidents[inc.ID] = inc
	return []incident.Change{{ID: inc.ID, Event: incident.Drill}}, true
}
