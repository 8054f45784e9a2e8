package metrics_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every header of every public page, so that none that protects a reader is lost, and none
// is added unseen. Lengths, tags and the bodies are held elsewhere.
func TestHeadersOfEveryPage(t *testing.T) {
	const (
		policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
		page   = "text/html; charset=utf-8"
		svg    = "image/svg+xml; charset=utf-8"
		json   = "application/json; charset=utf-8"
	)
	const kind, cache, security, referrer = "Content-Type", "Cache-Control", "Content-Security-Policy", "Referrer-Policy"
	x := newFixture(t, "access: {cors: [https://admin.example.com]}\n")
	x.fill(t, 10)
	for _, tt := range []struct {
		path string
		code int
		want map[string]string
	}{
		{"/", 200, map[string]string{kind: page, cache: "private, no-cache", security: policy, referrer: "same-origin"}},
		{"/?database=cache&range=7d", 200, map[string]string{kind: page, cache: "private, no-cache", security: policy, referrer: "same-origin"}},
		{"/playbooks/auth_invalid", 200, map[string]string{kind: page, cache: "max-age=300", security: policy, referrer: "same-origin"}},
		{"/playbooks/none", 404, map[string]string{kind: page, cache: "max-age=300", security: policy, referrer: "same-origin"}},
		{"/chart.svg", 200, map[string]string{kind: svg, cache: "private, no-cache", security: "default-src 'none'; style-src 'unsafe-inline'"}},
		{"/badge.svg", 200, map[string]string{kind: svg, cache: "private, no-cache", security: "default-src 'none'"}},
		{"/api/v1/admin/redis-metrics", 200, map[string]string{kind: json, cache: "private, no-cache", "Vary": "Origin, Accept-Encoding"}},
		{"/api/v1/admin/redis-metrics/schema.json", 200, map[string]string{kind: "application/schema+json; charset=utf-8", cache: "max-age=300"}},
		{"/metrics", 200, map[string]string{kind: "application/openmetrics-text; version=1.0.0; charset=utf-8", cache: "no-store"}},
		{"/assets/app.css", 200, map[string]string{kind: "text/css; charset=utf-8", cache: "public, max-age=31536000, immutable"}},
		{"/assets/app.js", 200, map[string]string{kind: "text/javascript; charset=utf-8", cache: "public, max-age=31536000, immutable"}},
		{"/assets/favicon.svg", 200, map[string]string{kind: "image/svg+xml", cache: "public, max-age=31536000, immutable"}},
		{"/assets/none", 404, map[string]string{kind: json, cache: "no-store", "Vary": ""}},
		{"/elsewhere", 404, map[string]string{kind: json, cache: "no-store", "Vary": ""}},
		{"/?range=none", 400, map[string]string{kind: json, cache: "no-store", "Vary": ""}},
		{"/metrics?database=none", 404, map[string]string{kind: json, cache: "no-store", "Vary": ""}},
	} {
		t.Run(tt.path, func(t *testing.T) {
			w := x.get(t, tt.path)
			if w.Code != tt.code {
				t.Fatalf("status %d, want %d: %.200s", w.Code, tt.code, w.Body)
			}
			want := map[string]string{"X-Content-Type-Options": "nosniff", "Vary": "Accept-Encoding"}
			for key, value := range tt.want {
				if want[key] = value; value == "" {
					delete(want, key)
				}
			}
			got := map[string]string{}
			for key, values := range w.Header() {
				if key != "Etag" && key != "Content-Length" {
					got[key] = strings.Join(values, ", ")
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			tagged := tt.code == http.StatusOK && want[cache] == "private, no-cache"
			if tag := w.Header().Get("ETag"); (tag != "") != tagged || tagged && (!strings.HasPrefix(tag, `W/"`) || len(tag) != 20) {
				t.Errorf("the tag is %q, want one: %v", tag, tagged)
			}
		})
	}
}

func TestHeadersForOtherOrigins(t *testing.T) {
	x := newFixture(t, "access: {cors: [https://admin.example.com, https://ops.example.com]}\n")
	allowed := func(origin string) map[string]string {
		return map[string]string{
			"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Headers": "Authorization, If-None-Match",
			"Access-Control-Expose-Headers": "ETag", "Access-Control-Max-Age": "600",
		}
	}
	for _, tt := range []struct {
		name, path, origin string
		want               map[string]string
	}{
		{"the first that is allowed", "/api/v1/admin/redis-metrics", "https://admin.example.com", allowed("https://admin.example.com")},
		{"the second", "/api/v1/admin/redis-metrics", "https://ops.example.com", allowed("https://ops.example.com")},
		{"another", "/api/v1/admin/redis-metrics", "https://evil.example.com", map[string]string{}},
		{"one that only begins alike", "/api/v1/admin/redis-metrics", "https://admin.example.com.evil.com", map[string]string{}},
		{"none", "/api/v1/admin/redis-metrics", "", map[string]string{}},
		{"one that is allowed, of a page that is not shared", "/", "https://admin.example.com", map[string]string{}},
	} {
		for _, method := range []string{http.MethodGet, http.MethodOptions} {
			if method == http.MethodOptions && tt.path == "/" {
				continue
			}
			w := x.ask(t, method, tt.path, http.Header{"Origin": {tt.origin}})
			got := map[string]string{}
			for key := range w.Header() {
				if strings.HasPrefix(key, "Access-Control-") {
					got[key] = w.Header().Get(key)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", tt.name, method, diff)
			}
			if want := map[string]int{http.MethodGet: 200, http.MethodOptions: 204}[method]; w.Code != want {
				t.Errorf("%s, %s: status %d, want %d", tt.name, method, w.Code, want)
			}
		}
	}
	plain := newFixture(t, "")
	if w := plain.ask(t, http.MethodGet, "/api/v1/admin/redis-metrics", http.Header{"Origin": {"https://admin.example.com"}}); w.Header().Get("Access-Control-Allow-Origin") != "" || strings.Contains(w.Header().Get("Vary"), "Origin") {
		t.Errorf("without cors an origin is answered %v", w.Header())
	}
}
