package local

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pongwatch/pongwatch/shared/access"
)

// Each path reaches its function.
func TestMux(t *testing.T) {
	named := func(name, mount string) access.Guarded {
		mux := access.NewMux(mount)
		mux.Handle("/", access.Anyone(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(name + " " + r.URL.Path)) }))
		return mux
	}
	f := functions{named("healthcheck", "/HealthCheck"), named("metrics", "/Metrics"), named("alert", "/Alert"), named("inbound", "/AlertWebhook")}
	mux := newMux(f, http.NotFoundHandler(), nil, "", exposure{})
	for _, tt := range []struct{ method, path, want string }{
		{"GET", "/api/v1/health/redis", "healthcheck /api/v1/health/redis"},
		{"GET", "/health", "healthcheck /health"},
		{"GET", "/", "metrics /"},
		{"GET", "/metrics", "metrics /metrics"},
		{"GET", "/api/v1/admin/redis-metrics", "metrics /api/v1/admin/redis-metrics"},
		{"GET", "/playbooks/auth_invalid", "metrics /playbooks/auth_invalid"},
		{"POST", "/webhook/events", "inbound /events"},
		{"POST", "/HealthCheck", "healthcheck /"},
		{"POST", "/Metrics", "metrics /"},
		{"POST", "/Alert", "alert /"},
		{"POST", "/any", "metrics /any"},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
			if w.Code != http.StatusOK || w.Body.String() != tt.want {
				t.Errorf("%d %q, want 200 %q", w.Code, w.Body, tt.want)
			}
		})
	}
}
