package history

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// UnmarshalJSON reads what this version writes without a look at its own types for each
// of a page's hundred thousand verdicts. What it does not know it leaves to
// encoding/json.
func (v *verdicts) UnmarshalJSON(data []byte) error {
	if fast, ok := readVerdicts(data); ok {
		*v = fast
		return nil
	}
	var list []*verdict
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*v = verdicts{}
	v.addAll(list)
	return nil
}

// readVerdicts reads [{"status":"ok","value":0.25},null,…] as encoding/json writes it.
func readVerdicts(data []byte) (verdicts, bool) {
	rest, ok := bytes.CutPrefix(data, []byte("["))
	if !ok || !isPlain(data) {
		return verdicts{}, false
	}
	n := bytes.Count(data, []byte("{")) + bytes.Count(data, []byte("null"))
	out := verdicts{index: make([]uint32, 0, n), values: make(numbers, 0, n)}
	for len(rest) > 0 {
		if after, isNull := bytes.CutPrefix(rest, []byte("null")); isNull {
			out.pad(len(out.index) + 1)
			rest = after
		} else if rest[0] == '{' {
			end := bytes.IndexByte(rest, '}')
			if end < 0 || !out.read(rest[1:end]) {
				return verdicts{}, false
			}
			rest = rest[end+1:]
		} else {
			return out, string(rest) == "]" && len(out.index) == 0
		}
		switch {
		case len(rest) == 1 && rest[0] == ']':
			return out, true
		case len(rest) > 1 && rest[0] == ',':
			rest = rest[1:]
		default:
			return verdicts{}, false
		}
	}
	return verdicts{}, false
}

// read adds one verdict from the inside of an object.
func (v *verdicts) read(fields []byte) bool {
	var k kind
	value := math.NaN()
	for len(fields) > 0 {
		var field []byte
		field, fields, _ = bytes.Cut(fields, []byte(","))
		key, content, ok := bytes.Cut(field, []byte(":"))
		if !ok {
			return false
		}
		switch string(key) {
		case `"status"`:
			text, ok := unquote(content)
			if !ok {
				return false
			}
			k.status = report.Status(text)
		case `"cause"`:
			text, ok := unquote(content)
			if !ok {
				return false
			}
			k.cause = cause.Cause(text)
		case `"value"`:
			var err error
			if value, err = strconv.ParseFloat(string(content), 64); err != nil {
				return false
			}
		default:
			return false
		}
	}
	v.add(k, value)
	return true
}

// unquote returns the text of a JSON string without escapes, of which data has none. The
// words that nearly all are take no memory of their own.
func unquote(data []byte) (string, bool) {
	if len(data) < 2 || data[0] != '"' || data[len(data)-1] != '"' {
		return "", false
	}
	inner := data[1 : len(data)-1]
	if bytes.IndexByte(inner, '"') >= 0 {
		return "", false
	}
	switch s := report.Status(inner); s {
	case report.OK:
		return string(report.OK), true
	case report.Warn:
		return string(report.Warn), true
	case report.Fail:
		return string(report.Fail), true
	case report.Unknown:
		return string(report.Unknown), true
	default:
		return string(s), true
	}
}
