package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

const (
	// valueBytes is how much of a value is read. Of a longer one the beginning is judged.
	valueBytes = 16 << 10
	// maxLengths is how many of the values that are longer are measured.
	maxLengths = 3
	// nearLimit is the share of the plan's largest reply from which a value is too large.
	nearLimit = 0.8
	// valuePages is how many pages of keys the values are chosen from.
	valuePages = 2
)

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
	keys, spent, err := t.stringKeys(ctx, rule.MaxCommands, func(key string) bool {
		return pattern.MatchString(key) && !exempted(key, append(libraryPrefixes, monitorPrefix))
	})
	if err != nil {
		return unknown(err)
	}
	left := rule.MaxCommands - spent
	keys = evenly(keys, left-min(maxLengths, left/4))
	found, read := findings{}, 0
	var long []string
	var refused error
	if len(keys) > 0 {
		t.sampled += len(keys)
		commands := make([]upstash.Command, len(keys))
		for i, key := range keys {
			commands[i] = upstash.Command{"GETRANGE", key, 0, valueBytes - 1}
		}
		results, err := t.client.Pipeline(ctx, commands...)
		if err != nil {
			return unknown(err)
		}
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
	if limit <= 0 || len(keys) == 0 {
		return
	}
	t.sampled += len(keys)
	commands := make([]upstash.Command, len(keys))
	for i, key := range keys {
		commands[i] = upstash.Command{"STRLEN", key}
	}
	results, err := t.client.Pipeline(ctx, commands...)
	if err != nil {
		return
	}
	for i, r := range results {
		n, err := r.Reply.Int()
		if r.Err == nil && err == nil && float64(n) >= nearLimit*limit {
			o.Status, o.Clear, o.Cause = report.Warn, false, cause.RequestTooBig
			o.Evidence = fmt.Sprintf("a value of %.1f MB, and the plan's largest request or reply is %.1f MB: %s", float64(n)/(1<<20), limit/(1<<20), family(keys[i]))
			return
		}
	}
}

// stringKeys returns the keys of a few pages that hold strings and are wanted, and how
// many commands that took.
func (t *Target) stringKeys(ctx context.Context, commands int, wanted func(string) bool) (keys []string, spent int, err error) {
	cursor := "0"
	for spent < min(valuePages, commands-1) {
		page, next, err := t.scan(ctx, cursor, "TYPE", "string")
		spent++
		if err != nil {
			return nil, spent, err
		}
		for _, key := range page {
			if wanted(key) {
				keys = append(keys, key)
			}
		}
		if cursor = next; cursor == "0" {
			break
		}
	}
	return keys, spent, nil
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
