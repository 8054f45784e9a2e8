package upstashtest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gomodule/redigo/redis"
)

// A reply to a command is nil, int64, string, []any or redis.Error. A json.RawMessage is an item
// that the database behind a proxy has made.

type resultItem struct {
	Result any `json:"result"`
}

type errorItem struct {
	Error string `json:"error"`
}

// write answers a single command: an error is a 400 of its own.
func (c call) write(w http.ResponseWriter, reply any) {
	status := http.StatusOK
	if _, failed := reply.(redis.Error); failed {
		status = http.StatusBadRequest
	}
	if c.resp2 {
		writeRESP2(w, status, reply)
		return
	}
	writeJSON(w, status, c.item(reply))
}

// writeAll answers several commands: errors are items of a 200.
func (c call) writeAll(w http.ResponseWriter, replies []any) {
	if c.resp2 {
		writeRESP2(w, http.StatusOK, replies...)
		return
	}
	items := make([]any, len(replies))
	for i, reply := range replies {
		items[i] = c.item(reply)
	}
	writeJSON(w, http.StatusOK, items)
}

// writeRESP2 answers in Redis' own protocol.
func writeRESP2(w http.ResponseWriter, status int, replies ...any) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.WriteHeader(status)
	for _, reply := range replies {
		_, _ = w.Write(resp2(nil, reply))
	}
}

func resp2(b []byte, reply any) []byte {
	switch v := reply.(type) {
	case nil:
		return append(b, "$-1\r\n"...)
	case redis.Error:
		return fmt.Appendf(b, "-%s\r\n", string(v))
	case int64:
		return fmt.Appendf(b, ":%d\r\n", v)
	case []any:
		b = fmt.Appendf(b, "*%d\r\n", len(v))
		for _, element := range v {
			b = resp2(b, element)
		}
		return b
	}
	text := fmt.Sprint(reply)
	if text == "OK" || text == "PONG" {
		return fmt.Appendf(b, "+%s\r\n", text)
	}
	return fmt.Appendf(b, "$%d\r\n%s\r\n", len(text), text)
}

func (c call) item(reply any) any {
	switch v := reply.(type) {
	case redis.Error:
		return errorItem{string(v)}
	case json.RawMessage:
		return v
	case string:
		// OK stays OK where it is the whole result: Upstash's clients look for it there, and
		// decode whatever is inside an array.
		if v == "OK" {
			return resultItem{v}
		}
	}
	return resultItem{c.value(reply)}
}

// value encodes strings in base64 where that was asked for.
func (c call) value(v any) any {
	switch v := v.(type) {
	case string:
		if c.base64 {
			return base64.StdEncoding.EncodeToString([]byte(v))
		}
		return v
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = c.value(element)
		}
		return out
	default:
		return v
	}
}

// limited refuses a reply that is larger than the plan allows. Upstash counts each command's
// reply by itself.
func limited(reply any) any {
	if n := size(reply); n > maxRequest {
		return redis.Error(fmt.Sprintf(textTooBig, maxRequest, n))
	}
	return reply
}

// size is about what a value takes in an answer, in bytes.
func size(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case []any:
		n := 0
		for _, element := range v {
			n += size(element) + len(`"",`)
		}
		return n
	default:
		return 0
	}
}

func writeError(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, errorItem{text})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		status = http.StatusInternalServerError
		b.Reset()
		b.WriteString(`{"error":"ERR the answer cannot be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.WriteHeader(status)
	_, _ = w.Write(bytes.TrimRight(b.Bytes(), "\n"))
}
