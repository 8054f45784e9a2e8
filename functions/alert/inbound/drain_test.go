package inbound_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
)

func vercelSigned(body, key string) func(http.Header) {
	return func(h http.Header) {
		mac := hmac.New(sha1.New, []byte(key))
		mac.Write([]byte(body))
		h.Set("X-Vercel-Signature", hex.EncodeToString(mac.Sum(nil)))
	}
}

// vercelEntry is an entry as Vercel sends it, some of whose fields are not read.
func vercelEntry(id, text string, at time.Time) string {
	data, err := json.Marshal(map[string]any{
		"id": id, "message": text, "timestamp": at.UnixMilli(), "source": "lambda", "level": "error", "type": "stdout", "statusCode": 200,
		"deploymentId": "dpl_1", "projectId": "prj_1", "projectName": "web", "host": "web.vercel.app", "path": "/api/v1/greeting", "environment": "production",
	})
	if err != nil {
		panic(err)
	}
	return string(data)
}

const vercelActivated = `{"severity":"ERROR","message":"MOCK MODE ACTIVE: connect_failed","event":"redis_mock_mode_activated","service":"frontend","reason":"connect_failed"}`

func vercelConfigured() *config.Config {
	c := configured()
	c.Databases = []config.Database{{Name: "cache", Apps: []config.App{{Service: "frontend"}, {Service: "web"}}}}
	return c
}

func TestTheLogDrainOfVercel(t *testing.T) {
	started := "START RequestId: 1\n" + vercelActivated + "\nEND RequestId: 1\n"
	ended := strings.Replace(vercelActivated, "_activated", "_deactivated", 1)
	for name, tt := range map[string]struct {
		entries []string
		want    []string // service, mode and deployment
	}{
		"a line among others":               {[]string{vercelEntry("1", "GET /", now), vercelEntry("2", vercelActivated, now), vercelEntry("3", "", now)}, []string{"frontend activated dpl_1"}},
		"all lines of a request in one":     {[]string{vercelEntry("1", started, now)}, []string{"frontend activated dpl_1"}},
		"a line that names no service":      {[]string{vercelEntry("1", `{"event":"redis_mock_mode_activated"}`, now)}, []string{"web activated dpl_1"}},
		"the same by many instances":        {[]string{vercelEntry("1", vercelActivated, now), vercelEntry("2", vercelActivated, now)}, []string{"frontend activated dpl_1"}},
		"there and back":                    {[]string{vercelEntry("1", vercelActivated, now), vercelEntry("2", ended, now)}, []string{"frontend activated dpl_1", "frontend deactivated dpl_1"}},
		"its limiter as well":               {[]string{vercelEntry("1", vercelActivated, now), vercelEntry("2", strings.Replace(vercelActivated, "mock_mode", "limiter_open", 1), now)}, []string{"frontend activated dpl_1", "frontend activated dpl_1 limiter"}},
		"a service that is not configured":  {[]string{vercelEntry("1", strings.Replace(vercelActivated, "frontend", "stranger", 1), now)}, nil},
		"words that are no structured line": {[]string{vercelEntry("1", "MOCK MODE ACTIVE: redis_mock_mode_activated", now)}, nil},
		"a batch of yesterday, sent anew":   {[]string{vercelEntry("1", vercelActivated, now.Add(-24*time.Hour))}, nil},
		"a preview, which has no database":  {[]string{strings.Replace(vercelEntry("1", vercelActivated, now), `"production"`, `"preview"`, 1)}, nil},
		"a build, which has none either":    {[]string{strings.Replace(vercelEntry("1", vercelActivated, now), `"lambda"`, `"build"`, 1)}, nil},
		"nothing":                           {nil, nil},
	} {
		for format, body := range map[string]string{
			"application/json":     "[" + strings.Join(tt.entries, ",") + "]",
			"application/x-ndjson": strings.Join(tt.entries, "\n"),
		} {
			t.Run(name+", "+format, func(t *testing.T) {
				f := start(t, vercelConfigured())
				w := f.do(post(message.PathVercel, format, body, vercelSigned(body, eventKey)))
				if w.Code != http.StatusOK {
					t.Fatalf("answer %d %s", w.Code, w.Body)
				}
				var got []string
				for _, d := range f.signals.sent {
					text := fmt.Sprint(d.Signal.Service, " ", d.Signal.Mode, " ", d.Signal.Revision)
					if d.Signal.Limiter {
						text += " limiter"
					}
					got = append(got, text)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("signals (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestTheLogDrainOfVercelTellsWhatTheLineSaid(t *testing.T) {
	f := start(t, vercelConfigured())
	body := "[" + vercelEntry("1", vercelActivated, now.Add(-time.Minute)) + "]"
	for range 2 { // Vercel tries again
		f.do(post(message.PathVercel, "application/json", body, vercelSigned(body, oldEventKey)))
	}
	if len(f.signals.sent) != 2 || f.signals.sent[0].Signal.ID != f.signals.sent[1].Signal.ID {
		t.Fatalf("%d signals, want the same twice", len(f.signals.sent))
	}
	got := *f.signals.sent[0].Signal
	got.ID = ""
	want := report.Signal{
		Source: report.SourceLogs, Service: "frontend", Revision: "dpl_1", Mode: report.Activated,
		Reason: "connect_failed", Message: "MOCK MODE ACTIVE: connect_failed", At: now.Add(-time.Minute),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("signal (-want +got):\n%s", diff)
	}
	if strings.Contains(strings.ToUpper(f.logs.String()), "MOCK MODE") {
		t.Errorf("the log would match the sink for mock mode: %s", f.logs.String())
	}
}

func TestTheLogDrainOfVercelRefuses(t *testing.T) {
	good := "[" + vercelEntry("1", vercelActivated, now) + "]"
	large := strings.Repeat(" ", 4<<20) + good
	for name, tt := range map[string]struct {
		body, kind string
		sign       func(http.Header)
		fails      bool
		code       int
	}{
		"no signature":              {good, "application/json", nil, false, http.StatusUnauthorized},
		"a signature of another":    {good, "application/json", vercelSigned(good, "another-secret-of-a-stranger"), false, http.StatusUnauthorized},
		"a body that was changed":   {good + " ", "application/json", vercelSigned(good, eventKey), false, http.StatusUnauthorized},
		"an odd signature":          {good, "application/json", func(h http.Header) { h.Set("X-Vercel-Signature", "sha1=x") }, false, http.StatusUnauthorized},
		"another content type":      {good, "text/plain", vercelSigned(good, eventKey), false, http.StatusUnauthorized},
		"too large":                 {large, "application/json", vercelSigned(large, eventKey), false, http.StatusUnauthorized},
		"signed, and no JSON":       {"[{", "application/json", vercelSigned("[{", eventKey), false, http.StatusBadRequest},
		"signed, and no objects":    {"1 2", "application/x-ndjson", vercelSigned("1 2", eventKey), false, http.StatusBadRequest},
		"the topic cannot be asked": {good, "application/json", vercelSigned(good, eventKey), true, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, vercelConfigured())
			if tt.fails {
				f.signals.failFrom = 1
			}
			if w := f.do(post(message.PathVercel, tt.kind, tt.body, tt.sign)); w.Code != tt.code || len(f.signals.sent) != 0 {
				t.Errorf("answer %d %s with %d signals, want %d", w.Code, w.Body, len(f.signals.sent), tt.code)
			}
		})
	}
	f := start(t, &config.Config{})
	if w := f.do(post(message.PathVercel, "application/json", good, vercelSigned(good, eventKey))); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without a key: answer %d, want 503", w.Code)
	}
}
