package local

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestGuard(t *testing.T) {
	tests := []struct {
		name         string
		method, url  string
		header       http.Header
		loopbackOnly bool
		want         int
	}{
		{"a browser on this machine reads", "GET", "http://localhost:8080/inbox", nil, true, 200},
		{"curl posts", "POST", "http://127.0.0.1:8080/demo/break", nil, true, 200},
		{"the page's own form posts", "POST", "http://127.0.0.1:8080/demo/break", http.Header{"Origin": {"http://127.0.0.1:8080"}, "Sec-Fetch-Site": {"same-origin"}}, true, 200},
		{"another site's form posts", "POST", "http://127.0.0.1:8080/demo/break", http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}, true, 403},
		{"an app's signed event comes from anywhere", "POST", "http://127.0.0.1:8080/webhook/events", http.Header{"Origin": {"https://app.example"}}, true, 200},
		{"a name that was made point here", "GET", "http://evil.example:8080/inbox", nil, true, 421},
		{"any name where anybody may ask", "GET", "http://monitor.internal/health", nil, false, 200},
		{"IPv6 loopback", "GET", "http://[::1]:8080/", nil, true, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), tt.loopbackOnly)
			r := httptest.NewRequest(tt.method, tt.url, nil)
			maps.Copy(r.Header, tt.header)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Errorf("status code %d, want %d", w.Code, tt.want)
			}
		})
	}
}

// Each path reaches its function, and what only Google may call refuses strangers.
func TestMux(t *testing.T) {
	named := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(name + " " + r.URL.Path)) })
	}
	c := newCaller(nil, "")
	mux := newMux(functions{named("healthcheck"), named("metrics"), named("alert"), named("inbound")}, c, nil)
	tests := []struct {
		method, path, token, want string
		code                      int
	}{
		{"GET", "/api/v1/health/redis", "", "healthcheck /api/v1/health/redis", 200},
		{"GET", "/health", "", "healthcheck /health", 200},
		{"GET", "/", "", "metrics /", 200},
		{"GET", "/metrics", "", "metrics /metrics", 200},
		{"GET", "/api/v1/admin/redis-metrics", "", "metrics /api/v1/admin/redis-metrics", 200},
		{"GET", "/playbooks/auth_invalid", "", "metrics /playbooks/auth_invalid", 200},
		{"POST", "/webhook/events", "", "inbound /events", 200},
		{"POST", "/HealthCheck", c.token, "healthcheck /HealthCheck", 200},
		{"POST", "/Metrics", c.token, "metrics /Metrics", 200},
		{"POST", "/Alert", c.token, "alert /Alert", 200},
		{"POST", "/Alert", "", "", 401},
		{"POST", "/Alert", "guessed", "", 401},
		{"POST", "/HealthCheck", "", "", 401},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path+" "+tt.token, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, tt.path, nil)
			if tt.token != "" {
				r.Header.Set("Authorization", "Bearer "+tt.token)
			}
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r)
			if w.Code != tt.code || tt.want != "" && w.Body.String() != tt.want {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, tt.code, tt.want)
			}
		})
	}
}
