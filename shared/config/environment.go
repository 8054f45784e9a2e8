package config

import (
	"strconv"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// The customer's own variables, which make a configuration of one database where
// PONGWATCH_CONFIG is not set. The names of the first in each pair come from their
// checklist, the others are what Upstash's clients read.
const (
	envURL            = "UPSTASH_REDIS_URL"
	envRESTURL        = "UPSTASH_REDIS_REST_URL"
	envAuth           = "UPSTASH_REDIS_TOKEN"
	envRESTAuth       = "UPSTASH_REDIS_REST_TOKEN"
	envMock           = "MOCK_REDIS"
	envMaxConnections = "REDIS_MAX_CONNECTIONS"
)

const environmentFile = "environment"

// environment builds the document that the customer's variables amount to, as a tree
// that is decoded and validated like any other, so that they get the same problems
// under their own names.
type environment struct {
	getenv   func(string) string
	aliases  map[string]string
	problems Problems
}

// fromEnvironment returns the configuration that the customer's variables make;
// ErrEmpty among the problems where none of them names a database.
func fromEnvironment(getenv func(string) string, local bool) (*Config, Problems) {
	e := environment{getenv: getenv, aliases: map[string]string{}}
	database := e.database()
	if database == nil {
		return nil, Problems{emptyProblem()}
	}
	top := &node{kind: kindObject, at: place{file: environmentFile}}
	top.fields = append(top.fields, e.list("databases", database))
	var receivers []*node
	if slack := e.slack(len(receivers)); slack != nil {
		receivers = append(receivers, slack)
	}
	if email := e.email(len(receivers)); email != nil {
		receivers = append(receivers, email)
	}
	if len(receivers) > 0 {
		top.fields = append(top.fields, e.list("receivers", receivers...))
	}
	if e.getenv(envMaxConnections) != "" {
		e.problems = append(e.problems, Problem{
			Key: envMaxConnections, What: "has no meaning over REST, which keeps no connections; it is ignored",
			File: environmentFile, Database: DefaultDatabase, Cause: cause.ConfigInvalid, Notice: true,
		})
	}
	return decode(top, local, e.aliases, e.problems)
}

func emptyProblem() Problem {
	return Problem{
		Key: EnvConfig, What: "is not set, and neither is " + envURL + " with " + envAuth,
		Example: EnvConfig + "=pongwatch.yaml, or " + envURL + "=" + urlExample, Cause: cause.MonitorConfig, Fatal: true,
	}
}

func (e *environment) list(name string, items ...*node) *field {
	at := place{file: environmentFile}
	return &field{name: name, at: at, value: &node{kind: kindList, at: at, items: items}}
}

func object(fields ...*field) *node {
	n := &node{kind: kindObject, at: place{file: environmentFile}}
	for _, f := range fields {
		if f != nil {
			n.fields = append(n.fields, f)
		}
	}
	return n
}

// text returns a key with the variable's value, or nil where it is not set, and
// remembers that problems at path are the variable's.
func (e *environment) text(path, name, variable string) *field {
	e.aliases[path+"."+name] = variable
	value := strings.TrimSpace(e.getenv(variable))
	if value == "" {
		return nil
	}
	return given(name, kindText, value)
}

func given(name string, k kind, text string) *field {
	at := place{file: environmentFile}
	return &field{name: name, at: at, value: &node{kind: k, at: at, text: text}}
}

// database returns nil if no variable speaks of one.
func (e *environment) database() *node {
	urlName, tokenName := e.pair()
	mock, mockSet := e.mock()
	if e.getenv(urlName) == "" && e.getenv(tokenName) == "" && !mockSet {
		return nil
	}
	const path = "databases[0]"
	fields := []*field{given("name", kindText, DefaultDatabase), e.text(path, "url", urlName), e.text(path, "token", tokenName)}
	if mock {
		fields = append(fields, given("mock", kindBool, "true"))
	}
	return object(fields...)
}

// pair returns the variables to read URL and token from. Where the first name holds a
// URL of the TCP protocol, as it often does, and the second one exists, the second is
// meant.
func (e *environment) pair() (url, token string) {
	url, token = envURL, envAuth
	scheme, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(e.getenv(envURL))), "://")
	tcp := scheme == "redis" || scheme == "rediss"
	if e.getenv(envRESTURL) != "" && (tcp || e.getenv(envURL) == "") {
		url = envRESTURL
		if tcp {
			e.problems = append(e.problems, Problem{
				Key: envURL, What: "is a " + scheme + ":// URL, so " + envRESTURL + " is used", File: environmentFile,
				Database: DefaultDatabase, Cause: cause.ConfigScheme, Notice: true,
			})
		}
	}
	if e.getenv(envRESTAuth) != "" && (url == envRESTURL || e.getenv(envAuth) == "") {
		token = envRESTAuth
	}
	return url, token
}

// mock reads MOCK_REDIS. Set says that it speaks of a database: it is true, or
// unreadable.
func (e *environment) mock() (mock, set bool) {
	mock, known := ParseMock(e.getenv(envMock))
	if !known {
		e.problems = append(e.problems, Problem{
			Key: envMock, What: "is neither true nor false", Example: "false", File: environmentFile,
			Database: DefaultDatabase, Cause: cause.ConfigInvalid,
		})
		return false, true
	}
	return mock, mock
}

// ParseMock reads the value of MOCK_REDIS, in the words and quotes that people write;
// known is false for any other text.
func ParseMock(value string) (mock, known bool) {
	switch strings.ToLower(strings.Trim(value, " \t\r\n\"'")) {
	case "", "0", "false", "no", "off", "n", "f", "disabled":
		return false, true
	case "1", "true", "yes", "on", "y", "t", "enabled":
		return true, true
	default:
		return false, false
	}
}

func (e *environment) slack(index int) *node {
	webhook, bot := e.getenv("SLACK_WEBHOOK_URL"), e.getenv("SLACK_BOT_TOKEN")
	if webhook == "" && bot == "" {
		return nil
	}
	path := "receivers[" + strconv.Itoa(index) + "].slack"
	e.aliases[path] = "SLACK_BOT_TOKEN"
	slack := object(
		e.text(path, "webhook", "SLACK_WEBHOOK_URL"), e.text(path, "bot_token", "SLACK_BOT_TOKEN"), e.text(path, "channel", "SLACK_CHANNEL"),
	)
	if webhook != "" && bot != "" { // the bot does more
		slack = object(e.text(path, "bot_token", "SLACK_BOT_TOKEN"), e.text(path, "channel", "SLACK_CHANNEL"))
		e.problems = append(e.problems, Problem{
			Key: "SLACK_WEBHOOK_URL", What: "is ignored, since SLACK_BOT_TOKEN is set too", File: environmentFile,
			Receiver: "slack", Cause: cause.ConfigInvalid, Notice: true,
		})
	}
	return object(given("name", kindText, "slack"), &field{name: "slack", at: slack.at, value: slack})
}

func (e *environment) email(index int) *node {
	if e.getenv("SMTP_HOST") == "" && e.getenv("ALERT_EMAIL_TO") == "" {
		return nil
	}
	path := "receivers[" + strconv.Itoa(index) + "].email"
	port := e.text(path, "port", "SMTP_PORT")
	if port != nil {
		if _, err := strconv.Atoi(port.value.text); err == nil {
			port.value.kind = kindInteger
		}
	}
	to := e.text(path, "to", "ALERT_EMAIL_TO")
	if to != nil {
		list := &node{kind: kindList, at: to.at}
		for address := range strings.SplitSeq(to.value.text, ",") {
			list.items = append(list.items, &node{kind: kindText, at: to.at, text: strings.TrimSpace(address)})
		}
		to.value = list
	}
	for _, i := range []string{"[0]", "[1]", "[2]", "[3]", "[4]", "[5]", "[6]", "[7]"} {
		e.aliases[path+".to"+i] = "ALERT_EMAIL_TO"
	}
	email := object(
		e.text(path, "host", "SMTP_HOST"), port, e.text(path, "username", "SMTP_USERNAME"),
		e.text(path, "password", "SMTP_PASSWORD"), e.text(path, "from", "SMTP_FROM"), to,
	)
	return object(given("name", kindText, "email"), &field{name: "email", at: email.at, value: email})
}
