package history

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
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

// UnmarshalJSON implements [json.Unmarshaler].
func (w *words) UnmarshalJSON(data []byte) error {
	if fast, ok := readWords(data); ok {
		*w = fast
		return nil
	}
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*w = words{}
	for _, word := range list {
		w.add(word)
	}
	return nil
}

// readWords reads ["a","a","b"], unless a word has a comma or an escape.
func readWords(data []byte) (words, bool) {
	elements, ok := elementsOf(data)
	if !ok || !isPlain(data) {
		return words{}, false
	}
	out := words{index: make([]uint32, 0, bytes.Count(data, []byte(","))+1)}
	for len(elements) > 0 {
		var one []byte
		one, elements, _ = bytes.Cut(elements, []byte(","))
		if len(one) < 2 || one[0] != '"' || one[len(one)-1] != '"' {
			return words{}, false
		}
		one = one[1 : len(one)-1]
		if bytes.IndexByte(one, '"') >= 0 {
			return words{}, false
		}
		if n := len(out.index); n > 0 && out.at(n-1) == string(one) {
			out.index = append(out.index, out.index[n-1])
		} else {
			out.add(string(one))
		}
	}
	return out, true
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
type gauges = named[report.Gauge, numbers]

// verdictsOf are columns by check.
type verdictsOf = named[report.Check, verdicts]

// UnmarshalJSON implements [json.Unmarshaler].
func (x *named[N, C]) UnmarshalJSON(data []byte) error {
	out := make(named[N, C], 0, bytes.Count(data, []byte(`":[`)))
	if eachList(data, func(name, list []byte) bool {
		column, ok := any(out.at(N(known(name)))).(json.Unmarshaler)
		return ok && column.UnmarshalJSON(list) == nil
	}) {
		*x = out
		return nil
	}
	var all map[N]C
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	*x = nil
	for _, name := range slices.Sorted(maps.Keys(all)) {
		*x.at(name) = all[name]
	}
	return nil
}

// eachList hands out the members of an object whose values are lists, see eachMember.
func eachList(data []byte, take func(name, list []byte) bool) bool {
	return eachMember(data, '[', ']', take)
}

// eachMember hands out the members of an object, as long as take likes them. Their values
// begin and end with these marks and have none of the latter in them: it takes nothing
// else for a member, or hands out what is none.
func eachMember(data []byte, begin, end byte, take func(name, value []byte) bool) bool {
	rest, ok := bytes.CutPrefix(data, []byte("{"))
	if !ok || !isPlain(data) {
		return false
	}
	for string(rest) != "}" {
		name, after, found := bytes.Cut(rest, []byte{'"', ':', begin})
		length := bytes.IndexByte(after, end)
		if !found || length < 0 || len(name) == 0 || name[0] != '"' || bytes.IndexByte(name[1:], '"') >= 0 {
			return false
		}
		value := rest[len(name)+2 : len(name)+3+length+1]
		if !take(name[1:], value) {
			return false
		}
		rest = after[length+1:]
		if len(rest) > 1 && rest[0] == ',' {
			rest = rest[1:]
		} else if string(rest) != "}" {
			return false
		}
	}
	return true
}

// known makes no new string of a name that is known.
func known(name []byte) string {
	if known, ok := knownNames[string(name)]; ok {
		return known
	}
	return string(name)
}

var knownNames = func() map[string]string {
	names := map[string]string{}
	for _, g := range report.Gauges() {
		names[string(g)] = string(g)
	}
	for _, c := range report.Checks() {
		names[string(c)] = string(c)
	}
	return names
}()
