package config

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config/document"
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
	envWebhook        = "SLACK_WEBHOOK_URL"
	envBot            = "SLACK_BOT_TOKEN"

	environmentFile = "environment"
)

// object is an object of the document that the variables amount to.
type object map[string]any

// environment makes the document that the customer's variables amount to, which is
// decoded and validated like any other. Problems with its keys are the variables'.
type environment struct {
	getenv    func(string) string
	variables map[string]string // by the path of the key, without indexes
	problems  Problems
}

// fromEnvironment returns the configuration that the customer's variables make, or
// nothing where none of them names a database.
func fromEnvironment(getenv func(string) string, local bool) (*Config, Problems) {
	e := environment{getenv: getenv, variables: map[string]string{}}
	database := e.database()
	if database == nil {
		return nil, nil
	}
	receivers := []object{}
	if slack := e.slack(); slack != nil {
		receivers = append(receivers, object{"name": "slack", "slack": slack})
	}
	if email := e.email(); email != nil {
		receivers = append(receivers, object{"name": "email", "email": email})
	}
	if e.getenv(envMaxConnections) != "" {
		e.report(Problem{
			Key: envMaxConnections, What: "has no meaning over REST, which keeps no connections; it is ignored",
			Database: DefaultDatabase, Cause: cause.ConfigInvalid, Notice: true,
		})
	}
	text, err := json.Marshal(object{"databases": []object{database}, "receivers": receivers})
	if err != nil {
		panic(fmt.Sprintf("config: encoding the environment: %v", err)) // texts and numbers always encode
	}
	tree, problems := document.Read(Document{Name: environmentFile, Text: text})
	if tree == nil {
		return nil, problems
	}
	return decode(tree, local, e.variables, append(e.problems, problems...))
}

func (e *environment) report(p Problem) {
	p.File = environmentFile
	e.problems = append(e.problems, p)
}

// keys returns an object with the keys whose variables are set.
func (e *environment) keys(path string, variables map[string]string) object {
	out := object{}
	for key, variable := range variables {
		e.variables[path+"."+key] = variable
		if value := strings.TrimSpace(e.getenv(variable)); value != "" {
			out[key] = value
		}
	}
	return out
}

// database returns nil if no variable speaks of one.
func (e *environment) database() object {
	url, token := e.pair()
	mock, known := ParseMock(e.getenv(envMock))
	if !known {
		e.report(Problem{Key: envMock, What: "is neither true nor false", Example: "false", Database: DefaultDatabase, Cause: cause.ConfigInvalid})
	}
	if e.getenv(url) == "" && e.getenv(token) == "" && known && !mock {
		return nil
	}
	out := e.keys("databases", map[string]string{"url": url, "token": token})
	out["name"], out["mock"] = DefaultDatabase, mock
	return out
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
			e.report(Problem{
				Key: envURL, What: "is a " + scheme + ":// URL, so " + envRESTURL + " is used",
				Database: DefaultDatabase, Cause: cause.ConfigScheme, Notice: true,
			})
		}
	}
	if e.getenv(envRESTAuth) != "" && (url == envRESTURL || e.getenv(envAuth) == "") {
		token = envRESTAuth
	}
	return url, token
}

// ParseMock parses the value of MOCK_REDIS, in the words and quotes that people write;
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

func (e *environment) slack() object {
	webhook, bot := e.getenv(envWebhook), e.getenv(envBot)
	if webhook == "" && bot == "" {
		return nil
	}
	e.variables["receivers.slack"] = envBot
	out := e.keys("receivers.slack", map[string]string{"webhook": envWebhook, "bot_token": envBot, "channel": "SLACK_CHANNEL"})
	if webhook != "" && bot != "" { // the bot does more
		delete(out, "webhook")
		e.report(Problem{
			Key: envWebhook, What: "is ignored, since SLACK_BOT_TOKEN is set too",
			Receiver: "slack", Cause: cause.ConfigInvalid, Notice: true,
		})
	}
	return out
}

func (e *environment) email() object {
	if e.getenv("SMTP_HOST") == "" && e.getenv("ALERT_EMAIL_TO") == "" {
		return nil
	}
	out := e.keys("receivers.email", map[string]string{
		"host": "SMTP_HOST", "port": "SMTP_PORT", "username": "SMTP_USERNAME", "password": "SMTP_PASSWORD", "from": "SMTP_FROM", "to": "ALERT_EMAIL_TO",
	})
	if port, err := strconv.Atoi(fmt.Sprint(out["port"])); err == nil {
		out["port"] = port
	}
	if to, ok := out["to"].(string); ok {
		recipients := strings.Split(to, ",")
		for i := range recipients {
			recipients[i] = strings.TrimSpace(recipients[i])
		}
		out["to"] = recipients
	}
	return out
}
