package preflight_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

func TestTheLimiterOfAnApp(t *testing.T) {
	s := upstashtest.Start(t, upstashtest.Options{})
	for _, tt := range []struct {
		name    string
		asked   bool // app.limiter
		allowed int
		broken  upstashtest.Mode
		want    preflight.Status
		cause   cause.Cause
	}{
		{name: "it refuses", asked: true, allowed: 1, want: preflight.Pass},
		{name: "it allows everything", asked: true, allowed: 3, want: preflight.Fail, cause: cause.LimiterOpen},
		{name: "Redis refuses pongwatch, so nothing is proved", asked: true, allowed: 3, broken: upstashtest.AuthInvalid, want: preflight.Fail, cause: cause.AuthInvalid},
		{name: "no app offers the test", want: preflight.Manual},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := s.Break(upstashtest.Fault{Mode: tt.broken}); err != nil {
				t.Fatal(err)
			}
			app := serve(t, func(w http.ResponseWriter, r *http.Request) {
				var m struct{ Data struct{ Nonce string } }
				if err := json.NewDecoder(r.Body).Decode(&m); err != nil || r.Header.Get("Webhook-Signature") == "" {
					t.Errorf("an unsigned request, %v", err)
				}
				fmt.Fprintf(w, `{"proof":%q,"limiter":{"limit":1,"window":60,"allowed":%d}}`, m.Data.Nonce, tt.allowed)
			})
			c, problems := config.Parse(true, config.Document{Name: "test", Text: fmt.Appendf(nil, `
databases: [{name: cache, url: %q, token: %q, app: {service: backend, health_url: %q, limiter: %t}}]
proof_key: whsec_cHJvb2Yta2V5LW9mLXRoZS10ZXN0cy0zMi1ieXRlcyE=
`, s.URL(), s.Token(), app, tt.asked)})
			if err := problems.Err(); err != nil {
				t.Fatal(err)
			}
			record, err := preflight.Run(t.Context(), preflight.Options{
				Config: c, Secrets: secrets.NewCache(nil, nil), Upstash: upstash.Options{AllowHTTP: true}, Only: []string{"app.limiter"},
			})
			if err != nil || len(record.Results) != 1 || record.Results[0].Status != tt.want || record.Results[0].Cause != tt.cause {
				t.Errorf("%+v, %v; want %s of %q", record.Results, err, tt.want, tt.cause)
			}
		})
	}
}
