package preflight

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// attempt is commands that an application would send, run in one transaction: in a
// replicated database a read may overtake its write.
func (d *database) attempt(ctx context.Context, c cause.Cause, passed string, wrong func([]upstash.Reply) string, commands ...upstash.Command) Finding {
	replies, err := d.pipeline(ctx, commands...)
	if err != nil {
		return broken(err)
	}
	if what := wrong(replies); what != "" {
		return because(Fail, c, what)
	}
	return pass("%s", passed)
}

func textOf(r upstash.Reply) string { s, _ := r.Text(); return s }

// number returns -1 for what is no number.
func number(r upstash.Reply) int64 {
	if n, err := r.Int(); err == nil {
		return n
	}
	return -1
}

func canWrite(ctx context.Context, _ *run, d *database) Finding {
	reply, err := d.do(ctx, "SET", d.key("value"), `{"by":"pongwatch preflight"}`, "EX", keySeconds)
	if err != nil {
		return broken(err)
	}
	if textOf(reply) != "OK" {
		return because(Fail, cause.RedisError, "SET was not answered with OK")
	}
	return pass("SET was answered with OK")
}

func canRead(ctx context.Context, _ *run, d *database) Finding {
	nonce, key := rand.Text(), d.key("read")
	return d.attempt(ctx, cause.WriteMismatch, "GET returned what SET was given", func(r []upstash.Reply) string {
		if textOf(r[1]) != nonce {
			return "GET did not return what SET was given"
		}
		return ""
	}, upstash.Command{"SET", key, nonce, "EX", keySeconds}, upstash.Command{"GET", key})
}

func canScript(ctx context.Context, _ *run, d *database) Finding {
	key := d.key("script")
	reply, err := d.do(ctx, "EVAL", "return redis.call('INCR', KEYS[1])", 1, key)
	if err != nil {
		return broken(err)
	}
	if number(reply) != 1 {
		return because(Fail, cause.RedisError, "EVAL of INCR did not return 1")
	}
	if _, err := d.do(ctx, "EXPIRE", key, keySeconds); err != nil {
		return broken(err)
	}
	return pass("EVAL ran a script")
}

func canDelete(ctx context.Context, _ *run, d *database) Finding {
	key := d.key("deleted")
	return d.attempt(ctx, cause.RedisError, "DEL removed a key", func(r []upstash.Reply) string {
		if number(r[2]) != 0 {
			return "the key is still there after DEL"
		}
		return ""
	}, upstash.Command{"SET", key, "1", "EX", keySeconds}, upstash.Command{"DEL", key}, upstash.Command{"EXISTS", key})
}

func sessionPattern(ctx context.Context, _ *run, d *database) Finding {
	key, state := d.key("session"), `{"user":"preflight"}`
	return d.attempt(ctx, cause.RoundTripFailed, "written, read, deleted, gone", func(r []upstash.Reply) string {
		switch {
		case textOf(r[1]) != state:
			return "after the login the session was not read back"
		case !r[3].IsNil():
			return "after the logout the session was still there"
		}
		return ""
	}, upstash.Command{"SET", key, state, "EX", keySeconds}, upstash.Command{"GET", key}, upstash.Command{"DEL", key}, upstash.Command{"GET", key})
}

func cachePattern(ctx context.Context, _ *run, d *database) Finding {
	key := d.key("cache")
	return d.attempt(ctx, cause.RoundTripFailed, "miss, then hit; it expires", func(r []upstash.Reply) string {
		switch ttl := number(r[3]); {
		case !r[0].IsNil():
			return "a new key was not empty"
		case r[2].IsNil():
			return "the value was not found right after it was cached"
		case ttl <= 0 || ttl > keySeconds:
			return fmt.Sprintf("the value has a TTL of %d s, want at most %d", ttl, keySeconds)
		}
		return ""
	}, upstash.Command{"GET", key}, upstash.Command{"SET", key, `{"rows":1}`, "EX", keySeconds}, upstash.Command{"GET", key}, upstash.Command{"TTL", key})
}

func limitPattern(ctx context.Context, _ *run, d *database) Finding {
	key := d.key("limit")
	return d.attempt(ctx, cause.RoundTripFailed, "two requests were counted as 2, and the window ends", func(r []upstash.Reply) string {
		if n, ttl := number(r[2]), number(r[3]); n != 2 || ttl <= 0 {
			return fmt.Sprintf("two requests were counted as %d, and the window ends in %d s", n, ttl)
		}
		return ""
	}, upstash.Command{"INCR", key}, upstash.Command{"EXPIRE", key, keySeconds}, upstash.Command{"INCR", key}, upstash.Command{"TTL", key})
}

func queuePattern(ctx context.Context, _ *run, d *database) Finding {
	key := d.key("queue")
	return d.attempt(ctx, cause.RoundTripFailed, "two tasks given back in order, none left", func(r []upstash.Reply) string {
		if textOf(r[2]) != "first" || textOf(r[3]) != "second" || number(r[4]) != 0 {
			return "two tasks were not given back once each, in order"
		}
		return ""
	}, upstash.Command{"RPUSH", key, "first", "second"}, upstash.Command{"EXPIRE", key, keySeconds},
		upstash.Command{"LPOP", key}, upstash.Command{"LPOP", key}, upstash.Command{"LLEN", key})
}

// pings is how many fresh connections the latency is measured on.
const pings = 5

// pingLatency judges the median of a few pings, and warns of a single slow one.
func pingLatency(ctx context.Context, _ *run, d *database) Finding {
	waits := []time.Duration{d.target.Ping(ctx).Latency()}
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

// minLookups is the least number of look-ups that gives a meaningful share.
const minLookups = 100

func hitRate(ctx context.Context, _ *run, d *database) Finding {
	info, err := d.target.Info(ctx)
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
	info, err := d.target.Info(ctx)
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

// sampleCommands is how many commands each of the two samples may take: a tenth of what
// the monitor's own checks may take each day.
const sampleCommands = 10

// sampled makes an item of one of the monitor's own checks of a few keys. It never shows a value.
func sampled(check report.Check) func(context.Context, *run, *database) Finding {
	return func(ctx context.Context, _ *run, d *database) Finding {
		o, commands := d.target.SampleKeys(ctx, check, sampleCommands)
		d.used += int64(commands)
		switch {
		case o.Status == report.OK:
			return pass("%s", o.Evidence)
		case o.Status == report.Warn:
			return because(Warn, o.Cause, o.Evidence)
		case o.Cause == cause.ReadonlyToken:
			// Upstash's read-only token may not SCAN, which is for another item to judge.
			return skip("the token may not SCAN: see redis.write")
		}
		return because(Fail, o.Cause, o.Evidence)
	}
}
