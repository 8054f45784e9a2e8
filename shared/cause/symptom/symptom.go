// Package symptom finds the causes that a line of a log points at: what Upstash, client
// libraries, runtimes and edges print when Redis fails.
//
// [Table] is data: each row has a pattern, the causes it points at, whose text it is, a line
// that it catches and one that it must not catch. docs/causes.md shows the whole of it.
// Only the command line imports this package, so that the deployed functions stay small.
package symptom

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// Row is a pattern and what it points at.
type Row struct {
	// Pattern is a regular expression. The first row that matches a line counts.
	Pattern string
	// Starts says that the pattern matches only where an error text can begin, since a code of
	// Redis further on may be quoted from a command's arguments.
	Starts bool
	// Causes is one cause, or several between which the text alone does not decide.
	Causes []Candidate
	// Source says whose text it is.
	Source string
	// Example is a line that the pattern catches, and Not one that it must not catch.
	Example, Not string
}

// Candidate is a cause, and what tells it from a row's other ones.
type Candidate struct {
	Cause cause.Cause
	When  string
}

// beginning is where an error text can begin: in a log line, a JSON body or Python's form of
// one, behind Redis' own mark of an error, and behind the code "ERR".
const beginning = `(?:^|[\s":=>(\[]|error['"]?\s*[:=]\s*['"])-?(?:(?-i:ERR) )?`

var compiled = sync.OnceValue(func() []*regexp.Regexp {
	all := make([]*regexp.Regexp, len(Table))
	for i, r := range Table {
		all[i] = r.expression()
	}
	return all
})

func (r Row) expression() *regexp.Regexp {
	p := "(?:" + r.Pattern + ")"
	if r.Starts {
		p = beginning + p
	}
	return regexp.MustCompile("(?i)" + p)
}

// Found is a line and the row that it matches.
type Found struct {
	Line string
	Row  Row
}

// Find returns the rows that the lines of a text match, each row once and in the text's order.
// What is ambiguous by itself is left out where another line decides it, and so is a line that
// only repeats a code. The function judge names
// the cause of an error text without its code ERR, as the checks do; [cause.RedisError] is none.
func Find(text string, judge func(said string) cause.Cause) []Found {
	var all []Found
	seen := map[string]bool{}
	for _, line := range lines(text) {
		if row, ok := match(line, judge); ok && !seen[row.Pattern] {
			seen[row.Pattern] = true
			all = append(all, Found{strings.TrimSpace(line), row})
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(f Found) bool {
		return slices.ContainsFunc(all, func(other Found) bool {
			if len(other.Row.Causes) > 1 {
				return false
			}
			decided := len(f.Row.Causes) > 1 && slices.ContainsFunc(f.Row.Causes, func(c Candidate) bool { return c.Cause == other.Row.Causes[0].Cause })
			return decided || repeats().MatchString(f.Line) && !repeats().MatchString(other.Line)
		})
	})
}

// lines returns the lines of a text, a text that is JSON as one.
func lines(text string) []string {
	if json.Valid([]byte(text)) {
		return []string{text}
	}
	return strings.Split(text, "\n")
}

var (
	// repeats matches what Node.js prints below an error's text, or above its causes.
	repeats = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:code|errno|errorno): ['"]\w+['"],?$|AggregateError \[\w+\]:$`)
	})
	colours = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("\x1b\\[[0-9;]*m") })
	// elsewhere matches errors of other services and the app's own log of requests, ours the names
	// of Redis and of the paths that only its clients ask for.
	elsewhere = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)\bMongo\w*(?:Error|Exception)|\bmongodb(?:\+srv)?://|\bPrisma|\bpsycopg|\bsqlalchemy|\bPG::|\bpostgres(?:ql)?\b|\bmysql|\bmariadb\b|\bsequelize|\bkafka|\brabbitmq\b|\bamqps?\b|\belasticsearch\b|\bsmtp\b|\bstripe\b|\bopenai\b|\banthropic\b|\bsendgrid\b|\btwilio\b|\bgithub\.com\b|\bamazonaws\b|\bbotocore\b|\bgoogle(?:apis|\.api_core)\b|\bdjango\.db\b|\bActiveRecord\b|\bsupabase\b|\bneon\.tech\b|\bplanetscale\b|\bmongodb\.net\b|\bclickhouse\b|\bsentry\.io\b|\bslack\.com\b|\bauth0\b|\bclerk\b|\bfirebase\w*|\bresend\b|\bmailgun\b|(?::|port )(?:5432|3306|27017|9092|5672|9200|1433|25|587)\b` +
			`|\b(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /\S*(?: HTTP/[\d.]+"?)?[\s:|-]*(?:responded |returned )?\d{3}\b|(?:"(?:path|url|route|uri)"\s*:\s*|\b(?:path|url|route|uri)=)"?/|"(?:httpRequest|requestUrl)"|\bCompleted \d{3}\b|(?:input:|URL from|Invalid URL:?) ['"]?/`)
	})
	ours = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)redis|upstash|\bkv\b|/(?:pipeline|multi-exec)\b`)
	})
	command = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`,?\s*command was: .*`) })
)

// match returns the first row of the table that one of a line's texts matches. What names another
// service and not Redis matches only what Redis, its clients or an edge alone print.
func match(line string, judge func(string) cause.Cause) (Row, bool) {
	line = colours().ReplaceAllString(line, "")
	rows := compiled()
	if elsewhere().MatchString(line) && !ours().MatchString(line) {
		rows = rows[:len(rows)-len(urls)-len(network)-len(answers)-len(others)] // what fails is not the way to Redis
	}
	candidates := append(texts(line), line)
	for i, t := range candidates {
		// The JavaScript client appends the command, which may hold any text.
		candidates[i] = strings.TrimSpace(command().ReplaceAllString(t, ""))
	}
	for i, expression := range rows {
		at := slices.IndexFunc(candidates, expression.MatchString)
		if at < 0 {
			continue
		}
		return reworded(Table[i], candidates[at], judge), true
	}
	return Row{}, false
}

// reworded lets judge name the cause of an error text of Redis, because it knows a stop by its
// words, and so the next wording as well.
func reworded(row Row, line string, judge func(string) cause.Cause) Row {
	unknown := len(row.Causes) == 1 && row.Causes[0].Cause == cause.RedisError
	_, said, ok := strings.Cut(line, "ERR ")
	if !ok && unknown { // redis-py leaves the code out
		_, said, ok = strings.Cut(line, "Error: ")
	}
	if !ok || !row.Starts && !unknown || len(row.Causes) > 1 {
		return row
	}
	if c := judge(said); c != cause.RedisError && c != row.Causes[0].Cause {
		row.Pattern += string(c)
		row.Causes = one(c)
	}
	return row
}

// texts returns all strings of a line that is JSON, as a structured log or an answer's body is.
func texts(line string) []string {
	var v any
	if json.Unmarshal([]byte(line), &v) != nil {
		return nil
	}
	var all []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			all = append(all, v)
			all = append(all, texts(v)...) // a body inside of a log entry
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(v)
	return all
}

// one is for rows that point at a single cause.
func one(c cause.Cause) []Candidate { return []Candidate{{Cause: c}} }
