package check_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

// apps gives the target an app whose health page is served by handler, and returns it.
func apps(t *testing.T, target *check.Target, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	c, problems := config.Parse(true, config.Document{Name: "test", Text: fmt.Appendf(nil, `
databases:
  - name: cache
    url: https://cache.upstash.io
    token: token
    app: {service: backend, health_url: '%s/health', proof: true}
proof_key: %s
`, srv.URL, proofKey)})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	target.Database.Apps = c.Databases[0].Apps
	target.Apps = check.NewApps(c, check.ProofKeys(c, secrets.NewCache(nil, secrets.Options{})))
	target.Apps.Hurry()
	return srv
}

const proofKey = "whsec_cHJvb2Yta2V5LW9mLXRoZS10ZXN0cy0zMi1ieXRlcyE="

// mockFrom runs the job's checks and returns what that source says of mock mode.
func mockFrom(t *testing.T, target *check.Target, source string) report.Observation {
	t.Helper()
	every := time.Minute
	if target.Job == report.Metrics {
		every = 15 * time.Minute
	}
	for _, o := range check.Run(t.Context(), target, check.Specs(target.Job, target.Database, every), eight, every) {
		if o.Check == report.MockMode && o.Source == source {
			return o
		}
	}
	t.Fatalf("nothing from %s", source)
	return report.Observation{}
}

var pong = answer(http.StatusOK, `{"result":"PONG"}`)

func TestTheAppsOwnWord(t *testing.T) {
	html := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "mock")
	}
	tests := []struct {
		name     string
		handler  http.HandlerFunc
		status   report.Status
		evidence string
	}{
		{"connected", answer(200, `{"status":"connected"}`), report.OK, ""},
		{"mock", answer(200, `{"status":"mock"}`), report.Fail, `status "mock"`},
		{"mock with a status that load balancers understand", answer(503, `{"status":"mock"}`), report.Fail, `status "mock"`},
		{"connected with a status that contradicts", answer(503, `{"status":"connected"}`), report.Unknown, "HTTP 503"},
		{"an error of its own", answer(500, `{"status":"error"}`), report.Unknown, `status "error" (HTTP 500, application/json)`},
		{"JSON that says nothing", answer(200, `{"uptime":1}`), report.Unknown, "neither"},
		{"a page for people that says mock", html, report.Unknown, "text/html"},
		{"more than anybody reads", answer(200, `{"status":"mock","pad":"`+strings.Repeat("x", 70_000)+`"}`), report.Unknown, "more than"},
		{"its own closing slash", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/health" {
				http.Redirect(w, r, "/health/", http.StatusMovedPermanently)
				return
			}
			fmt.Fprint(w, `{"status":"mock"}`)
		}, report.Fail, "mock"},
		{"a log-in page elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://login.example.com/?next=secret", http.StatusFound)
		}, report.Unknown, "HTTP 302, redirects to login.example.com"},
		{"in circles", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/health", http.StatusFound)
		}, report.Unknown, "redirects"},
		{"a connection that breaks", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, report.Unknown, "EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := target(t, report.HealthCheck, pong)
			apps(t, target, tt.handler)
			o := mockFrom(t, target, report.SourceApp)
			want := map[report.Status]cause.Cause{report.Fail: cause.Mock, report.Unknown: cause.AppUnreachable}[tt.status]
			if o.Status != tt.status || o.Cause != want || o.Clear != (tt.status == report.OK) || o.Subject != "backend" {
				t.Errorf("%+v, want %s of %q", o, tt.status, want)
			}
			if !strings.Contains(o.Evidence, tt.evidence) || strings.Contains(o.Evidence, "secret") {
				t.Errorf("evidence %q, want %q and no address's parameters", o.Evidence, tt.evidence)
			}
		})
	}
}

func TestAnAppThatIsGoneIsUnknown(t *testing.T) {
	target := target(t, report.HealthCheck, pong)
	apps(t, target, pong).Close()
	if o := mockFrom(t, target, report.SourceApp); o.Status != report.Unknown || o.Cause != cause.AppUnreachable || o.Evidence == "" {
		t.Errorf("%+v, want unknown of app_unreachable", o)
	}
}

func TestAppsAreAskedOnceARun(t *testing.T) {
	asked := 0
	target := target(t, report.HealthCheck, pong)
	apps(t, target, func(w http.ResponseWriter, r *http.Request) { asked++; answer(200, `{"mock":false}`)(w, r) })
	target.AskApps(t.Context())
	if o := mockFrom(t, target, report.SourceApp); o.Status != report.OK || asked != 1 {
		t.Errorf("asked %d times: %+v", asked, o)
	}
}

func TestReadModeToleratesShapes(t *testing.T) {
	tests := []struct{ page, want string }{
		{`{"status":"connected"}`, "connected"},
		{`{"redis":{"mode":"mock"}}`, "mock"},
		{`{"mode":"real"}`, "connected"},
		{`{"mock":true}`, "mock"},
		{`{"mock":false}`, "connected"},
		{`{"isMock":"true"}`, "mock"},
		{`{"status":"connected","mock":true}`, "mock"},
		{`{"status":"ok","redis":"connected"}`, "connected"},
		{`{"status":"ok","redis":{"connected":true,"mock":false}}`, "connected"},
		{`{"data":{"redis_status":"Mock Mode"}}`, "mock"},
		{`{"checks":[{"name":"postgres","status":"up"},{"name":"redis","status":"up"}]}`, "connected"},
		{`{"status":"UP","components":{"redis":{"status":"UP","details":{"client":"in-memory"}}}}`, "mock"},
		{`{"mock_redis":true}`, "mock"},
		{`connected`, "connected"},
		{`mock`, "mock"},
		{`"mock"`, ""},
		{`{"status":"ok"}`, ""},
		{`{"status":"connected","redis":{"status":"timeout"}}`, ""},
		{`{"connected":false,"mock":false}`, ""},
		{`{"payments":{"mock":true},"redis":{"status":"up"}}`, "connected"},
		{`{"features":{"mode":"mock"},"status":"connected"}`, "connected"},
		{`{"cache":{"store":"memory"},"redis":"ok"}`, "connected"},
		{`{"redis":{"driver":"upstash","status":"down"}}`, ""},
		{`<html>mock</html>`, ""},
		{``, ""},
		{`null`, ""},
	}
	for _, tt := range tests {
		if got := check.ReadMode([]byte(tt.page)); got != tt.want {
			t.Errorf("%s is %q, want %q", tt.page, got, tt.want)
		}
	}
}

func FuzzReadMode(f *testing.F) {
	for _, seed := range []string{`{"status":"connected"}`, `{"checks":[{"name":"redis","mock":"true"}]}`, `mock`, `[[[]]]`, "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, page []byte) {
		first := check.ReadMode(page)
		if first == "both" {
			t.Error("mock and connected at once")
		}
		if again := check.ReadMode(page); again != first {
			t.Errorf("the same page is %q, then %q", first, again)
		}
	})
}

func TestAURLMissingInTheBundleIsMockMode(t *testing.T) {
	tests := []struct {
		name, entry string
		want        report.Status
	}{
		{"no entry", `{}`, report.Fail},
		{"an entry without URL", `{"cache": {"token": "t"}}`, report.Fail},
		{"an entry without token", `{"cache": {"url": "https://cache.upstash.io"}}`, report.OK},
		{"a wrong URL", `{"cache": {"url": "rediss://cache.upstash.io", "token": "t"}}`, report.OK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, problems := config.Parse(true, config.Document{Name: "test", Text: fmt.Appendf(nil, "databases: [{name: cache}]\ncredentials: %q\n", tt.entry)})
			if err := problems.Err(); err != nil {
				t.Fatal(err)
			}
			target := &check.Target{Database: &c.Databases[0], Job: report.HealthCheck, Region: "us-east4", Now: func() time.Time { return eight }}
			clients := check.NewClients(check.FromConfig(c, secrets.NewCache(nil, secrets.Options{})), upstash.Options{AllowHTTP: true})
			clients.Prepare(t.Context(), target, false)
			o := mockFrom(t, target, report.SourceConfig)
			if o.Status != tt.want || tt.want == report.Fail && (o.Cause != cause.Mock || !strings.Contains(o.Evidence, "credentials.cache.url")) {
				t.Errorf("%+v, want %s", o, tt.want)
			}
		})
	}
}

func TestTheContractPageIsTrue(t *testing.T) {
	page, err := os.ReadFile("../../docs/mock-mode.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| page | read as |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	found := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		want, _, _ := strings.Cut(strings.TrimSpace(cells[2]), ":")
		for i, example := range strings.Split(cells[1], "`") {
			if i%2 == 0 {
				continue // between the examples
			}
			found++
			if got := check.ReadMode([]byte(example)); got != strings.TrimPrefix(want, "unknown") {
				t.Errorf("%s is read as %q, the page says %s", example, got, want)
			}
		}
	}
	if found < 10 {
		t.Errorf("%d examples found", found)
	}
}
