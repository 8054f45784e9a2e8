package upstash

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
)

// Reply is a command's result: nil, an integer, a string, or an array of replies. The
// zero Reply is nil.
type Reply struct {
	v any // nil, int64, string, []Reply
}

// IsNil reports whether the result is Redis' nil, as for a key that does not exist.
func (r Reply) IsNil() bool { return r.v == nil }

// Text returns a string, or an integer as text.
func (r Reply) Text() (string, error) {
	switch v := r.v.(type) {
	case string:
		return v, nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	default:
		return "", r.mismatch("a string")
	}
}

// Int returns an integer, also one that came as a string.
func (r Reply) Int() (int64, error) {
	switch v := r.v.(type) {
	case int64:
		return v, nil
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, r.mismatch("an integer")
}

// Array returns the elements of an array.
func (r Reply) Array() ([]Reply, error) {
	if v, ok := r.v.([]Reply); ok {
		return v, nil
	}
	return nil, r.mismatch("an array")
}

// mismatch names kinds only: a value may hold the app's data.
func (r Reply) mismatch(want string) error {
	got := "nil"
	switch r.v.(type) {
	case int64:
		got = "an integer"
	case string:
		got = "a string"
	case []Reply:
		got = "an array"
	}
	return fmt.Errorf("the result is %s, not %s", got, want)
}

// parseReply reads {"result": …} with base64 strings.
func parseReply(body []byte) (Reply, error) {
	var envelope struct {
		Result json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil || envelope.Result == nil {
		return Reply{}, fmt.Errorf("the answer has no result")
	}
	decoder := json.NewDecoder(bytes.NewReader(envelope.Result))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return Reply{}, fmt.Errorf("the result is not JSON")
	}
	return toReply(v)
}

func toReply(v any) (Reply, error) {
	switch v := v.(type) {
	case nil:
		return Reply{}, nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return Reply{n}, nil
		}
		return Reply{v.String()}, nil
	case string:
		// The one string that Upstash does not encode; base64 has no text of two characters.
		if v == "OK" {
			return Reply{v}, nil
		}
		text, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			return Reply{}, fmt.Errorf("a string of the result is not base64, which was asked for")
		}
		return Reply{string(text)}, nil
	case []any:
		elements := make([]Reply, len(v))
		for i, e := range v {
			element, err := toReply(e)
			if err != nil {
				return Reply{}, err
			}
			elements[i] = element
		}
		return Reply{elements}, nil
	default:
		return Reply{}, fmt.Errorf("the result holds a %T, which Redis does not have", v)
	}
}
