// Package gcp is what the functions share as Google Cloud Functions: where they
// run (Environment), their clients (Clients), and a handler that sets a function up on
// its first request (Deployed). Nothing here reads the environment, looks for
// credentials or connects before a request needs it.
package gcp

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp/cloudlog"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/outbound"
)

// setupPause is how long a failed set-up is not tried again, because strangers may ask.
const setupPause = 5 * time.Second

// Setup is what the set-up of every function begins with.
type Setup struct {
	Config      *config.Config
	Environment Environment
	Clients     *Clients
	Logger      *slog.Logger
}

// Deployed returns the handler of a deployed function. The first request builds the handler, with the
// configuration that getenv leads to. While that fails, requests are answered 503, and one each five seconds
// tries again, so that a repaired configuration or permission works without a new
// deployment. The reason is in the log alone, once for each try, because strangers may
// ask. A panic is answered 500 and logged as an error with its stack. Lines
// logged with a request's context carry its trace.
func Deployed(getenv func(string) string, build func(context.Context, Setup) (http.Handler, error)) http.Handler {
	e := ReadEnvironment(getenv)
	s := Setup{Environment: e, Clients: NewClients(e), Logger: e.Logger(os.Stderr)}
	return function(s.Logger, func(ctx context.Context) (_ http.Handler, err error) {
		s := s
		s.Config, err = config.Load(ctx, config.Options{Getenv: getenv, Environ: os.Environ, ReadFile: os.ReadFile, Secrets: s.Clients.Secrets()})
		if err != nil {
			return nil, err
		}
		return build(ctx, s)
	})
}

// function is Deployed without a configuration.
func function(logger *slog.Logger, build func(context.Context) (http.Handler, error)) http.Handler {
	handler := lazy(setupPause, func(ctx context.Context) (http.Handler, error) {
		h, err := build(ctx)
		if err != nil {
			logger.ErrorContext(ctx, "set-up failed", "error", outbound.Error(err).Error())
		}
		return h, err
	})
	return cloudlog.Trace(recovered(logger, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, err := handler(r.Context())
		if err != nil {
			w.Header().Set("Retry-After", "10")
			job.WriteError(w, http.StatusServiceUnavailable, "set-up failed, see the log")
			return
		}
		h.ServeHTTP(w, r)
	})))
}

// recovered answers and logs a panic of next.
func recovered(logger *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		watched := &response{ResponseWriter: w}
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
				panic(p)
			}
			logger.ErrorContext(r.Context(), "handler panicked",
				cloudlog.StackKey, fmt.Sprintf("panic: %v\n\n%s", p, debug.Stack()))
			if !watched.started {
				job.WriteError(w, http.StatusInternalServerError, "internal error")
			}
		}()
		next.ServeHTTP(watched, r)
	})
}

// response records whether an answer has begun, because no other can follow it.
type response struct {
	http.ResponseWriter
	started bool
}

func (r *response) WriteHeader(code int) {
	r.started = true
	r.ResponseWriter.WriteHeader(code)
}

func (r *response) Write(b []byte) (int, error) {
	r.started = true
	return r.ResponseWriter.Write(b)
}

// Unwrap serves [http.ResponseController].
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }
