package incident

import (
	"cmp"
	"slices"
)

// Change is one event of an incident or a group, before it is known who is told.
type Change struct {
	// ID is of the incident or group.
	ID    string
	Event Event
	// Routine says that only the latest observation is new. Messages are edited for that
	// no more often than EditEvery.
	Routine bool
}

// Event is something that happens to an incident or a group and that messages
// report. The set is closed.
type Event string

// The events. The first four change whether it is open.
const (
	Opened          Event = "opened"
	Reopened        Event = "reopened"
	Resolved        Event = "resolved"
	NoLongerWatched Event = "no_longer_watched"
	// Past is never marked. Opened and Resolved together become Past for a receiver that was
	// told neither ("was down 02:02–02:20").
	Past Event = "past"

	Escalated    Event = "escalated"     // no one has acknowledged it in time
	Raised       Event = "raised"        // the severity went up
	CauseChanged Event = "cause_changed" // to a cause of another class
	Unstable     Event = "unstable"      // reopened too often: quiet until it is stable
	Flapping     Event = "flapping"      // its checks alternate: quiet until they settle
	Resumed      Event = "resumed"       // still failing at the end of a silence or maintenance
	Joined       Event = "joined"        // a group grew
	Reminder     Event = "reminder"

	Acknowledged Event = "acknowledged"
	Silenced     Event = "silenced"
	Unsilenced   Event = "unsilenced"
	Updated      Event = "updated"

	Drill Event = "drill" // a rehearsal was opened
)

// order ranks the events that do not change whether an incident is open, the most
// significant first. Escalated is last, because telling current receivers that others
// were added is not news.
var order = []Event{
	Raised, CauseChanged, Unstable, Flapping, Resumed, Joined, Reminder,
	Acknowledged, Silenced, Unsilenced, Updated, Escalated,
}

// Loud reports whether the event must reach people, as opposed to a silent edit of
// a message that they already have. A receiver that cannot edit leaves out other events.
func (e Event) Loud() bool {
	switch e {
	case Acknowledged, Silenced, Unsilenced, Updated:
		return false
	}
	return true
}

// Marks holds, per event, the revision at which it last happened. From them follows what
// a delivery from revision `done` to revision `want` must say.
type Marks map[Event]int

// Between returns the events in (done, want], the most significant first; the
// first is what the message is about. knowsOpen says whether the receiver was last
// told that the incident is open. For one that was not, an opening and its end are Past.
func (m Marks) Between(done, want int, knowsOpen bool) []Event {
	in := func(e Event) bool { return m[e] > done && m[e] <= want }
	var events []Event
	for _, e := range []Event{Drill, Opened, Reopened, Unstable, Resolved, NoLongerWatched} {
		if in(e) {
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(m[b], m[a]) })
	if len(events) > 1 && events[0] == Resolved && !knowsOpen {
		events = append([]Event{Past}, events...)
	}
	if done == 0 && in(Escalated) && len(events) > 0 && m[Escalated] > m[events[0]] {
		events = append([]Event{Escalated}, events...)
	}
	for _, e := range order {
		if in(e) && !slices.Contains(events, e) {
			events = append(events, e)
		}
	}
	return events
}

// OpenAt is the revision at which people were last to be told that it is open.
func (m Marks) OpenAt() int { return max(m[Opened], m[Reopened], m[Unstable], m[Drill]) }

// Open reports whether people were last to be told that it is open.
func (m Marks) Open() bool { return m.OpenAt() > max(m[Resolved], m[NoLongerWatched]) }
