// Package inbound is the function AlertWebhook, the only one that is meant to be
// public: buttons of Slack messages, signed links in messages, and signed events of
// apps. It verifies, publishes and returns; it decides nothing and stores nothing.
// Alert judges who may do what.
//
// An unauthenticated request is answered 401 without a reason, before any of it is
// parsed. A surface without a key is answered 503 "not configured". A replay within
// the five minutes of a signature is harmless: the same click always gives a command
// of the same id, and of a source's events only newer ones count.
package inbound

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/signature"
)

const (
	// publishTimeout leaves Slack's three seconds some room.
	publishTimeout = 2 * time.Second
	// slackPatience and linkPatience are how long an answer waits for Alert, where it can see it.
	slackPatience = time.Second
	linkPatience  = 3 * time.Second
	secretTimeout = 2 * time.Second
	maxSlackBody  = 64 << 10
	maxEventBody  = 64 << 10
	maxLinkBody   = 4 << 10
	maxLinkQuery  = 2 << 10
	// rereadEvery bounds how often a wrong signature makes the function read secrets again.
	rereadEvery = time.Minute
)

// Options are what the function needs. Config, Reports and Signals are required.
type Options struct {
	Config *config.Config
	// Secrets reads the keys; it may be nil where none is a reference.
	Secrets *secrets.Cache
	// Reports takes commands, Signals what apps say.
	Reports, Signals report.Publisher
	// AllowLoopback lets Slack be on this machine: `local` sets it.
	AllowLoopback bool
	// Outcome returns what came of a command, or what it cannot change any more, within the time
	// to wait; false is not known. Only `local` sets it, because the deployed function may publish
	// and nothing else.
	Outcome func(ctx context.Context, c report.Command, wait time.Duration) (Outcome, bool)
	// Now returns the time; nil is time.Now.
	Now func() time.Time
	// Logger is optional.
	Logger *slog.Logger
}

// Outcome says what came of a command, as a headline and a sentence.
type Outcome struct{ Title, Text string }

// function is the AlertWebhook function.
type function struct {
	options Options
	config  *config.Config
	now     func() time.Time
	log     *slog.Logger
	client  *http.Client // for answers to people in Slack

	mu     sync.Mutex
	reread time.Time
}

// New returns the function.
func New(o Options) (*access.Mux, error) {
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
	f := &function{
		options: o, config: o.Config, now: o.Now, log: o.Logger,
		client: outbound.NewClient(outbound.Options{Hosts: slackHosts, AllowLoopback: o.AllowLoopback, Timeout: tellTimeout}),
	}
	mux := access.NewMux("/AlertWebhook")
	mux.Handle("GET /{$}", access.Anyone(), http.HandlerFunc(f.about))
	mux.Handle("POST "+message.PathSlack, access.Signed(), http.HandlerFunc(f.slack))
	mux.Handle("POST "+message.PathEvents, access.Signed(), http.HandlerFunc(f.event))
	mux.Handle("POST "+message.PathVercel, access.Signed(), http.HandlerFunc(f.drain))
	mux.Handle("GET "+message.PathIncident, access.Signed(), http.HandlerFunc(f.confirm))
	mux.Handle("POST "+message.PathIncident, access.Signed(), http.HandlerFunc(f.act))
	return mux, nil
}

// Handler returns the deployed function: it reads its configuration and connects to
// Pub/Sub when the first request comes, and answers 503 for as long as that fails.
func Handler(getenv func(string) string) http.Handler {
	return gcp.Deployed(getenv, func(ctx context.Context, s gcp.Setup) (http.Handler, error) {
		clients := s.Clients
		reports, err := clients.Reports(ctx)
		if err != nil {
			return nil, err
		}
		signals, err := clients.Signals(ctx)
		if err != nil {
			return nil, err
		}
		return New(Options{Config: s.Config, Secrets: clients.Secrets(), Reports: reports, Signals: signals, Logger: s.Logger})
	})
}

// about answers which surfaces have keys.
func (f *function) about(w http.ResponseWriter, _ *http.Request) {
	state := func(set bool) string {
		if set {
			return "configured"
		}
		return "not configured"
	}
	in := f.config.Inbound
	job.WriteJSON(w, http.StatusOK, map[string]string{
		"function": "AlertWebhook", "slack": state(in.SlackSigningSecret.IsSet()), "events": state(len(in.EventKeys) > 0), "links": state(len(in.LinkKeys) > 0),
	})
}

// publish sends the message of a command or a signal, unless encoding it failed, and logs it either way.
func (f *function) publish(ctx context.Context, to report.Publisher, m report.Message, err error, what string, attributes ...any) bool {
	attributes = append([]any{"event", what}, attributes...)
	if err == nil {
		sending, cancel := context.WithTimeout(ctx, publishTimeout)
		defer cancel()
		err = to.Publish(sending, m)
	}
	if err != nil {
		f.log.ErrorContext(ctx, "not published", append(attributes, "error", outbound.Error(err).Error())...)
		return false
	}
	f.log.InfoContext(ctx, "published", attributes...)
	return true
}

// surface is one kind of signed request.
type surface struct {
	keys   []config.Secret
	limit  int64    // of the body, in bytes
	types  []string // of the content
	header string   // that has the signature
	// verify returns signature.ErrInvalid if the signature of a body is not by this key, and
	// another error if the text is not a key.
	verify func(key secrets.Value, body []byte) error
}

// read returns the body of a request that one of the surface's keys has signed. Otherwise it
// answers the request. If no key fits, it reads the keys again and tries once more.
func (f *function) read(w http.ResponseWriter, r *http.Request, s surface) ([]byte, bool) {
	if len(s.keys) == 0 {
		notConfigured(w)
		return nil, false
	}
	body, ok := bounded(w, r, s.limit, s.types...)
	if !ok || r.Header.Get(s.header) == "" {
		unauthorized(w)
		return nil, false
	}
	verify := func(key secrets.Value) error { return s.verify(key, body) }
	err := f.anyKey(r.Context(), s.keys, false, verify)
	if errors.Is(err, signature.ErrInvalid) && f.mayReread() {
		err = f.anyKey(r.Context(), s.keys, true, verify)
	}
	switch {
	case errors.Is(err, signature.ErrInvalid):
		unauthorized(w)
	case err != nil:
		f.keyUnreadable(w, r, err)
	}
	return body, err == nil
}

// anyKey returns nil if verify accepts one of the keys, otherwise what each of them came to. One
// readable key of two is enough, so that a rotation can fail halfway.
func (f *function) anyKey(ctx context.Context, keys []config.Secret, refresh bool, verify func(secrets.Value) error) error {
	var problems []error
	for _, k := range keys {
		key, err := f.secret(ctx, k, refresh)
		if err == nil {
			err = verify(key)
		}
		if err == nil {
			return nil
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func (f *function) secret(ctx context.Context, s config.Secret, refresh bool) (secrets.Value, error) {
	ctx, cancel := context.WithTimeout(ctx, secretTimeout)
	defer cancel()
	read := s.Get
	if refresh {
		read = s.Refresh
	}
	entry, err := read(ctx, f.options.Secrets)
	return entry.Value, err
}

// mayReread allows one forced read of secrets a minute. It finds a replaced key, and
// a stranger cannot force more reads.
func (f *function) mayReread() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if now.Sub(f.reread) < rereadEvery {
		return false
	}
	f.reread = now
	return true
}

func (f *function) keyUnreadable(w http.ResponseWriter, r *http.Request, err error) {
	f.log.ErrorContext(r.Context(), "key cannot be read", "path", r.URL.Path, "error", err.Error())
	job.WriteError(w, http.StatusServiceUnavailable, "key cannot be read at the moment")
}

func notConfigured(w http.ResponseWriter) {
	job.WriteError(w, http.StatusServiceUnavailable, "not configured")
}

// unauthorized does not tell a wrong key from a wrong time or body.
func unauthorized(w http.ResponseWriter) {
	job.WriteError(w, http.StatusUnauthorized, "unauthorized")
}

// bounded reads a body of one of the content types.
func bounded(w http.ResponseWriter, r *http.Request, limit int64, types ...string) ([]byte, bool) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(types, kind) || r.ContentLength > limit {
		return nil, false
	}
	body, err := outbound.ReadAll(http.MaxBytesReader(w, r.Body, limit+1), limit)
	return body, err == nil
}

// identity returns the id of a command: the same request always gives the same.
func identity(kind string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return kind + "-" + hex.EncodeToString(sum[:12])
}
