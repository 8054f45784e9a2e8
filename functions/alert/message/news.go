package message

import (
	"fmt"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// news says in a sentence what has happened since the receiver's last message.
func news(m *Message, n incident.Notice, opened time.Time) string {
	t := n.Thread()
	switch m.Event {
	case incident.Opened, incident.Drill, incident.Updated:
		return ""
	case incident.Reopened:
		return "It fails again. The acknowledge of its former life is void."
	case incident.Resolved:
		if m.CauseTitle != "" {
			return "It is over. It was: " + lowerFirst(m.CauseTitle) + "."
		}
		return "It is over."
	case incident.Past:
		return "It was over before this message could be delivered."
	case incident.NoLongerWatched:
		return "It is gone from the configuration. Its incident is closed without saying that all is well."
	case incident.Escalated:
		return "Nobody has acknowledged it for " + text.Duration(n.Now.Sub(opened)) + "."
	case incident.Raised:
		return fmt.Sprintf("Its severity is now %s.", m.Severity)
	case incident.CauseChanged:
		if n.Incident != nil && n.Incident.Previous != "" {
			return fmt.Sprintf("The cause has changed. It was: %s. Now it is: %s.", lowerFirst(n.Incident.Previous.Info().Title), lowerFirst(n.Incident.Cause.Info().Title))
		}
		return "The cause has changed."
	case incident.Unstable:
		times := ""
		if n.Incident != nil && n.Incident.Reopened > 0 {
			times = fmt.Sprintf(" It has reopened %s.", text.Count(n.Incident.Reopened, "time", "times"))
		}
		return "It comes and goes." + times + " pongwatch is quiet until it has been stable for a while."
	case incident.Flapping:
		return "Its checks alternate between good and bad. pongwatch is quiet until they settle."
	case incident.Resumed:
		return "The silence or maintenance is over, and it still fails."
	case incident.Joined:
		return joined(n)
	case incident.Reminder:
		return "It still fails after " + text.Duration(n.Now.Sub(m.Since)) + "."
	case incident.Acknowledged:
		return "Somebody has taken it."
	case incident.Silenced:
		if t.SilencedUntil.IsZero() {
			return "It is silenced."
		}
		return "It is silenced until " + text.Clock(t.SilencedUntil, n.Now) + "."
	case incident.Unsilenced:
		return "The silence is over."
	}
	return ""
}

// handling says who has done what about the incident.
func handling(n incident.Notice) []Note {
	t := n.Thread()
	var notes []Note
	if t.Ack != nil {
		notes = append(notes, Note{Text: "Acknowledged", By: t.Ack.By, Via: t.Ack.Via, At: t.Ack.At})
	}
	if t.SilencedUntil.After(n.Now) {
		notes = append(notes, Note{Text: "Silenced until " + text.Clock(t.SilencedUntil, n.Now), By: t.SilencedBy})
	}
	if t.Suppressed == "maintenance" {
		notes = append(notes, Note{Text: "A maintenance window is open."})
	}
	if n.Incident != nil && n.Incident.Reopened > 0 {
		notes = append(notes, Note{Text: fmt.Sprintf("Reopened %s.", text.Count(n.Incident.Reopened, "time", "times"))})
	}
	return notes
}

// next says what happens next, so that the reader need not stay awake to find out.
func next(s State, n incident.Notice) string {
	reminder := ""
	if n.Next.After(n.Now) {
		reminder = "a reminder at " + text.Clock(n.Next, n.Now)
	}
	switch s {
	case Resolved:
		return "Nothing to do. If it fails again soon, this incident goes on."
	case Gone:
		return "Nothing more is told about it."
	case Silenced:
		return "Quiet until " + text.Clock(n.Thread().SilencedUntil, n.Now) + ". If it still fails then, you are told."
	case Unstable:
		if reminder != "" {
			return "Quiet until it is stable, but for " + reminder + "."
		}
		return "Quiet until it is stable."
	}
	if reminder != "" {
		return upperFirst(reminder) + ", and a message when it is over."
	}
	return "A message when it is over."
}

// upperFirst begins a sentence with s, which is ASCII at its beginning.
func upperFirst(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// factsOf lists what was measured, at most ten facts.
func factsOf(i incident.Incident, now time.Time) []Fact {
	o := i.Observation
	facts := []Fact{{Label: "Since", At: i.Since, Text: text.Duration(i.Duration(now))}}
	if !i.Open() {
		facts = append(facts, Fact{Label: "Until", At: i.Resolved})
	}
	if i.LastOK.IsZero() {
		facts = append(facts, Fact{Label: "Last good", Text: "not since pongwatch watches it"})
	} else {
		facts = append(facts, Fact{Label: "Last good", At: i.LastOK})
	}
	if i.Cause != "" {
		facts = append(facts, Fact{Label: "Cause", Text: string(i.Cause)})
	}
	if text := measured(o); text != "" {
		facts = append(facts, Fact{Label: "Measured", Text: text})
	}
	switch {
	case o.HTTPStatus != 0:
		facts = append(facts, Fact{Label: "Answer", Text: fmt.Sprintf("HTTP %d", o.HTTPStatus)})
	case o.Check == report.Ping && o.Phases != nil:
		facts = append(facts, Fact{Label: "Answer", Text: "none"})
	}
	switch {
	case i.Runs > 0 && o.Attempts > 1:
		facts = append(facts, Fact{Label: "Failed", Text: fmt.Sprintf("%s, %s in the last", text.Count(i.Runs, "run", "runs"), text.Count(o.Attempts, "attempt", "attempts"))})
	case i.Runs > 0:
		facts = append(facts, Fact{Label: "Failed", Text: text.Count(i.Runs, "run", "runs")})
	case o.Attempts > 1:
		facts = append(facts, Fact{Label: "Failed", Text: text.Count(o.Attempts, "attempt", "attempts")})
	}
	if o.Phases != nil {
		facts = append(facts, Fact{Label: "Time spent", Text: phases(*o.Phases)})
	}
	if len(i.Down) > 0 && i.Down[0] != "" && len(facts) < 10 {
		facts = append(facts, Fact{Label: "Seen by", Text: text.Clip(text.Line(sources(i.Down)), 200)})
	}
	return facts
}

// phases says where the time of the request went.
func phases(p report.Phases) string {
	var parts []string
	for _, part := range []struct {
		name string
		ms   float64
	}{{"DNS", p.DNS}, {"connect", p.Connect}, {"TLS", p.TLS}, {"answer", p.Wait}} {
		if part.ms > 0 {
			parts = append(parts, part.name+" "+text.Thousands(part.ms))
		}
	}
	s := strings.Join(append(parts, "in all "+text.Thousands(p.Total)+" ms"), ", ")
	if p.Reached != "" {
		s += "; reached " + text.Line(p.Reached)
	}
	return s
}
