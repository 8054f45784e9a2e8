package upstash

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// Command is a Redis command with its arguments: strings, integers, floats or booleans.
// Strings are sent as JSON and must be valid UTF-8.
type Command []any

// Result is one command's part of a pipeline or a transaction.
type Result struct {
	Reply Reply
	// Err is nil, or an [*Error] of this command alone.
	Err error
}

// Do runs one command.
func (c *Client) Do(ctx context.Context, args ...any) (Reply, error) {
	op := Command(args).name()
	body, err := json.Marshal(args)
	if err != nil || len(args) == 0 {
		return Reply{}, unsendable(op)
	}
	o := c.post(ctx, c.commandURL, body)
	if Classify(o) != "" {
		return Reply{}, c.failure(op, o)
	}
	return c.decode(op, o.Body)
}

// Pipeline runs commands one after the other in one request. A command that fails
// does not stop the others.
func (c *Client) Pipeline(ctx context.Context, commands ...Command) ([]Result, error) {
	return c.batch(ctx, "pipeline", c.pipelineURL, commands)
}

// MultiExec runs commands as one transaction. A discarded transaction is an error.
func (c *Client) MultiExec(ctx context.Context, commands ...Command) ([]Result, error) {
	return c.batch(ctx, "multi-exec", c.multiURL, commands)
}

// Info runs INFO.
func (c *Client) Info(ctx context.Context) (Info, error) {
	reply, err := c.Do(ctx, "INFO")
	if err != nil {
		return Info{}, err
	}
	text, err := reply.Text()
	if err != nil {
		return Info{}, &Error{Op: "INFO", Cause: cause.NotUpstash, Status: http.StatusOK, Phase: PhaseRead, Evidence: err.Error()}
	}
	return parseInfo(text), nil
}

func (c *Client) batch(ctx context.Context, op string, target *url.URL, commands []Command) ([]Result, error) {
	body, err := json.Marshal(commands)
	if err != nil || len(commands) == 0 {
		return nil, unsendable(op)
	}
	o := c.post(ctx, target, body)
	if Classify(o) != "" {
		return nil, c.failure(op, o)
	}
	var items []json.RawMessage
	if err := json.Unmarshal(o.Body, &items); err != nil || len(items) != len(commands) {
		return nil, &Error{
			Op: op, Cause: cause.NotUpstash, Status: o.Status, Phase: o.Phase,
			Evidence: fmt.Sprintf("HTTP %d: %d results for %d commands", o.Status, len(items), len(commands)),
		}
	}
	results := make([]Result, len(items))
	for i, item := range items {
		name := commands[i].name()
		if one := (Outcome{Status: o.Status, ContentType: o.ContentType, Phase: o.Phase, Body: item}); Classify(one) != "" {
			results[i].Err = c.failure(name, one)
			continue
		}
		results[i].Reply, results[i].Err = c.decode(name, item)
	}
	return results, nil
}

// decode reads a result that Classify found well formed.
func (c *Client) decode(op string, body []byte) (Reply, error) {
	reply, err := parseReply(body)
	if err == nil {
		c.count(op, reply)
	}
	if err != nil {
		return Reply{}, &Error{Op: op, Cause: cause.NotUpstash, Status: http.StatusOK, Phase: PhaseRead, Evidence: err.Error()}
	}
	return reply, nil
}

// count adds a command that looks a key up to the client's own.
func (c *Client) count(command string, r Reply) {
	switch command {
	case "GET", "GETRANGE", "STRLEN", "HGET", "LRANGE", "TTL":
	default:
		return
	}
	switch v := r.v.(type) {
	case nil:
		r.v = ""
	case []Reply:
		r.v = int64(len(v))
	}
	switch r.v {
	case "", int64(0), int64(-2): // -2 is TTL's word for no key
		c.misses.Add(1)
	default:
		c.hits.Add(1)
	}
}

// Lookups returns how many keys this client's commands have looked up and found, and looked
// up in vain. Redis counts them among the database's hits and misses.
func (c *Client) Lookups() (hits, misses int64) { return c.hits.Load(), c.misses.Load() }

// name is the command's first word, for error texts.
func (c Command) name() string {
	if len(c) == 0 {
		return "command"
	}
	name, ok := c[0].(string)
	if !ok {
		return "command"
	}
	return strings.ToUpper(printable(name, 40))
}

func unsendable(op string) error {
	return &Error{Op: op, Cause: cause.Unknown, Evidence: "no command, or an argument that JSON cannot hold"}
}
