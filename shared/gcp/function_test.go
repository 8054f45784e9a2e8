package gcp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pongwatch/pongwatch/shared/gcp"
)

func serve(t *testing.T, h http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func logged(t *testing.T, b *bytes.Buffer) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range bytes.Lines(b.Bytes()) {
		m := map[string]any{}
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

// Strangers learn nothing of a set-up that fails, and cannot make it be tried at will.
func TestFunctionIsSetUpOnTheFirstRequestAndAfterARepair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		logger := gcp.Environment{Project: "p"}.Logger(&b)
		builds, broken := 0, true
		f := gcp.Function(logger, func(context.Context) (http.Handler, error) {
			builds++
			if broken {
				return nil, errors.New("PONGWATCH_CONFIG is not set: https://hooks.slack.com/services/T0/B0/canary")
			}
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") }), nil
		})
		if builds != 0 {
			t.Error("set up before a request")
		}
		for range 50 {
			w := serve(t, f)
			if w.Code != http.StatusServiceUnavailable || w.Body.String() != `{"error":"set-up failed, see the log"}`+"\n" || w.Header().Get("Retry-After") != "10" {
				t.Errorf("while broken: %d %s", w.Code, w.Body)
			}
			time.Sleep(99 * time.Millisecond)
		}
		lines := logged(t, &b)
		if len(lines) != 1 || lines[0]["severity"] != "ERROR" || lines[0]["logging.googleapis.com/trace"] != "projects/p/traces/0af7651916cd43dd8448eb211c80319c" {
			t.Errorf("logged %v, want one error with its trace", lines)
		}
		if text := fmt.Sprint(lines); !strings.Contains(text, "PONGWATCH_CONFIG is not set") || strings.Contains(text, "canary") {
			t.Errorf("logged %s, want the reason without the secret", text)
		}
		broken = false
		if w := serve(t, f); w.Code != http.StatusServiceUnavailable || builds != 1 {
			t.Errorf("within five seconds: %d after %d builds", w.Code, builds)
		}
		time.Sleep(time.Second)
		for range 2 {
			if w := serve(t, f); w.Code != http.StatusOK || w.Body.String() != "fine" {
				t.Errorf("after the repair: %d %s", w.Code, w.Body)
			}
		}
		if builds != 2 {
			t.Errorf("%d builds, want 2", builds)
		}
	})
}

func TestFunctionPanics(t *testing.T) {
	tests := []struct {
		name    string
		handler http.HandlerFunc
		code    int
		body    string
	}{
		{"before an answer it is a 500 without the reason", func(http.ResponseWriter, *http.Request) { panic("inner detail") }, 500, `{"error":"internal error"}` + "\n"},
		{"after the answer began it stays", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			panic("inner detail")
		}, 200, "half"},
		{"after a status without a body it stays", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			panic("inner detail")
		}, 202, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			f := gcp.Function(gcp.Environment{}.Logger(&b), func(context.Context) (http.Handler, error) { return tt.handler, nil })
			w := serve(t, f)
			if w.Code != tt.code || w.Body.String() != tt.body {
				t.Errorf("answered %d %q", w.Code, w.Body)
			}
			lines := logged(t, &b)
			if len(lines) != 1 {
				t.Fatalf("logged %v", lines)
			}
			stack, _ := lines[0]["stack_trace"].(string)
			if !strings.HasPrefix(stack, "panic: inner detail\n\ngoroutine ") || !strings.Contains(stack, "function_test.go") {
				t.Errorf("logged the stack %q", stack)
			}
		})
	}
}

func TestFunctionLetsAnAbortPass(t *testing.T) {
	f := gcp.Function(slog.New(slog.DiscardHandler), func(context.Context) (http.Handler, error) {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), nil
	})
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
			t.Errorf("recovered %v", p)
		}
	}()
	serve(t, f)
}

func TestFunctionKeepsTheResponsesOtherMethods(t *testing.T) {
	f := gcp.Function(slog.New(slog.DiscardHandler), func(context.Context) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Errorf("Flush: %v", err)
			}
		}), nil
	})
	if w := serve(t, f); !w.Flushed {
		t.Error("not flushed")
	}
}
