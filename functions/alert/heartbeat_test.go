package alert

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// listener is who notices silence: it counts what it is asked, and answers as told.
type listener struct {
	*httptest.Server
	asked  atomic.Int32
	answer func(http.ResponseWriter, *http.Request)
}

func listen(t *testing.T, answer func(http.ResponseWriter, *http.Request)) *listener {
	t.Helper()
	l := &listener{answer: answer}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.asked.Add(1)
		if l.answer != nil {
			l.answer(w, r)
		}
	}))
	t.Cleanup(l.Close)
	return l
}

// secretPath is secret, because anyone who knows it could send a heartbeat.
const secretPath = "/8f4f6ad2-canary-5b1e-heartbeat"

// beating is a world whose heartbeat goes to a listener.
func beating(t *testing.T, l *listener, every time.Duration) *world {
	t.Helper()
	return newWorld(t, func(o *Options) {
		o.Config.Heartbeat = config.Heartbeat{URL: config.Inline(l.URL + secretPath), Every: every}
		o.Heartbeat = Heartbeat(o.Config, ReceiverOptions{AllowLoopback: true})
	})
}

func TestTheHeartbeatVouchesForTicksThatWentWell(t *testing.T) {
	tests := []struct {
		name  string
		every time.Duration
		run   func(w *world)
		want  int32
	}{
		{"each tick beats", time.Minute, func(w *world) {
			for range 5 {
				w.tick()
				w.clock.Add(time.Minute)
			}
		}, 5},
		{"ticks that come a little early beat too", time.Minute, func(w *world) {
			for range 5 {
				w.tick()
				w.clock.Add(58 * time.Second)
			}
		}, 5},
		{"every fifth tick beats where that is asked for", 5 * time.Minute, func(w *world) {
			for range 11 {
				w.tick()
				w.clock.Add(time.Minute)
			}
		}, 3},
		{"a report is no tick", time.Minute, func(w *world) { w.minute(""); w.minute("") }, 0},
		{"a state that cannot be read silences it", time.Minute, func(w *world) {
			w.faulty.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
			if code := w.tick(); code != http.StatusServiceUnavailable {
				w.t.Errorf("the tick was answered %d, want 503", code)
			}
		}, 0},
		{"a state that cannot be written silences it", time.Minute, func(w *world) {
			w.minute("")
			w.faulty.Always(func(c storetest.Call) storetest.Fault {
				if c.Op == storetest.Put {
					return storetest.Unavailable
				}
				return storetest.None
			})
			w.clock.Add(time.Hour) // reports are missing: there is something to write
			if code := w.tick(); code != http.StatusServiceUnavailable {
				w.t.Errorf("the tick was answered %d, want 503", code)
			}
		}, 0},
		{"a critical incident that reaches no receiver silences it, until it does", time.Minute, func(w *world) {
			later := slices.Repeat([]message.Outcome{{Result: message.Later, Reason: "503"}}, 50)
			w.slack.answers, w.mail.answers = later, later
			w.minute(cause.AuthInvalid)
			for range 6 {
				w.tick()
				w.clock.Add(time.Minute)
			}
			w.slack.answers, w.mail.answers = nil, nil
			for range 4 {
				w.tick()
				w.clock.Add(time.Minute)
			}
		}, 5}, // two before it counts as undelivered, three after the tick that delivers it
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := listen(t, nil)
			tt.run(beating(t, l, tt.every))
			if got := l.asked.Load(); got != tt.want {
				t.Errorf("%d beats, want %d", got, tt.want)
			}
		})
	}
}

func TestABeatThatFailsFailsNoTickAndGivesNothingAway(t *testing.T) {
	elsewhere := listen(t, nil)
	tests := []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request)
		want   string
	}{
		{"it is not there", func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "no check at "+r.URL.Path, http.StatusNotFound)
		}, "HTTP 404"},
		{"it fails", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "HTTP 502"},
		{"it redirects, which is not followed", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusFound)
		}, "HTTP 302"},
		{"it drops the connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		{"it hangs", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "deadline exceeded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := listen(t, tt.answer)
			w := beating(t, l, time.Minute)
			ask := w.f.options.Heartbeat
			w.f.options.Heartbeat = func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
				defer cancel()
				return ask(ctx)
			}
			if code := w.tick(); code != http.StatusOK {
				t.Errorf("the tick was answered %d, want 200: its state is stored", code)
			}
			logged := w.logs.String()
			if !strings.Contains(logged, "heartbeat failed") || !strings.Contains(logged, tt.want) {
				t.Errorf("logged %s, want the failure with %q", logged, tt.want)
			}
			if strings.Contains(logged, "canary") {
				t.Errorf("the address is in the log: %s", logged)
			}
		})
	}
	if elsewhere.asked.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

func TestAnAddressThatMayNotBeReadIsSaid(t *testing.T) {
	cfg := &config.Config{Heartbeat: config.Heartbeat{URL: reference(t)}}
	cache := secrets.NewCache(secrets.Source(func(context.Context, string) (secrets.Secret, error) {
		return secrets.Secret{}, secrets.ErrDenied
	}), nil)
	if err := Heartbeat(cfg, ReceiverOptions{Cache: cache})(t.Context()); !errors.Is(err, secrets.ErrDenied) {
		t.Errorf("a secret that may not be read gives %v", err)
	}
}

func TestARefusedAddressIsReadAgain(t *testing.T) {
	l := listen(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/new" {
			w.WriteHeader(http.StatusGone)
		}
	})
	now, path := noon, "/old"
	cache := secrets.NewCache(secrets.Source(func(context.Context, string) (secrets.Secret, error) {
		return secrets.Secret{Data: []byte(l.URL + path), Version: "1"}, nil
	}), func() time.Time { return now })
	ask := Heartbeat(&config.Config{Heartbeat: config.Heartbeat{URL: reference(t)}}, ReceiverOptions{Cache: cache, AllowLoopback: true})
	if err := ask(t.Context()); err == nil {
		t.Error("the old address is gone, and no error says so")
	}
	path, now = "/new", now.Add(time.Minute)
	if err := ask(t.Context()); err != nil {
		t.Errorf("the new address is not read before the cache's hour is over: %v", err)
	}
}

func TestNoHeartbeatIsSentUnconfiguredOrOverPlainHTTP(t *testing.T) {
	if Heartbeat(&config.Config{}, ReceiverOptions{}) != nil {
		t.Error("there is a heartbeat without an address")
	}
	l := listen(t, nil)
	ask := Heartbeat(&config.Config{Heartbeat: config.Heartbeat{URL: config.Inline(l.URL + secretPath)}}, ReceiverOptions{})
	if err := ask(t.Context()); err == nil || strings.Contains(err.Error(), "canary") || l.asked.Load() > 0 {
		t.Errorf("over http: %v after %d requests, want a refusal without the address", err, l.asked.Load())
	}
}

// reference is a secret that lies in Secret Manager.
func reference(t *testing.T) config.Secret {
	t.Helper()
	return parse(t, document+"heartbeat: {url: 'sm://projects/p/secrets/heartbeat-url'}\n").Heartbeat.URL
}
