package preflight

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

func canWrite(ctx context.Context, _ *run, d *database) Finding {
	reply, err := d.do(ctx, "SET", d.key("value"), `{"by":"pongwatch preflight"}`, "EX", keySeconds)
	if err != nil {
		return broken(err)
	}
	if text, _ := reply.Text(); text != "OK" {
		return because(Fail, cause.RedisError, "SET was not answered with OK")
	}
	return pass("SET was answered with OK")
}

func canRead(ctx context.Context, _ *run, d *database) Finding {
	// In one transaction: in a replicated database a read may overtake its write.
	nonce, key := rand.Text(), d.key("read")
	replies, err := d.pipeline(ctx, upstash.Command{"SET", key, nonce, "EX", keySeconds}, upstash.Command{"GET", key})
	if err != nil {
		return broken(err)
	}
	if text, _ := replies[1].Text(); text != nonce {
		return because(Fail, cause.WriteMismatch, "GET did not return what SET was given")
	}
	return pass("GET returned what SET was given")
}

func canScript(ctx context.Context, _ *run, d *database) Finding {
	reply, err := d.do(ctx, "EVAL", "return redis.call('INCR', KEYS[1])", 1, d.key("script"))
	if err != nil {
		return broken(err)
	}
	if n, err := reply.Int(); err != nil || n != 1 {
		return because(Fail, cause.RedisError, "EVAL of INCR did not return 1")
	}
	if _, err := d.do(ctx, "EXPIRE", d.prefix+"script", keySeconds); err != nil {
		return broken(err)
	}
	return pass("EVAL ran a script")
}

// canDelete deletes what the items before it wrote, which tidies up as well.
func canDelete(ctx context.Context, _ *run, d *database) Finding {
	key := d.key("deleted")
	replies, err := d.pipeline(ctx, upstash.Command{"SET", key, "1", "EX", keySeconds}, upstash.Command{"DEL", key}, upstash.Command{"EXISTS", key})
	if err != nil {
		return broken(err)
	}
	if n, err := replies[2].Int(); err != nil || n != 0 {
		return because(Fail, cause.RedisError, "the key is still there after DEL")
	}
	return pass("DEL removed a key")
}

// odd is a round trip that went wrong.
func odd(what string) Finding { return because(Fail, cause.RoundTripFailed, what) }

func sessionPattern(ctx context.Context, _ *run, d *database) Finding {
	key, state := d.key("session"), `{"user":"preflight"}`
	replies, err := d.pipeline(ctx,
		upstash.Command{"SET", key, state, "EX", keySeconds}, upstash.Command{"GET", key}, upstash.Command{"DEL", key}, upstash.Command{"GET", key})
	if err != nil {
		return broken(err)
	}
	if text, _ := replies[1].Text(); text != state {
		return odd("after the login the session was not read back")
	}
	if !replies[3].IsNil() {
		return odd("after the logout the session was still there")
	}
	return pass("written, read, deleted, gone")
}

func cachePattern(ctx context.Context, _ *run, d *database) Finding {
	key := d.key("cache")
	replies, err := d.pipeline(ctx,
		upstash.Command{"GET", key}, upstash.Command{"SET", key, `{"rows":1}`, "EX", keySeconds}, upstash.Command{"GET", key}, upstash.Command{"TTL", key})
	if err != nil {
		return broken(err)
	}
	ttl, _ := replies[3].Int()
	switch {
	case !replies[0].IsNil():
		return odd("a new key was not empty")
	case replies[2].IsNil():
		return odd("the value was not found right after it was cached")
	case ttl <= 0 || ttl > keySeconds:
		return odd(fmt.Sprintf("the value has a TTL of %d s, want at most %d", ttl, keySeconds))
	}
	return pass("miss, then hit; it expires")
}

func limitPattern(ctx context.Context, _ *run, d *database) Finding {
	key := d.key("limit")
	replies, err := d.pipeline(ctx,
		upstash.Command{"INCR", key}, upstash.Command{"EXPIRE", key, keySeconds}, upstash.Command{"INCR", key}, upstash.Command{"TTL", key})
	if err != nil {
		return broken(err)
	}
	n, _ := replies[2].Int()
	if ttl, _ := replies[3].Int(); n != 2 || ttl <= 0 {
		return odd(fmt.Sprintf("two requests were counted as %d, and the window ends in %d s", n, ttl))
	}
	return pass("two requests were counted as 2, and the window ends")
}

func queuePattern(ctx context.Context, _ *run, d *database) Finding {
	key := d.key("queue")
	replies, err := d.pipeline(ctx,
		upstash.Command{"RPUSH", key, "first", "second"}, upstash.Command{"EXPIRE", key, keySeconds},
		upstash.Command{"LPOP", key}, upstash.Command{"LPOP", key}, upstash.Command{"LLEN", key})
	if err != nil {
		return broken(err)
	}
	first, _ := replies[2].Text()
	second, _ := replies[3].Text()
	if left, err := replies[4].Int(); first != "first" || second != "second" || err != nil || left != 0 {
		return odd("two tasks were not given back once each, in order")
	}
	return pass("two tasks given back in order, none left")
}

// pings is how many fresh connections the latency is measured on.
const pings = 5

// pingLatency judges the median of a few, and warns of a single late one.
func pingLatency(ctx context.Context, _ *run, d *database) Finding {
	waits := []time.Duration{d.ping(ctx).Latency()}
	for len(waits) < pings {
		result := d.client.Ping(ctx)
		if result.Err != nil {
			return broken(result.Err)
		}
		waits = append(waits, result.Latency())
	}
	slices.Sort(waits)
	limit, median, worst := d.Thresholds.Latency.Open, waits[pings/2], waits[pings-1]
	evidence := fmt.Sprintf("median %s, slowest %s of %d, limit %v; from this machine", milliseconds(median), milliseconds(worst), pings, limit)
	switch {
	case median > limit:
		return because(Fail, cause.Slow, evidence)
	case worst > limit:
		return because(Warn, cause.Slow, evidence)
	}
	return pass("%s", evidence)
}

// minLookups is from how many look-ups on a share of them means something.
const minLookups = 100

func hitRate(ctx context.Context, _ *run, d *database) Finding {
	info, err := d.figures(ctx)
	if err != nil {
		return broken(err)
	}
	lookups := info.Hits.N + info.Misses.N
	if !info.Hits.Known || !info.Misses.Known || lookups < minLookups {
		return pass("too few look-ups to judge: %d", lookups)
	}
	share, limit := float64(info.Hits.N)/float64(lookups), d.Thresholds.HitRate.Open
	evidence := fmt.Sprintf("%.0f %% of %d look-ups since the replica's start, limit %.0f %%", share*100, lookups, limit*100)
	if share < limit {
		return because(Warn, cause.HitRateLow, evidence)
	}
	return pass("%s", evidence)
}

func memory(ctx context.Context, _ *run, d *database) Finding {
	info, err := d.figures(ctx)
	if err != nil {
		return broken(err)
	}
	limit := int64(d.Limits.Memory)
	if info.MaxDataSize.Known && info.MaxDataSize.N > 0 {
		limit = info.MaxDataSize.N
	}
	if !info.DataSize.Known || limit <= 0 {
		return pass("no quota is known: nothing can be near it")
	}
	rule, share := d.Thresholds.Memory, float64(info.DataSize.N)/float64(limit)
	evidence := fmt.Sprintf("%.1f %% of %.0f MB", share*100, float64(limit)/(1<<20))
	switch {
	case share >= rule.Critical:
		return because(Fail, cause.MemoryHigh, evidence)
	case share >= rule.Warn:
		return because(Warn, cause.MemoryHigh, evidence)
	}
	return pass("%s", evidence)
}
