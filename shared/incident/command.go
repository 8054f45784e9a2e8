package incident

import (
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// commandMemory is how long a command's id is remembered; older commands are refused,
// so that replaying one is harmless for ever.
const commandMemory = 24 * time.Hour

// subjectDrill begins the subject of a drill's series.
const subjectDrill = "drill-"

// DrillSubject returns the subject of the series of the drill that the command with
// that id opens, by which whoever asked finds it again.
func DrillSubject(command string) string { return subjectDrill + shortHash(command) }

// Find returns the full ids of the incidents and groups that a person may mean by
// text: none, one, or several to choose from.
func (s State) Find(text string) []string {
	var ids []string
	for _, id := range sorted(s.Incidents) {
		if MatchID(text, id) {
			ids = append(ids, id)
		}
	}
	for _, id := range sorted(s.Groups) {
		if MatchID(text, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// command applies what a person asks, once. What cannot be applied, because it is
// old, unknown, ambiguous or bound to an earlier life of the incident, changes nothing.
func (e *engine) command(c report.Command) {
	if c.At.After(e.now.Add(e.p.Shift)) || e.now.Sub(c.At) > commandMemory {
		return
	}
	if _, done := e.s.Commands[c.ID]; done {
		return
	}
	applied := false
	switch c.Action {
	case report.Acknowledge:
		applied = e.acknowledge(c)
	case report.Silence:
		applied = e.addSilence(c)
	case report.Unsilence:
		applied = e.endSilence(c)
	case report.Drill:
		applied = e.drill(c)
	}
	if applied {
		e.s.Commands[c.ID] = e.now
	}
}

// target returns the open incident or group that the command names.
func (e *engine) target(c report.Command) (subject, bool) {
	var found []subject
	for _, id := range slices.Concat(sorted(e.incidents), sorted(e.groups)) {
		if s, ok := e.subject(id); ok && MatchID(c.Incident, id) && s.open() {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		return subject{}, false
	}
	s := found[0]
	if c.Reopened != nil && s.incident != nil && s.incident.Reopened != *c.Reopened {
		return subject{}, false
	}
	return s, true
}

func (e *engine) acknowledge(c report.Command) bool {
	s, ok := e.target(c)
	if !ok || s.Ack != nil {
		return false
	}
	e.ack(s, c)
	if s.group != nil {
		for _, id := range s.group.Members {
			if m, ok := e.subject(id); ok && m.open() && m.Ack == nil {
				e.ack(m, c)
			}
		}
		return true
	}
	if g, ok := e.groups[s.incident.Group]; ok && g.Open() {
		e.ackGroup(g, c)
	}
	return true
}

func (e *engine) ack(s subject, c report.Command) {
	s.Ack = &Ack{By: c.By, Via: c.Via, At: c.At.UTC()}
	s.Reminded = 0
	if pauses := e.pauses(s); len(pauses) > 0 && !s.RemindAt.IsZero() {
		s.RemindAt = e.now.Add(pauses[0])
	}
	e.tell(s.id, Acknowledged)
}

// ackGroup shows a member's acknowledge in its group, and makes it the group's when
// it was the last one missing.
func (e *engine) ackGroup(g *Group, c report.Command) {
	open := slices.ContainsFunc(g.Members, func(id string) bool {
		inc, ok := e.incidents[id]
		return ok && inc.Open() && inc.Ack == nil
	})
	if s, ok := e.subject(g.ID); ok && !open && g.Ack == nil {
		e.ack(s, c)
		return
	}
	e.tell(g.ID, Updated)
}

func (e *engine) addSilence(c report.Command) bool {
	silence := Silence{
		ID: c.ID, Series: c.Series, Until: c.At.Add(min(c.For, e.p.SilenceMost)).UTC(),
		At: c.At.UTC(), By: c.By, Via: c.Via, Reason: report.CutEvidence(c.Reason),
	}
	if !e.now.Before(silence.Until) {
		return false
	}
	if c.Incident == "" {
		if _, ok := e.p.Databases[c.Series.Database]; !ok && e.p.Databases != nil && c.Series.Database != report.MonitorDatabase {
			return false // another shard's
		}
		e.s.Silences = append(e.s.Silences, silence)
		for _, id := range sorted(e.incidents) {
			if inc := e.incidents[id]; inc.Open() && silence.Matches(inc.Series) {
				e.tellSilenced(id, Silenced, silence)
			}
		}
		return true
	}
	s, ok := e.target(c)
	if !ok {
		return false
	}
	silence.Incident, silence.Series = s.id, report.Series{}
	e.s.Silences = append(e.s.Silences, silence)
	e.tellSilenced(s.id, Silenced, silence)
	return true
}

// tellSilenced tells of a silence in the thread that people see.
func (e *engine) tellSilenced(id string, event Event, silence Silence) {
	if s, ok := e.subject(id); ok {
		s.SilencedUntil, s.SilencedBy = silence.Until, silence.By
	}
	e.tell(id, event)
	if inc, ok := e.incidents[id]; ok && inc.Group != "" {
		e.tell(inc.Group, Updated)
	}
}

func (e *engine) endSilence(c report.Command) bool {
	id := ""
	if c.Incident != "" {
		s, ok := e.target(c)
		if !ok {
			return false
		}
		id = s.id
	}
	before := len(e.s.Silences)
	e.s.Silences = slices.DeleteFunc(e.s.Silences, func(s Silence) bool {
		if id != "" {
			inc, ok := e.incidents[id]
			return s.Incident == id || ok && s.Matches(inc.Series)
		}
		return s.Incident == "" && s.Series.Database == c.Series.Database && (c.Series.Check == "" || s.Series.Check == c.Series.Check)
	})
	return len(e.s.Silences) < before
}

// drill opens an incident in which nothing is wrong, to rehearse who is told.
func (e *engine) drill(c report.Command) bool {
	key := monitorSeries(DrillSubject(c.ID))
	if c.Receiver != "" {
		if _, ok := e.p.Receivers[c.Receiver]; !ok {
			return false
		}
	}
	inc := &Incident{
		ID: newID(e.s.Shard, key.String()+c.ID, e.now), Series: key, Thread: newThread(), Drill: true, DrillFor: c.Receiver,
		Severity: cause.Drill.Info().Severity, Status: report.Warn, Cause: cause.Drill,
		Since: c.At.UTC(), Opened: e.now,
		Observation: report.Observation{
			Database: key.Database, Check: key.Check, Subject: key.Subject, Status: report.Warn, Cause: cause.Drill,
			Evidence: report.CutEvidence("asked for by " + c.By), At: c.At.UTC(), Every: time.Minute,
		},
	}
	e.incidents[inc.ID] = inc
	e.announce(inc, Drill)
	return true
}

func (e *engine) drillAudience(s subject) []string {
	if s.incident.DrillFor != "" {
		return []string{s.incident.DrillFor}
	}
	return e.p.addresses()
}

// endDrills resolves drills by time: there is nothing else that could.
func (e *engine) endDrills() {
	for _, id := range sorted(e.incidents) {
		if inc := e.incidents[id]; inc.Drill && inc.Open() && e.now.Sub(inc.Opened) >= e.p.DrillFor {
			e.resolve(inc, Resolved)
		}
	}
}
