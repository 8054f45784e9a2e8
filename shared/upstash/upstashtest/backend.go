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
	b.pool = &redis.Pool{
		MaxIdle: 32,
		DialContext: func(ctx context.Context) (redis.Conn, error) {
			return b.dial(ctx, redis.DialReadTimeout(10*time.Second))
		},
		// A Redis that was restarted has closed what the pool holds, and answers nevertheless.
		TestOnBorrowContext: func(ctx context.Context, c redis.Conn, _ time.Time) error {
			_, err := redis.DoContext(c, ctx, "PING")
			return err
		},
	}
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

// do runs one command. The error is errBackend, or the context's.
func (b *backend) do(ctx context.Context, args []string) (reply any, err error) {
	c, err := b.pool.GetContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBackend, err)
	}
	defer c.Close()
	return replied(redis.DoContext(c, ctx, args[0], anys(args[1:])...))
}

// counters returns what a real Redis counts of its keyspace, which a restart or CONFIG
// RESETSTAT sets back; nil over miniredis, which does not count.
func (b *backend) counters(ctx context.Context) (map[string]string, error) {
	if b.embedded != nil {
		return nil, nil
	}
	reply, err := b.do(ctx, []string{"INFO", "stats"})
	if err != nil {
		return nil, err
	}
	text, _ := reply.(string)
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

// tx runs commands as a transaction, and returns the reply to each, or the redis.Error that
// discards all.
func (b *backend) tx(ctx context.Context, commands [][]string) (reply any, err error) {
	c, err := b.pool.GetContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBackend, err)
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
	return replied(redis.ReceiveContext(c, ctx))
}

func replied(v any, err error) (reply any, _ error) {
	if refused, ok := errors.AsType[redis.Error](err); ok {
		return refused, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBackend, err)
	}
	return texts(v), nil
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
