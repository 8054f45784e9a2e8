package preflight

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// How much of a database is sampled.
const (
	samplePages  = 5
	samplePage   = 100
	sampleValues = 10
)

// libraries are the prefixes that Upstash's own libraries write
// (https://github.com/upstash/ratelimit-js, https://github.com/upstash/core-analytics),
// and pongwatch's.
var libraries = []string{"@upstash/ratelimit", "@upstash/analytics", "ws:_pongwatch:"}

// sample returns the keys of a few pages of SCAN.
func (d *database) sample(ctx context.Context, args ...any) ([]string, error) {
	var keys []string
	cursor := "0"
	for range samplePages {
		reply, err := d.do(ctx, append([]any{"SCAN", cursor, "COUNT", samplePage}, args...)...)
		if err != nil {
			return nil, err
		}
		parts, err := reply.Array()
		if err != nil || len(parts) != 2 {
			return nil, fmt.Errorf("reading SCAN's answer: want a cursor and keys")
		}
		page, err := parts[1].Array()
		if err != nil {
			return nil, fmt.Errorf("reading SCAN's answer: %w", err)
		}
		for _, k := range page {
			if text, err := k.Text(); err == nil {
				keys = append(keys, text)
			}
		}
		if cursor, err = parts[0].Text(); err != nil {
			return nil, fmt.Errorf("reading SCAN's answer: %w", err)
		}
		if cursor == "0" {
			break
		}
	}
	return keys, nil
}

// unsampled is a database that could not be sampled. Upstash's read-only token may not
// SCAN, which is for another item to judge.
func unsampled(err error) Finding {
	if causeOf(err) == cause.ReadonlyToken {
		return skip("the token may not SCAN: see redis.write")
	}
	return broken(err)
}

func isolation(ctx context.Context, _ *run, d *database) Finding {
	keys, err := d.sample(ctx)
	if err != nil {
		return unsampled(err)
	}
	pattern, err := regexp.Compile(d.Checks.Isolation.Pattern)
	if err != nil {
		return because(Fail, cause.ConfigInvalid, "checks.isolation.pattern is no regular expression")
	}
	outside := map[string]int{}
	for _, key := range keys {
		if !pattern.MatchString(key) && !exempt(key, d.Checks.Isolation.Exempt) {
			outside[family(key)]++
		}
	}
	evidence := fmt.Sprintf("%d keys sampled", len(keys))
	if len(outside) == 0 {
		return pass("%s, none outside a workspace", evidence)
	}
	return because(Warn, cause.IsolationViolation, evidence+"; outside: "+tally(outside))
}

func exempt(key string, more []string) bool {
	starts := func(prefix string) bool { return strings.HasPrefix(key, prefix) }
	return slices.ContainsFunc(libraries, starts) || slices.ContainsFunc(more, starts)
}

var variable = regexp.MustCompile(`[0-9a-fA-F]{8,}|[0-9]+|[^\s:]+@[^\s:]+`)

// family is a key without what may be somebody's: its first part, numbers and
// addresses left out.
func family(key string) string {
	first, _, more := strings.Cut(key, ":")
	first = variable.ReplaceAllString(first, "*")
	if r := []rune(first); len(r) > 20 {
		first = string(r[:20]) + "…"
	}
	if more {
		first += ":*"
	}
	return fmt.Sprintf("%q", first)
}

// tally lists families by how many keys they have.
func tally(families map[string]int) string {
	names := make([]string, 0, len(families))
	for name := range families {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if families[a] != families[b] {
			return families[b] - families[a]
		}
		return strings.Compare(a, b)
	})
	const most = 5
	var parts []string
	for _, name := range names[:min(most, len(names))] {
		parts = append(parts, fmt.Sprintf("%s (%d)", name, families[name]))
	}
	if more := len(names) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("%d more", more))
	}
	return strings.Join(parts, ", ")
}

// values reads a few strings and says whether they are JSON; it never shows one.
func values(ctx context.Context, _ *run, d *database) Finding {
	keys, err := d.sample(ctx, "TYPE", "string")
	if err != nil {
		return unsampled(err)
	}
	pattern, err := regexp.Compile(d.Checks.Values.Pattern)
	if err != nil {
		return because(Fail, cause.ConfigInvalid, "checks.values.pattern is no regular expression")
	}
	keys = slices.DeleteFunc(keys, func(key string) bool {
		return exempt(key, d.Checks.Isolation.Exempt) || !pattern.MatchString(key)
	})
	keys = keys[:min(sampleValues, len(keys))]
	if len(keys) == 0 {
		return pass("no value to sample")
	}
	commands := make([]upstash.Command, len(keys))
	for i, key := range keys {
		commands[i] = upstash.Command{"GETRANGE", key, 0, maxValue}
	}
	replies, err := d.pipeline(ctx, commands...)
	if err != nil {
		return broken(err)
	}
	broken := map[string]int{}
	for i, reply := range replies {
		// A longer one is cut, and an empty one has expired meanwhile: neither tells.
		if text, err := reply.Text(); err == nil && text != "" && len(text) <= maxValue && !isJSON(text) {
			broken[family(keys[i])]++
		}
	}
	if len(broken) > 0 {
		return because(Warn, cause.ValueNotJSON, fmt.Sprintf("%d sampled; not JSON: %s", len(keys), tally(broken)))
	}
	return pass("%d sampled, all JSON", len(keys))
}
