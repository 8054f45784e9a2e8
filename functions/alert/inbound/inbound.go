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
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/config"
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

// publish sends a message within publishTimeout.
func publish(ctx context.Context, to report.Publisher, m report.Message) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	return to.Publish(ctx, m)
}

// keys reads the keys of events or links.
func (f *function) keys(ctx context.Context, from []config.Secret, refresh bool) ([]signature.Key, error) {
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
		}
		keys = append(keys, parsed...)
	}
	// One readable key of two is enough, so that a rotation can fail halfway.
	if len(keys) == 0 {
		return nil, errors.Join(problems...)
	}
	return keys, nil
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

// authenticated runs check with the keys in the cache. If the signature does not fit,
// it runs check once more with keys that are read again. Unless it returns true, it
// has answered the request. The results of check are whether the signature fits, and
// whether the key could be read.
func (f *function) authenticated(w http.ResponseWriter, r *http.Request, check func(refresh bool) (invalid, unreadable error)) bool {
	invalid, unreadable := check(false)
	if unreadable == nil && invalid != nil && f.mayReread() {
		invalid, unreadable = check(true)
	}
	switch {
	case unreadable != nil:
		f.keyUnreadable(w, r, unreadable)
	case invalid != nil:
		unauthorized(w)
	}
	return unreadable == nil && invalid == nil
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

// identity returns the id of a command: the same request always gives the same.
func identity(kind string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return kind + "-" + hex.EncodeToString(sum[:12])
}
