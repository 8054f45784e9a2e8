package history

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/pongwatch/pongwatch/shared/report"
)

// The lists and maps of a database's readings. A page decodes a hundred thousand of their
// elements; encoding/json does it by reflection, and makes a string of every word. These
// read what this version writes in one look at each byte, and leave the rest to it.

// indices are those of runs.
type indices []int

// UnmarshalJSON implements [json.Unmarshaler].
func (x *indices) UnmarshalJSON(data []byte) error {
	elements, ok := elementsOf(data)
	out := make(indices, 0, bytes.Count(data, []byte(","))+1)
	for ok && len(elements) > 0 {
		var one []byte
		one, elements, _ = bytes.Cut(elements, []byte(","))
		n, err := strconv.Atoi(string(one))
		ok = err == nil
		out = append(out, n)
	}
	if !ok {
		return json.Unmarshal(data, (*[]int)(x))
	}
	*x = out
	return nil
}

// words are mostly the same one over and over.
type words []string

// UnmarshalJSON implements [json.Unmarshaler].
func (x *words) UnmarshalJSON(data []byte) error {
	elements, ok := elementsOf(data)
	ok = ok && isPlain(data)
	out := make(words, 0, bytes.Count(data, []byte(","))+1)
	last := ""
	for ok && len(elements) > 0 {
		var one []byte
		one, elements, _ = bytes.Cut(elements, []byte(","))
		if ok = len(one) >= 2 && one[0] == '"' && one[len(one)-1] == '"'; !ok {
			break // a word with a comma, or none
		}
		if one = one[1 : len(one)-1]; string(one) != last {
			last = string(one)
		}
		ok = bytes.IndexByte(one, '"') < 0
		out = append(out, last)
	}
	if !ok {
		return json.Unmarshal(data, (*[]string)(x))
	}
	*x = out
	return nil
}

// elementsOf returns what is inside a list.
func elementsOf(data []byte) ([]byte, bool) {
	inner, opened := bytes.CutPrefix(data, []byte("["))
	inner, closed := bytes.CutSuffix(inner, []byte("]"))
	return inner, opened && closed
}

// isPlain reports whether texts in data are what they look like: without escapes, and
// without bytes that encoding/json would replace.
func isPlain(data []byte) bool { return bytes.IndexByte(data, '\\') < 0 && utf8.Valid(data) }

// gauges are columns by gauge.
type gauges map[report.Gauge]numbers

// UnmarshalJSON implements [json.Unmarshaler].
func (x *gauges) UnmarshalJSON(data []byte) error {
	out := make(gauges, bytes.Count(data, []byte(":")))
	ok := eachList(data, func(name, list []byte) bool {
		var column numbers
		if column.UnmarshalJSON(list) != nil {
			return false
		}
		out[knownGauge(name)] = column
		return true
	})
	if !ok {
		return json.Unmarshal(data, (*map[report.Gauge]numbers)(x))
	}
	*x = out
	return nil
}

// verdictsOf are columns by check.
type verdictsOf map[report.Check]verdicts

// UnmarshalJSON implements [json.Unmarshaler].
func (x *verdictsOf) UnmarshalJSON(data []byte) error {
	out := verdictsOf{}
	ok := eachList(data, func(name, list []byte) bool {
		column, ok := readVerdicts(list)
		out[knownCheck(name)] = column
		return ok
	})
	if !ok {
		return json.Unmarshal(data, (*map[report.Check]verdicts)(x))
	}
	*x = out
	return nil
}

// eachList hands out the members of an object whose values are lists without lists in
// them, as long as take likes them. It takes nothing else for one.
func eachList(data []byte, take func(name, list []byte) bool) bool {
	rest, ok := bytes.CutPrefix(data, []byte("{"))
	if !ok || !isPlain(data) {
		return false
	}
	for string(rest) != "}" {
		name, after, found := bytes.Cut(rest, []byte(`":[`))
		end := bytes.IndexByte(after, ']')
		if !found || end < 0 || len(name) == 0 || name[0] != '"' || bytes.IndexByte(name[1:], '"') >= 0 {
			return false
		}
		list := rest[len(name)+2 : len(name)+3+end+1]
		if !take(name[1:], list) {
			return false
		}
		rest = after[end+1:]
		if len(rest) > 1 && rest[0] == ',' {
			rest = rest[1:]
		} else if string(rest) != "}" {
			return false
		}
	}
	return true
}

// knownGauge and knownCheck make no new string of a name that is known.
func knownGauge(name []byte) report.Gauge {
	if g, ok := gaugeNames[string(name)]; ok {
		return g
	}
	return report.Gauge(name)
}

func knownCheck(name []byte) report.Check {
	for _, c := range report.Checks() {
		if string(name) == string(c) {
			return c
		}
	}
	return report.Check(name)
}

var gaugeNames = func() map[string]report.Gauge {
	names := map[string]report.Gauge{}
	for _, g := range report.Gauges() {
		names[string(g)] = g
	}
	return names
}()
