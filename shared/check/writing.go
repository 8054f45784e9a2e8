package check

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

const (
	// canaryPrefix and roundTripPrefix are where pongwatch writes. A key of its own for each run
	// keeps two monitors of one database apart.
	canaryPrefix    = "ws:_pongwatch:canary:"
	roundTripPrefix = "ws:_pongwatch:roundtrip:"
	// writtenSeconds is after how long what could not be deleted goes.
	writtenSeconds = 60

	writeCommands     = 3
	roundTripCommands = 14
)

// write sets, reads and deletes a key, once in a run: PING is blind to a full database,
// a read-only token and a write pause.
func write(ctx context.Context, t *Target) report.Observation {
	if t.written == nil {
		t.written = new(tryWriting(ctx, t.client))
	}
	return *t.written
}

func tryWriting(ctx context.Context, client *upstash.Client) report.Observation {
	nonce := rand.Text()
	key := canaryPrefix + nonce
	commands := []upstash.Command{{"SET", key, nonce, "EX", writtenSeconds}, {"GET", key}, {"DEL", key}}
	results, err := client.Pipeline(ctx, commands...)
	if err == nil && firstError(results) == nil && !text(nonce)(results[1].Reply) {
		// In a replicated database a read may overtake its write. A transaction runs in
		// one place: what it does not read is not there.
		results, err = client.MultiExec(ctx, commands...)
	}
	if err == nil {
		err = firstError(results)
	}
	switch {
	case err != nil:
		o := unknown(err)
		switch o.Cause {
		case cause.ReadonlyToken, cause.StorageFull, cause.WritePaused, cause.CommandBlocked, cause.RedisError, cause.RequestTooBig:
			o.Status = report.Fail // it was asked and refused; HealthCheck judges one that cannot be asked
		}
		return o
	case !text(nonce)(results[1].Reply):
		return failed(cause.WriteMismatch, "SET was answered OK, GET did not return the value")
	}
	return ok()
}

func firstError(results []upstash.Result) error {
	for _, r := range results {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}

// step is one command of a pattern and what Redis promises to answer.
type step struct {
	pattern string
	command upstash.Command
	// wants reports whether the reply is right; promise says so in words.
	wants   func(upstash.Reply) bool
	promise string
}

func roundTripSteps(nonce string) []step {
	key := func(pattern string) string { return roundTripPrefix + nonce + ":" + pattern }
	session, cached, limit, queue := key("session"), key("cache"), key("limit"), key("queue")
	value := fmt.Sprintf(`{"nonce":%q}`, nonce)
	const seconds = writtenSeconds
	return []step{
		{"session", upstash.Command{"SET", session, value, "NX", "EX", seconds}, text("OK"), "create it"},
		{"session", upstash.Command{"GET", session}, text(value), "return what was set"},
		{"session", upstash.Command{"TTL", session}, between(1, seconds), "say that it expires"},
		{"cache", upstash.Command{"HSET", cached, "body", value}, between(1, 1), "add a field"},
		{"cache", upstash.Command{"EXPIRE", cached, seconds}, between(1, 1), "let it expire"},
		{"cache", upstash.Command{"HGET", cached, "body"}, text(value), "return what was set"},
		{"rate limit", upstash.Command{"INCR", limit}, between(1, 1), "count one"},
		{"rate limit", upstash.Command{"EXPIRE", limit, seconds}, between(1, 1), "start the window"},
		{"rate limit", upstash.Command{"INCR", limit}, between(2, 2), "count two"},
		{"queue", upstash.Command{"RPUSH", queue, "first", "second", "third"}, between(3, 3), "hold three"},
		{"queue", upstash.Command{"EXPIRE", queue, seconds}, between(1, 1), "let it expire"},
		{"queue", upstash.Command{"LPOP", queue}, text("first"), "return the first of three"},
		{"queue", upstash.Command{"LRANGE", queue, 0, -1}, list("second", "third"), "keep the order"},
		{"clean-up", upstash.Command{"DEL", session, cached, limit, queue}, between(4, 4), "delete all four"},
	}
}

// roundTrip uses Redis as the app does: a session, a cached value, a rate limit and a
// queue. They run as one transaction, so that no replica's delay and no second monitor
// comes between. It names the first step that broke Redis' promise; the write check names
// why writes are refused.
func roundTrip(ctx context.Context, t *Target) report.Observation {
	steps := roundTripSteps(rand.Text())
	commands := make([]upstash.Command, len(steps))
	for i, s := range steps {
		commands[i] = s.command
	}
	results, err := t.client.MultiExec(ctx, commands...)
	if err != nil {
		return unknown(err)
	}
	for i, s := range steps {
		r := results[i]
		if r.Err != nil {
			o := unknown(r.Err)
			if o.Cause == cause.RedisError || o.Cause == cause.CommandBlocked {
				o.Status, o.Cause = report.Fail, cause.RoundTripFailed
				o.Evidence = fmt.Sprintf("%s: %s was refused: %s", s.pattern, s.command[0], o.Evidence)
			}
			return o
		}
		if !s.wants(r.Reply) {
			return failed(cause.RoundTripFailed, fmt.Sprintf("%s: %s did not %s (step %d of %d)", s.pattern, s.command[0], s.promise, i+1, len(steps)))
		}
	}
	return ok()
}

func text(want string) func(upstash.Reply) bool {
	return func(r upstash.Reply) bool {
		got, err := r.Text()
		return err == nil && got == want
	}
}

func between(least, most int64) func(upstash.Reply) bool {
	return func(r upstash.Reply) bool {
		got, err := r.Int()
		return err == nil && least <= got && got <= most
	}
}

func list(want ...string) func(upstash.Reply) bool {
	return func(r upstash.Reply) bool {
		elements, err := r.Array()
		return err == nil && slices.EqualFunc(elements, want, func(e upstash.Reply, w string) bool { return text(w)(e) })
	}
}
