package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/local"
	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// preflight refuses a demonstration's configuration that it cannot use, and takes none
// from a pongwatch that has none.
func TestPreflightOfADemonstration(t *testing.T) {
	document := "databases: [{name: a, url: https://a.upstash.io, token: sm://projects/p/secrets/a}]"
	tests := []struct {
		name, body, want string
		status           int
	}{
		{"its answer is no JSON", "<html>", "reading the demonstration's configuration: invalid character", 200},
		{"its document has problems", `{"document":"databases: 7","secret_manager":"127.0.0.1:1"}`, "reading the demonstration's configuration: ", 200},
		{"its Secret Manager is elsewhere", `{"document":` + fmt.Sprintf("%q", document) + `,"secret_manager":"secrets.example.com:443"}`, "its Secret Manager is not on this machine", 200},
		{"it has none", `{}`, `no database "a" is configured`, 404},
	}
	for _, name := range []string{"PONGWATCH_CONFIG", "UPSTASH_REDIS_URL", "UPSTASH_REDIS_TOKEN", "UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN", "MOCK_REDIS"} {
		t.Setenv(name, "")
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.HandleFunc("GET "+local.DemonstrationPath, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			})
			server := httptest.NewServer(mux)
			defer server.Close()
			expect(t, exitFailed, tt.want, "preflight", "--url", server.URL, "--database", "a")
		})
	}
}

// HealthCheck's pages are read at --health-url, all others at --url, with the token.
func TestMonitorReadsTwoAddresses(t *testing.T) {
	var asked []string
	serve := func(name string) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, name+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(http.StatusTeapot)
			io.WriteString(w, name)
		}))
		t.Cleanup(s.Close)
		return s
	}
	t.Setenv("READ_TOKEN", "sesame")
	m := monitor{reader: reader{url: serve("metrics").URL, tokenEnv: "READ_TOKEN"}, health: reader{url: serve("health").URL}}
	if err := m.open(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/health", "/api/v1/health/redis", statisticsPath} {
		page, err := m.Get(t.Context(), path)
		if err != nil || page.Status != http.StatusTeapot || !page.HTML || len(page.Body) == 0 {
			t.Errorf("%s: %+v, %v; want the page", path, page, err)
		}
	}
	want := []string{"metrics / Bearer sesame", "health /health Bearer sesame", "health /api/v1/health/redis Bearer sesame", "metrics " + statisticsPath + " Bearer sesame"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	expect(t, exitFailed, "--health-url: want an address", "preflight", "--url", m.url, "--health-url", "elsewhere")
}

// A drill is ordered where that is possible, and its failure is returned.
func TestMonitorDrill(t *testing.T) {
	f := newFakeLocal(t, "prod-cache")
	m := monitor{reader: *openReader(t, f.URL)}
	drill, err := m.Drill(t.Context())
	if err != nil || len(drill.Told) != 2 {
		t.Errorf("%+v, %v; want the drill with its two receivers", drill, err)
	}
	if c := f.one(); c.Action != report.Drill || c.By != whoami() || c.Via != "cli" || c.ID == "" || c.At.IsZero() {
		t.Errorf("ordered %+v", c)
	}
	f.commands = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	if _, err := m.Drill(t.Context()); err == nil || !strings.Contains(err.Error(), "answers 503") {
		t.Errorf("a drill that is not taken: %v, want the answer", err)
	}
	remote := monitor{reader: *openReader(t, "https://metrics.example.com")}
	if _, err := remote.Drill(t.Context()); !errors.Is(err, preflight.ErrNoDrill) {
		t.Errorf("in the cloud without a project: %v, want ErrNoDrill", err)
	}
	t.Setenv("PUBSUB_EMULATOR_HOST", "pubsub.example.com:443")
	remote.project, remote.topic = "p", "t"
	if _, err := remote.Drill(t.Context()); err == nil || !strings.Contains(err.Error(), "PUBSUB_EMULATOR_HOST") {
		t.Errorf("over a topic: %v, want the publisher's error", err)
	}
}

// preflight's exit code is that of its items, and the app's token reaches the app.
func TestPreflightExitCodes(t *testing.T) {
	redis := upstashtest.Start(t, upstashtest.Options{})
	var authorization string
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { authorization = r.Header.Get("Authorization") }))
	defer app.Close()
	t.Setenv("PONGWATCH_CONFIG", "")
	t.Setenv("UPSTASH_REDIS_URL", redis.URL())
	t.Setenv("APP_TOKEN", " sesame\n")
	for token, code := range map[string]int{redis.Token(): exitOK, "wrong": exitNo} {
		t.Setenv("UPSTASH_REDIS_TOKEN", token)
		got, stdout, stderr := pongwatch(t, "preflight", "--only", "database.token", "--quiet")
		if got != code || stderr != "" {
			t.Errorf("exit code %d, stderr %q, want %d and nothing:\n%s", got, stderr, code, stdout)
		}
	}
	_, stdout, stderr := pongwatch(t, "preflight", "--only", "app.caching", "--cache-url", app.URL, "--app-token-env", "APP_TOKEN")
	if authorization != "Bearer sesame" || !strings.Contains(stderr, "app.caching …") {
		t.Errorf("the app got %q, progress %q:\n%s", authorization, stderr, stdout)
	}
	record := filepath.Join(t.TempDir(), "no", "record.md")
	expect(t, exitFailed, "no such file", "preflight", "--only", "database.token", "--quiet", "--markdown", record)
}
