package inbound_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/signature"
)

// jsonHeaders and pageHeaders are all headers that answers have: one more or less is a change of what the public may do.
var (
	jsonHeaders = map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	}
	pageHeaders = map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex",
		"Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; style-src 'sha256-…'",
	}
)

func TestEveryAnswer(t *testing.T) {
	acknowledgeLink, silenceLink := linkQuery(t, report.Acknowledge, nil), linkQuery(t, report.Silence, nil)
	get := func(path string) *http.Request { return httptest.NewRequest(http.MethodGet, path, nil) }
	const badDuration = `{"error":"for is not a duration of at most 24h0m0s, want one such as \"1h\""}`
	body, malformed := interaction(acknowledge), "payload=%7B%7D"
	tests := []struct {
		name   string
		r      *http.Request
		status int
		want   []string // parts of the page, or the whole JSON
	}{
		{"what is set up", get("/"), 200, []string{`{"events":"configured","function":"AlertWebhook","links":"configured","slack":"configured"}`}},
		{"a link that acknowledges asks first", get(acknowledgeLink), 200, []string{
			"<title>Acknowledge INC-7F3A9K?</title>", "<h1>Acknowledge INC-7F3A9K?</h1>", "<p>Reminders become rare and the incident is not escalated.</p>",
			`<form method="post">`, `<button type="submit">Acknowledge</button>`,
		}},
		{"a link that silences asks for how long", get(silenceLink), 200, []string{
			"<h1>Silence INC-7F3A9K?</h1>", "<p>You get no new messages about this incident for the time that you choose. If it is still failing when the silence ends, you are notified.</p>",
			`<select name="for"><option value="1h0m0s" selected>1 h</option><option value="4h0m0s">4 h</option></select>`, `<button type="submit">Silence</button>`,
		}},
		{"acknowledged", post(acknowledgeLink, form, "", nil), 200, []string{
			"<h1>Asked to acknowledge INC-7F3A9K</h1>", "<p>The messages and the dashboard show it within a few seconds. If they do not, the incident is over, or it has reopened since this link was made: use the link in the latest message.</p>",
		}},
		{"silenced", post(silenceLink, form, "for=4h0m0s", nil), 200, []string{"<h1>Asked to silence INC-7F3A9K for 4 h</h1>"}},
		{"silenced for the default", post(silenceLink, form, "", nil), 200, []string{"<h1>Asked to silence INC-7F3A9K for 1 h</h1>"}},
		{"a link that is not signed", get(message.PathIncident), 401, []string{
			"<h1>This link is not valid</h1>", "<p>It is incomplete, or its key has been replaced, and nothing has changed. Use the link in the latest message, or the command line: pongwatch ack.</p>",
		}},
		{"a silence that is not a duration", post(silenceLink, form, "for=x", nil), 400, []string{badDuration}},
		{"a silence that is too long", post(silenceLink, form, "for=24h0m0.000000001s", nil), 400, []string{badDuration}},
		{"a silence of no time", post(silenceLink, form, "for=0s", nil), 400, []string{badDuration}},
		{"a silence of less than no time", post(silenceLink, form, "for=-1h", nil), 400, []string{badDuration}},
		{"an event", post(message.PathEvents, "application/json", activated, eventSigned(activated, eventKey, "boot-1", now)), 202, []string{`{"id":"boot-1"}`}},
		{"a stranger's event", post(message.PathEvents, "application/json", activated, nil), 401, []string{`{"error":"unauthorized"}`}},
		{"a malformed interaction", post(message.PathSlack, form, malformed, slackSigned(malformed, slackSecret, now)), 400, []string{`{"error":"malformed interaction"}`}},
		{"a stranger's interaction", post(message.PathSlack, form, body, nil), 401, []string{`{"error":"unauthorized"}`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := start(t, configured()).do(tt.r)
			if w.Code != tt.status {
				t.Errorf("status %d, want %d", w.Code, tt.status)
			}
			headers := pageHeaders
			if strings.HasPrefix(tt.want[0], "{") {
				headers = jsonHeaders
				if got := w.Body.String(); got != tt.want[0]+"\n" {
					t.Errorf("answer %s, want %s", got, tt.want[0])
				}
			} else {
				for _, want := range tt.want {
					if !strings.Contains(w.Body.String(), want) {
						t.Errorf("page lacks %q:\n%s", want, w.Body)
					}
				}
				if asks := slices.Contains(tt.want, `<form method="post">`) || tt.r.Method == http.MethodGet && tt.status == 200; asks != strings.Contains(w.Body.String(), "<form") {
					t.Errorf("the page has a form: %v, want %v", !asks, asks)
				}
			}
			if diff := cmp.Diff(headers, headersOf(t, w)); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}

// headersOf returns the headers of an answer. The hash in the policy must be that of the page's style.
func headersOf(t *testing.T, w *httptest.ResponseRecorder) map[string]string {
	t.Helper()
	got := map[string]string{}
	for name, values := range w.Header() {
		got[name] = strings.Join(values, ", ")
	}
	before, hash, ok := strings.Cut(got["Content-Security-Policy"], "'sha256-")
	if !ok {
		return got
	}
	_, style, _ := strings.Cut(w.Body.String(), "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	if len(style) < 100 || hash != hashOf(style)+"'" {
		t.Errorf("the policy allows the style %q, and the page has\n%s", hash, style)
	}
	got["Content-Security-Policy"] = before + "'sha256-…'"
	return got
}

func TestHowLongASilenceMayLast(t *testing.T) {
	tests := []struct {
		name, text string
		max        time.Duration
		want       time.Duration // 0 is refused
	}{
		{"the configured maximum", "24h", 24 * time.Hour, 24 * time.Hour},
		{"beyond the configured maximum", "24h0m1s", 24 * time.Hour, 0},
		{"the maximum of any silence", report.MaxSilence.String(), 2 * report.MaxSilence, report.MaxSilence},
		{"beyond the maximum of any silence", (report.MaxSilence + time.Second).String(), 2 * report.MaxSilence, 0},
		{"the least", "1ns", 24 * time.Hour, 1},
		{"the default", "", 24 * time.Hour, time.Hour},
		{"a default beyond the maximum", "", time.Minute, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := configured()
			cfg.Alerting.Silences.Max = tt.max
			f := start(t, cfg)
			w := f.do(post(linkQuery(t, report.Silence, nil), form, "for="+tt.text, nil))
			if tt.want == 0 {
				if w.Code != http.StatusBadRequest || len(f.reports.sent) != 0 {
					t.Errorf("answer %d, %d commands", w.Code, len(f.reports.sent))
				}
				return
			}
			if w.Code != http.StatusOK || f.reports.sent[0].Command.For != tt.want {
				t.Errorf("answer %d %s, commands %+v", w.Code, w.Body, f.reports.sent)
			}
		})
	}
}

func TestSizesExactly(t *testing.T) {
	link := linkQuery(t, report.Acknowledge, nil)
	padded := func(text string, to int) string { return text + strings.Repeat("x", to-len(text)) }
	query := func(to int) string {
		path, q, _ := strings.Cut(link, "?")
		return path + "?" + padded(q+"&x=", to)
	}
	slackBody := func(to int) *http.Request {
		body := padded(interaction(acknowledge)+"&x=", to)
		return post(message.PathSlack, form, body, slackSigned(body, slackSecret, now))
	}
	eventBody := func(to int) *http.Request {
		body := padded(strings.TrimSuffix(activated, "1}}")+`"`, to-3) + `"}}`
		return post(message.PathEvents, "application/json", body, eventSigned(body, eventKey, "1", now))
	}
	chunked := func(r *http.Request) *http.Request { r.ContentLength = -1; return r }
	tests := []struct {
		name string
		r    *http.Request
		want int
	}{
		{"slack at its limit", slackBody(64 << 10), 200},
		{"slack above it", slackBody(64<<10 + 1), 401},
		{"slack at its limit, of unknown length", chunked(slackBody(64 << 10)), 200},
		{"slack above it, of unknown length", chunked(slackBody(64<<10 + 1)), 401},
		{"event at its limit", eventBody(64 << 10), 202},
		{"event above it", eventBody(64<<10 + 1), 401},
		{"event above it, of unknown length", chunked(eventBody(64<<10 + 1)), 401},
		{"link's form at its limit", post(link, form, padded("x=", 4<<10), nil), 200},
		{"link's form above it", post(link, form, padded("x=", 4<<10+1), nil), 401},
		{"link's query at its limit", httptest.NewRequest(http.MethodGet, query(2<<10), nil), 200},
		{"link's query above it", httptest.NewRequest(http.MethodGet, query(2<<10+1), nil), 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if w := start(t, configured()).do(tt.r); w.Code != tt.want {
				t.Errorf("answer %d %s, want %d", w.Code, w.Body, tt.want)
			}
		})
	}
}

func TestAboutNamesEachSurfaceWithAKey(t *testing.T) {
	key := config.Inline(eventKey)
	for want, in := range map[string]config.Inbound{
		`"slack":"configured"`:  {SlackSigningSecret: key},
		`"events":"configured"`: {EventKeys: []config.Secret{key}},
		`"links":"configured"`:  {LinkKeys: []config.Secret{key}},
	} {
		w := start(t, &config.Config{Inbound: in}).do(httptest.NewRequest(http.MethodGet, "/AlertWebhook/", nil))
		if !strings.Contains(w.Body.String(), want) || strings.Count(w.Body.String(), "not configured") != 2 {
			t.Errorf("answer %s, want %s alone", w.Body, want)
		}
	}
}

// The id of a command is that of the request: Alert drops a repeated one.
func TestIdentities(t *testing.T) {
	clicks := map[string]string{
		"the click":         interaction(acknowledge),
		"another user":      strings.Replace(interaction(acknowledge), "U0ONCALL", "U0OTHER", 1),
		"another channel":   strings.Replace(interaction(acknowledge), "%22C1%22", "%22C2%22", 1),
		"another click":     interaction(strings.Replace(acknowledge, "000100", "000200", 1)),
		"another incident":  interaction(strings.Replace(acknowledge, "7F3A9K", "7F3A9L", 1)),
		"another action":    interaction(`{"action_id":"silence","action_ts":"1795371961.000100","selected_option":{"value":"4h0m0s 1|main|` + incidentID + `|1"}}`),
		"another workspace": strings.Replace(interaction(acknowledge), "%22T1%22", "%22T2%22", 1),
	}
	cfg := configured()
	cfg.Receivers[0].Slack.TeamID = ""
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(clicks)) {
		f := start(t, cfg)
		f.do(post(message.PathSlack, form, clicks[name], slackSigned(clicks[name], slackSecret, now)))
		if len(f.reports.sent) != 1 {
			t.Fatalf("%s: %d commands", name, len(f.reports.sent))
		}
		id := f.reports.sent[0].Command.ID
		if other, ok := seen[id]; ok || !strings.HasPrefix(id, "slack-") {
			t.Errorf("%s has the id %q, like %q", name, id, other)
		}
		seen[id] = name
	}

	change := func(c func(*signature.Link)) string { return linkQuery(t, report.Silence, c) }
	links := map[string]*http.Request{
		"the link":         post(change(nil), form, "for=4h", nil),
		"another time":     post(change(nil), form, "for=1h", nil),
		"another incident": post(change(func(l *signature.Link) { l.Incident = strings.Replace(incidentID, "7F3A9K", "7F3A9L", 1) }), form, "for=4h", nil),
		"another shard":    post(change(func(l *signature.Link) { l.Shard = "eu" }), form, "for=4h", nil),
		"another life":     post(change(func(l *signature.Link) { l.Reopened = 2 }), form, "for=4h", nil),
		"another action":   post(linkQuery(t, report.Acknowledge, nil), form, "", nil),
	}
	for _, name := range slices.Sorted(maps.Keys(links)) {
		f := start(t, configured())
		f.do(links[name])
		id := f.reports.sent[0].Command.ID
		if other, ok := seen[id]; ok || !strings.HasPrefix(id, "link-") {
			t.Errorf("%s has the id %q, like %q", name, id, other)
		}
		seen[id] = name
	}
}
