// Package cloudlog writes slog records as Cloud Logging reads them: one JSON object
// a line, with severity, message, time and the request's trace, and errors as Error
// Reporting groups them
// (https://cloud.google.com/logging/docs/structured-logging,
// https://cloud.google.com/error-reporting/docs/formatting-error-messages).
package cloudlog

import (
	"context"
	"io"
	"log/slog"
	"path"
	"runtime"
	"slices"
	"strconv"
)

// Levels beyond slog's own.
const (
	LevelNotice   = slog.Level(2)
	LevelCritical = slog.Level(12)
)

// StackKey is the attribute in which Error Reporting looks for a stack, in the
// form of Go's own panics.
const StackKey = "stack_trace"

// errorEvent marks a line for Error Reporting.
const errorEvent = "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent"

// Options say what the lines belong to; each may be empty.
type Options struct {
	Project  string       // the project's id; without it lines carry no trace
	Service  string       // Cloud Run's K_SERVICE
	Revision string       // Cloud Run's K_REVISION
	Level    slog.Leveler // the least level written; slog.LevelInfo if nil
}

// Handler is a slog.Handler. Trace, severity and the like are always at the top of
// a line, whatever groups a logger has.
type Handler struct {
	base    slog.Handler
	options Options
	scopes  []scope
}

// scope is one WithGroup or WithAttrs of a logger.
type scope struct {
	group string // empty for attrs
	attrs []slog.Attr
}

var _ slog.Handler = (*Handler)(nil)

// New returns a handler that writes each line to w with one Write.
func New(w io.Writer, o Options) *Handler {
	base := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: o.Level, ReplaceAttr: rename})
	return &Handler{base: base, options: o}
}

func rename(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.MessageKey:
		a.Key = "message"
	case slog.LevelKey:
		if level, ok := a.Value.Any().(slog.Level); ok {
			return slog.String("severity", severity(level))
		}
	}
	return a
}

func severity(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "DEBUG"
	case l < LevelNotice:
		return "INFO"
	case l < slog.LevelWarn:
		return "NOTICE"
	case l < slog.LevelError:
		return "WARNING"
	case l < LevelCritical:
		return "ERROR"
	default:
		return "CRITICAL"
	}
}

// Enabled implements [slog.Handler].
func (h *Handler) Enabled(ctx context.Context, l slog.Level) bool { return h.base.Enabled(ctx, l) }

// WithAttrs implements [slog.Handler].
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	return h.with(scope{attrs: attrs})
}

// WithGroup implements [slog.Handler].
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(scope{group: name})
}

func (h *Handler) with(s scope) *Handler {
	next := *h
	next.scopes = append(slices.Clip(h.scopes), s)
	return &next
}

// Handle implements [slog.Handler].
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	line := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	line.AddAttrs(h.trace(ctx)...)
	if r.Level >= slog.LevelError {
		line.AddAttrs(h.errorAttrs(r)...)
	}
	line.AddAttrs(h.nested(r)...)
	return h.base.Handle(ctx, line)
}

// nested puts the record's attributes into the logger's groups, inside out.
func (h *Handler) nested(r slog.Record) []slog.Attr {
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	for _, s := range slices.Backward(h.scopes) {
		if s.group != "" {
			attrs = []slog.Attr{{Key: s.group, Value: slog.GroupValue(attrs...)}}
		} else {
			attrs = slices.Concat(s.attrs, attrs)
		}
	}
	return attrs
}

func (h *Handler) trace(ctx context.Context) []slog.Attr {
	t, ok := ctx.Value(traceKey{}).(trace)
	if !ok || h.options.Project == "" {
		return nil
	}
	attrs := []slog.Attr{field("logging.googleapis.com/trace", "projects/"+h.options.Project+"/traces/"+t.id)}
	if t.span != "" {
		attrs = append(attrs, field("logging.googleapis.com/spanId", t.span))
	}
	if t.sampled {
		attrs = append(attrs, field("logging.googleapis.com/trace_sampled", true))
	}
	return attrs
}

// errorAttrs are what Error Reporting needs to group an error: the service and the
// place that logged it.
func (h *Handler) errorAttrs(r slog.Record) []slog.Attr {
	attrs := []slog.Attr{field("@type", errorEvent)}
	if h.options.Service != "" {
		attrs = append(attrs, group("serviceContext", field("service", h.options.Service), field("version", h.options.Revision)))
	}
	if r.PC == 0 {
		return attrs
	}
	frame, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
	file := path.Join(path.Base(path.Dir(frame.File)), path.Base(frame.File)) // the rest is the build machine's
	return append(attrs,
		group("logging.googleapis.com/sourceLocation",
			field("file", file), field("line", strconv.Itoa(frame.Line)), field("function", frame.Function)),
		group("context", group("reportLocation",
			field("filePath", file), field("lineNumber", frame.Line), field("functionName", frame.Function))))
}

// field and group make attributes whose keys are Google's, which are not in the
// snake case of ours.
func field(key string, value any) slog.Attr { return slog.Any(key, value) }

func group(key string, attrs ...slog.Attr) slog.Attr {
	return slog.Attr{Key: key, Value: slog.GroupValue(attrs...)}
}
