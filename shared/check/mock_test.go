package check_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
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
	target.Apps = check.NewApps(c, check.ProofKeys(c, secrets.NewCache(nil, nil)))
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
		{"a component that is up while another is down", answer(503, `{"redis":{"status":"UP"},"db":{"status":"DOWN"}}`), report.OK, ""},
		{"a component behind a log-in", answer(401, `{"redis":{"status":"UP"}}`), report.Unknown, "HTTP 401"},
		{"an error of its own", answer(500, `{"status":"error"}`), report.Unknown, `status "error" (HTTP 500, application/json)`},
		{"JSON that says nothing", answer(200, `{"uptime":1}`), report.Unknown, "neither"},
		{"a page for people that says mock", html, report.Unknown, "text/html"},
		{"JSON that its framework calls HTML", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=UTF-8")
			fmt.Fprint(w, `{"redis":"connected"}`)
		}, report.OK, ""},
		{"JSON behind a byte order mark", answer(200, "\ufeff"+`{"status":"mock"}`), report.Fail, "mock"},
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

// pageSeries returns what the check config says of the app's health page, and whether it
// says anything.
func pageSeries(t *testing.T, target *check.Target) (report.Observation, bool) {
	t.Helper()
	for _, o := range check.Run(t.Context(), target, check.Specs(target.Job, target.Database, time.Minute), eight, time.Minute) {
		if o.Check == report.ConfigLoad && o.Subject != "" {
			return o, true
		}
	}
	return report.Observation{}, false
}

func TestAPageThatSaysNothingOfRedisIsAConfigWarning(t *testing.T) {
	text := func(media, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			fmt.Fprint(w, body)
		}
	}
	const prefix = "the health page of backend says nothing of Redis that pongwatch understands; add to its app: "
	for _, tt := range []struct {
		name     string
		handler  http.HandlerFunc
		status   report.Status
		evidence string
	}{
		{"connected", answer(200, `{"status":"connected"}`), report.OK, ""},
		{"mock", answer(503, `{"redis":{"mode":"mock"}}`), "", ""},
		{"mock, and well", answer(200, `{"redis":{"mode":"mock"}}`), report.OK, ""},
		{
			"only of the app", answer(200, `{"status":"ok","build":{"token":"hunter2"}}`), report.Fail,
			prefix + `match: {path: "$.status", connected: [WORD], mock: [WORD]}; the page's keys: {build{token}, status}`,
		},
		{"HTML", text("text/html", "mock"), report.Fail, "the page's keys: none"},
		{"plain text", text("text/plain", "hunter2"), report.Fail, "the page's keys: none"},
		{"trouble is not the moment to complain", answer(200, `{"status":"error"}`), "", ""},
		{"nor is an error page", answer(500, `{"oops":1}`), "", ""},
		{"nor is a page that is too large", answer(200, `{"oops":"`+strings.Repeat("x", 70_000)+`"}`), "", ""},
		{"a key that looks like a secret", answer(200, `{"xoxb-1234567890-hunter2":1}`), report.Fail, "the page's keys: {"},
		{"nor is a log-in", answer(401, `{"oops":1}`), "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target := target(t, report.HealthCheck, pong)
			apps(t, target, tt.handler)
			o, said := pageSeries(t, target)
			if said != (tt.status != "") || o.Status != tt.status || !strings.Contains(o.Evidence, tt.evidence) || strings.Contains(o.Evidence, "hunter2") {
				t.Errorf("%+v, want %q and %q", o, tt.status, tt.evidence)
			}
			switch tt.status {
			case report.Fail:
				if o.Cause != cause.ConfigInvalid || o.Clear || o.Subject != "backend" {
					t.Errorf("%+v, want config_invalid of backend", o)
				}
			case report.OK:
				if o.Cause != "" || !o.Clear {
					t.Errorf("%+v, want it clear", o)
				}
			}
		})
	}
	gone := target(t, report.HealthCheck, pong)
	apps(t, gone, pong).Close()
	if o, said := pageSeries(t, gone); said {
		t.Errorf("%+v of an app that is gone", o)
	}
}

func TestTheSuggestionToPasteIsNeverCut(t *testing.T) {
	target := target(t, report.HealthCheck, pong)
	long := strings.Repeat("k", 24)
	apps(t, target, answer(200, fmt.Sprintf(`{%q:{"%[1]s1":{"status":"x"},"%[1]s2":1},"%[1]s3":{"%[1]s4":1},"%[1]s5":1}`, long)))
	target.Database.Apps[0].Service = strings.Repeat("s", 63)
	o, _ := pageSeries(t, target)
	if want := fmt.Sprintf(`match: {path: "$.%s.%[1]s1.status", connected: [WORD], mock: [WORD]}`, long); !strings.Contains(o.Evidence, want) {
		t.Errorf("evidence %q, want %q", o.Evidence, want)
	}
}

func TestAMatchReadsAPageOfAnyShape(t *testing.T) {
	for _, tt := range []struct {
		page string
		want report.Status
	}{
		{`{"kv":{"driver":"upstash"}}`, report.OK},
		{`{"kv":{"driver":"Memory"}}`, report.Fail},
		{`{"kv":{"driver":"file"}}`, report.Unknown},
		{`{"kv":{}}`, report.Unknown},
	} {
		target := target(t, report.HealthCheck, pong)
		apps(t, target, answer(200, tt.page))
		target.Database.Apps[0].Match = &config.Match{Path: "$.kv.driver", Connected: []string{"upstash"}, Mock: []string{"memory"}}
		if o := mockFrom(t, target, report.SourceApp); o.Status != tt.want {
			t.Errorf("%s: %+v, want %s", tt.page, o, tt.want)
		}
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
			clients := check.NewClients(check.FromConfig(c, secrets.NewCache(nil, nil)), upstash.Options{AllowHTTP: true})
			clients.Prepare(t.Context(), target, false)
			o := mockFrom(t, target, report.SourceConfig)
			if o.Status != tt.want || tt.want == report.Fail && (o.Cause != cause.Mock || !strings.Contains(o.Evidence, "credentials.cache.url")) {
				t.Errorf("%+v, want %s", o, tt.want)
			}
		})
	}
}
