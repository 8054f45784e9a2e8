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
	"strconv"
)

// StackKey is the attribute in which Error Reporting looks for a stack, in the
// form of Go's own panics.
const StackKey = "stack_trace"

// errorEvent marks a line for Error Reporting.
const errorEvent = "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent"

// Options say what the lines belong to; each may be empty.
type Options struct {
	Project  string // the project's id; without it lines carry no trace
	Service  string // Cloud Run's K_SERVICE
	Revision string // Cloud Run's K_REVISION
}

// handler adds to a record what Google looks for. A logger with a group would hide it
// from Google inside the group.
type handler struct {
	slog.Handler
	options Options
}

// New returns a handler that writes each line of level INFO and above to w with one
// Write.
func New(w io.Writer, o Options) slog.Handler {
	return handler{slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: rename}), o}
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
	case l < slog.LevelWarn:
		return "INFO"
	case l < slog.LevelError:
		return "WARNING"
	default:
		return "ERROR"
	}
}

// WithAttrs implements [slog.Handler].
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs), h.options}
}

// WithGroup implements [slog.Handler].
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.options}
}

// Handle implements [slog.Handler].
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	r = r.Clone()
	r.AddAttrs(h.trace(ctx)...)
	if r.Level >= slog.LevelError {
		r.AddAttrs(h.errorAttrs(r)...)
	}
	return h.Handler.Handle(ctx, r)
}

func (h handler) trace(ctx context.Context) []slog.Attr {
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
func (h handler) errorAttrs(r slog.Record) []slog.Attr {
	attrs := []slog.Attr{field("@type", errorEvent)}
	if h.options.Service != "" {
		attrs = append(attrs, group("serviceContext", field("service", h.options.Service), field("version", h.options.Revision)))
	}
	if r.PC == 0 {
		return attrs
	}
	frame, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
	file := path.Join(path.Base(path.Dir(frame.File)), path.Base(frame.File)) // without the build machine's folders
	return append(attrs,
		group("logging.googleapis.com/sourceLocation",
			field("file", file), field("line", strconv.Itoa(frame.Line)), field("function", frame.Function)),
		group("context", group("reportLocation",
			field("filePath", file), field("lineNumber", frame.Line), field("functionName", frame.Function))))
}

// field and group make attributes whose keys are Google's and not in snake case.
func field(key string, value any) slog.Attr { return slog.Any(key, value) }

func group(key string, attrs ...slog.Attr) slog.Attr {
	return slog.Attr{Key: key, Value: slog.GroupValue(attrs...)}
}
