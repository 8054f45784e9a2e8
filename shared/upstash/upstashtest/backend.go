package upstashtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// backend is the Redis behind the emulator.
type backend struct {
	client   *redis.Client
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
	b.client = redis.NewClient(&redis.Options{
		Addr: addr, Protocol: 2, DisableIdentity: true,
		// A dead Redis is to be seen at once: it is what a test wants to see.
		MaxRetries: -1, DialTimeout: time.Second, DialerRetries: 1, ReadTimeout: 10 * time.Second, PoolSize: 32,
	})
	return b, nil
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
	_ = b.client.Close()
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
	return toAnswer(b.client.Do(ctx, anys(args)...).Result())
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
	results := make([]*redis.Cmd, len(commands))
	_, err := b.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for i, args := range commands {
			results[i] = p.Do(ctx, anys(args)...)
		}
		return nil
	})
	if discarded, failed := discardedBy(err, results); failed != nil || discarded.err != "" {
		return nil, discarded, failed
	}
	answers := make([]answer, len(results))
	for i, r := range results {
		if answers[i], err = toAnswer(r.Result()); err != nil {
			return nil, answer{}, err
		}
	}
	return answers, answer{}, nil
}

// discardedBy distinguishes a transaction that was refused as a whole, every command of which
// bears the same error, from one some of whose commands failed.
func discardedBy(err error, results []*redis.Cmd) (answer, error) {
	if err == nil || errors.Is(err, redis.Nil) {
		return answer{}, nil
	}
	if _, ok := errors.AsType[redis.Error](err); !ok {
		return answer{}, fmt.Errorf("%w: %w", errBackend, err)
	}
	for _, r := range results {
		if r.Err() == nil || errors.Is(r.Err(), redis.Nil) || r.Err().Error() != err.Error() {
			return answer{}, nil
		}
	}
	if len(results) > 1 || redis.HasErrorPrefix(err, "EXECABORT") {
		return answer{err: err.Error()}, nil
	}
	return answer{}, nil
}

func toAnswer(v any, err error) (answer, error) {
	var text redis.Error
	switch {
	case err == nil:
		return answer{value: v}, nil
	case errors.Is(err, redis.Nil):
		return answer{}, nil
	case errors.As(err, &text):
		return answer{err: text.Error()}, nil
	default:
		return answer{}, fmt.Errorf("%w: %w", errBackend, err)
	}
}

func anys(args []string) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a
	}
	return out
}
