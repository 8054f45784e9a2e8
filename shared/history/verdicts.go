package history

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// verdict is what is kept of one check of one reading.
type verdict struct {
	Status report.Status `json:"status"`
	Cause  cause.Cause   `json:"cause,omitempty"`
	Value  *float64      `json:"value,omitempty"`
}

// verdicts are a check's, one for each reading, nil where it was not asked.
type verdicts []*verdict

// UnmarshalJSON reads what this version writes without a look at its own types for each
// of a page's hundred thousand verdicts. What it does not know it leaves to
// encoding/json.
func (v *verdicts) UnmarshalJSON(data []byte) error {
	if fast, ok := readVerdicts(data); ok {
		*v = fast
		return nil
	}
	return json.Unmarshal(data, (*[]*verdict)(v))
}

// readVerdicts reads [{"status":"ok","value":0.25},null,…] as encoding/json writes it.
func readVerdicts(data []byte) (verdicts, bool) {
	rest, ok := bytes.CutPrefix(data, []byte("["))
	if !ok || !isPlain(data) {
		return nil, false
	}
	n := bytes.Count(data, []byte("{"))
	out := make(verdicts, 0, n+bytes.Count(data, []byte("null")))
	// Each has its place in one of two pieces of memory.
	list, values := make([]verdict, n), make([]float64, n)
	for len(rest) > 0 {
		if after, isNull := bytes.CutPrefix(rest, []byte("null")); isNull {
			out, rest = append(out, nil), after
		} else if rest[0] == '{' && len(list) > 0 {
			end := bytes.IndexByte(rest, '}')
			if end < 0 || !list[0].read(rest[1:end], &values[0]) {
				return nil, false
			}
			out, rest = append(out, &list[0]), rest[end+1:]
			list, values = list[1:], values[1:]
		} else {
			return out, string(rest) == "]" && len(out) == 0
		}
		switch {
		case len(rest) == 1 && rest[0] == ']':
			return out, true
		case len(rest) > 1 && rest[0] == ',':
			rest = rest[1:]
		default:
			return nil, false
		}
	}
	return nil, false
}

// read reads the inside of one object. value is where its value may lie.
func (v *verdict) read(fields []byte, value *float64) bool {
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
			v.Status = report.Status(text)
		case `"cause"`:
			text, ok := unquote(content)
			if !ok {
				return false
			}
			v.Cause = cause.Cause(text)
		case `"value"`:
			f, err := strconv.ParseFloat(string(content), 64)
			if err != nil {
				return false
			}
			*value = f
			v.Value = value
		default:
			return false
		}
	}
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
