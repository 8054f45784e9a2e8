package inbound_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/inbound"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/signature"
)

// vault is a source of secrets whose values and time change.
type vault struct {
	values map[string]string // by the last part of the name; a missing one is unavailable
	reads  int
	limit  time.Duration // until the deadline of the last read
	now    time.Time
}

func (v *vault) Access(ctx context.Context, name string) (secrets.Secret, error) {
	v.reads++
	if deadline, ok := ctx.Deadline(); ok {
		v.limit = time.Until(deadline)
	}
	value, ok := v.values[name[strings.LastIndexByte(name, '/')+1:]]
	if !ok {
		return secrets.Secret{}, fmt.Errorf("%w: %s", secrets.ErrUnavailable, name)
	}
	return secrets.Secret{Data: []byte(value), Version: "1"}, nil
}

func reference(t *testing.T, name string) config.Secret {
	t.Helper()
	var s config.Secret
	if what, _ := s.ParseText("sm://projects/p/secrets/"+name, false); what != "" {
		t.Fatal(what)
	}
	return s
}

// startOver returns the function over a vault.
func (v *vault) startOver(t *testing.T, in config.Inbound) *fixture {
	t.Helper()
	f := &fixture{}
	clock := func() time.Time { return v.now }
	var err error
	f.Handler, err = inbound.New(inbound.Options{
		Config:  &config.Config{Inbound: in},
		Secrets: secrets.NewCache(secrets.Source(v.access), clock),
		Reports: &f.reports, Signals: &f.signals, Now: clock, Logger: slog.New(slog.NewJSONHandler(&f.logs, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// access cuts the version off the name.
func (v *vault) access(ctx context.Context, name string) (secrets.Secret, error) {
	name, _, _ = strings.Cut(name, "/versions/")
	return v.Access(ctx, name)
}

func TestKeysInRotation(t *testing.T) {
	tests := []struct {
		name   string
		values map[string]string
		signer string
		want   int
	}{
		{"the new key of two", map[string]string{"new": eventKey, "old": oldEventKey}, eventKey, http.StatusAccepted},
		{"the old key of two", map[string]string{"new": eventKey, "old": oldEventKey}, oldEventKey, http.StatusAccepted},
		{"the old key while the new one cannot be read", map[string]string{"old": oldEventKey}, oldEventKey, http.StatusAccepted},
		{"the new key while the old one cannot be read", map[string]string{"new": eventKey}, eventKey, http.StatusAccepted},
		{"the old key while the new one is no key", map[string]string{"new": "short", "old": oldEventKey}, oldEventKey, http.StatusAccepted},
		{"the second key of one secret", map[string]string{"new": eventKey + "\n" + oldEventKey}, oldEventKey, http.StatusAccepted},
		{"a stranger while one key cannot be read", map[string]string{"old": oldEventKey}, linkKey, http.StatusUnauthorized},
		{"neither key can be read", nil, eventKey, http.StatusServiceUnavailable},
		{"neither key is a key", map[string]string{"new": "short", "old": "short"}, eventKey, http.StatusServiceUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := &vault{values: tt.values, now: now}
			f := v.startOver(t, config.Inbound{EventKeys: []config.Secret{reference(t, "new"), reference(t, "old")}})
			w := f.do(post(message.PathEvents, "application/json", activated, eventSigned(activated, tt.signer, "1", now)))
			if w.Code != tt.want {
				t.Errorf("answer %d %s, want %d", w.Code, w.Body, tt.want)
			}
			if published := len(f.signals.sent) == 1; published != (tt.want == http.StatusAccepted) {
				t.Errorf("%d signals published", len(f.signals.sent))
			}
		})
	}
}

func TestAnUnreadableKeyIsAnErrorOfOurs(t *testing.T) {
	body := interaction(acknowledge)
	link := linkQuery(t, report.Acknowledge, nil)
	for path, r := range map[string]*http.Request{
		message.PathSlack:    post(message.PathSlack, form, body, slackSigned(body, slackSecret, now)),
		message.PathEvents:   post(message.PathEvents, "application/json", activated, eventSigned(activated, eventKey, "1", now)),
		message.PathIncident: httptest.NewRequest(http.MethodGet, link, nil),
	} {
		t.Run(path, func(t *testing.T) {
			v := &vault{now: now}
			missing := reference(t, "missing")
			f := v.startOver(t, config.Inbound{SlackSigningSecret: missing, EventKeys: []config.Secret{missing}, LinkKeys: []config.Secret{missing}})
			if w := f.do(r); w.Code != http.StatusServiceUnavailable || w.Body.String() != `{"error":"key cannot be read at the moment"}`+"\n" {
				t.Errorf("answer %d %s", w.Code, w.Body)
			}
			if line := f.logs.String(); !strings.Contains(line, `"level":"ERROR","msg":"key cannot be read","path":"`+path+`"`) || !strings.Contains(line, "secrets/missing") {
				t.Errorf("logged %s, want an error that names the path and the secret", line)
			}
			if v.reads != 1 {
				t.Errorf("%d reads, want 1: the next request tries again", v.reads)
			}
			if v.limit <= 0 || v.limit > 5*time.Second {
				t.Errorf("the read may take %v", v.limit)
			}
		})
	}
}

// A signature that does not fit makes the function read the key again, at most once a minute.
func TestAReplacedKeyIsFound(t *testing.T) {
	body := interaction(acknowledge)
	tests := []struct {
		name    string
		request func(key string, at time.Time) *http.Request
		ok      int
	}{
		{"event", func(key string, at time.Time) *http.Request {
			return post(message.PathEvents, "application/json", activated, eventSigned(activated, key, "1", at))
		}, http.StatusAccepted},
		{"slack", func(key string, at time.Time) *http.Request {
			return post(message.PathSlack, form, body, slackSigned(body, key, at))
		}, http.StatusOK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := &vault{values: map[string]string{"key": oldEventKey}, now: now}
			f := v.startOver(t, config.Inbound{SlackSigningSecret: reference(t, "key"), EventKeys: []config.Secret{reference(t, "key")}})
			send := func(key string, want, reads int, when string) {
				t.Helper()
				if w := f.do(tt.request(key, v.now)); w.Code != want || v.reads != reads {
					t.Errorf("%s: answer %d after %d reads, want %d after %d", when, w.Code, v.reads, want, reads)
				}
			}
			send(oldEventKey, tt.ok, 1, "the first key")
			v.now = v.now.Add(2 * time.Minute)
			send(oldEventKey, tt.ok, 1, "the first key later, which fits and is not read again")
			v.values["key"] = eventKey
			send(eventKey, tt.ok, 2, "the replaced key")
			send(oldEventKey, http.StatusUnauthorized, 2, "the key before it, at once")
			v.now = v.now.Add(time.Minute - time.Nanosecond)
			send(linkKey, http.StatusUnauthorized, 2, "a stranger within the minute")
			v.now = v.now.Add(time.Nanosecond)
			send(linkKey, http.StatusUnauthorized, 3, "a stranger after a minute")
			for range 100 {
				send(linkKey, http.StatusUnauthorized, 3, "a stranger again")
			}
		})
	}
}

// A key that cannot be read again keeps its last value: the stranger stays a stranger.
func TestAKeyThatIsGoneIsStillTheKey(t *testing.T) {
	v := &vault{values: map[string]string{"key": eventKey}, now: now}
	f := v.startOver(t, config.Inbound{EventKeys: []config.Secret{reference(t, "key")}})
	send := func(key string) int {
		return f.do(post(message.PathEvents, "application/json", activated, eventSigned(activated, key, "1", v.now))).Code
	}
	if code := send(eventKey); code != http.StatusAccepted {
		t.Fatalf("the key: %d", code)
	}
	v.values = nil
	v.now = v.now.Add(2 * time.Minute)
	if code := send(linkKey); code != http.StatusUnauthorized {
		t.Errorf("a stranger: %d", code)
	}
	if code := send(eventKey); code != http.StatusAccepted {
		t.Errorf("the key: %d", code)
	}
}

func TestReplayWindowsExactly(t *testing.T) {
	body := interaction(acknowledge)
	tests := []struct {
		name    string
		request func(at time.Time) *http.Request
		ok      int
	}{
		{"event", func(at time.Time) *http.Request {
			return post(message.PathEvents, "application/json", activated, eventSigned(activated, eventKey, "1", at))
		}, http.StatusAccepted},
		{"slack", func(at time.Time) *http.Request {
			return post(message.PathSlack, form, body, slackSigned(body, slackSecret, at))
		}, http.StatusOK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for offset, want := range map[time.Duration]int{
				-signature.Tolerance: tt.ok, signature.Tolerance: tt.ok,
				-signature.Tolerance - time.Second: http.StatusUnauthorized, signature.Tolerance + time.Second: http.StatusUnauthorized,
			} {
				if w := start(t, configured()).do(tt.request(now.Add(offset))); w.Code != want {
					t.Errorf("signed at %v from now: %d, want %d", offset, w.Code, want)
				}
			}
		})
	}
	for offset, want := range map[time.Duration]int{time.Second: http.StatusOK, 0: http.StatusUnauthorized} {
		path := linkQuery(t, report.Acknowledge, func(l *signature.Link) { l.Expires = now.Add(offset) })
		if w := start(t, configured()).do(httptest.NewRequest(http.MethodGet, path, nil)); w.Code != want {
			t.Errorf("a link that expires in %v: %d, want %d", offset, w.Code, want)
		}
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	complete := func() inbound.Options {
		return inbound.Options{Config: configured(), Reports: &topic{}, Signals: &topic{}}
	}
	tests := []struct {
		name   string
		remove func(*inbound.Options)
		want   string
	}{
		{"Config", func(o *inbound.Options) { o.Config = nil }, "Config is missing"},
		{"Reports", func(o *inbound.Options) { o.Reports = nil }, "Reports and Signals are missing"},
		{"Signals", func(o *inbound.Options) { o.Signals = nil }, "Reports and Signals are missing"},
	}
	for _, tt := range tests {
		o := complete()
		tt.remove(&o)
		if _, err := inbound.New(o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("without %s: error %v, want %q", tt.name, err, tt.want)
		}
	}
	// Without a clock and a logger it runs by the machine's clock and logs nothing.
	f, err := inbound.New(complete())
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, post(message.PathEvents, "application/json", activated, eventSigned(activated, eventKey, "1", time.Now())))
	if w.Code != http.StatusServiceUnavailable && w.Code != http.StatusAccepted {
		t.Errorf("answer %d %s", w.Code, w.Body)
	}
}
