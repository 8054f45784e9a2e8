package message

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

// phrase says in the words of one check that something fails, failed and is well
// again. Each follows the database's name.
type phrase struct {
	is, was, again string
	// natural is the cause that the phrase itself already names.
	natural cause.Cause
}

var phrases = map[report.Check]phrase{
	report.Ping:        {" is down", " was down", " is up again", ""},
	report.Latency:     {" is slow", " was slow", " is fast again", cause.Slow},
	report.Write:       {" refuses writes", " refused writes", " accepts writes again", ""},
	report.HitRate:     {" has a low hit rate", " had a low hit rate", " has a good hit rate again", cause.HitRateLow},
	report.Memory:      {" is nearly full", " was nearly full", " has space again", cause.MemoryHigh},
	report.Commands:    {" runs out of commands", " was running out of commands", " has commands again", cause.CommandsHigh},
	report.Bandwidth:   {" runs out of traffic", " was running out of traffic", " has traffic again", cause.BandwidthHigh},
	report.Budget:      {" runs out of its budget", " was running out of its budget", " is within its budget again", cause.BudgetHigh},
	report.Connections: {" runs out of connections", " was running out of connections", " has connections again", cause.ConnectionsHigh},
	report.Eviction:    {" may lose keys", " could have lost keys", " keeps its keys again", cause.EvictionRisk},
	report.Isolation:   {" holds keys without a workspace prefix", " held keys without a workspace prefix", " holds only prefixed keys again", cause.IsolationViolation},
	report.Values:      {" holds values that are not JSON", " held values that are not JSON", " holds valid JSON again", cause.ValueNotJSON},
	report.RoundTrip:   {" does not behave as the app needs", " did not behave as the app needs", " behaves as the app needs again", cause.RoundTripFailed},
	report.ConfigLoad:  {" has a configuration problem", " had a configuration problem", " is configured right again", ""},
	report.Monitor:     {" has a problem", " had a problem", " is well again", ""},
}

// phraseOf returns the words for an incident.
func phraseOf(i incident.Incident) phrase {
	check := i.Series.Check
	p, ok := phrases[check]
	switch app := ": " + who(i); {
	case check == report.MockMode && i.Cause == cause.AppUnreachable:
		return phrase{app + " cannot be asked about mock mode", app + " could not be asked about mock mode", app + " answers again", cause.AppUnreachable}
	case check == report.MockMode:
		return phrase{app + " is in mock mode", app + " was in mock mode", app + " uses Redis again", cause.Mock}
	case check == report.Limiter:
		return phrase{app + " does not limit requests", app + " did not limit requests", app + " limits requests again", cause.LimiterOpen}
	case check == report.Commands && i.Cause == cause.Throttled:
		return phrase{" nears its commands a second", " neared its commands a second", " has commands a second to spare again", ""}
	case check == report.Commands && (i.Cause == cause.StatsState || i.Cause == cause.MonitorManagement):
		return phrase{": commands cannot be counted exactly", ": commands could not be counted exactly", ": commands are counted exactly again", ""}
	case check == report.Write && i.Cause == cause.WriteMismatch:
		return phrase{" does not return what was written", " did not return what was written", " returns what was written again", cause.WriteMismatch}
	case check == report.Values && i.Cause == cause.RequestTooBig:
		return phrase{" holds a value that is nearly too large", " held a value that was nearly too large", " holds no value that is too large any more", ""}
	case !ok:
		return phrase{" fails " + string(check), " failed " + string(check), " passes " + string(check) + " again", ""}
	case i.Status != report.Warn || len(i.Down) == 0 || 2*len(i.Down) > len(i.Voters):
		return p
	}
	// What only a minority of the regions sees: a database that answers elsewhere is not down.
	elsewhere := slices.DeleteFunc(slices.Clone(i.Voters), func(region string) bool { return slices.Contains(i.Down, region) })
	here, there := " from "+list(i.Down, 2), " from "+list(elsewhere, 2)
	switch check {
	case report.Ping:
		return phrase{" fails" + here + ", works" + there, " failed" + here + ", worked" + there, " works" + here + " again", p.natural}
	case report.Latency:
		return phrase{" is slow" + here + ", fast" + there, " was slow" + here + ", fast" + there, " is fast" + here + " again", p.natural}
	}
	return p
}

// DatabaseName returns what people call a database: the monitor's own series are
// pongwatch's.
func DatabaseName(name string) string {
	if name == report.MonitorDatabase {
		return "pongwatch itself"
	}
	return name
}

// gone names what is no longer watched: a database, or what else of one that is.
func (c Context) gone(i incident.Incident) string {
	name := DatabaseName(i.Series.Database)
	if _, configured := c.Databases[i.Series.Database]; !configured && i.Series.Database != report.MonitorDatabase {
		return name
	}
	what := string(i.Series.Check)
	if i.Series.Check == report.MockMode {
		return name + ": mock mode of " + who(i)
	} else if i.Series.Subject != "" {
		what += " of " + text.Clip(i.Series.Subject, 60)
	}
	if n := len(i.Down); n > 0 && (n < len(i.Voters) || i.Series.Check == report.ConfigLoad || i.Series.Check == report.Monitor) {
		what += " from " + list(i.Down, 2)
	}
	return name + ": " + what
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
	return title(i)
}

// title is the cause's, inside of a sentence.
func title(i incident.Incident) string {
	if unanswered(i) {
		return text.Count(len(i.Down), "check gives", "checks give") + " no answer"
	}
	return lowerFirst(i.Cause.Info().Title)
}

// unanswered reports whether checks without an answer are all that is missing: the jobs run.
func unanswered(i incident.Incident) bool {
	job := func(source string) bool { _, series := report.ParseSeries(source); return !series }
	return i.Cause == cause.MonitorMissingReports && len(i.Down) > 0 && !slices.ContainsFunc(i.Down, job)
}

// measures says what the value of a check is, by its unit; %s is the value.
var measures = map[report.Check]map[report.Unit]string{
	report.Latency:     {report.Milliseconds: "PING takes %s"},
	report.HitRate:     {report.Ratio: "%s of look-ups find their key"},
	report.Memory:      {report.Ratio: "%s of the space is used", report.Bytes: "%s are used", report.Hours: "full in %s"},
	report.Commands:    {report.Ratio: "%s of the month's commands are used", report.Count: "%s commands are used this month", report.Hours: "used up in %s"},
	report.Bandwidth:   {report.Ratio: "%s of the month's traffic is used"},
	report.Budget:      {report.Ratio: "%s of the budget is spent"},
	report.Connections: {report.Ratio: "%s of the connections are open"},
	report.Eviction:    {report.Count: "%s keys were dropped", report.Ratio: "%s of the space is used"},
	report.Isolation:   {report.Count: "%s sampled keys"},
	report.Values:      {report.Count: "%s sampled values"},
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

// between returns "02:02–02:20 UTC", with seconds where they tell the two apart.
func between(from, to, now time.Time) string {
	if to.Sub(from) < 2*time.Minute {
		return from.UTC().Format("15:04:05") + "–" + to.UTC().Format("15:04:05 UTC")
	}
	return strings.TrimSuffix(text.Clock(from, now), " UTC") + "–" + text.Clock(to, now)
}

// span returns "02:02–02:20 UTC (18 min)".
func span(from, to, now time.Time, lasted string) string {
	return between(from, to, now) + " (" + lasted + ")"
}

// quantity returns an observed value in its unit: "812 ms", "90 %", "231 MB".
func quantity(v float64, unit report.Unit) string {
	switch unit {
	case report.Milliseconds:
		return text.Thousands(v) + " ms"
	case report.Ratio:
		if v > 0.99 && v < 1 { // what is not whole does not look whole
			return strconv.FormatFloat(math.Floor(v*10_000)/100, 'f', -1, 64) + " %"
		}
		return strconv.FormatFloat(math.Round(v*1000)/10, 'f', -1, 64) + " %"
	case report.Bytes:
		return size(v)
	case report.Hours:
		return text.Duration(time.Duration(v * float64(time.Hour)))
	case report.Count:
		return text.Thousands(v)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// size counts as Upstash does: a MB is 1024 KB.
func size(v float64) string {
	unit := 0
	for v >= 1024 && unit < 4 {
		v /= 1024
		unit++
	}
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) + " " + []string{"B", "KB", "MB", "GB", "TB"}[unit]
}

// list joins names for a sentence and cuts a long one: "a, b and 3 more".
func list(names []string, most int) string {
	if len(names) <= most {
		if len(names) < 2 {
			return strings.Join(names, "")
		}
		return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
	}
	return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
}
