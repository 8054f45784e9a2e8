package check

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

const (
	// scanCount is how many keys a SCAN looks at. A key has at most 32 KB, and a page
	// of that size would be above the limit of 10 MB, but seldom is one above 100 bytes.
	scanCount = 1000
	// sampling bounds the time of one check that samples, within a run of 17 s.
	sampling = 5 * time.Second
	// randomKeys is the share of the commands with which keys are drawn where the
	// database has more than SCAN gets to: its order would show the same ones each day.
	randomKeys = 5
)

// libraryPrefixes are the keys of Upstash's own libraries, which know no workspaces:
// @upstash/ratelimit with its deny lists and analytics, and @upstash/core-analytics
// (src/single.ts, src/types.ts of upstash/ratelimit-js).
var libraryPrefixes = []string{"@upstash/ratelimit:", "@upstash/analytics:"}

// isolation looks in a sample for keys that belong to no workspace. It warns and never
// pages: a sample cannot show how bad it is.
func isolation(ctx context.Context, t *Target) report.Observation {
	rule := t.Database.Checks.Isolation
	pattern, err := regexp.Compile(rule.Pattern)
	if err != nil {
		return unknown(&Problem{Cause: cause.ConfigInvalid, Evidence: "checks.isolation.pattern is not a regular expression"})
	}
	exempt := slices.Concat([]string{monitorPrefix}, libraryPrefixes, rule.Exempt)
	found := findings{}
	sample, err := t.sampleKeys(ctx, rule.MaxCommands, func(key string) {
		if !pattern.MatchString(key) && !exempted(key, exempt) {
			found.add(key)
		}
	})
	o := found.judge(cause.IsolationViolation, t.Database.Thresholds.Isolation.Open, sample.describe()+" outside the workspaces")
	if err != nil && !o.Status.Bad() {
		return unknown(err) // what was not looked at may hold any
	}
	return o
}

// monitorPrefix is where pongwatch writes.
const monitorPrefix = "ws:_pongwatch:"

func exempted(key string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
}

// sample is what was looked at.
type sample struct {
	keys int
	all  bool
}

func (s sample) describe() string {
	if s.all {
		return fmt.Sprintf("of all %d keys", s.keys)
	}
	return fmt.Sprintf("of %d sampled keys", s.keys)
}

// sampleKeys shows each key of a sample, with at most so many commands: the pages of
// SCAN, and where these do not reach the end, keys drawn at random. An error is what
// ended it early.
func (t *Target) sampleKeys(ctx context.Context, commands int, each func(key string)) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, sampling)
	defer cancel()
	draws := commands / randomKeys
	var s sample
	cursor := "0"
	for range commands - draws {
		keys, next, err := t.scan(ctx, cursor)
		if err != nil {
			return s, err
		}
		for _, key := range keys {
			each(key)
		}
		s.keys += len(keys)
		if cursor = next; cursor == "0" {
			s.all = true
			return s, nil
		}
	}
	if draws == 0 {
		return s, nil
	}
	t.sampled += draws
	results, err := t.client.Pipeline(ctx, slices.Repeat([]upstash.Command{{"RANDOMKEY"}}, draws)...)
	if err != nil {
		return s, err
	}
	for _, r := range results {
		if key, err := r.Reply.Text(); r.Err == nil && err == nil {
			each(key)
			s.keys++
		}
	}
	return s, nil
}

// scan reads a page. Upstash's cursors are opaque texts of which only "0" means
// anything, and a page may be empty.
func (t *Target) scan(ctx context.Context, cursor string, options ...any) (keys []string, next string, err error) {
	t.sampled++
	r, err := t.client.Do(ctx, slices.Concat([]any{"SCAN", cursor, "COUNT", scanCount}, options)...)
	if err != nil {
		return nil, "", err
	}
	page, err := r.Array()
	if err != nil || len(page) != 2 {
		return nil, "", notAPage
	}
	next, err = page[0].Text()
	elements, listed := page[1].Array()
	if err != nil || listed != nil {
		return nil, "", notAPage
	}
	for _, e := range elements {
		if key, err := e.Text(); err == nil {
			keys = append(keys, key)
		}
	}
	return keys, next, nil
}

var notAPage = &Problem{Cause: cause.NotUpstash, Evidence: "SCAN was not answered by a page of keys"}

// findings counts keys by a pattern that shows none of them. SCAN may return a key
// twice, and it counts once.
type findings struct {
	seen     map[uint64]struct{}
	families map[string]int
}

var hashSeed = maphash.MakeSeed()

func (f *findings) add(key string) {
	if f.seen == nil {
		f.seen, f.families = map[uint64]struct{}{}, map[string]int{}
	}
	h := maphash.String(hashSeed, key)
	if _, again := f.seen[h]; again {
		return
	}
	f.seen[h] = struct{}{}
	f.families[family(key)]++
}

// judge compares the count with the threshold and lists the largest families.
func (f *findings) judge(c cause.Cause, open int, of string) report.Observation {
	n := len(f.seen)
	o := report.Observation{
		Status: report.OK, Clear: n < open, Value: new(float64(n)), Threshold: new(float64(open)), Unit: report.Count,
		Evidence: fmt.Sprintf("%d %s", n, of),
	}
	if n >= open {
		o.Status, o.Cause = report.Warn, c
	}
	const shown = 5
	names := slices.SortedFunc(maps.Keys(f.families), func(a, b string) int {
		return cmp.Or(f.families[b]-f.families[a], strings.Compare(a, b))
	})
	for i, name := range names[:min(len(names), shown)] {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		o.Evidence += fmt.Sprintf("%s%s (%d)", sep, name, f.families[name])
	}
	if more := len(names) - shown; more > 0 {
		o.Evidence += fmt.Sprintf(" and %d more patterns", more)
	}
	return o
}

// family is a pattern for keys like this one, by which its author finds them and which
// reveals nothing to others: at most the first segment, if that is a word. What may
// be a name, an address or a token becomes a *.
func family(key string) string {
	first, rest, several := strings.Cut(key, ":")
	switch {
	case first == "ws" && several:
		return "ws:*" // a workspace's key that lacks a part
	case !word(first):
		if several {
			return "*:*"
		}
		return "*"
	case several && rest != "":
		return first + ":*"
	default:
		// The whole key is a word: its beginning has to do.
		return first[:min(len(first)/2, 4)] + "*"
	}
}

// word reports whether a segment is a name that a programmer gave, and not data: a few
// letters, with dashes or underscores.
func word(segment string) bool {
	const longest = 24
	if len(segment) == 0 || len(segment) > longest {
		return false
	}
	for _, c := range segment {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// SampleKeys asks one of the checks isolation and values outside a job's runs, with at most so
// many commands, and returns how many it took.
func (t *Target) SampleKeys(ctx context.Context, c report.Check, commands int) (report.Observation, int) {
	database := *t.Database
	rules := &database.Checks
	rules.Isolation.MaxCommands = min(rules.Isolation.MaxCommands, commands)
	rules.Values.MaxCommands = min(rules.Values.MaxCommands, commands)
	look := isolation
	if c == report.Values {
		look = values
	}
	once := *t
	once.Database, once.sampled = &database, 0
	o := ask(ctx, &once, Spec{Check: c, Run: one(look)})
	return o[0], once.sampled
}
