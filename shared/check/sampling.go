package check

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
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

	// valueBytes is how much of a value is read. Of a longer one the beginning is judged.
	valueBytes = 16 << 10
	// maxLengths is how many of the values that are longer are measured.
	maxLengths = 3
	// nearLimit is the share of the plan's largest reply from which a value is too large.
	nearLimit = 0.8
	// valuePages is how many pages of keys the values are chosen from.
	valuePages = 2
)

// foreign are the beginnings of keys that know no workspaces: pongwatch's own, and those of Upstash's
// libraries, @upstash/ratelimit with its deny lists and analytics, and @upstash/core-analytics
// (src/single.ts, src/types.ts of upstash/ratelimit-js).
var foreign = []string{"ws:_pongwatch:", "@upstash/ratelimit:", "@upstash/analytics:"}

func beginsWith(key string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
}

// isolation looks in a sample for keys that belong to no workspace: the pages of SCAN, and where
// these do not reach the end, keys drawn at random. It warns and never pages: a sample cannot show
// how bad it is.
func isolation(ctx context.Context, t *Target) report.Observation {
	rule := t.Database.Checks.Isolation
	pattern, err := regexp.Compile(rule.Pattern)
	if err != nil {
		return unknown(&Problem{Cause: cause.ConfigInvalid, Evidence: "checks.isolation.pattern is not a regular expression"})
	}
	ctx, cancel := context.WithTimeout(ctx, sampling)
	defer cancel()
	exempt := slices.Concat(foreign, rule.Exempt)
	found, seen, all := findings{}, 0, false
	look := func(keys ...string) {
		for _, key := range keys {
			if !pattern.MatchString(key) && !beginsWith(key, exempt) {
				found.add(key)
			}
		}
		seen += len(keys)
	}
	draws := rule.MaxCommands / randomKeys
	cursor := "0"
	for page := 0; page < rule.MaxCommands-draws && err == nil && !all; page++ {
		var keys []string
		keys, cursor, err = t.scan(ctx, cursor)
		look(keys...)
		all = cursor == "0"
	}
	if draws > 0 && err == nil && !all {
		t.sampled += draws
		var results []upstash.Result
		results, err = t.client.Pipeline(ctx, slices.Repeat([]upstash.Command{{"RANDOMKEY"}}, draws)...)
		for _, r := range results {
			if key, err := r.Reply.Text(); r.Err == nil && err == nil {
				look(key)
			}
		}
	}
	of := fmt.Sprintf("of %d sampled keys", seen)
	if all {
		of = fmt.Sprintf("of all %d keys", seen)
	}
	o := found.judge(cause.IsolationViolation, t.Database.Thresholds.Isolation.Open, of+" outside the workspaces")
	if err != nil && !o.Status.Bad() {
		return unknown(err) // what was not looked at may hold any
	}
	return o
}

// scan reads a page. Upstash's cursors are opaque texts of which only "0" means
// anything, and a page may be empty.
func (t *Target) scan(ctx context.Context, cursor string, options ...any) (keys []string, next string, err error) {
	t.sampled++
	r, err := t.client.Do(ctx, slices.Concat([]any{"SCAN", cursor, "COUNT", scanCount}, options)...)
	if err != nil {
		return nil, "", err
	}
	notAPage := &Problem{Cause: cause.NotUpstash, Evidence: "SCAN was not answered by a page of keys"}
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

// ofEach sends one command for each of the keys.
func (t *Target) ofEach(ctx context.Context, keys []string, name string, args ...any) ([]upstash.Result, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	t.sampled += len(keys)
	commands := make([]upstash.Command, len(keys))
	for i, key := range keys {
		commands[i] = slices.Concat(upstash.Command{name, key}, args)
	}
	return t.client.Pipeline(ctx, commands...)
}

// values reads a sample of the strings that should be JSON and looks whether they are.
// With a pattern these are the values of the keys that match. Without, they are those
// that begin like JSON's objects, arrays or strings: "[object Object]" is found, a
// plain counter or token is no mistake.
func values(ctx context.Context, t *Target) report.Observation {
	rule := t.Database.Checks.Values
	pattern, err := regexp.Compile(rule.Pattern)
	if err != nil {
		return unknown(&Problem{Cause: cause.ConfigInvalid, Evidence: "checks.values.pattern is not a regular expression"})
	}
	ctx, cancel := context.WithTimeout(ctx, sampling)
	defer cancel()
	var keys []string
	left, cursor := rule.MaxCommands, "0"
	for range min(valuePages, rule.MaxCommands-1) {
		page, next, err := t.scan(ctx, cursor, "TYPE", "string")
		if err != nil {
			return unknown(err)
		}
		left--
		keys = append(keys, slices.DeleteFunc(page, func(key string) bool { return !pattern.MatchString(key) || beginsWith(key, foreign) })...)
		if cursor = next; cursor == "0" {
			break
		}
	}
	keys = evenly(keys, left-min(maxLengths, left/4))
	results, err := t.ofEach(ctx, keys, "GETRANGE", 0, valueBytes-1)
	if err != nil {
		return unknown(err)
	}
	found, read := findings{}, 0
	var long []string
	var refused error
	for i, r := range results {
		switch upstash.CauseOf(r.Err).Class() {
		case cause.ClassNetwork, cause.ClassAuth, cause.ClassQuota, cause.ClassProvider:
			refused = r.Err
			continue
		}
		value, err := r.Reply.Text()
		if r.Err != nil || err != nil || value == "" {
			continue // gone meanwhile, or no string any more
		}
		read++
		if len(value) == valueBytes {
			long = append(long, keys[i])
		}
		if (rule.Pattern != "" || beginsLikeJSON(value)) && !isJSON(value) {
			found.add(keys[i])
		}
	}
	o := found.judge(cause.ValueNotJSON, t.Database.Thresholds.Values.Open, fmt.Sprintf("of %d sampled values not JSON", read))
	if refused == nil && o.Status == report.OK {
		t.judgeLength(ctx, &o, evenly(long, min(maxLengths, left-len(keys))))
	}
	if refused != nil && !o.Status.Bad() {
		return unknown(refused) // what was not read may be anything
	}
	return o
}

// judgeLength warns of a value that is nearly as large as the largest reply, because reading
// it will be refused once it has grown.
func (t *Target) judgeLength(ctx context.Context, o *report.Observation, keys []string) {
	limit := float64(t.Database.Limits.Request)
	if limit <= 0 {
		return
	}
	results, _ := t.ofEach(ctx, keys, "STRLEN") // without an answer nothing is too long
	for i, r := range results {
		n, err := r.Reply.Int()
		if r.Err == nil && err == nil && float64(n) >= nearLimit*limit {
			o.Status, o.Clear, o.Cause = report.Warn, false, cause.RequestTooBig
			o.Evidence = fmt.Sprintf("a value of %.1f MB, and the plan's largest request or reply is %.1f MB: %s", float64(n)/(1<<20), limit/(1<<20), family(keys[i]))
			return
		}
	}
}

func beginsLikeJSON(value string) bool {
	value = strings.TrimLeft(value, " \t\r\n")
	return value != "" && strings.ContainsRune(`{["`, rune(value[0]))
}

// isJSON reports whether a value is JSON, or one that was cut may be.
func isJSON(value string) bool {
	if len(value) < valueBytes {
		return json.Valid([]byte(value))
	}
	decoder := json.NewDecoder(strings.NewReader(value))
	for {
		_, err := decoder.Token()
		if err != nil {
			return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		}
	}
}

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
	if _, again := f.seen[h]; !again {
		f.seen[h] = struct{}{}
		f.families[family(key)]++
	}
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
	names := slices.SortedFunc(maps.Keys(f.families), func(a, b string) int {
		return cmp.Or(f.families[b]-f.families[a], strings.Compare(a, b))
	})
	const most = 5
	var shown []string
	for _, name := range names[:min(len(names), most)] {
		shown = append(shown, fmt.Sprintf("%s (%d)", name, f.families[name]))
	}
	if len(shown) > 0 {
		o.Evidence += ": " + strings.Join(shown, ", ")
	}
	if more := len(names) - most; more > 0 {
		o.Evidence += fmt.Sprintf(" and %d more patterns", more)
	}
	return o
}

// word matches a name that a programmer gave, and not data: a few letters, with dashes or underscores.
var word = regexp.MustCompile(`^[A-Za-z_-]{1,24}$`)

// family is a pattern for keys like this one, by which its author finds them and which
// reveals nothing to others: at most the first segment, if that is a word. What may
// be a name, an address or a token becomes a *.
func family(key string) string {
	first, rest, several := strings.Cut(key, ":")
	switch {
	case first == "ws" && several:
		return "ws:*" // a workspace's key that lacks a part
	case !word.MatchString(first) && several:
		return "*:*"
	case !word.MatchString(first):
		return "*"
	case several && rest != "":
		return first + ":*"
	default:
		// The whole key is a word: its beginning has to do.
		return first[:min(len(first)/2, 4)] + "*"
	}
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
