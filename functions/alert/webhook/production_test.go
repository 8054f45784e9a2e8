package webhook_test

import (
	"net/http"
	"os"
	"sync"
	"testing"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/webhook"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/outbound/outboundtest"
)

// production is PagerDuty at its own addresses. It keeps what it was asked.
var production site

type site struct {
	mu   sync.Mutex
	seen []string
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, r.Method+" "+r.Host+r.URL.Path+" "+r.Header.Get("Content-Type")+" "+r.Header.Get("User-Agent"))
	if r.URL.Path == "/moved" {
		http.Redirect(w, r, "https://events.pagerduty.com/v2/enqueue", http.StatusTemporaryRedirect)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func TestMain(m *testing.M) {
	internet, err := outboundtest.Start()
	if err != nil {
		panic(err)
	}
	for _, host := range []string{"events.pagerduty.com", "events.eu.pagerduty.com", "hooks.example.com"} {
		internet.Handle(host, &production)
	}
	code := m.Run()
	internet.Close()
	os.Exit(code)
}

// PagerDuty is reached at its own hosts over HTTPS, through the proxy of the environment.
func TestPagerDutyInProduction(t *testing.T) {
	for address, tt := range map[string]struct {
		want message.Result
		seen string
	}{
		"": {message.Delivered, "POST events.pagerduty.com/v2/enqueue application/json pongwatch"},
		"https://events.eu.pagerduty.com/v2/enqueue": {message.Delivered, "POST events.eu.pagerduty.com/v2/enqueue application/json pongwatch"},
		"https://events.pagerduty.com/moved":         {message.Refused, "POST events.pagerduty.com/moved application/json pongwatch"},
		"http://events.pagerduty.com/v2/enqueue":     {message.Refused, ""},
	} {
		production.seen = nil
		p, err := webhook.NewPagerDuty(webhook.PagerDutyOptions{Name: "p", RoutingKey: fixed("key"), URL: address})
		if err != nil {
			t.Fatal(err)
		}
		ref, got, err := p.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{ID: "before"})
		if got.Result != tt.want || (err == nil) != (tt.want == message.Delivered) || (ref.ID == "before") != (err != nil) {
			t.Errorf("%s: %+v %+v, %v; want %s", address, ref, got, err, tt.want)
		}
		if seen := append(production.seen, "")[0]; seen != tt.seen || len(production.seen) > 1 {
			t.Errorf("%s: seen %q, want %q", address, production.seen, tt.seen)
		}
	}
	for _, address := range []string{"https://127.0.0.1:1/", "https://events.pagerduty.com.evil.example/", "https://evil.example/events.pagerduty.com", "https://\x7f"} {
		if _, err := webhook.NewPagerDuty(webhook.PagerDutyOptions{Name: "p", RoutingKey: fixed("key"), URL: address}); err == nil {
			t.Errorf("%q was taken for PagerDuty's", address)
		}
	}
}

// A proxy would resolve the name by itself, so that a webhook never uses one: only
// then is what the name resolves to known to be public.
func TestAWebhookUsesNoProxy(t *testing.T) {
	production.seen = nil
	r, err := webhook.New(webhook.Options{Name: "hook", URL: fixed("https://hooks.example.com/x"), Keys: []message.Credential{fixed(newKey)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, got, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{}); err == nil || got.Result != message.Later {
		t.Errorf("%+v, %v; want later, because no such name exists", got, err)
	}
	if len(production.seen) > 0 {
		t.Errorf("the proxy was used: %v", production.seen)
	}
}
