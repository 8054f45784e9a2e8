package alert

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/shared/gcp"
)

const (
	testAudience = "https://alert-123456789012.europe-west1.run.app"
	testPusher   = "pongwatch-push@my-project.iam.gserviceaccount.com"
)

// Half of what guards pushes must not be taken for none of it.
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
			Handler(func(name string) string { return env[name] }).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil))
			if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("answer %d %s, want 503 that names %s", w.Code, w.Body, c.want)
			}
		})
	}
}

func TestPushGuard(t *testing.T) {
	open, err := pushGuard(gcp.Environment{}, "", nil)
	if err != nil || open != nil {
		t.Errorf("where IAM guards: a guard (%t), error %v; want neither", open != nil, err)
	}
	guard, err := pushGuard(gcp.Environment{Audience: testAudience}, testPusher, nil)
	if err != nil {
		t.Fatal(err)
	}
	reached := false
	h := guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	for name, header := range map[string]string{
		"no token": "", "no bearer token": "Basic eDp5", "an unsigned token": "Bearer e30.e30.",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r.Header.Set("X-CloudScheduler", "true") // any caller can set it
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized || reached {
			t.Errorf("%s: answer %d, let through %t; want 401", name, w.Code, reached)
		}
	}
}
