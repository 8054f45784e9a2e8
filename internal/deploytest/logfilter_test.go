package deploytest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A logFilter decides about log entries as Cloud Logging does. It knows the part of the query language
// (https://cloud.google.com/logging/docs/view/logging-query-language) that terraform/ uses: AND, OR, NOT, parentheses,
// and the comparisons =, =~, :, <, > and >= of one field with one value. Anything else is an error.
type logFilter struct {
	tokens []string
	err    error
}

var filterToken = regexp.MustCompile(`\s*("(?:[^"\\]|\\.)*"|=~|>=|[()=:<>]|[^\s()=:<>"]+)`)

func matchesFilter(text string, entry map[string]any) (bool, error) {
	var f logFilter
	for rest := text; strings.TrimSpace(rest) != ""; {
		at := filterToken.FindStringSubmatchIndex(rest)
		if at == nil || at[0] != 0 {
			return false, fmt.Errorf("reading filter %q: no token at %q", text, rest)
		}
		f.tokens = append(f.tokens, rest[at[2]:at[3]])
		rest = rest[at[1]:]
	}
	matched := f.alternatives(entry)
	if f.err == nil && len(f.tokens) > 0 {
		f.err = fmt.Errorf("left over: %q", f.tokens)
	}
	return matched, f.err
}

func (f *logFilter) next() string {
	if len(f.tokens) == 0 {
		f.err = fmt.Errorf("the filter ends early")
		return ""
	}
	token := f.tokens[0]
	f.tokens = f.tokens[1:]
	return token
}

func (f *logFilter) takes(word string) bool {
	if len(f.tokens) > 0 && f.tokens[0] == word {
		f.tokens = f.tokens[1:]
		return true
	}
	return false
}

// alternatives reads terms joined by AND or by OR. OR binds tighter in Cloud Logging's language, against what readers
// expect, so mixing both without parentheses is refused.
func (f *logFilter) alternatives(entry map[string]any) bool {
	matched, joined := f.term(entry), ""
	for f.err == nil && len(f.tokens) > 0 && f.tokens[0] != ")" {
		word := f.next()
		if word != "AND" && word != "OR" || joined != "" && joined != word {
			f.err = fmt.Errorf("%q after %q: put parentheses around the parts", word, joined)
			return false
		}
		joined = word
		term := f.term(entry)
		if word == "AND" {
			matched = matched && term
		} else {
			matched = matched || term
		}
	}
	return matched
}

func (f *logFilter) term(entry map[string]any) bool {
	if f.takes("NOT") {
		return !f.term(entry)
	}
	if f.takes("(") {
		matched := f.alternatives(entry)
		if !f.takes(")") && f.err == nil {
			f.err = fmt.Errorf("a parenthesis is not closed")
		}
		return matched
	}
	return f.comparison(entry)
}

// severities are Cloud Logging's, in their order.
var severities = []string{"DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"}

func (f *logFilter) comparison(entry map[string]any) bool {
	field, operator, value := f.next(), f.next(), f.next()
	// A field's last name may be in quotes, as in jsonPayload."@type".
	if strings.HasSuffix(field, ".") {
		field, operator, value = field+operator, value, f.next()
	}
	if unquoted, err := unquote(value); err == nil {
		value = unquoted
	}
	got, present := fieldOf(entry, field)
	if !present {
		return false
	}
	switch operator {
	case "=":
		return fmt.Sprint(got) == value
	case ":":
		return strings.Contains(strings.ToLower(fmt.Sprint(got)), strings.ToLower(value))
	case "=~":
		matched, err := regexp.MatchString(value, fmt.Sprint(got))
		f.err = err
		return matched
	case "<", ">", ">=":
		a, b := slices.Index(severities, fmt.Sprint(got)), slices.Index(severities, value)
		if number, ok := got.(float64); ok {
			a = int(number * 1000)
			_, f.err = fmt.Sscan(value, &b)
			b *= 1000
		} else if a < 0 || b < 0 {
			f.err = fmt.Errorf("%s %s %s compares what has no order", field, operator, value)
		}
		return operator == "<" && a < b || operator == ">" && a > b || operator == ">=" && a >= b
	}
	f.err = fmt.Errorf("%s %s %s: unknown operator", field, operator, value)
	return false
}

func unquote(text string) (string, error) {
	var value string
	err := json.Unmarshal([]byte(text), &value)
	return value, err
}

func fieldOf(entry map[string]any, path string) (any, bool) {
	var at any = entry
	for name := range strings.SplitSeq(path, ".") {
		if unquoted, err := unquote(name); err == nil {
			name = unquoted
		}
		fields, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = fields[name]; !ok {
			return nil, false
		}
	}
	return at, true
}
