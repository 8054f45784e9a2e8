package message

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// saidOf is what is new, of events about which nothing else is to be said.
var saidOf = map[incident.Event]string{
	incident.Reopened:        "It is failing again. An earlier acknowledgement no longer counts.",
	incident.Past:            "It was over before this message could be delivered.",
	incident.NoLongerWatched: "It is gone from the configuration. Its incident is closed; that does not mean that it works.",
	incident.Flapping:        "Its checks alternate between good and bad. Until they settle, only reminders follow.",
	incident.Resumed:         "The silence or maintenance is over, and it is still failing.",
	incident.Acknowledged:    "It has been acknowledged.",
	incident.Unsilenced:      "The silence is over.",
}

// news says in a sentence what has happened since the receiver's last message. People have been
// told since one time, and it fails since the other.
func news(m *Message, n incident.Notice, told, began time.Time) string {
	i := incident.Incident{}
	if n.Incident != nil {
		i = *n.Incident
	}
	switch silenced := n.Thread().SilencedUntil; m.Event {
	case incident.Resolved:
		if m.CauseTitle != "" && !m.Drill {
			return "It was: " + lowerFirst(m.CauseTitle) + "."
		}
	case incident.Escalated:
		if m.State == Acknowledged {
			return "It was not acknowledged in time."
		}
		return "Not acknowledged for " + text.Duration(n.Now.Sub(told)) + "."
	case incident.Raised:
		return fmt.Sprintf("Its severity is now %s.", m.Severity)
	case incident.CauseChanged:
		if i.Previous == "" {
			return "The cause has changed."
		}
		return fmt.Sprintf("The cause has changed. It was: %s. Now it is: %s.", lowerFirst(i.Previous.Info().Title), lowerFirst(i.Cause.Info().Title))
	case incident.Unstable:
		times := ""
		if i.Reopened > 0 {
			times = fmt.Sprintf(" It has reopened %s.", text.Count(i.Reopened, "time", "times"))
		}
		return "It comes and goes." + times + " Until it has been stable for a while, only reminders follow."
	case incident.Joined:
		return joined(n)
	case incident.Reminder:
		switch {
		case !i.Good.IsZero(), len(n.Members) > 0 && !slices.ContainsFunc(n.Members, failing):
			return "It is good at the moment, and not yet for long enough."
		case !i.Stale.IsZero():
			return "Nothing says that it is over, and nothing has confirmed it since " + text.Clock(i.Stale, n.Now) + "."
		}
		return "It is still failing after " + text.Duration(n.Now.Sub(began)) + "."
	case incident.Silenced:
		if silenced.IsZero() {
			return "It is silenced."
		}
		return "It is silenced until " + text.Clock(silenced, n.Now) + "."
	}
	return saidOf[m.Event]
}

// handling says who has done what about the incident.
func handling(n incident.Notice) []Note {
	t := n.Thread()
	var notes []Note
	if t.Ack != nil {
		notes = append(notes, Note{Text: "Acknowledged", By: t.Ack.By, Via: t.Ack.Via, At: t.Ack.At})
	}
	if t.SilencedUntil.After(n.Now) {
		notes = append(notes, Note{Text: "Silenced until " + text.Clock(t.SilencedUntil, n.Now), By: t.SilencedBy, Via: t.SilencedVia})
	}
	if t.Suppressed == "maintenance" {
		window := "a window is open"
		if t.Window != "" {
			window = text.Clip(t.Window, 200)
		}
		notes = append(notes, Note{Text: "In maintenance (" + window + ")."})
	}
	if i := n.Incident; i != nil && !i.Stale.IsZero() {
		why := "no check has given an answer"
		if i.Series.Check.OfApp() {
			why = "the app no longer says whether it uses Redis"
		}
		notes = append(notes, Note{Text: "Not confirmed since " + text.Clock(i.Stale, n.Now) + ": " + why + "."})
	}
	if i := n.Incident; i != nil && i.Reopened > 0 {
		notes = append(notes, Note{Text: fmt.Sprintf("Reopened %s.", text.Count(i.Reopened, "time", "times"))})
	}
	return notes
}

// next says what happens next, so that the reader need not stay awake to find out.
func next(s State, n incident.Notice, reopen time.Duration) string {
	reminder := ""
	if n.Next.After(n.Now) {
		reminder = " The next reminder is at " + text.Clock(n.Next, n.Now) + "."
	}
	switch s {
	case Resolved:
		if n.Incident != nil && n.Incident.Drill {
			return "No action needed."
		}
		if reopen > 0 {
			return "No action needed. If it fails again within " + minutes(reopen) + ", this incident reopens."
		}
		return "No action needed. If it fails again, a new incident opens."
	case Gone:
		return "No further messages about it."
	case Silenced:
		return "No new messages until " + text.Clock(n.Thread().SilencedUntil, n.Now) + ". If it is still failing then, you are notified."
	case Unstable:
		return "No new messages until it is stable." + reminder
	}
	if n.Incident != nil && !n.Incident.Stale.IsZero() && n.Incident.Series.Check.OfApp() {
		return "No reminders until it is confirmed again. A proof, or the app's event of the end, closes it."
	}
	return "You are notified when it is over." + reminder
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
	facts := []Fact{{Label: "Since", At: i.Since, Text: lasted(i.Duration(now), i.Before)}}
	if !i.Open() {
		facts = append(facts, Fact{Label: "Until", At: i.Resolved})
	}
	switch {
	case !i.LastOK.IsZero():
		facts = append(facts, Fact{Label: "Last good", At: i.LastOK})
	case i.Series.Database != report.MonitorDatabase: // of pongwatch itself, and of a drill, only trouble is noted
		facts = append(facts, Fact{Label: "Last good", Text: "never seen"})
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
	if i.Runs > 0 {
		facts = append(facts, Fact{Label: "Failed checks", Text: text.Thousands(float64(i.Runs)) + tried(i.Runs, o.Attempts)})
	}
	if o.Phases != nil {
		facts = append(facts, Fact{Label: "Timing", Text: timing(*o.Phases)})
	}
	if len(i.Down) > 0 && i.Down[0] != "" && len(facts) < 10 {
		label := "Seen by"
		if ofAlert(i.Series) {
			label = "Concerns"
		}
		facts = append(facts, Fact{Label: label, Text: text.Clip(sources(i.Down), 200)})
	}
	return facts
}

// tried says how often the last check was tried, where that was more than once.
func tried(runs, attempts int) string {
	if attempts < 2 {
		return ""
	}
	times := "twice"
	if attempts > 2 {
		times = fmt.Sprintf("%d times", attempts)
	}
	if runs > 1 {
		return " (the last one tried " + times + ")"
	}
	return " (tried " + times + ")"
}

// stages are the parts of a request, in their order, with what a person would call them.
var stages = []struct{ reached, name, missing string }{
	{"dns", "DNS", "the host name was not resolved"},
	{"connect", "connect", "no connection was made"},
	{"tls", "TLS", "the TLS handshake did not finish"},
	{"write", "", "the request was not sent"},
	{"wait", "first byte", "no answer came"},
}

// timing says where the time of a request went, and how far it got: "connect 11 ms, TLS 14
// ms, first byte 21 ms, total 48 ms".
func timing(p report.Phases) string {
	spent := map[string]float64{"dns": p.DNS, "connect": p.Connect, "tls": p.TLS, "wait": p.Wait}
	var parts []string
	missing := ""
	for _, stage := range stages {
		ms := spent[stage.reached]
		if stage.name != "" && (ms > 0 || stage.reached != "dns" && stage.reached != p.Reached && p.Reached != "") {
			parts = append(parts, stage.name+" "+quantity(ms, report.Milliseconds))
		}
		if stage.reached == p.Reached {
			missing = "; " + stage.missing
			break
		}
	}
	return strings.Join(append(parts, "total "+quantity(p.Total, report.Milliseconds)), ", ") + missing
}

// shortFacts are those of what is over.
func shortFacts(facts []Fact) []Fact {
	return slices.DeleteFunc(facts, func(f Fact) bool {
		return f.Label != "Since" && f.Label != "Until" && f.Label != "Failed checks"
	})
}

// minutes returns "15 minutes", or a duration in units where it is not in minutes.
func minutes(d time.Duration) string {
	if d >= time.Minute && d < time.Hour && d%time.Minute == 0 {
		return text.Count(int(d.Minutes()), "minute", "minutes")
	}
	return text.Duration(d)
}
