package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config/document"
)

// The customer's own variables, which make a configuration of one database where
// PONGWATCH_CONFIG is not set.
const (
	envURL            = "UPSTASH_REDIS_URL"
	envAuth           = "UPSTASH_REDIS_TOKEN"
	envMock           = "MOCK_REDIS"
	envMaxConnections = "REDIS_MAX_CONNECTIONS"
	envWebhook        = "SLACK_WEBHOOK_URL"
	envBot            = "SLACK_BOT_TOKEN"

	environmentFile = "environment"
)

// pairs are the names under which the REST URL and its token come: the customer's checklist,
// what Upstash's clients read, and what Vercel's integration sets. The last two may have a prefix.
var pairs = []pair{{envURL, envAuth}, {"UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"}, {"KV_REST_API_URL", "KV_REST_API_TOKEN"}}

type pair struct{ url, token string }

// URLVariables returns the names under which apps keep the REST URL.
func URLVariables() []string {
	var names []string
	for _, p := range pairs {
		names = append(names, p.url)
	}
	return names
}

// isURLVariable reports whether apps keep the REST URL under that name, with a prefix or without.
func isURLVariable(name string) bool {
	return name == envURL || slices.ContainsFunc(pairs[1:], func(p pair) bool { return name == p.url || strings.HasSuffix(name, "_"+p.url) })
}

// Deployment is the deployed environment of an app, as far as it is read.
type Deployment struct {
	// Variables are the names of the variables, sorted. They are of all containers, and of every
	// revision that serves traffic.
	Variables []string
	// Mock is the value of MOCK_REDIS in the first revision that sets it to anything; empty
	// where none does.
	Mock string
	// Hidden is true if MOCK_REDIS comes from a secret and was not read.
	Hidden bool
	// Mounted is true if a secret is mounted as a file, which may hold other settings.
	Mounted bool
}

// HasURL reports whether one of the variables is set or, without any, one under which apps keep the REST URL.
func (d Deployment) HasURL(variables []string) bool {
	return slices.ContainsFunc(d.Variables, func(name string) bool {
		return slices.Contains(variables, name) || len(variables) == 0 && isURLVariable(name)
	})
}

// Mocks reports whether MOCK_REDIS is on; known is false for a value that is neither on nor off.
func (d Deployment) Mocks() (mock, known bool) { return parseMock(d.Mock) }

// object is an object of the document that the variables amount to.
type object = map[string]any

// environment makes the document that the customer's variables amount to, which is
// decoded and validated like any other. Problems with its keys are the variables'.
type environment struct {
	getenv    func(string) string
	prefixed  []pair            // the pairs with a prefix that are set
	variables map[string]string // by the path of the key, without indexes
	problems  Problems
}

// fromEnvironment returns the configuration that the customer's variables make, or
// nothing where none of them names a database.
func fromEnvironment(getenv func(string) string, names []string, local bool) (*Config, Problems) {
	e := environment{getenv: getenv, variables: map[string]string{}}
	for _, name := range slices.Sorted(slices.Values(names)) {
		if isURLVariable(name) && !slices.Contains(URLVariables(), name) {
			e.prefixed = append(e.prefixed, pair{name, strings.TrimSuffix(name, "URL") + "TOKEN"})
		}
	}
	database := e.database()
	if database == nil {
		return nil, nil
	}
	receivers := []any{}
	if slack := e.slack(); slack != nil {
		receivers = append(receivers, object{"name": "slack", "slack": slack})
	}
	if email := e.email(); email != nil {
		receivers = append(receivers, object{"name": "email", "email": email})
	}
	if e.value(envMaxConnections) != "" {
		e.notice("", envMaxConnections, "has no meaning over REST, which keeps no connections; it is ignored", "", cause.ConfigInvalid)
	}
	tree := document.Made(environmentFile, object{"databases": []any{database}, "receivers": receivers})
	return decode(tree, local, e.variables, e.problems)
}

// notice adds a notice about a variable of that receiver, or else of the database.
func (e *environment) notice(receiver, variable, what, example string, c cause.Cause) {
	p := Problem{Key: variable, What: what, Example: example, File: environmentFile, Receiver: receiver, Cause: c, Notice: true}
	if receiver == "" {
		p.Database = DefaultDatabase
	}
	e.problems = append(e.problems, p)
}

// value returns a variable without the white space around it. A blank one, or a pair of
// quotes around nothing, is as if it were not set.
func (e *environment) value(name string) string {
	value := strings.TrimSpace(e.getenv(name))
	if value == `""` || value == "''" {
		return ""
	}
	return value
}

// keys returns an object with the keys whose variables are set, for that receiver or else for the database.
func (e *environment) keys(receiver string, variables map[string]string) object {
	path := "databases"
	if receiver != "" {
		path = "receivers." + receiver
	}
	out := object{}
	for key, variable := range variables {
		e.variables[path+"."+key] = variable
		value := e.value(variable)
		if value == "" {
			continue
		}
		out[key] = value
		if value != e.getenv(variable) {
			e.notice(receiver, variable, "begins or ends with white space, which pongwatch leaves out and the app may not", "the value without it", cause.ConfigWhitespace)
		}
	}
	return out
}

// database returns nil if no variable speaks of one.
func (e *environment) database() object {
	p := e.pair()
	mock, known := parseMock(e.getenv(envMock))
	if !known {
		e.problems = append(e.problems, Problem{Key: envMock, What: "is neither true nor false", Example: "false", File: environmentFile, Database: DefaultDatabase, Cause: cause.ConfigInvalid})
	}
	if e.value(p.url) == "" && e.value(p.token) == "" && known && !mock {
		return nil
	}
	out := e.keys("", map[string]string{"url": p.url, "token": p.token})
	out["name"], out["mock"] = DefaultDatabase, mock
	return out
}

// tcp returns the scheme of a URL of Redis' TCP protocol, which often stands where the REST
// URL belongs, or "".
func (e *environment) tcp(p pair) string {
	scheme, _, _ := strings.Cut(strings.ToLower(e.value(p.url)), "://")
	if scheme == "redis" || scheme == "rediss" {
		return scheme
	}
	return ""
}

// unsound returns what is wrong with a pair of which both are set, or nil.
func (e *environment) unsound(p pair) *Problem {
	_, wrong := checkURL(e.value(p.url), true)
	key := p.url
	if wrong == nil {
		wrong, key = checkToken(e.value(p.token)), p.token
	}
	if wrong != nil {
		wrong.Key = key
	}
	return wrong
}

// pair returns the variables to read URL and token from: the first pair that has nothing wrong, or else
// the first of which both are set and the URL is no TCP URL, or else the first with such a URL, or else
// the first of which anything is set. A URL never meets the token of another pair.
func (e *environment) pair() pair {
	all := slices.Concat(pairs, e.prefixed)
	url := func(p pair) bool { return e.value(p.url) != "" && e.tcp(p) == "" }
	whole := func(p pair) bool { return url(p) && e.value(p.token) != "" }
	any := func(p pair) bool { return e.value(p.url)+e.value(p.token) != "" }
	chosen := all[0]
	sound := func(p pair) bool { return whole(p) && e.unsound(p) == nil }
	for _, suits := range []func(pair) bool{sound, whole, url, any} {
		if i := slices.IndexFunc(all, suits); i >= 0 {
			chosen = all[i]
			break
		}
	}
	for _, p := range all {
		same := strings.EqualFold(strings.TrimSuffix(e.value(p.url), "/"), strings.TrimSuffix(e.value(chosen.url), "/")) && e.value(p.token) == e.value(chosen.token)
		switch scheme := e.tcp(p); {
		case p == chosen || !any(p) || same:
		case scheme != "" && e.tcp(chosen) == "":
			e.notice("", p.url, "is a "+scheme+":// URL, so "+chosen.url+" is used", "", cause.ConfigScheme)
		case whole(p) && !sound(p) && sound(chosen):
			wrong := e.unsound(p)
			e.notice("", wrong.Key, wrong.What+", so "+chosen.url+" and "+chosen.token+" are used; an app may use either", "", wrong.Cause)
		case whole(p):
			e.notice("", p.url, "and "+p.token+" are another database than "+chosen.url+" and "+chosen.token+", which are used; an app may use either", "", cause.ConfigInvalid)
		case !whole(chosen):
			half, other := p.url, p.token
			if e.value(half) == "" {
				half, other = p.token, p.url
			}
			e.notice("", half, "is set without "+other+", so it is not used; "+chosen.url+" goes with "+chosen.token, "", cause.ConfigInvalid)
		}
	}
	return chosen
}

// parseMock parses the value of MOCK_REDIS, in the words and quotes that people write;
// known is false for any other text.
func parseMock(value string) (mock, known bool) {
	switch strings.ToLower(strings.Trim(value, " \t\r\n\"'")) {
	case "", "0", "false", "no", "off", "n", "f", "disabled":
		return false, true
	case "1", "true", "yes", "on", "y", "t", "enabled":
		return true, true
	default:
		return false, false
	}
}

func (e *environment) slack() object {
	webhook, bot := e.value(envWebhook), e.value(envBot)
	if webhook == "" && bot == "" {
		return nil
	}
	e.variables["receivers.slack"] = envBot
	out := e.keys("slack", map[string]string{"webhook": envWebhook, "bot_token": envBot, "channel": "SLACK_CHANNEL"})
	if webhook != "" && bot != "" { // the bot does more
		delete(out, "webhook")
		e.notice("slack", envWebhook, "is ignored, since SLACK_BOT_TOKEN is set too", "", cause.ConfigInvalid)
	}
	return out
}

func (e *environment) email() object {
	if e.value("SMTP_HOST") == "" && e.value("ALERT_EMAIL_TO") == "" {
		return nil
	}
	e.variables["receivers.email"] = "SMTP_USERNAME"
	out := e.keys("email", map[string]string{
		"host": "SMTP_HOST", "port": "SMTP_PORT", "username": "SMTP_USERNAME", "password": "SMTP_PASSWORD", "from": "SMTP_FROM", "to": "ALERT_EMAIL_TO",
	})
	if port, err := strconv.Atoi(fmt.Sprint(out["port"])); err == nil {
		out["port"] = document.Integer(strconv.Itoa(port)) // "0587" is meant as 587
	}
	if to, ok := out["to"].(string); ok {
		var recipients []any
		for recipient := range strings.SplitSeq(to, ",") {
			recipients = append(recipients, strings.TrimSpace(recipient))
		}
		out["to"] = recipients
	}
	return out
}
