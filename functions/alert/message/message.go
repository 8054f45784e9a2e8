// Package message turns what Alert decided into what on-call reads. Render is pure:
// a claimed notice and a context in, a Message out, and all human text is made
// here. A receiver package only lays a Message out in its own medium.
//
// The reader is asleep, on a phone, and has never seen pongwatch. So the first line
// and the phone text answer what, which database and since when; the rest answers
// what it means, what was seen, what to do first and what happens next. A Message
// says only what was observed; text that came from outside stays apart, in
// Evidence, and must never be parsed as markup.
package message

import (
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
)

// State is how things stand.
type State string

// The states.
const (
	Open         State = "open"
	Acknowledged State = "acknowledged"
	Silenced     State = "silenced"
	Unstable     State = "unstable"
	Resolved     State = "resolved"
	Gone         State = "no_longer_watched"
)

// Message is one notification, complete and in order of reading.
type Message struct {
	// ID is the incident's or group's full id, Short the form for people.
	ID, Short, Shard string
	// Revision is the revision that the receiver knows after this message.
	Revision int
	// Event is what the message is about; Events holds everything that is news.
	Event    incident.Event
	Events   []incident.Event
	State    State
	Severity cause.Severity
	Cause    cause.Cause
	// Check and Database are empty for a group.
	Check                 report.Check
	Database, Environment string
	Drill                 bool
	// Generation grows with each time that what is open is news again.
	Generation int
	// Opening says that the receiver has nothing of this thread yet.
	Opening bool
	// Loud says that it must reach people, and is no silent edit.
	Loud bool

	// Symbol is one emoji that says state and severity, never the only sign of either.
	Symbol string
	// Tag says environment and severity, or the state of what is over:
	// "[production] CRITICAL ".
	Tag string
	// Headline is Tag and what, which database and since when, in at most 140 characters.
	Headline string
	// Push is the whole message for a phone's lock screen.
	Push string
	// Subject is a mail's subject. It names the cause, so that a thread keeps its first one.
	Subject string
	// News says in a sentence what is new; empty at the opening.
	News string
	// Impact says what users notice of such a failure, then what was observed.
	Impact string
	// Changed is the change that most likely explains it: "3 min before: backend-00042 got 100 % of
	// the traffic". It quotes names from outside, and Notes have it as well.
	Changed string
	// Notes are further statements about the incident's handling.
	Notes []Note
	Facts []Fact
	// Members lists the incidents of a group; empty otherwise.
	Members []Member
	// Evidence is untrusted text.
	Evidence []Evidence
	// Sparkline is the latency of the last hour before the opening, with its scale.
	Sparkline string

	// CauseTitle and CauseText name and explain the likely cause; the text is empty once it
	// is over. Fix are its steps.
	CauseTitle, CauseText string
	Fix                   []Step

	Links []Link
	// Actions are what a reader may do, none once it is over.
	Actions []Action
	// Next says what happens next.
	Next string
	// Footer identifies the incident: short id, check, cause, severity, environment, shard, version.
	Footer string

	// Since is the first failure, Until its end; zero while it lasts. At is when the
	// message was made.
	Since, Until, At time.Time
}

// Note is a statement that may name a person and a time.
type Note struct {
	Text string
	// By names a person as the channel Via does. Empty names none.
	By, Via string
	At      time.Time
}

// Fact is one labelled value. It has either Text or a time, or both: the time first.
type Fact struct {
	Label, Text string
	At          time.Time
}

// Member is one incident of a group.
type Member struct {
	ID, Database, Short string
	Environment         string
	Check               report.Check
	Severity            cause.Severity
	Open                bool
	Cause               cause.Cause
	// Since is the first failure, Until its end; zero while it lasts. Again is since when it fails again.
	Since, Until, Again time.Time
}

// Evidence is a labelled quotation. Text is untrusted.
type Evidence struct{ Label, Text string }

// Link is a labelled address.
type Link struct{ Label, URL string }

// Action is something that a reader may do about the incident.
type Action struct {
	Kind  report.Action
	Label string
	// URL is a signed link to a page that asks for confirmation; empty where none
	// is configured.
	URL string
	// Control identifies the incident to a button's handler; see ParseControl.
	Control string
	// Choices are the durations offered with a silence.
	Choices []time.Duration
}

// The labels of a message's parts.
const (
	LabelImpact   = "Impact"
	LabelFirst    = "First step"
	LabelEvidence = "Evidence"
	LabelCause    = "Likely cause"
	LabelFix      = "What to do"
	LabelNext     = "Next"
	LabelMembers  = "Databases"
	LabelTrend    = "Latency in the hour before"
)
