package cloudlog

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// trace is a request's place in a distributed trace.
type trace struct {
	id      string // 32 hexadecimal digits
	span    string // 16 hexadecimal digits, or empty
	sampled bool
}

type traceKey struct{}

// Trace is a middleware that makes the lines logged with a request's context carry
// its trace, so that Cloud Logging shows them under the request.
func Trace(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, ok := parseTraceparent(r.Header.Get("traceparent"))
		if !ok {
			t, ok = parseCloudTrace(r.Header.Get("X-Cloud-Trace-Context"))
		}
		if ok {
			r = r.WithContext(context.WithValue(r.Context(), traceKey{}, t))
		}
		next.ServeHTTP(w, r)
	})
}

// parseTraceparent reads W3C's 00-TRACE-SPAN-FLAGS
// (https://www.w3.org/TR/trace-context/#traceparent-header).
func parseTraceparent(s string) (trace, bool) {
	parts := strings.Split(s, "-")
	if len(parts) < 4 || len(parts[0]) != 2 || !isID(parts[1], 32) || !isID(parts[2], 16) || len(parts[3]) != 2 {
		return trace{}, false
	}
	flags, err := hex.DecodeString(parts[3])
	if err != nil {
		return trace{}, false
	}
	return trace{id: parts[1], span: parts[2], sampled: flags[0]&1 == 1}, true
}

// parseCloudTrace reads Google's TRACE[/SPAN][;o=OPTIONS], where the span is decimal
// (https://cloud.google.com/trace/docs/trace-context#legacy-http-header).
func parseCloudTrace(s string) (trace, bool) {
	s, options, _ := strings.Cut(s, ";")
	id, span, _ := strings.Cut(s, "/")
	if !isID(id, 32) {
		return trace{}, false
	}
	t := trace{id: id, sampled: options == "o=1"}
	if n, err := strconv.ParseUint(span, 10, 64); err == nil && n != 0 {
		t.span = fmt.Sprintf("%016x", n)
	}
	return t, true
}

// isID reports whether s is n lower-case hexadecimal digits, not all zero. The
// header comes from outside, so nothing else reaches the log.
func isID(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == "" && strings.Trim(s, "0") != ""
}
