package cloudlog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudlog"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

var options = cloudlog.Options{Project: "p", Service: "healthcheck", Revision: "healthcheck-00007"}

// lines returns what f logs, with the time and line numbers fixed.
func lines(t *testing.T, o cloudlog.Options, f func(l *slog.Logger)) string {
	t.Helper()
	var b bytes.Buffer
	f(slog.New(cloudlog.New(&b, o)))
	out := regexp.MustCompile(`"time":"[^"]+"`).ReplaceAllString(b.String(), `"time":"2026-11-22T20:00:00Z"`)
	return regexp.MustCompile(`("line":"|"lineNumber":)\d+`).ReplaceAllString(out, "${1}1")
}

func TestGolden(t *testing.T) {
	tests := []struct {
		name string
		log  func(l *slog.Logger)
	}{
		{"severities", func(l *slog.Logger) {
			for level := slog.LevelDebug; level <= slog.LevelError+1; level++ {
				l.Log(t.Context(), level, "level")
			}
		}},
		{"error", func(l *slog.Logger) { l.Error("publishing failed", "error", errors.New("no route"), "shard", "main") }},
		{"attributes", func(l *slog.Logger) {
			l.With("run", "r1").With("database", "cache").Error("failed", "ms", 12, slog.Group("in", "level", "x", "msg", "y"))
		}},
		{"one_line", func(l *slog.Logger) {
			l.Info("untrusted\n{\"severity\":\"ERROR\"}", "evidence", "a\r\nb\x1b[31m\u2028\"}")
		}},
		{"secret", func(l *slog.Logger) {
			token := secrets.New("c4nary-S3cret")
			l.With("token", token).Info("m", "again", token, "inside", struct{ Token secrets.Value }{token})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := lines(t, options, tt.log)
			goldentest.Compare(t, "testdata/"+tt.name+".jsonl", got)
		})
	}
}

func TestSlogContract(t *testing.T) {
	var b bytes.Buffer
	h := cloudlog.New(&b, options)
	if err := slogtest.TestHandler(h, func() []map[string]any {
		var out []map[string]any
		for line := range bytes.Lines(b.Bytes()) {
			m := map[string]any{}
			if err := json.Unmarshal(line, &m); err != nil {
				t.Fatal(err)
			}
			for ours, theirs := range map[string]string{"severity": slog.LevelKey, "message": slog.MessageKey} {
				m[theirs] = m[ours]
			}
			out = append(out, m)
		}
		return out
	}); err != nil {
		t.Error(err)
	}
}

func TestTrace(t *testing.T) {
	const id, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	tests := []struct {
		name    string
		header  string
		value   string
		project string
		want    map[string]any
	}{
		{"W3C's header", "traceparent", "00-" + id + "-" + span + "-01", "p", map[string]any{
			"logging.googleapis.com/trace": "projects/p/traces/" + id, "logging.googleapis.com/spanId": span, "logging.googleapis.com/trace_sampled": true,
		}},
		{"W3C's header, not sampled", "traceparent", "00-" + id + "-" + span + "-00", "p", map[string]any{
			"logging.googleapis.com/trace": "projects/p/traces/" + id, "logging.googleapis.com/spanId": span,
		}},
		{"Google's header with its decimal span", "X-Cloud-Trace-Context", id + "/13235353014750950193;o=1", "p", map[string]any{
			"logging.googleapis.com/trace": "projects/p/traces/" + id, "logging.googleapis.com/spanId": span, "logging.googleapis.com/trace_sampled": true,
		}},
		{"Google's header without a span", "X-Cloud-Trace-Context", id, "p", map[string]any{"logging.googleapis.com/trace": "projects/p/traces/" + id}},
		{"Google's header with the span zero", "X-Cloud-Trace-Context", id + "/0;o=0", "p", map[string]any{"logging.googleapis.com/trace": "projects/p/traces/" + id}},
		{"Google's header with the span one", "X-Cloud-Trace-Context", id + "/1", "p", map[string]any{
			"logging.googleapis.com/trace": "projects/p/traces/" + id, "logging.googleapis.com/spanId": "0000000000000001",
		}},
		{"Google's header with a span that is no number", "X-Cloud-Trace-Context", id + "/x", "p", map[string]any{"logging.googleapis.com/trace": "projects/p/traces/" + id}},
		{"W3C's header without flags", "traceparent", "00-" + id + "-" + span, "p", map[string]any{}},
		{"W3C's header with a version of one digit", "traceparent", "0-" + id + "-" + span + "-01", "p", map[string]any{}},
		{"W3C's header with flags that are no digits", "traceparent", "00-" + id + "-" + span + "-zz", "p", map[string]any{}},
		{"no project, no trace", "traceparent", "00-" + id + "-" + span + "-01", "", map[string]any{}},
		{"no header", "X-Other", "x", "p", map[string]any{}},
		{"what is no id does not reach the log", "X-Cloud-Trace-Context", strings.Repeat("x", 32), "p", map[string]any{}},
		{"all zero is no trace", "traceparent", "00-" + strings.Repeat("0", 32) + "-" + span + "-01", "p", map[string]any{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			logger := slog.New(cloudlog.New(&b, cloudlog.Options{Project: tt.project}))
			h := cloudlog.Trace(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				logger.InfoContext(r.Context(), "m")
			}))
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.Header.Set(tt.header, tt.value)
			h.ServeHTTP(httptest.NewRecorder(), r)
			got := map[string]any{}
			if err := json.Unmarshal(b.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"time", "severity", "message"} {
				delete(got, key)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHandle(t *testing.T) {
	var b bytes.Buffer
	h := cloudlog.New(&b, options)
	r := slog.NewRecord(time.Time{}, slog.LevelError, "m", 0)
	for i := range 9 {
		r.Add("n", i)
	}
	if err := h.Handle(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "sourceLocation") || !strings.Contains(b.String(), "serviceContext") {
		t.Errorf("a record without its place: %s", b.String())
	}
	// Another handler may hold the same record.
	r.Add("another", "handler's")
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "!BUG" {
			t.Errorf("the record was changed: %v", a)
		}
		return true
	})
	if err := cloudlog.New(full{}, options).Handle(t.Context(), r); !errors.Is(err, errFull) {
		t.Errorf("error %v, want the writer's", err)
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func FuzzTrace(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "0af7651916cd43dd8448eb211c80319c/1;o=1")
	f.Add("", "")
	allowed := regexp.MustCompile(`^projects/p/traces/[0-9a-f]{32}$`)
	f.Fuzz(func(t *testing.T, w3c, google string) {
		var b bytes.Buffer
		logger := slog.New(cloudlog.New(&b, options))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header = http.Header{"Traceparent": {w3c}, "X-Cloud-Trace-Context": {google}}
		cloudlog.Trace(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			logger.InfoContext(r.Context(), "m")
		})).ServeHTTP(httptest.NewRecorder(), r)
		got := map[string]any{}
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if name, ok := got["logging.googleapis.com/trace"].(string); ok && !allowed.MatchString(name) {
			t.Fatalf("logged the trace %q", name)
		}
	})
}

func BenchmarkInfo(b *testing.B) {
	logger := slog.New(cloudlog.New(discard{}, options))
	at := time.Now()
	for b.Loop() {
		logger.InfoContext(b.Context(), "probe", "database", "cache", "status", "ok", "latency_ms", 12.5, "at", at)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
