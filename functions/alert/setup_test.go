package alert

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/gcp/gcptest"
	"github.com/pongwatch/pongwatch/shared/gcp/oidc/oidctest"
)

const (
	testAudience = "https://alert-123456789012.europe-west1.run.app"
	testPusher   = "pongwatch-push@my-project.iam.gserviceaccount.com"
)

func TestTheDeployedFunctionSaysWhatItsGuardLacks(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"no configuration", nil, "PONGWATCH_CONFIG"},
		{"an audience without an account", map[string]string{gcp.AudienceVariable: testAudience}, PusherVariable},
		{"an account without an audience", map[string]string{PusherVariable: testPusher}, gcp.AudienceVariable},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := map[string]string{}
			if c.env != nil {
				env["UPSTASH_REDIS_URL"], env["UPSTASH_REDIS_TOKEN"] = "https://x.upstash.io", "sm://projects/p/secrets/t"
			}
			maps.Copy(env, c.env)
			w := httptest.NewRecorder()
			log := gcptest.Stderr(t, func() {
				Handler(func(name string) string { return env[name] }).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil))
			})
			if w.Code != http.StatusServiceUnavailable || w.Body.String() != `{"error":"set-up failed, see the log"}`+"\n" || !strings.Contains(log, c.want) {
				t.Errorf("answer %d %s, logged %q; want 503 without the reason, and a log that names %s", w.Code, w.Body, log, c.want)
			}
		})
	}
}

// An account that may call the function by IAM may not push. Only the subscriptions' account may.
func TestOnlyTheSubscriptionsAccountPushes(t *testing.T) {
	env := map[string]string{
		"UPSTASH_REDIS_URL": "https://x.upstash.io", "UPSTASH_REDIS_TOKEN": "sm://projects/p/secrets/t", gcp.ProjectVariable: "p",
		"FIRESTORE_EMULATOR_HOST": "127.0.0.1:9", gcp.AudienceVariable: testAudience, PusherVariable: testPusher,
	}
	h := Handler(func(name string) string { return env[name] })
	for _, c := range []struct {
		name, authorization string
		want                int
	}{
		{"the subscriptions' account", "Bearer " + oidctest.Verified(testPusher, testAudience), http.StatusOK},
		{"another account that may invoke", "Bearer " + oidctest.Verified("reader@example.com", testAudience), http.StatusForbidden},
		{"Scheduler's", "Bearer " + oidctest.Verified("pongwatch-scheduler@my-project.iam.gserviceaccount.com", testAudience), http.StatusForbidden},
		{"a token for another function", "Bearer " + oidctest.Verified(testPusher, "https://metrics.example.com"), http.StatusUnauthorized},
		{"no token", "", http.StatusUnauthorized},
		{"no bearer token", "Basic eDp5", http.StatusUnauthorized},
		{"an unsigned token", "Bearer e30.e30.", http.StatusUnauthorized},
	} {
		// A push that no one can read is acknowledged.
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("{}"))
		r.Header.Set("X-CloudScheduler", "true") // any caller can set it
		r.Header.Set("Authorization", c.authorization)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: answer %d %s, want %d", c.name, w.Code, w.Body, c.want)
		}
	}
}
