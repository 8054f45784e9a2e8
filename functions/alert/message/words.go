package message

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// phrase says in the words of one check that something fails, failed and is well
// again; %s is the database.
type phrase struct {
	is, was, again string
	// natural is the cause that the phrase itself already names.
	natural cause.Cause
}

var phrases = map[report.Check]phrase{
	report.Ping:       {"%s is down", "%s was down", "%s is up again", ""},
	report.Latency:    {"%s is slow", "%s was slow", "%s is fast again", cause.Slow},
	report.Write:      {"%s refuses writes", "%s refused writes", "%s accepts writes again", ""},
	report.HitRate:    {"%s has a low hit rate", "%s had a low hit rate", "%s has a good hit rate again", cause.HitRateLow},
	report.Memory:     {"%s is nearly full", "%s was nearly full", "%s has space again", cause.MemoryHigh},
	report.Commands:   {"%s runs out of commands", "%s was running out of commands", "%s has commands again", cause.CommandsHigh},
	report.Eviction:   {"%s may lose keys", "%s could have lost keys", "%s keeps its keys again", cause.EvictionRisk},
	report.Isolation:  {"%s holds keys without a workspace prefix", "%s held keys without a workspace prefix", "%s holds only prefixed keys again", cause.IsolationViolation},
	report.Values:     {"%s holds values that are not JSON", "%s held values that are not JSON", "%s holds valid JSON again", cause.ValueNotJSON},
	report.RoundTrip:  {"%s does not behave as the app needs", "%s did not behave as the app needs", "%s behaves as the app needs again", cause.RoundTripFailed},
	report.ConfigLoad: {"%s has a configuration problem", "%s had a configuration problem", "%s is configured right again", ""},
	report.Monitor:    {"%s has a problem", "%s had a problem", "%s is well again", ""},
}

// phraseOf returns the words for an incident, the database filled in.
func phraseOf(i incident.Incident) phrase {
	name := DatabaseName(i.Series.Database)
	p, ok := phrases[i.Series.Check]
	if i.Series.Check == report.MockMode {
		who := who(i)
		p = phrase{"%s: " + escape(who) + " is in mock mode", "%s: " + escape(who) + " was in mock mode", "%s: " + escape(who) + " uses Redis again", cause.Mock}
		if i.Cause == cause.AppUnreachable {
			p = phrase{"%s: " + escape(who) + " cannot be asked about mock mode", "%s: " + escape(who) + " could not be asked about mock mode", "%s: " + escape(who) + " answers again", cause.AppUnreachable}
		}
	} else if split, divided := dividedPhrase(i, p); divided {
		p = split
	} else if !ok {
		check := escape(string(i.Series.Check))
		p = phrase{"%s fails " + check, "%s failed " + check, "%s passes " + check + " again", ""}
	}
	return phrase{fmt.Sprintf(p.is, name), fmt.Sprintf(p.was, name), fmt.Sprintf(p.again, name), p.natural}
}

// dividedPhrase returns the words for what only a minority of the regions sees: a
// database that answers elsewhere is not down.
func dividedPhrase(i incident.Incident, p phrase) (phrase, bool) {
	if i.Status != report.Warn || len(i.Down) == 0 || 2*len(i.Down) > len(i.Voters) {
		return phrase{}, false
	}
	elsewhere := slices.DeleteFunc(slices.Clone(i.Voters), func(region string) bool { return slices.Contains(i.Down, region) })
	here, there := escape(text.Line(list(i.Down, 2))), escape(text.Line(list(elsewhere, 2)))
	switch i.Series.Check {
	case report.Ping:
		return phrase{"%s fails from " + here + ", works from " + there, "%s failed from " + here + ", worked from " + there, "%s works from " + here + " again", p.natural}, true
	case report.Latency:
		return phrase{"%s is slow from " + here + ", fast from " + there, "%s was slow from " + here + ", fast from " + there, "%s is fast from " + here + " again", p.natural}, true
	}
	return phrase{}, false
}

// escape keeps a text from being read as a format.
func escape(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// DatabaseName returns what people call a database: the monitor's own series are
// pongwatch's.
func DatabaseName(name string) string {
	if name == report.MonitorDatabase {
		return "pongwatch itself"
	}
	return text.Line(name)
}

// reason returns what follows the phrase: the measured value where the phrase
// names the cause, the cause's title otherwise.
func reason(i incident.Incident, p phrase) string {
	if i.Cause == p.natural && i.Cause != "" {
		return measured(i.Observation)
	}
	if i.Cause == "" {
		return ""
	}
	return lowerFirst(i.Cause.Info().Title)
}

// measures says what the value of a check is, by its unit; %s is the value.
var measures = map[report.Check]map[report.Unit]string{
	report.Latency:   {report.Milliseconds: "PING takes %s"},
	report.HitRate:   {report.Ratio: "%s of look-ups find their key"},
	report.Memory:    {report.Ratio: "%s of the space is used", report.Bytes: "%s are used", report.Hours: "full in %s"},
	report.Commands:  {report.Ratio: "%s of the month's commands are used", report.Count: "%s commands are used this month", report.Hours: "used up in %s"},
	report.Eviction:  {report.Count: "%s keys were dropped", report.Ratio: "%s of the space is used"},
	report.Isolation: {report.Count: "%s sampled keys"},
	report.Values:    {report.Count: "%s sampled values"},
}

// measured returns "PING takes 812 ms, limit 600 ms", or "".
func measured(o report.Observation) string {
	if o.Value == nil {
		return ""
	}
	text := quantity(*o.Value, o.Unit)
	if words, ok := measures[o.Check][o.Unit]; ok {
		text = fmt.Sprintf(words, text)
	}
	if o.Threshold != nil && *o.Threshold != 0 {
		text += ", limit " + quantity(*o.Threshold, o.Unit)
	}
	return text
}

// plain are the first words of titles that lose their capital inside a sentence;
// the others are names.
var plain = map[string]bool{
	"The": true, "A": true, "An": true, "No": true, "This": true, "Today's": true, "Something": true, "Keys": true,
	"Stored": true, "Checks": true, "Not": true, "Reports": true, "Some": true,
}

func lowerFirst(s string) string {
	first, _, _ := strings.Cut(s, " ")
	if !plain[first] {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// classPhrase names what members of a group share when their causes differ.
var classPhrase = map[cause.Class]string{
	cause.ClassNetwork:     "Redis cannot be reached",
	cause.ClassAuth:        "tokens are refused",
	cause.ClassQuota:       "quota used up",
	cause.ClassCapacity:    "space or commands run out",
	cause.ClassProvider:    "Upstash fails",
	cause.ClassPerformance: "Redis is slow",
	cause.ClassProtocol:    "something answers wrongly",
	cause.ClassConfig:      "configuration problem",
	cause.ClassMock:        "mock mode",
	cause.ClassData:        "wrong data",
	cause.ClassMonitor:     "pongwatch has a problem",
}

// symbol returns the emoji of a state.
func symbol(s State, severity cause.Severity, drill bool) string {
	switch {
	case s == Resolved:
		return "✅"
	case s == Gone:
		return "⚪"
	case drill:
		return "🧪"
	case s == Acknowledged:
		return "🟡"
	case s == Silenced:
		return "🔕"
	case severity == cause.SeverityCritical:
		return "🔴"
	case severity == cause.SeverityInfo:
		return "🔵"
	}
	return "🟠"
}
