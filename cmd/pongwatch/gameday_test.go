package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// What must not be broken, or cannot be played, is refused before anything is requested.
func TestGamedayRefuses(t *testing.T) {
	for _, name := range []string{"PONGWATCH_CONFIG", "UPSTASH_REDIS_URL", "UPSTASH_REDIS_TOKEN", "UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN", "MOCK_REDIS", "NONE"} {
		t.Setenv(name, "")
	}
	f := newFakeLocal(t, "prod-cache", "stage")
	const health, page = "--app-health-url=http://127.0.0.1:1/health", "--app-url=http://127.0.0.1:1/page"
	tests := []struct {
		name, want string
		args       []string
	}{
		{"no health page", "--app-health-url: which app?", []string{page}},
		{"no page", "--app-url: want an address", []string{health}},
		{"an address that is none", "--app-url: want an address such as https://", []string{health, "--app-url=example.com"}},
		{"a database that is not named as staging", "--upstream: prod.upstash.io is not named as staging; add --staging prod.upstash.io", []string{health, page, "--upstream=https://prod.upstash.io", "--staging=stage.upstash.io"}},
		{"an app that is not named as staging", "--app-url: app.example.com is not named as staging", []string{health, "--app-url=https://app.example.com/page", "--staging=example.com"}},
		{"a health page that is not named as staging", "--app-health-url: app.example.com is not named as staging", []string{page, "--app-health-url=https://app.example.com/h"}},
		{"named in another case: what is missing is the next thing", `--causes: no game day plays "refuse"`, []string{health, page, "--upstream=https://Stage.upstash.io", "--staging=stage.upstash.io", "--causes=refuse"}},
		{"a load that is too high", "--every 100ms: want at least 200ms", []string{health, page, "--every=100ms"}},
		{"no patience", "want more than zero", []string{health, page, "--patience=0"}},
		{"users who wait longer than the fault lasts", "--timeout 1m0s: want less than --patience 1m0s", []string{health, page, "--timeout=1m"}},
		{"a token for another's database", "--database-token-env is for an emulated database", []string{health, page, "--upstream=http://127.0.0.1:1", "--database-token-env=NONE"}},
		{"a token that is empty", "--database-token-env NONE: the variable is empty", []string{health, page, "--database-token-env=NONE"}},
		{"an app's token that is empty", "--app-token-env NONE: the variable is empty", []string{health, page, "--app-token-env=NONE"}},
		{"a pongwatch with several databases", `--database "": want the one that is behind the proxy, of prod-cache, stage`, []string{health, page, "--url=" + f.URL}},
		{"a pongwatch without that database", `--database "other": want the one`, []string{health, page, "--url=" + f.URL, "--database=other"}},
		{"a pongwatch that is gone", "refused", []string{health, page, "--url=http://127.0.0.1:1"}},
		{"an address that is taken", "--listen and --upstream: starting the emulator: listen", []string{health, page, "--listen=" + strings.TrimPrefix(f.URL, "http://")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { expect(t, exitFailed, tt.want, append([]string{"gameday"}, tt.args...)...) })
	}
}

// An app in mock mode from the start is said so, and nothing is broken.
func TestGamedayOfAnAppThatIsNotWell(t *testing.T) {
	t.Setenv("PONGWATCH_CONFIG", "databases: [{name: a, url: https://a.upstash.io, token: sm://projects/p/secrets/a, app: {service: b, health_url: https://app.example.com, match: {path: $.kind, connected: [real], mock: [fake]}}}]")
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"kind":"fake"}`))
	}))
	defer app.Close()
	record := filepath.Join(t.TempDir(), "record.md")
	out := expect(t, exitFailed, "before anything was broken: the app's health page does not say connected: the app's health page says", "gameday", "--listen=127.0.0.1:0", "--app-health-url="+app.URL, "--app-url="+app.URL,
		"--patience=1s", "--timeout=900ms", "--alert-patience=1s", "--every=200ms", "--markdown="+record)
	if out != "" {
		t.Errorf("stdout is %q", out)
	}
}
