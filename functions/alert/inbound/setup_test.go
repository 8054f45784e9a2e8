package inbound_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"

	"github.com/pongwatch/pongwatch/functions/alert/inbound"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/gcp/gcptest"
	"github.com/pongwatch/pongwatch/shared/gcp/secretmanager/secretmanagertest"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/signature"
)

// Without an environment, network or credentials the deployed function answers, and
// names what is missing in its log. Strangers learn nothing of it.
func TestHandlerSaysWhatItLacks(t *testing.T) {
	tests := []struct {
		name string
		env  map[string]string
		want string
	}{
		{"no configuration", nil, "PONGWATCH_CONFIG"},
		{"no topic", map[string]string{"UPSTASH_REDIS_URL": "https://x.upstash.io", "UPSTASH_REDIS_TOKEN": "sm://projects/p/secrets/t"}, gcp.ReportsVariable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			log := gcptest.Stderr(t, func() {
				inbound.Handler(func(name string) string { return tt.env[name] }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			})
			if w.Code != http.StatusServiceUnavailable || w.Body.String() != `{"error":"set-up failed, see the log"}`+"\n" || !strings.Contains(log, tt.want) {
				t.Errorf("answer %d %s, logged %q; want 503 without the reason, and a log that names %s", w.Code, w.Body, log, tt.want)
			}
		})
	}
}

// The deployed function reads its keys from Secret Manager, and publishes commands and
// signals to a topic each.
func TestHandlerIsWiredToTheCloud(t *testing.T) {
	vault, err := secretmanagertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(vault.Close)
	vault.AddVersion("projects/p/secrets/event-key", []byte(eventKey))
	vault.AddVersion("projects/p/secrets/link-key", []byte(linkKey))
	pubsub := pstest.NewServer()
	t.Cleanup(func() { _ = pubsub.Close() })
	const reports, signals = "projects/p/topics/reports", "projects/p/topics/signals"
	for _, name := range []string{reports, signals} {
		if _, err := pubsub.GServer.CreateTopic(t.Context(), &pubsubpb.Topic{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "pongwatch.yaml")
	const document = `
databases: [{name: cache, url: "https://x.upstash.io", token: "sm://projects/p/secrets/token"}]
inbound: {event_keys: ["sm://projects/p/secrets/event-key"], link_keys: ["sm://projects/p/secrets/link-key"]}
`
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"PONGWATCH_CONFIG": file, "PONGWATCH_SECRETMANAGER_EMULATOR_HOST": vault.Addr(), "PUBSUB_EMULATOR_HOST": pubsub.Addr,
		gcp.ProjectVariable: "p", gcp.ReportsVariable: reports, gcp.SignalsVariable: signals,
	}
	h := inbound.Handler(func(name string) string { return env[name] })
	at := time.Now()
	link := linkQuery(t, report.Acknowledge, func(l *signature.Link) { l.Expires = at.Add(time.Hour) })
	for _, r := range []*http.Request{
		post(message.PathEvents, "application/json", activated, eventSigned(activated, eventKey, "1", at)),
		post(link, form, "", nil),
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code/100 != 2 {
			t.Errorf("%s: %d %s", r.URL.Path, w.Code, w.Body)
		}
	}
	got := map[string]report.Decoded{}
	for _, m := range pubsub.Messages() {
		d, err := report.Decode(report.Message{Data: m.Data, Attributes: m.Attributes}, at)
		if err != nil {
			t.Fatal(err)
		}
		got[m.Topic] = d
	}
	if c := got[reports].Command; c == nil || c.Incident != incidentID {
		t.Errorf("the topic of reports has %+v", got[reports])
	}
	if s := got[signals].Signal; s == nil || s.Service != "backend" {
		t.Errorf("the topic of signals has %+v", got[signals])
	}
}
