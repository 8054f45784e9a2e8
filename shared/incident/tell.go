package incident

import (
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// subject is an incident or a group as a thread of notifications.
type subject struct {
	*Thread
	id       string
	database string
	severity cause.Severity
	incident *Incident
	group    *Group
}

func (e *engine) subject(id string) (subject, bool) {
	if inc, ok := e.incidents[id]; ok {
		return subject{Thread: &inc.Thread, id: id, database: inc.Series.Database, severity: inc.Severity, incident: inc}, true
	}
	g, ok := e.groups[id]
	if !ok {
		return subject{}, false
	}
	s := subject{Thread: &g.Thread, id: id, severity: g.Severity, group: g}
	for _, m := range g.Members {
		if inc, ok := e.incidents[m]; ok {
			s.database = inc.Series.Database // the members share their receivers
			break
		}
	}
	return s, true
}

func (s subject) open() bool {
	if s.group != nil {
		return s.group.Open()
	}
	return s.incident.Open()
}

// tellNews tells what Step decided about incidents, in the thread that speaks for
// each of them.
func (e *engine) tellNews() {
	queue := e.news
	e.news = nil
	// What happened to one incident stays in order; the incidents come by id.
	slices.SortStableFunc(queue, func(a, b news) int { return strings.Compare(a.incident, b.incident) })
	byGroup := map[string][]news{}
	for _, n := range queue {
		inc := e.incidents[n.incident]
		e.tell(n.incident, n.event)
		if inc.Group != "" {
			byGroup[inc.Group] = append(byGroup[inc.Group], n)
		}
	}
	for _, id := range sorted(byGroup) {
		e.tellGroup(e.groups[id], byGroup[id])
	}
}

// tell raises a thread's revision by an event, and the levels of everybody who must
// hear of it.
func (e *engine) tell(id string, event Event) {
	s, ok := e.subject(id)
	if !ok {
		return
	}
	s.Rev++
	s.Edited = e.now
	if s.incident != nil {
		s.owe(Documents, max(s.Rev, s.Deliveries[Documents].Want+1), e.now)
	}
	withheld := e.withheld(s, event)
	e.log(s, event, withheld)
	if withheld != "" {
		return
	}
	if event == Resumed {
		event = s.Marks.resume()
	}
	ending := event == Resolved || event == NoLongerWatched
	if ending {
		s.RemindAt = time.Time{}
		if !s.Marks.open() {
			return // nobody was told that it is open again
		}
	}
	opened := s.Marks.openAt()
	s.Marks[event] = s.Rev
	switch {
	case ending:
		s.tellEnd(opened, e.now)
	case event == Escalated:
		for _, a := range e.route(s).Escalate {
			s.owe(a, s.Rev, e.now)
		}
	case event.Loud():
		s.Withheld = false
		for _, a := range e.audience(s, event) {
			s.owe(a, s.Rev, e.now)
		}
		e.scheduleReminder(s, event)
	default:
		s.tellSilently(e.now)
	}
	s.coalesce(e.now)
}

// coalesce raises what is still owed to the latest revision: the mark of what it was
// owed for may just have moved there.
func (s subject) coalesce(now time.Time) {
	for a, d := range s.Deliveries {
		if a != Documents && d.Want > d.Done {
			s.owe(a, s.Rev, now)
		}
	}
}

// withheld says why an event is not told, or notes that it is.
func (e *engine) withheld(s subject, event Event) string {
	ending := event == Resolved || event == NoLongerWatched
	switch {
	// What was told alone before the group formed is closed, and acknowledged, there as well.
	case s.incident != nil && s.incident.Group != "" && !((ending || event == Acknowledged) && s.Marks.open()):
		return "grouped"
	case s.Suppressed != "" && !ending && event != Silenced && event != Acknowledged:
		if event.Loud() {
			s.Withheld = true
		}
		return s.Suppressed
	case s.incident != nil && (s.incident.Unstable || s.incident.Flapping) && event == CauseChanged:
		return "noisy"
	}
	return ""
}

// openAt is the revision at which people were last to be told that it is open.
func (m Marks) openAt() int {
	return max(m[Opened], m[Reopened], m[Unstable], m[Drill])
}

// open reports whether people were last to be told that it is open.
func (m Marks) open() bool { return m.openAt() > max(m[Resolved], m[NoLongerWatched]) }

// resume is how the end of a suppression is told: as news if what is open was never
// told, else as a continuation.
func (m Marks) resume() Event {
	switch {
	case m.openAt() == 0:
		return Opened
	case !m.open():
		return Reopened
	}
	return Resumed
}

// owe raises a receiver's level.
func (t *Thread) owe(address string, rev int, now time.Time) {
	d := t.Deliveries[address]
	if rev <= d.Want {
		return
	}
	if d.Want <= d.Done || d.Since.IsZero() {
		d.Since = now
	}
	if d.Refused != "" && !now.Before(d.NotBefore) {
		d.Refused, d.Tries = "", 0 // it may have been mended
	}
	d.Want = rev
	t.Deliveries[address] = d
}

// tellEnd closes what was told: only receivers that know of it as open, or are about
// to, hear of its end.
func (s subject) tellEnd(opened int, now time.Time) {
	for _, a := range sorted(s.Deliveries) {
		if d := s.Deliveries[a]; a != Documents && d.Want > 0 && (d.Want >= opened || d.Want > d.Done) {
			s.owe(a, s.Rev, now)
		}
	}
}

// tellSilently edits what was told.
func (s subject) tellSilently(now time.Time) {
	for _, a := range sorted(s.Deliveries) {
		if a != Documents && s.Deliveries[a].Want > 0 {
			s.owe(a, s.Rev, now)
		}
	}
}

// audience is who must hear of a loud event: the route's receivers, and after an
// escalation those too.
func (e *engine) audience(s subject, event Event) []string {
	if s.incident != nil && s.incident.Drill {
		return e.drillAudience(s)
	}
	r := e.route(s)
	to := slices.Clone(r.Receivers)
	if !s.Escalated.IsZero() {
		to = append(to, r.Escalate...)
	}
	for _, a := range sorted(s.Deliveries) {
		// A stand-in goes on standing in.
		if s.Deliveries[a].Instead != "" && !slices.Contains(to, a) {
			to = append(to, a)
		}
	}
	if event == Reminder {
		to = slices.DeleteFunc(to, func(a string) bool { return e.p.Receivers[a].Reminds })
	}
	return to
}

func (e *engine) route(s subject) Route { return e.p.Route(s.database, s.severity) }

func (e *engine) log(s subject, event Event, withheld string) {
	t := Transition{ID: s.id, Event: event, Severity: s.severity, Withheld: withheld}
	if s.incident != nil {
		t.Series, t.Cause = s.incident.Series, s.incident.Cause
	}
	e.transition(t)
}
