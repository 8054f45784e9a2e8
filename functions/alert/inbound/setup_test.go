package inbound_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/functions/alert/inbound"
	"github.com/pongwatch/pongwatch/shared/gcp"
)

// TestHandlerSaysWhatItLacks: without an environment, network or credentials the
// deployed function answers, and names what is missing.
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
			inbound.Handler(func(name string) string { return tt.env[name] }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("answer %d %s, want 503 that names %s", w.Code, w.Body, tt.want)
			}
		})
	}
}
