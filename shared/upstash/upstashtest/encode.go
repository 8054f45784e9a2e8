package upstashtest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
)

// encoding is how a client wants its answers.
type encoding struct{ base64, resp2 bool }

// encodingOf reads the headers, and returns an error text for what Upstash refuses.
func encodingOf(r *http.Request) (e encoding, refused string) {
	text, format := r.Header.Get("Upstash-Encoding"), r.Header.Get("Upstash-Response-Format")
	switch {
	case text != "" && text != "base64":
		return e, "ERR unsupported Upstash-Encoding"
	case format != "" && format != "resp2":
		return e, "ERR unsupported Upstash-Response-Format"
	case text != "" && format != "":
		return e, "ERR base64 and resp2 exclude each other"
	}
	return encoding{base64: text != "", resp2: format != ""}, ""
}

func (e encoding) write(w http.ResponseWriter, status int, a answer) {
	if e.resp2 {
		writeRESP2(w, status, a)
		return
	}
	writeJSON(w, status, e.item(a))
}

func (e encoding) writeAll(w http.ResponseWriter, answers []answer) {
	if e.resp2 {
		writeRESP2(w, http.StatusOK, answers...)
		return
	}
	items := make([]any, len(answers))
	for i, a := range answers {
		items[i] = e.item(a)
	}
	writeJSON(w, http.StatusOK, items)
}

func writeRESP2(w http.ResponseWriter, status int, answers ...answer) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.WriteHeader(status)
	for _, a := range answers {
		_, _ = w.Write(resp2(nil, a))
	}
}

type resultItem struct {
	Result any `json:"result"`
}

type errorItem struct {
	Error string `json:"error"`
}

func (e encoding) item(a answer) any {
	if a.err != "" {
		return errorItem{a.err}
	}
	// OK stays OK where it is the whole result: Upstash's clients look for it there, and
	// decode whatever is inside an array.
	if a.value == "OK" {
		return resultItem{a.value}
	}
	return resultItem{e.value(a.value)}
}

// value encodes strings in base64 where that was asked for.
func (e encoding) value(v any) any {
	switch v := v.(type) {
	case string:
		if e.base64 {
			return base64.StdEncoding.EncodeToString([]byte(v))
		}
		return v
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = e.value(element)
		}
		return out
	case error:
		return v.Error()
	default:
		return v
	}
}

// resp2 appends an answer in Redis' own protocol.
func resp2(b []byte, a answer) []byte {
	if a.err != "" {
		return fmt.Appendf(b, "-%s\r\n", a.err)
	}
	switch v := a.value.(type) {
	case nil:
		return append(b, "$-1\r\n"...)
	case int64:
		return fmt.Appendf(b, ":%d\r\n", v)
	case []any:
		b = fmt.Appendf(b, "*%d\r\n", len(v))
		for _, element := range v {
			b = resp2(b, answer{value: element})
		}
		return b
	case error:
		return fmt.Appendf(b, "-%s\r\n", v)
	default:
		text := fmt.Sprint(v)
		if text == "OK" || text == "PONG" {
			return fmt.Appendf(b, "+%s\r\n", text)
		}
		return fmt.Appendf(b, "$%d\r\n%s\r\n", len(text), text)
	}
}

// limited refuses a reply that is larger than the plan allows. Upstash counts each command's
// reply by itself.
func limited(a answer) answer {
	if n := size(a.value); n > maxRequest {
		return answer{err: fmt.Sprintf(textTooBig, maxRequest, n)}
	}
	return a
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
