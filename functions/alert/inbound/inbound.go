// Package inbound is the function AlertWebhook, the only one that is meant to be
// public: buttons of Slack messages, signed links in messages, and signed events of
// apps. It verifies, publishes and returns; it decides nothing and keeps nothing.
// Alert judges who may do what.
//
// What is not authenticated is answered 401 without a reason, before anything of it
// is parsed. What has no key configured is answered 503 "not configured". A replay
// within the five minutes of a signature is harmless: a command has an id that the
// same click always gives, and of a source's events only newer ones count.
package inbound

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/signature"
)

// mount is the path under which a framework that serves several functions at once
// puts this one.
const mount = "/AlertWebhook"

const (
	// publishTimeout leaves Slack's three seconds some room.
	publishTimeout = 2 * time.Second
	secretTimeout  = 2 * time.Second
	maxSlackBody   = 64 << 10
	maxEventBody   = 64 << 10
	maxLinkBody    = 4 << 10
	// rereadEvery bounds how often a wrong signature makes us read secrets again.
	rereadEvery = time.Minute
)

// Options are what the function needs. Config is required.
type Options struct {
	Config *config.Config
	// Secrets reads the keys; it may be nil where none is a reference.
	Secrets *secrets.Cache
	// Reports takes commands, Signals what apps say.
	Reports, Signals report.Publisher
	// Now tells the time; nil is time.Now.
	Now func() time.Time
	// Logger is optional.
	Logger *slog.Logger
}

// Function is the AlertWebhook function.
type Function struct {
	options Options
	config  *config.Config
	now     func() time.Time
	log     *slog.Logger
	handler http.Handler

	mu     sync.Mutex
	reread time.Time
}

// New returns the function.
func New(o Options) (*Function, error) {
	switch {
	case o.Config == nil:
		return nil, errors.New("making AlertWebhook: Config is missing")
	case o.Reports == nil || o.Signals == nil:
		return nil, errors.New("making AlertWebhook: Reports and Signals are missing, want a publisher each")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	f := &Function{options: o, config: o.Config, now: o.Now, log: o.Logger}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", f.about)
	mux.HandleFunc("POST "+message.PathSlack, f.slack)
	mux.HandleFunc("POST "+message.PathEvents, f.event)
	mux.HandleFunc("GET "+message.PathIncident, f.confirm)
	mux.HandleFunc("POST "+message.PathIncident, f.act)
	f.handler = stripMount(mux)
	return f, nil
}

// ServeHTTP implements [http.Handler].
func (f *Function) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.handler.ServeHTTP(w, r) }

// stripMount serves the same paths with and without the mount.
func stripMount(h http.Handler) http.Handler {
	stripped := http.StripPrefix(mount, h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == mount:
			r2 := r.Clone(r.Context())
			r2.URL.Path = "/"
			h.ServeHTTP(w, r2)
		case strings.HasPrefix(r.URL.Path, mount+"/"):
			stripped.ServeHTTP(w, r)
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// about says what is set up, to whoever looks whether the function is there.
func (f *Function) about(w http.ResponseWriter, _ *http.Request) {
	state := func(set bool) string {
		if set {
			return "configured"
		}
		return "not configured"
	}
	in := f.config.Inbound
	answer(w, http.StatusOK, map[string]string{
		"function": "AlertWebhook", "slack": state(in.SlackSigningSecret.IsSet()), "events": state(len(in.EventKeys) > 0), "links": state(len(in.LinkKeys) > 0),
	})
}

// publishCommand hands a verified command over and answers.
func (f *Function) publish(ctx context.Context, to report.Publisher, m report.Message, err error) error {
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	return to.Publish(ctx, m)
}

// keys reads keys of Standard Webhooks or links.
func (f *Function) keys(ctx context.Context, from []config.Secret, refresh bool) ([]signature.Key, error) {
	ctx, cancel := context.WithTimeout(ctx, secretTimeout)
	defer cancel()
	var keys []signature.Key
	var problems []error
	for _, s := range from {
		v, err := f.secret(ctx, s, refresh)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		parsed, err := signature.ParseKeys(v.Reveal())
		if err != nil {
			problems = append(problems, err)
			continue
		}
		keys = append(keys, parsed...)
	}
	// While one key of two can be read, what it signed is verified.
	if len(keys) == 0 {
		return nil, errors.Join(problems...)
	}
	return keys, nil
}

func (f *Function) secret(ctx context.Context, s config.Secret, refresh bool) (secrets.Value, error) {
	read := s.Get
	if refresh {
		read = s.Refresh
	}
	entry, err := read(ctx, f.options.Secrets)
	return entry.Value, err
}

// mayReread allows one forced reading of secrets now and then: a key that was
// replaced is found, and a stranger cannot make us read at will.
func (f *Function) mayReread() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if now.Sub(f.reread) < rereadEvery {
		return false
	}
	f.reread = now
	return true
}

// verified runs check with the keys as they are and, if the signature does not fit,
// once more with the keys read anew. It answers the request itself unless it
// returns true.
func (f *Function) verified(w http.ResponseWriter, r *http.Request, from []config.Secret, check func([]signature.Key) error) bool {
	return f.authenticated(w, r, func(ctx context.Context, refresh bool) (error, error) {
		keys, err := f.keys(ctx, from, refresh)
		if err != nil {
			return nil, err
		}
		return check(keys), nil
	})
}

// authenticated is verified for keys of any form: check returns whether the
// signature fits, and whether the key could be read.
func (f *Function) authenticated(w http.ResponseWriter, r *http.Request, check func(ctx context.Context, refresh bool) (invalid, unreadable error)) bool {
	invalid, unreadable := check(r.Context(), false)
	if unreadable == nil && invalid != nil && f.mayReread() {
		invalid, unreadable = check(r.Context(), true)
	}
	switch {
	case unreadable != nil:
		f.log.ErrorContext(r.Context(), "key cannot be read", "path", r.URL.Path, "error", unreadable.Error())
		answer(w, http.StatusServiceUnavailable, map[string]string{"error": "key cannot be read at the moment"})
		return false
	case invalid != nil:
		unauthorized(w)
		return false
	}
	return true
}

func notConfigured(w http.ResponseWriter) {
	answer(w, http.StatusServiceUnavailable, map[string]string{"error": "not configured"})
}

// unauthorized says nothing that tells a wrong key from a wrong time or body.
func unauthorized(w http.ResponseWriter) {
	answer(w, http.StatusUnauthorized, map[string]string{"error": "unauthorized"})
}

func answer(w http.ResponseWriter, status int, body map[string]string) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// identity is the id of a command: the same request always gives the same.
func identity(kind string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return kind + "-" + hex.EncodeToString(sum[:12])
}
