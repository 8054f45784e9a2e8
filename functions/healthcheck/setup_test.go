package healthcheck_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
)

func TestTheDeployedFunctionSaysWhatItsSetUpLacks(t *testing.T) {
	environment := map[string]string{}
	h := healthcheck.Handler(func(key string) string { return environment[key] })
	ask := func(want string) {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), want) {
			t.Errorf("answered %d %s, want 503 that names %s", w.Code, w.Body, want)
		}
	}
	ask("PONGWATCH_CONFIG")
	// A failed set-up is tried again: each mistake shows when the one before is fixed.
	environment["PONGWATCH_CONFIG"] = `{"databases": [{"name": "cache", "url": "https://fake.upstash.io", "token": "sm://projects/p/secrets/s"}]}`
	ask("PONGWATCH_TOPIC_REPORTS")
}
