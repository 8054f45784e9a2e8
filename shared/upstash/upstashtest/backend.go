package upstashtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gomodule/redigo/redis"
)

// backend is the Redis behind the emulator.
type backend struct {
	address  string
	pool     *redis.Pool
	embedded *miniredis.Miniredis // nil over a real Redis
	stop     chan struct{}
	stopped  sync.WaitGroup
}

// errBackend says that the Redis behind the emulator does not answer.
var errBackend = errors.New("the Redis behind the emulator does not answer")

func newBackend(addr string) (*backend, error) {
	b := &backend{stop: make(chan struct{})}
	if addr == "" {
		b.embedded = miniredis.NewMiniRedis()
		if err := b.embedded.Start(); err != nil {
			return nil, fmt.Errorf("starting miniredis: %w", err)
		}
		addr = b.embedded.Addr()
		b.stopped.Go(b.letTimePass)
	}
	b.address = addr
	b.pool = &redis.Pool{MaxIdle: 32, DialContext: func(ctx context.Context) (redis.Conn, error) {
		return b.dial(ctx, redis.DialReadTimeout(10*time.Second))
	}}
	return b, nil
}

// dial connects. A dead Redis is to be seen at once, because that is what a test wants to see.
func (b *backend) dial(ctx context.Context, o ...redis.DialOption) (redis.Conn, error) {
	return redis.DialContext(ctx, "tcp", b.address, append(o, redis.DialConnectTimeout(time.Second))...)
}

// letTimePass expires keys: miniredis' clock for expiry stands still by itself.
func (b *backend) letTimePass() {
	const tick = 50 * time.Millisecond
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-b.stop:
			return
		case now := <-ticker.C:
			b.embedded.FastForward(now.Sub(last))
			last = now
		}
	}
}

func (b *backend) close() {
	close(b.stop)
	b.stopped.Wait()
	_ = b.pool.Close()
	if b.embedded != nil {
		b.embedded.Close()
	}
}

// answer is one command's result: nil, int64, string or []any; or an error text.
type answer struct {
	value any
	err   string
}

// do runs one command. The error is errBackend, or the context's.
func (b *backend) do(ctx context.Context, args []string) (answer, error) {
	c, err := b.pool.GetContext(ctx)
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", errBackend, err)
	}
	defer c.Close()
	return toAnswer(redis.DoContext(c, ctx, args[0], anys(args[1:])...))
}

// counters returns what a real Redis counts of its keyspace, which a restart or CONFIG
// RESETSTAT sets back; nil over miniredis, which does not count.
func (b *backend) counters(ctx context.Context) (map[string]string, error) {
	if b.embedded != nil {
		return nil, nil
	}
	a, err := b.do(ctx, []string{"INFO", "stats"})
	if err != nil {
		return nil, err
	}
	text, _ := a.value.(string)
	counters := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "keyspace_hits", "keyspace_misses", "expired_keys", "evicted_keys":
			counters[name] = value
		}
	}
	return counters, nil
}

// tx runs commands as a transaction. A discarded one is a single answer.
func (b *backend) tx(ctx context.Context, commands [][]string) ([]answer, answer, error) {
	c, err := b.pool.GetContext(ctx)
	if err != nil {
		return nil, answer{}, fmt.Errorf("%w: %w", errBackend, err)
	}
	defer c.Close()
	// A connection that fails gives its error to every later call.
	_ = c.Send("MULTI")
	for _, args := range commands {
		_ = c.Send(args[0], anys(args[1:])...)
	}
	_ = c.Send("EXEC")
	_ = c.Flush()
	for range len(commands) + 1 {
		_, _ = redis.ReceiveContext(c, ctx) // QUEUED, or why EXEC refuses all of them
	}
	all, err := toAnswer(redis.ReceiveContext(c, ctx))
	if err != nil || all.err != "" {
		return nil, all, err
	}
	values, _ := all.value.([]any)
	answers := make([]answer, len(values))
	for i, v := range values {
		if text, failed := v.(redis.Error); failed {
			answers[i] = answer{err: text.Error()}
		} else {
			answers[i] = answer{value: v}
		}
	}
	return answers, answer{}, nil
}

func toAnswer(v any, err error) (answer, error) {
	if text, ok := errors.AsType[redis.Error](err); ok {
		return answer{err: text.Error()}, nil
	}
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", errBackend, err)
	}
	return answer{value: texts(v)}, nil
}

// texts turns the bytes of a reply into strings.
func texts(v any) any {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case []any:
		for i := range v {
			v[i] = texts(v[i])
		}
	}
	return v
}

func anys(args []string) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a
	}
	return out
}
