package main

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/internal/browsertest"
	"github.com/pongwatch/pongwatch/internal/porttest"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// The secrets of the Next.js example's test.
const (
	frontendPassword = "the admin's password: open sesame"
	frontendRead     = "the-read-token-of-the-frontend-test"
	frontendProof    = "whsec_cHJvb2Yta2V5LW9mLXRoZS10ZXN0cy0zMi1ieXRlcyE="
	frontendEvent    = "whsec_ZXZlbnQta2V5LW9mLXRoZS10ZXN0cy0zMi1ieXRlcyE="
)

// Pictures of the example: PONGWATCH_TEST_NODE=1 PONGWATCH_TEST_CHROMIUM=1 go test ./cmd/pongwatch
// -run TestTheNextjsExample -screenshots "$PWD/docs/screenshots"
var screenshots = flag.String("screenshots", "", "write pictures of the Next.js example into this folder")

// leftForPeople are the items of the checklist that a machine without a cloud cannot answer.
var leftForPeople = []string{
	"security.secret-manager", // there is none on this machine
	"docs.archived",
	"app.fallback", // asked by itself, after the outage
}

// frontend is the Next.js example, built as Vercel builds it, on an emulated Upstash, and
// a pongwatch that watches both.
type frontend struct {
	*testing.T
	url       string
	redis     *upstashtest.Server
	pongwatch *process
	config    string
	// ca is the file of the authority whom the emulated Upstash's certificate is from.
	ca  string
	log *lockedBuffer
}

func startFrontend(t *testing.T) *frontend {
	needNode(t)
	if os.Getenv("PONGWATCH_TEST_CHROMIUM") == "" {
		t.Skip("set PONGWATCH_TEST_CHROMIUM=1: needs chromium")
	}
	dir, env := buildFrontend(t), frontendEnv(t)
	slack, err := slacktest.New(slacktest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slack.Close() })
	port := porttest.Free()
	f := &frontend{T: t, url: "http://127.0.0.1:" + port, redis: upstashtest.Start(t, upstashtest.Options{TLS: true}), log: &lockedBuffer{}}
	f.ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(f.ca, f.redis.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	f.config = fmt.Sprintf(`
schedule: {healthcheck: 1s, metrics: 2s}
databases:
  - name: cache
    url: %s
    token: %s
    plan: free
    budget: {override: true}
    app: {service: frontend, health_url: "%s/api/v1/health/redis", proof: true, proof_every: 2s, limiter: true, limiter_every: 2s}
checks: {write: {every: 2s}}
proof_key: %s
inbound: {event_keys: %s}
access: {api: token, dashboard: token, tokens: [%s]}
receivers:
  - name: slack
    pages: true
    slack: {bot_token: %s, channel: %s, api_url: "%s"}
alerting: {canary: {enabled: false}}
`, f.redis.URL(), f.redis.Token(), f.url, frontendProof, frontendEvent, frontendRead, slack.Token(), slacktest.ChannelID("redis-alerts"), slack.APIURL())
	f.pongwatch = startLocal(t, []string{"PONGWATCH_CONFIG=" + f.config, "SSL_CERT_FILE=" + f.ca})

	app := exec.Command("node", "node_modules/next/dist/bin/next", "start", "--hostname", "127.0.0.1", "--port", port)
	app.Dir, app.Stdout, app.Stderr = dir, f.log, f.log
	app.Env = append(env, "UPSTASH_REDIS_URL="+f.redis.URL(), "UPSTASH_REDIS_TOKEN="+f.redis.Token(), "REDIS_RETRY_SECONDS=1",
		"PONGWATCH_URL="+f.pongwatch.url, "PONGWATCH_READ_TOKEN="+frontendRead, "PONGWATCH_PROOF_KEY="+frontendProof,
		"PONGWATCH_EVENTS_URL="+f.pongwatch.url+"/webhook/events", "PONGWATCH_EVENT_KEY="+frontendEvent,
		"VERCEL_DEPLOYMENT_ID=dpl_1", "NODE_EXTRA_CA_CERTS="+f.ca, "ADMIN_PASSWORD="+frontendPassword)
	app.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-app.Process.Pid, syscall.SIGKILL)
		_ = app.Wait()
		if t.Failed() {
			t.Logf("output of next start:\n%s", f.log)
		}
	})
	eventually(t, time.Minute, "the app says connected", func() string { _, body := f.get("/api/v1/health/redis"); return body },
		func(body string) bool { return strings.Contains(body, `"status":"connected"`) })
	return f
}

func frontendEnv(t *testing.T) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "NEXT_TELEMETRY_DISABLED=1", "NO_COLOR=1", "TZ=UTC"}
}

// frontendBuilt is what building the example said, once for all tests.
var frontendBuilt = sync.OnceValue(func() error {
	for _, script := range []string{"build", "check"} {
		npm := exec.Command("npm", "run", "--silent", script)
		npm.Dir, npm.Env = frontendDir, append(os.Environ(), "NEXT_TELEMETRY_DISABLED=1", "NO_COLOR=1")
		if out, err := npm.CombinedOutput(); err != nil {
			return fmt.Errorf("npm run %s: %w\n%s", script, err, out)
		}
	}
	return nil
})

var frontendDir = filepath.Join("..", "..", "examples", "frontend-nextjs")

// buildFrontend builds the example as Vercel builds it, and returns its folder.
func buildFrontend(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(frontendDir, "node_modules")); err != nil {
		t.Fatalf("run npm ci --ignore-scripts in examples/frontend-nextjs first: %v", err)
	}
	if err := frontendBuilt(); err != nil {
		t.Fatal(err)
	}
	return frontendDir
}

func basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:"+frontendPassword))
}

// get requests a page of the app, as an admin where that is said.
func (f *frontend) get(path string, admin ...bool) (*http.Response, string) {
	f.Helper()
	req, err := http.NewRequestWithContext(f.Context(), http.MethodGet, f.url+path, http.NoBody)
	if err != nil {
		f.Fatal(err)
	}
	if len(admin) > 0 {
		req.Header.Set("Authorization", basic())
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return &http.Response{}, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		f.Fatal(err)
	}
	return resp, string(body)
}

// The Next.js example does what it promises, and the checklist passes on it and on the
// Python example.
func TestTheNextjsExample(t *testing.T) {
	f := startFrontend(t)
	eventually(t, time.Minute, "connected, and proved", func() string { return health(t, f.pongwatch.url) }, is("connected"))
	f.serves()
	f.passesPreflight()
	f.limits()
	f.showsItsAdmin()
}

// serves asks what needs no browser: the cache, and who may read the statistics.
func (f *frontend) serves() {
	for i, want := range []string{"MISS", "HIT"} {
		if resp, body := f.get("/api/v1/greeting"); resp.Header.Get("X-Cache") != want || body != `{"greeting":"hello"}` {
			f.Errorf("answer %d: %s %s, want a %s", i+1, resp.Header.Get("X-Cache"), body, want)
		}
	}
	for _, path := range []string{"/admin", "/api/v1/admin/redis-metrics", "/api/v1/admin/redis-metrics/"} {
		if resp, body := f.get(path); resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("WWW-Authenticate") == "" || strings.Contains(body, "databases") {
			f.Errorf("%s without a password: HTTP %d %s", path, resp.StatusCode, body)
		}
	}
	resp, body := f.get("/api/v1/admin/redis-metrics?range=6h&database=cache", true)
	var s struct {
		Range     string
		Databases []struct{ Name string }
	}
	if err := json.Unmarshal([]byte(body), &s); err != nil || resp.StatusCode != http.StatusOK || s.Range != "6h" || len(s.Databases) != 1 {
		f.Errorf("statistics: HTTP %d, %v\n%s", resp.StatusCode, err, body)
	}
	if resp, body := f.get("/api/v1/admin/redis-metrics?range=never", true); resp.StatusCode != http.StatusBadRequest {
		f.Errorf("a wrong range: HTTP %d, want pongwatch's 400\n%s", resp.StatusCode, body)
	}
}

// limits sends more than the limit at once.
func (f *frontend) limits() {
	var resp *http.Response
	for range 60 { // a window of 20 may end meanwhile
		if resp, _ = f.get("/api/v1/greeting"); resp.StatusCode != http.StatusOK {
			break
		}
	}
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		f.Errorf("a burst ends with HTTP %d, Retry-After %q, want 429", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
}

// passesPreflight runs the whole checklist. What is left is for a person, or for a cloud.
func (f *frontend) passesPreflight() {
	login, err := json.Marshal(map[string]string{"password": frontendPassword})
	if err != nil {
		f.Fatal(err)
	}
	run := startPreflightIn(f.T, []string{"PONGWATCH_CONFIG=" + f.config, "SSL_CERT_FILE=" + f.ca, "READ_TOKEN=" + frontendRead, "LOGIN=" + string(login)}, "--json", "--quiet",
		"--url", f.pongwatch.url, "--token-env", "READ_TOKEN", "--frontend", "../../examples/frontend-nextjs", "--backend", "../../examples/backend-python",
		"--app-health-url", f.url+"/api/v1/health/redis", "--cache-url", f.url+"/api/v1/greeting", "--limit-url", f.url+"/api/v1/greeting",
		"--login-url", f.url+"/api/v1/login", "--login-env", "LOGIN", "--session-url", f.url+"/api/v1/session", "--logout-url", f.url+"/api/v1/logout",
		"--queue-url", f.url+"/api/v1/tasks", "--queue-key", "ws:demo:tasks")
	code, stdout, stderr := run.wait(f.T)
	var r preflight.Record
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != exitOK {
		f.Errorf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
	}
	for _, item := range r.Results {
		// What Upstash's console says, nobody can ask without an account.
		if item.Status != preflight.Pass && !strings.HasPrefix(item.ID, "upstash.") && !slices.Contains(leftForPeople, item.ID) {
			f.Errorf("%s: %s: %s: %s", item.ID, item.Status, item.Reason, item.Evidence)
		}
	}
}

// showsItsAdmin looks at the admin's page in a browser, live, in an outage and after it.
func (f *frontend) showsItsAdmin() {
	axe, err := os.ReadFile("../../functions/metrics/dashboard/axe/node_modules/axe-core/axe.min.js")
	if err != nil {
		f.Fatal(err)
	}
	b := browsertest.New(f.T)
	b.Headers(map[string]string{"Authorization": basic()})
	const points = `Number(document.querySelector("svg[role=img]")?.dataset.points ?? 0)`
	for _, look := range []struct {
		scheme string
		width  int64
	}{{"dark", 1440}, {"light", 390}} {
		what := fmt.Sprintf("%s at %d px", look.scheme, look.width)
		b.Look(look.scheme, look.width)
		b.Do(chromedp.Navigate(f.url + "/admin"))
		b.Until(points + ` > 0 && document.querySelectorAll("dd.good").length === 2`)
		b.Fits(what)
		b.Accessible(string(axe), what)
	}
	if title := browsertest.Evaluate[string](b, `document.querySelector("h2").innerText`); title != "Redis Performance" {
		f.Errorf("the chart is called %q", title)
	}
	b.Quiet()

	before := browsertest.Evaluate[int](b, points)
	b.Until(fmt.Sprintf(`%s > %d`, points, before)) // by itself
	if err := f.redis.Break(upstashtest.Fault{Mode: upstashtest.Refuse}); err != nil {
		f.Fatal(err)
	}
	const bad = `[...document.querySelectorAll("dd.bad")].map(e => e.innerText).join()`
	b.Until(bad + `.endsWith(",mock") && document.body.innerText.includes("INC-")`)
	for _, path := range []string{"/api/v1/greeting", "/api/v1/admin/redis-metrics"} {
		if resp, body := f.get(path, true); resp.StatusCode != http.StatusOK {
			f.Errorf("%s in the outage: HTTP %d %s", path, resp.StatusCode, body)
		}
	}
	if err := f.redis.Break(upstashtest.Fault{}); err != nil {
		f.Fatal(err)
	}
	b.Until(bad + ` === ""`)
	if *screenshots != "" {
		b.Look("light", 1440)
		browsertest.Save(f.T, filepath.Join(*screenshots, "nextjs-admin-light-1440.png"), b.Picture())
		b.Look("dark", 390)
		browsertest.Save(f.T, filepath.Join(*screenshots, "nextjs-admin-dark-390.png"), b.Picture())
	}
	eventually(f.T, time.Minute, "the log tells of both", f.log.String, func(log string) bool {
		activated := strings.Index(log, `"event":"redis_mock_mode_activated","service":"frontend","revision":"dpl_1","reason":"connect_failed"`)
		return activated > 0 && strings.LastIndex(log, "redis_mock_mode_deactivated") > activated
	})
	eventually(f.T, time.Minute, "the outage is over", func() string {
		_, stdout, stderr := startPreflightIn(f.T, []string{"PONGWATCH_CONFIG=" + f.config, "SSL_CERT_FILE=" + f.ca, "READ_TOKEN=" + frontendRead},
			"--quiet", "--url", f.pongwatch.url, "--token-env", "READ_TOKEN", "--only", "app.fallback").wait(f.T)
		return stdout + stderr
	}, func(record string) bool {
		// "of frontend (app)" where the outage of its database opened first and holds the activation.
		return strings.Contains(record, "PASS") && strings.Contains(record, " of frontend") && strings.Contains(record, ": activated")
	})

	f.pongwatch.kill()
	b.Until(`document.querySelector("[role=alert]")?.innerText === "Not updated: pongwatch does not answer: TypeError"`)
	for _, secret := range []string{frontendRead, frontendPassword, frontendProof, frontendEvent, f.redis.Token()} {
		if strings.Contains(f.log.String(), secret) {
			f.Errorf("the app's log holds %q", secret)
		}
	}
}
