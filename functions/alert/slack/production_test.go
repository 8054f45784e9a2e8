package slack_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/slack"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/outbound/outboundtest"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// production is Slack at its own addresses. It keeps what it was asked.
var production site

type site struct {
	mu   sync.Mutex
	seen []string
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.seen = append(s.seen, fmt.Sprintf("%s %s%s %s", r.Method, r.Host, r.URL.Path, r.FormValue("token")))
	s.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, "/moved"):
		http.Redirect(w, r, "https://slack.com/services/elsewhere", http.StatusTemporaryRedirect)
	case strings.HasPrefix(r.URL.Path, "/services/"):
		fmt.Fprint(w, "ok")
	default:
		fmt.Fprintf(w, `{"ok":true,"channel":%q,"ts":"1.2"}`, channel)
	}
}

// visits returns what the site was asked while f ran.
func (s *site) visits(f func()) string {
	s.mu.Lock()
	before := len(s.seen)
	s.mu.Unlock()
	f()
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.TrimSpace(strings.Join(s.seen[before:], "; "))
}

func TestMain(m *testing.M) {
	internet, err := outboundtest.Start()
	if err != nil {
		panic(err)
	}
	for _, host := range []string{"slack.com", "hooks.slack.com", "slack-gov.com", "evil.example"} {
		internet.Handle(host, &production)
	}
	code := m.Run()
	internet.Close()
	os.Exit(code)
}

// Slack is reached at its own hosts over HTTPS, through the proxy of the environment,
// and nothing else is, whatever the secret says.
func TestProductionHosts(t *testing.T) {
	for _, tt := range []struct {
		name, api, webhook string
		want               message.Outcome
		visits             string
	}{
		{name: "the Web API by default", want: message.Outcome{Result: message.Delivered}, visits: "POST slack.com/api/chat.postMessage xoxb-1"},
		{name: "the base without a closing slash", api: "https://slack-gov.com/api", want: message.Outcome{Result: message.Delivered}, visits: "POST slack-gov.com/api/chat.postMessage xoxb-1"},
		{name: "a webhook", webhook: "https://hooks.slack.com/services/T0/B0/x", want: message.Outcome{Result: message.Delivered}, visits: "POST hooks.slack.com/services/T0/B0/x"},
		{
			name: "a redirect within Slack", webhook: "https://hooks.slack.com/services/moved",
			want: message.Outcome{Result: message.Refused, Reason: "HTTP 307"}, visits: "POST hooks.slack.com/services/moved",
		},
		{name: "another host", webhook: "https://evil.example/services/T0", want: message.Outcome{Result: message.Refused}},
		{name: "a host that only begins like Slack's", webhook: "https://hooks.slack.com.evil.example/services/T0", want: message.Outcome{Result: message.Refused}},
		{name: "plain HTTP", webhook: "http://hooks.slack.com/services/T0", want: message.Outcome{Result: message.Refused}},
		{name: "this machine without leave", webhook: "https://127.0.0.1:1/services/T0", want: message.Outcome{Result: message.Refused}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := slack.Options{Name: "s", APIURL: tt.api, Webhook: message.Fixed(secrets.New(tt.webhook))}
			if tt.webhook == "" {
				o.Webhook, o.Token, o.Channel = nil, message.Fixed(secrets.New("xoxb-1\n")), channel
			}
			r, err := slack.New(o)
			if err != nil {
				t.Fatal(err)
			}
			var got message.Outcome
			visits := production.visits(func() {
				_, got, err = r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{})
			})
			if (err == nil) != (tt.want.Result == message.Delivered) || got.Result != tt.want.Result || tt.want.Reason != "" && got != tt.want {
				t.Errorf("outcome %+v, %v; want %+v", got, err, tt.want)
			}
			if visits != tt.visits {
				t.Errorf("visits %q, want %q", visits, tt.visits)
			}
		})
	}
}
