package inbound_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/functions/alert/inbound"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/signature"
)

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(activated))
	f.Add([]byte(`{"type":"mock_mode.deactivated","data":{"service":"a","database":"b","message":"\ud800"}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := inbound.ParseEvent(b, signature.Verified{ID: "1", At: now})
		if err != nil {
			return
		}
		if _, err := report.Encode(s); err != nil {
			t.Errorf("%q gives a signal that cannot be published: %v", b, err)
		}
		if len(s.Message) > report.MaxEvidence || strings.ContainsAny(s.Message+s.Reason+s.Revision, "\n\u202e") {
			t.Errorf("%q gives %+v", b, s)
		}
	})
}

func FuzzRequests(f *testing.F) {
	f.Add("/slack/interactions", form, []byte("payload={}"), "v0=00")
	f.Add("/events", "application/json", []byte(activated), "v1,AAAA")
	f.Add("/vercel", "application/x-ndjson", []byte(`{"message":"{}"}`), "00")
	f.Add("/incident?sig=x&p=incident", form, []byte("for=1h"), "")
	fixture := start(f, configured())
	f.Fuzz(func(t *testing.T, path, contentType string, body []byte, sig string) {
		u, err := url.Parse(path)
		if err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		r := &http.Request{Method: http.MethodPost, URL: u, Header: http.Header{"Content-Type": {contentType}}, ContentLength: int64(len(body))}
		r.Body = http.NoBody
		if len(body) > 0 {
			r.Body = readCloser{bytes.NewReader(body)}
		}
		r.Header.Set("X-Vercel-Signature", sig)
		r.Header.Set("X-Slack-Signature", sig)
		r.Header.Set("X-Slack-Request-Timestamp", "1795372200")
		r.Header.Set(signature.HeaderSignature, sig)
		r.Header.Set(signature.HeaderID, "1")
		r.Header.Set(signature.HeaderTimestamp, "1795372200")
		if w := fixture.do(r.WithContext(t.Context())); w.Code/100 == 2 {
			t.Errorf("%s was accepted: %d", path, w.Code)
		}
		if len(fixture.reports.sent)+len(fixture.signals.sent) != 0 {
			t.Error("something was published")
		}
	})
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func BenchmarkStranger(b *testing.B) {
	f := start(b, configured())
	body := interaction(acknowledge)
	for b.Loop() {
		f.do(post(message.PathSlack, form, body, slackSigned(body, "other", now)))
	}
}

// Of whatever Vercel signs, only configured services speak, and each signal can be published.
func FuzzTheLogDrain(f *testing.F) {
	f.Add("[" + vercelEntry("1", vercelActivated, now) + "]")
	f.Add(vercelEntry("1", vercelActivated, now) + "\n" + vercelEntry("2", "{", now))
	f.Add(`[{"timestamp":9223372036854775807}]`)
	f.Fuzz(func(t *testing.T, body string) {
		fixture := start(t, vercelConfigured())
		if w := fixture.do(post(message.PathVercel, "application/json", body, vercelSigned(body, eventKey))); w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Fatalf("answer %d %s", w.Code, w.Body)
		}
		for _, d := range fixture.signals.sent {
			if s := d.Signal; s.Service != "frontend" && s.Service != "web" || s.Source != report.SourceLogs {
				t.Errorf("%q gives %+v", body, s)
			}
		}
	})
}
