package upstash

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
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
	o, err := c.call(ctx, op, c.base.JoinPath("/"), args, len(args))
	if err != nil {
		return Reply{}, err
	}
	return c.decode(op, o.Body)
}

// Pipeline runs commands one after the other in one request. A command that fails
// does not stop the others.
func (c *Client) Pipeline(ctx context.Context, commands ...Command) ([]Result, error) {
	return c.batch(ctx, "pipeline", commands)
}

// MultiExec runs commands as one transaction. A discarded transaction is an error.
func (c *Client) MultiExec(ctx context.Context, commands ...Command) ([]Result, error) {
	return c.batch(ctx, "multi-exec", commands)
}

// Info runs INFO.
func (c *Client) Info(ctx context.Context) (Info, error) {
	reply, err := c.Do(ctx, "INFO")
	if err != nil {
		return Info{}, err
	}
	text, err := reply.Text()
	if err != nil {
		return Info{}, notUpstash("INFO", err.Error())
	}
	return parseInfo(text), nil
}

// batch sends commands to the path of that name.
func (c *Client) batch(ctx context.Context, op string, commands []Command) ([]Result, error) {
	o, err := c.call(ctx, op, c.base.JoinPath(op), commands, len(commands))
	if err != nil {
		return nil, err
	}
	var items []json.RawMessage
	if err := json.Unmarshal(o.Body, &items); err != nil || len(items) != len(commands) {
		return nil, notUpstash(op, fmt.Sprintf("HTTP %d: %d results for %d commands", o.Status, len(items), len(commands)))
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

// call posts n commands as JSON and returns the answer, if it is a good one.
func (c *Client) call(ctx context.Context, op string, target *url.URL, commands any, n int) (Outcome, error) {
	body, err := json.Marshal(commands)
	if err != nil || n == 0 {
		return Outcome{}, &Error{Op: op, Cause: cause.Unknown, Evidence: "no command, or an argument that JSON cannot hold"}
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	first, _ := open()
	o, _ := c.send(ctx, c.kept, &http.Request{
		Method: http.MethodPost, URL: target, Header: c.callHeader, ContentLength: int64(len(body)), Body: first,
		// Lets the transport take another connection when the kept one turns out to be
		// dead before a byte was written. It retries nothing that may have arrived.
		GetBody: open,
	}, maxReply)
	if Classify(o) != "" {
		return o, c.failure(op, o)
	}
	return o, nil
}

// decode reads a result that Classify found well formed.
func (c *Client) decode(op string, body []byte) (Reply, error) {
	reply, err := parseReply(body)
	if err != nil {
		return Reply{}, notUpstash(op, err.Error())
	}
	c.count(op, reply)
	return reply, nil
}

// notUpstash is an answer of HTTP 200 that Upstash would not give.
func notUpstash(op, evidence string) error {
	return &Error{Op: op, Cause: cause.NotUpstash, Status: http.StatusOK, Phase: PhaseRead, Evidence: evidence}
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

// Reply is a command's result: nil, an integer, a string, or an array of replies. The
// zero Reply is nil.
type Reply struct {
	v any // nil, int64, string, []Reply
}

// IsNil reports whether the result is Redis' nil, as for a key that does not exist.
func (r Reply) IsNil() bool { return r.v == nil }

// Text returns a string, or an integer as text.
func (r Reply) Text() (string, error) {
	switch v := r.v.(type) {
	case string:
		return v, nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	default:
		return "", r.mismatch("a string")
	}
}

// Int returns an integer, also one that came as a string.
func (r Reply) Int() (int64, error) {
	switch v := r.v.(type) {
	case int64:
		return v, nil
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, r.mismatch("an integer")
}

// Array returns the elements of an array.
func (r Reply) Array() ([]Reply, error) {
	if v, ok := r.v.([]Reply); ok {
		return v, nil
	}
	return nil, r.mismatch("an array")
}

// mismatch names kinds only: a value may hold the app's data.
func (r Reply) mismatch(want string) error {
	got := "nil"
	switch r.v.(type) {
	case int64:
		got = "an integer"
	case string:
		got = "a string"
	case []Reply:
		got = "an array"
	}
	return fmt.Errorf("the result is %s, not %s", got, want)
}

// parseReply reads {"result": …} with base64 strings.
func parseReply(body []byte) (Reply, error) {
	var envelope struct {
		Result any `json:"result"`
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&envelope); err != nil {
		return Reply{}, fmt.Errorf("the answer has no result")
	}
	return toReply(envelope.Result)
}

func toReply(v any) (Reply, error) {
	switch v := v.(type) {
	case nil:
		return Reply{}, nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return Reply{n}, nil
		}
		return Reply{v.String()}, nil
	case string:
		// The one string that Upstash does not encode; base64 has no text of two characters.
		if v == "OK" {
			return Reply{v}, nil
		}
		text, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			return Reply{}, fmt.Errorf("a string of the result is not base64, which was asked for")
		}
		return Reply{string(text)}, nil
	case []any:
		elements := make([]Reply, len(v))
		for i, e := range v {
			element, err := toReply(e)
			if err != nil {
				return Reply{}, err
			}
			elements[i] = element
		}
		return Reply{elements}, nil
	default:
		return Reply{}, fmt.Errorf("the result holds a %T, which Redis does not have", v)
	}
}

// Info is what pongwatch reads of Upstash's INFO. Upstash leaves out much of Redis'
// and adds fields of its own, and documents that it may change: so every field may be
// absent, unknown ones are ignored, and sections do not matter.
type Info struct {
	// MaxmemoryPolicy is "noeviction", or "optimistic-volatile" where eviction is on.
	MaxmemoryPolicy string
	// LocalMember names the replica that answered, to which the counters belong.
	LocalMember string

	// DataSize and MaxDataSize are what the plan's quota is about, in bytes.
	DataSize, MaxDataSize Count
	// UsedMemory and Maxmemory describe the in-memory tier only, in bytes: no quota.
	UsedMemory, Maxmemory           Count
	Keys, Connections, OpsPerSecond Count
	// MaxConnections is how many TCP clients the plan lets in.
	MaxConnections Count

	// Counters since the replica's start.
	Commands, Reads, Writes  Count
	Hits, Misses             Count
	ExpiredKeys, EvictedKeys Count
}

// maxName bounds, in bytes, a name that INFO or the management API gives.
const maxName = 100

// Count is a number that INFO may leave out.
type Count struct {
	N     int64
	Known bool
}

// parseInfo reads INFO's text. It accepts anything; what it does not understand it
// leaves unknown. A field that comes twice has its last valid value.
func parseInfo(text string) Info {
	texts, counts := map[string]string{}, map[string]Count{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		texts[key] = value
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 {
			counts[key] = Count{N: n, Known: true}
		}
	}
	return Info{
		MaxmemoryPolicy: printable(texts["maxmemory_policy"], maxName),
		LocalMember:     printable(texts["local_member"], maxName),

		DataSize: counts["total_data_size"], MaxDataSize: counts["max_data_size"],
		UsedMemory: counts["used_memory"], Maxmemory: counts["maxmemory"],
		Keys: counts["total_keys"], Connections: counts["connected_clients"], OpsPerSecond: counts["instantaneous_ops_per_sec"],
		MaxConnections: counts["maxclients"],

		Commands: counts["total_commands_processed"], Reads: counts["total_reads_processed"], Writes: counts["total_writes_processed"],
		Hits: counts["keyspace_hits"], Misses: counts["keyspace_misses"],
		ExpiredKeys: counts["expired_keys"], EvictedKeys: counts["evicted_keys"],
	}
}
