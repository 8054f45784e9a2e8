package inbound_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/inbound"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/signature"
)

var now = time.Date(2026, 11, 22, 18, 30, 0, 0, time.UTC)

const (
	slackSecret = "8f742231b10e8888abcd99yyyzzz85a5"
	eventKey    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	oldEventKey = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	linkKey     = "a-link-key-of-more-than-24-bytes"
	incidentID  = "20261122T182201Z-7F3A9K2M4QXT"
)

// topic stores what was published, decoded. The calls from failFrom on fail.
type topic struct {
	mu       sync.Mutex
	calls    int
	failFrom int
	limit    time.Duration // until the deadline of the last call
	sent     []report.Decoded
}

func (p *topic) Publish(ctx context.Context, m report.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if deadline, ok := ctx.Deadline(); ok {
		p.limit = time.Until(deadline)
	}
	if p.failFrom > 0 && p.calls >= p.failFrom {
		return errors.New("topic is gone")
	}
	d, err := report.Decode(m, now)
	if err != nil {
		return err
	}
	p.sent = append(p.sent, d)
	return nil
}

type fixture struct {
	http.Handler
	reports, signals topic
	logs             bytes.Buffer
}

func configured() *config.Config {
	return &config.Config{
		Inbound: config.Inbound{
			SlackSigningSecret: config.Inline(slackSecret),
			EventKeys:          []config.Secret{config.Inline(eventKey), config.Inline(oldEventKey)},
			LinkKeys:           []config.Secret{config.Inline(linkKey)},
		},
		Alerting: config.Alerting{Silences: config.Silences{Default: time.Hour, Max: 24 * time.Hour, Choices: []time.Duration{time.Hour, 4 * time.Hour}}},
		Receivers: []config.Receiver{
			{Name: "slack-oncall", Slack: &config.Slack{BotToken: config.Inline("xoxb-x"), AppID: "A1", TeamID: "T1"}},
		},
	}
}

func start(t testing.TB, cfg *config.Config) *fixture {
	t.Helper()
	f := &fixture{}
	var err error
	f.Handler, err = inbound.New(inbound.Options{
		Config: cfg, Reports: &f.reports, Signals: &f.signals, AllowLoopback: true, Now: func() time.Time { return now }, Logger: slog.New(slog.NewJSONHandler(&f.logs, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

func post(path, contentType, body string, sign func(http.Header)) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	if sign != nil {
		sign(r.Header)
	}
	return r
}

const form = "application/x-www-form-urlencoded"

func interaction(actions string) string {
	return url.Values{"payload": {`{"type":"block_actions","api_app_id":"A1","team":{"id":"T1"},"channel":{"id":"C1"},"user":{"id":"U0ONCALL"},"actions":[` + actions + `]}`}}.Encode()
}

var acknowledge = `{"action_id":"acknowledge","action_ts":"1795371961.000100","value":"1|main|` + incidentID + `|1"}`

func slackSigned(body, secret string, at time.Time) func(http.Header) {
	return func(h http.Header) { slacktest.Sign(h, secret, at, []byte(body)) }
}

func TestSlackButtons(t *testing.T) {
	one := 1
	want := report.Command{Action: report.Acknowledge, Shard: "main", Incident: incidentID, Reopened: &one, By: "U0ONCALL", Via: "slack", At: now}
	silence := want
	silence.Action, silence.For = report.Silence, 4*time.Hour
	tests := []struct {
		name, body string
		want       report.Command
	}{
		{"acknowledge", interaction(acknowledge), want},
		{"silence", interaction(`{"action_id":"silence","action_ts":"1.1","selected_option":{"value":"4h0m0s 1|main|` + incidentID + `|1"}}`), silence},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, configured())
			for range 2 { // a replay gives the same id, by which Alert knows it
				if w := f.do(post(message.PathSlack, form, tt.body, slackSigned(tt.body, slackSecret, now))); w.Code != http.StatusOK || w.Body.Len() != 0 {
					t.Fatalf("answer %d %s, want an empty 200", w.Code, w.Body)
				}
			}
			if len(f.reports.sent) != 2 || f.reports.sent[0].Command.ID != f.reports.sent[1].Command.ID || f.reports.sent[0].Command.ID == "" {
				t.Fatalf("published %+v", f.reports.sent)
			}
			got := *f.reports.sent[0].Command
			got.ID = ""
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("command (-want +got):\n%s", diff)
			}
		})
	}
}

func eventSigned(body, key, id string, at time.Time) func(http.Header) {
	return func(h http.Header) {
		k, err := signature.ParseKey(key)
		if err != nil {
			panic(err)
		}
		if err := signature.Sign(h, []signature.Key{k}, id, at, []byte(body)); err != nil {
			panic(err)
		}
	}
}

const activated = `{"type":"mock_mode.activated","data":{"service":"backend","revision":"backend-00042-abc","reason":"url_missing","message":"no URL; token xoxb-1-2-abc\u202e","extra":1}}`

func TestEvents(t *testing.T) {
	f := start(t, configured())
	for _, key := range []string{eventKey, oldEventKey} {
		w := f.do(post(message.PathEvents, "application/json; charset=utf-8", activated, eventSigned(activated, key, "boot-1", now.Add(-time.Minute))))
		if w.Code != http.StatusAccepted {
			t.Fatalf("answer %d %s", w.Code, w.Body)
		}
	}
	want := report.Signal{
		ID: "boot-1", Source: report.SourceEvent, Service: "backend", Revision: "backend-00042-abc", Mode: report.Activated, Reason: "url_missing",
		Message: "no URL; token [redacted]", At: now.Add(-time.Minute),
	}
	for _, d := range f.signals.sent {
		if diff := cmp.Diff(want, *d.Signal); diff != "" {
			t.Errorf("signal (-want +got):\n%s", diff)
		}
	}
	if strings.Contains(strings.ToUpper(f.logs.String()), "MOCK MODE") {
		t.Errorf("the log would match the sink for mock mode: %s", f.logs.String())
	}
}

func TestEventsAboutTheLimiter(t *testing.T) {
	f := start(t, configured())
	for kind, mode := range map[string]report.Mode{"limiter_open.activated": report.Activated, "limiter_open.deactivated": report.Deactivated} {
		body := `{"type":"` + kind + `","data":{"service":"backend"}}`
		w := f.do(post(message.PathEvents, "application/json", body, eventSigned(body, eventKey, "1", now)))
		if got := f.signals.sent[len(f.signals.sent)-1].Signal; w.Code != http.StatusAccepted || !got.Limiter || got.Mode != mode {
			t.Errorf("%s: answer %d, signal %+v", kind, w.Code, got)
		}
	}
}

func TestEventsThatAreWrongSayWhy(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"no JSON", "x", "not a JSON object"},
		{"another type", `{"type":"boot","data":{"service":"x"}}`, `want \"mock_mode.activated\" or \"mock_mode.deactivated\"`},
		{"a name from a log line", `{"type":"redis_mock_mode_activated","data":{"service":"x"}}`, "type is not known"},
		{"a mode that there is not", `{"type":"limiter_open.closed","data":{"service":"x"}}`, "type is not known"},
		{"no service", `{"type":"mock_mode.activated"}`, "data.service"},
		{"a service that is no name", `{"type":"mock_mode.activated","data":{"service":"<!channel>"}}`, "data.service"},
		{"a database that is no name", `{"type":"mock_mode.activated","data":{"service":"x","database":"../y"}}`, "data.database"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, configured())
			w := f.do(post(message.PathEvents, "application/json", tt.body, eventSigned(tt.body, eventKey, "1", now)))
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), tt.want) || len(f.signals.sent) != 0 {
				t.Errorf("answer %d %s, want 400 with %q", w.Code, w.Body, tt.want)
			}
		})
	}
}

func linkQuery(t testing.TB, action report.Action, change func(*signature.Link)) string {
	t.Helper()
	k, err := signature.ParseKey(linkKey)
	if err != nil {
		t.Fatal(err)
	}
	l := signature.Link{Purpose: message.LinkPurpose, Shard: "main", Incident: incidentID, Reopened: 1, Action: string(action), Expires: now.Add(time.Hour)}
	if change != nil {
		change(&l)
	}
	q, err := signature.SignLink(k, l)
	if err != nil {
		t.Fatal(err)
	}
	return message.PathIncident + "?" + q.Encode()
}

func TestLinksAskBeforeTheyAct(t *testing.T) {
	f := start(t, configured())
	path := linkQuery(t, report.Silence, nil)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		w := f.do(httptest.NewRequest(method, path, nil))
		if w.Code != http.StatusOK || len(f.reports.sent) != 0 {
			t.Fatalf("%s: %d, %d commands", method, w.Code, len(f.reports.sent))
		}
		if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("policy %q", policy)
		}
	}
	w := f.do(httptest.NewRequest(http.MethodGet, path, nil))
	for _, want := range []string{"Silence INC-7F3A9K?", `<option value="1h0m0s" selected>1 h</option>`, `<form method="post">`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("page lacks %q:\n%s", want, w.Body)
		}
	}
	w = f.do(post(path, form, "for=4h0m0s", nil))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Asked to silence INC-7F3A9K for 4 h") {
		t.Fatalf("answer %d %s", w.Code, w.Body)
	}
	one := 1
	want := report.Command{Action: report.Silence, Shard: "main", Incident: incidentID, Reopened: &one, For: 4 * time.Hour, By: "link", Via: "link", At: now}
	got := *f.reports.sent[0].Command
	got.ID = ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("command (-want +got):\n%s", diff)
	}
	group := linkQuery(t, report.Acknowledge, func(l *signature.Link) { l.Reopened = message.AnyLife })
	if w := f.do(post(group, form, "", nil)); w.Code != http.StatusOK || f.reports.sent[1].Command.Reopened != nil {
		t.Errorf("a group's link: %d %+v", w.Code, f.reports.sent)
	}
	if w := f.do(post(path, form, "for=25h", nil)); w.Code != http.StatusBadRequest {
		t.Errorf("a silence for too long: %d", w.Code)
	}
}
