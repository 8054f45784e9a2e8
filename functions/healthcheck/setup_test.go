package healthcheck_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/shared/gcp/gcptest"
)

func TestTheDeployedFunctionSaysWhatItsSetUpLacks(t *testing.T) {
	environment := map[string]string{}
	ask := func(want string) {
		t.Helper()
		w := httptest.NewRecorder()
		log := gcptest.Stderr(t, func() {
			healthcheck.Handler(func(key string) string { return environment[key] }).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		})
		if w.Code != http.StatusServiceUnavailable || w.Body.String() != `{"error":"set-up failed, see the log"}`+"\n" || !strings.Contains(log, want) {
			t.Errorf("answered %d %s, logged %q; want 503 without the reason, and a log that names %s", w.Code, w.Body, log, want)
		}
	}
	ask("PONGWATCH_CONFIG")
	environment["PONGWATCH_CONFIG"] = `{"databases": [{"name": "cache", "url": "https://fake.upstash.io", "token": "sm://projects/p/secrets/s"}]}`
	ask("PONGWATCH_TOPIC_REPORTS")
}
