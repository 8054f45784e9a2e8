package inbound_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/signature"
)

// An unauthenticated request is answered 401, always with the same words, and nothing is
// published.
func TestStrangersGetNothing(t *testing.T) {
	body := interaction(acknowledge)
	big := interaction(acknowledge) + "&x=" + strings.Repeat("x", 70<<10)
	bigEvent := strings.Replace(activated, `"extra":1`, `"extra":"`+strings.Repeat("x", 70<<10)+`"`, 1)
	foreign := strings.Replace(body, "A1", "A2", 1)
	tests := []struct {
		name string
		r    *http.Request
	}{
		{"slack: no signature", post(message.PathSlack, form, body, nil)},
		{"slack: another secret", post(message.PathSlack, form, body, slackSigned(body, "other", now))},
		{"slack: an old signature", post(message.PathSlack, form, body, slackSigned(body, slackSecret, now.Add(-6*time.Minute)))},
		{"slack: from the future", post(message.PathSlack, form, body, slackSigned(body, slackSecret, now.Add(6*time.Minute)))},
		{"slack: a changed body", post(message.PathSlack, form, body+"&x=1", slackSigned(body, slackSecret, now))},
		{"slack: too large", post(message.PathSlack, form, big, slackSigned(big, slackSecret, now))},
		{"slack: another content type", post(message.PathSlack, "application/json", body, slackSigned(body, slackSecret, now))},
		{"slack: the payload in the query, the body signed empty", post(message.PathSlack+"?"+body, "", "", slackSigned("", slackSecret, now))},
		{"slack: another app", post(message.PathSlack, form, foreign, slackSigned(foreign, slackSecret, now))},
		{"event: no signature", post(message.PathEvents, "application/json", activated, nil)},
		{"event: another key", post(message.PathEvents, "application/json", activated, eventSigned(activated, linkKey, "1", now))},
		{"event: an old signature", post(message.PathEvents, "application/json", activated, eventSigned(activated, eventKey, "1", now.Add(-6*time.Minute)))},
		{"event: a changed body", post(message.PathEvents, "application/json", activated+" ", eventSigned(activated, eventKey, "1", now))},
		{"event: from the future", post(message.PathEvents, "application/json", activated, eventSigned(activated, eventKey, "1", now.Add(6*time.Minute)))},
		{"event: too large", post(message.PathEvents, "application/json", bigEvent, eventSigned(bigEvent, eventKey, "1", now))},
		{"event: in the query, the body signed empty", post(message.PathEvents+"?payload="+url.QueryEscape(activated), "", "", eventSigned("", eventKey, "1", now))},
		{"event: another content type", post(message.PathEvents, "text/plain", activated, eventSigned(activated, eventKey, "1", now))},
		{"event: no content type", post(message.PathEvents, "", activated, eventSigned(activated, eventKey, "1", now))},
		{"link: none", httptest.NewRequest(http.MethodGet, message.PathIncident, nil)},
		{"link: expired", post(linkQuery(t, report.Acknowledge, func(l *signature.Link) { l.Expires = now }), form, "", nil)},
		{"link: of another purpose", post(linkQuery(t, report.Acknowledge, func(l *signature.Link) { l.Purpose = "x" }), form, "", nil)},
		{"link: to do something else", post(linkQuery(t, report.Drill, nil), form, "", nil)},
		{"link: changed", post(linkQuery(t, report.Acknowledge, nil)+"0", form, "", nil)},
		{"link: another content type", post(linkQuery(t, report.Silence, nil), "application/json", "{}", nil)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, configured())
			w := f.do(tt.r)
			if w.Code != http.StatusUnauthorized {
				t.Errorf("answer %d %s, want 401", w.Code, w.Body)
			}
			if text := w.Body.String(); strings.Count(text, "<h1>This link is not valid</h1>") != 1 && !(tt.name == "link: expired" && strings.Count(text, "<h1>This link has expired</h1>") == 1) && text != "{\"error\":\"unauthorized\"}\n" {
				t.Errorf("answer tells more than it should: %s", text)
			} else if strings.Count(text, "<h1>") > 1 {
				t.Errorf("two answers to one request: %s", text)
			}
			if len(f.reports.sent)+len(f.signals.sent) != 0 {
				t.Error("something was published")
			}
		})
	}
}

// The signature covers the body and not the query.
func TestAQueryStringPayloadIsNotRead(t *testing.T) {
	f := start(t, configured())
	const signed = "x=1"
	w := f.do(post(message.PathSlack+"?"+interaction(acknowledge), form, signed, slackSigned(signed, slackSecret, now)))
	if w.Code != http.StatusBadRequest || len(f.reports.sent) != 0 {
		t.Errorf("answer %d, %d commands", w.Code, len(f.reports.sent))
	}
}

func TestWithoutKeysNothingIsAccepted(t *testing.T) {
	f := start(t, &config.Config{})
	body := interaction(acknowledge)
	for _, r := range []*http.Request{
		post(message.PathSlack, form, body, slackSigned(body, "", now)),
		post(message.PathEvents, "application/json", activated, eventSigned(activated, eventKey, "1", now)),
		httptest.NewRequest(http.MethodGet, linkQuery(t, report.Acknowledge, nil), nil),
		post(linkQuery(t, report.Acknowledge, nil), form, "", nil),
	} {
		if w := f.do(r); w.Code != http.StatusServiceUnavailable || w.Body.String() != `{"error":"not configured"}`+"\n" {
			t.Errorf("%s %s: %d %s", r.Method, r.URL.Path, w.Code, w.Body)
		}
	}
	if w := f.do(httptest.NewRequest(http.MethodGet, "/AlertWebhook", nil)); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"slack":"not configured"`) {
		t.Errorf("about: %d %s", w.Code, w.Body)
	}
	if w := f.do(httptest.NewRequest(http.MethodGet, "/AlertWebhook"+message.PathSlack, nil)); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET of the interactions: %d", w.Code)
	}
}
