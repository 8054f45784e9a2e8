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
	// roundTripPrefix is where the round trip writes, under a name of its own each run.
	roundTripPrefix = "ws:_pongwatch:roundtrip:"
	// roundTripSeconds is after how long what could not be deleted goes.
	roundTripSeconds  = 60
	roundTripCommands = 14
)

// step is one command of a pattern and what Redis promises to answer.
type step struct {
	pattern string
	command upstash.Command
	// wants reports whether the reply is right; promise says so in words.
	wants   func(upstash.Reply) bool
	promise string
}

// roundTrip uses Redis as the app does: a session, a cached value, a rate limit and a
// queue. They run as one transaction, so that no replica's delay and no second monitor
// comes between.
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
	return judgeRoundTrip(steps, results)
}

func roundTripSteps(nonce string) []step {
	key := func(pattern string) string { return roundTripPrefix + nonce + ":" + pattern }
	session, cached, limit, queue := key("session"), key("cache"), key("limit"), key("queue")
	value := fmt.Sprintf(`{"nonce":%q}`, nonce)
	const seconds = roundTripSeconds
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

// judgeRoundTrip names the first step that broke Redis' promise. The write check names
// why writes are refused.
func judgeRoundTrip(steps []step, results []upstash.Result) report.Observation {
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
			return report.Observation{
				Status: report.Fail, Cause: cause.RoundTripFailed,
				Evidence: fmt.Sprintf("%s: %s did not %s (step %d of %d)", s.pattern, s.command[0], s.promise, i+1, len(steps)),
			}
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
