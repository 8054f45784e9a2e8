package config

import (
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // Cloud Run's base image has no zones, and a maintenance window must not depend on that

	"github.com/theory/jsonpath"

	"github.com/pongwatch/pongwatch/shared/cron"
)

// pattern is what a "pattern" tag names: the form of a text.
type pattern struct {
	// form is published in the JSON Schema too, so it is plain enough for every
	// dialect of regular expressions.
	form func() *regexp.Regexp
	// want completes "is not …".
	want string
	// more, where not nil, says what is wrong with a text of the right form.
	more func(text string, local bool) string
}

// lazily compiles an expression on its first use. Compiling all of them takes a seventh of a cold start, which
// scripts/bench coldstart bounds, and a document uses a few.
func lazily(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

const nameForm = `^[a-z0-9][a-z0-9-]{0,62}$`

var patterns = map[string]pattern{
	"name": {form: lazily(nameForm), want: "a name of lower-case letters, digits and dashes (at most 63)"},
	"id":   {form: lazily(`^[A-Za-z0-9-]{1,64}$`), want: "an id of letters, digits and dashes"},
	"service": {
		form: lazily(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`), want: "a service name of letters, digits, dots, dashes and underscores (at most 63)",
	},
	"variable": {form: lazily(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`), want: "the name of an environment variable"},
	"cloud_run": {
		form: lazily(`^projects/[^/]+/locations/[^/]+/services/[^/]+$`), want: "the full name of a Cloud Run service",
	},
	"url":           {form: lazily(`^https?://[^\s]+$`), want: "an https:// URL", more: checkAddress},
	"slack_api":     {form: lazily(`^https?://[^\s]+$`), want: "an https:// URL", more: at("slack.com", "slack-gov.com")},
	"pagerduty_api": {form: lazily(`^https?://[^\s]+$`), want: "an https:// URL", more: at("events.pagerduty.com", "events.eu.pagerduty.com")},
	"template":      {form: lazily(`^https?://[^\s]+$`), want: "an https:// URL", more: checkTemplate},
	"origin": {form: lazily(`^https?://[^\s/]+$`), want: "an origin: scheme and host without a path", more: func(text string, _ bool) string {
		if strings.ContainsAny(text, "*@") || strings.ToLower(text) != text {
			return "is not an origin as a browser sends it: one host, in lower case, without * and user"
		}
		return ""
	}},
	"host": {form: lazily(`^[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$`), want: "a host name without scheme or port", more: func(text string, _ bool) string {
		if strings.Contains(text, ":") && net.ParseIP(text) == nil { // of an IP address of version 6 they are part
			return "is not a host name without scheme or port"
		}
		return ""
	}},
	"email":         {form: lazily(`^[^@\s<>"]+@[^@\s<>"]+$`), want: "a mail address"},
	"address":       {form: lazily(`^[^\r\n]*@[^\r\n]+$`), want: "a mail address, with or without a name", more: unless("is not a mail address, with or without a name", mail.ParseAddress)},
	"regexp":        {form: lazily(`^[\s\S]{1,500}$`), want: "a regular expression of at most 500 bytes", more: unless("is not a regular expression", regexp.Compile)},
	"jsonpath":      {form: lazily(`^\$[\s\S]{0,200}$`), want: "a JSONPath that begins with $ (at most 200 bytes)", more: checkPath},
	"glob":          {form: lazily(`^[a-z0-9*?-]{1,63}$`), want: "a name, or a pattern with * and ?"},
	"slack_channel": {form: lazily(`^([CDG][A-Z0-9]{5,20}|#?[a-z0-9][a-z0-9_-]{0,79})$`), want: "a channel id (C…) or a channel's name"},
	"slack_member":  {form: lazily(`^[USW][A-Z0-9]{5,20}$`), want: "a user id (U…) or user-group id (S…)"},
	"slack_mention": {form: lazily(`^([USW][A-Z0-9]{5,20}|here|channel)$`), want: "a user id (U…), a user-group id (S…), here or channel"},
	"slack_app":     {form: lazily(`^A[A-Z0-9]{5,20}$`), want: "a Slack app's id (A…)"},
	"slack_team":    {form: lazily(`^[TE][A-Z0-9]{5,20}$`), want: "a Slack workspace's id (T…)"},
	"zone": {form: lazily(`^[A-Za-z][A-Za-z0-9_+/-]{0,63}$`), want: "an IANA time zone", more: func(text string, _ bool) string {
		if _, err := time.LoadLocation(text); err != nil || text == "Local" {
			return "is not an IANA time zone"
		}
		return ""
	}},
	"time": {
		form: lazily(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?$`), want: "a time such as 2026-12-24T22:00, with or without an offset",
		more: unless("is a time that no calendar has", func(text string) (time.Time, error) { return parseTime(text, time.UTC) }),
	},
	"cron": {form: lazily(`^\S+( +\S+){4}$`), want: "five fields: minute, hour, day of month, month, day of week", more: func(text string, _ bool) string {
		if _, err := cron.Parse(text); err != nil {
			return "has a " + err.Error()
		}
		return ""
	}},
}

func validName(text string) bool { return patterns["name"].form().MatchString(text) }

func (p pattern) check(text string, local bool) (what string) {
	switch {
	case !p.form().MatchString(text):
		return "is not " + p.want
	case p.more != nil:
		return p.more(text, local)
	}
	return ""
}

// unless returns a check that says what where parse fails.
func unless[T any](what string, parse func(string) (T, error)) func(string, bool) string {
	return func(text string, _ bool) string {
		if _, err := parse(text); err != nil {
			return what
		}
		return ""
	}
}

// checkAddress says what is wrong with an address that is no secret.
func checkAddress(text string, local bool) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return "is not a URL with a host"
	case badPort(u):
		return "has a port that is not from 1 to 65535"
	case u.User != nil:
		return "holds a user or password; an address in this document is not a secret"
	case u.Scheme == "http" && (!local || !loopback(u.Hostname())):
		return "begins with http://, which is only accepted for loopback under `pongwatch local`; want https://"
	}
	return ""
}

// at returns a check of the address of a service at one of these hosts, elsewhere than where nothing is sent.
func at(hosts ...string) func(string, bool) string {
	return func(text string, local bool) string {
		what, u := checkAddress(text, local), &url.URL{}
		if what == "" {
			u, _ = url.Parse(text)
		}
		if what == "" && !slices.Contains(hosts, u.Hostname()) && (!local || !loopback(u.Hostname())) {
			return "is at another host than " + strings.Join(hosts, " and ")
		}
		return what
	}
}

// checkPath says what is wrong with a JSONPath. Each descendant segment visits the whole
// page again for each value that the ones before it found, so one is all that it may have.
func checkPath(text string, local bool) string {
	if strings.Count(text, "..") > 1 {
		return "uses .. more than once"
	}
	return unless("is not a JSONPath (RFC 9535)", jsonpath.Parse)(text, local)
}

var placeholder = regexp.MustCompile(`\{([^}]*)\}`)

// placeholders are what Links may hold in braces.
var placeholders = []string{"database", "database_id", "shard", "environment", "incident", "check", "cause"}

func checkTemplate(text string, local bool) string {
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(placeholders, m[1]) {
			return "holds a placeholder that does not exist; there are {" + strings.Join(placeholders, "}, {") + "}"
		}
	}
	return checkAddress(placeholder.ReplaceAllString(text, "x"), local)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// parseTime reads a time of a maintenance window; without an offset it is in zone.
func parseTime(text string, zone *time.Location) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.ParseInLocation("2006-01-02T15:04", text, zone)
}
