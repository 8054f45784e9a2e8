package local

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/internal/porttest"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// The keys of the tests' app, in the form of Standard Webhooks.
const (
	eventKey = "whsec_ZXZlbnQta2V5LW9mLXRoZS10ZXN0cy0zMi1ieXRlcyE="
	// revision is the app's, as Cloud Run names it.
	revision = "backend-00042-abc"
	proofKey = "whsec_cHJvb2Yta2V5LW9mLXRoZS10ZXN0cy0zMi1ieXRlcyE="
)

// backend is one of the examples' apps as a child of the test, behind a front at which
// its words can be changed.
type backend struct {
	t     *testing.T
	port  string
	front *httptest.Server
	cmd   *exec.Cmd
	// sink gets what a log sink would match.
	sink func(line []byte)

	lies   atomic.Bool // the front says "connected" whatever the app says
	ignore atomic.Bool // the front drops the app's proof
	quiet  atomic.Bool // nothing reaches the sink
	proofs atomic.Int32
}

func newBackend(t *testing.T) *backend {
	port := porttest.Free()
	b := &backend{t: t, port: port, sink: func([]byte) {}}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "127.0.0.1:" + port})
	proxy.ModifyResponse = b.alter
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	b.front = httptest.NewServer(proxy)
	t.Cleanup(b.front.Close)
	t.Cleanup(b.stop)
	return b
}

func (b *backend) alter(r *http.Response) error {
	if r.Request.Method == http.MethodPost {
		b.proofs.Add(1)
	}
	var answer map[string]any
	err := json.NewDecoder(r.Body).Decode(&answer)
	r.Body.Close()
	if err != nil {
		return err
	}
	if b.lies.Load() {
		answer["status"] = "connected"
		delete(answer, "reason")
	}
	if b.ignore.Load() {
		delete(answer, "proof")
	}
	body, err := json.Marshal(answer)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Del("Content-Length")
	return err
}

// start runs the app and waits until it listens.
func (b *backend) start(env ...string) {
	b.t.Helper()
	b.stop()
	dir := filepath.Join("..", "..", "..", "..", "examples", "backend-node")
	b.cmd = exec.Command("node", "--import", "tsx", "src/server.ts")
	b.cmd.Dir = dir
	b.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.t.TempDir(), "PORT=" + b.port, "HOST=127.0.0.1", "K_SERVICE=backend", "K_REVISION=" + revision,
		"PONGWATCH_PROOF_KEY=" + proofKey, "REDIS_RETRY_SECONDS=0",
	}, env...)
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	b.cmd.Stderr = b.t.Output()
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	listening := make(chan struct{})
	go func() {
		var once sync.Once
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.Contains(lines.Text(), `"listening"`) {
				once.Do(func() { close(listening) })
			}
			if !b.quiet.Load() {
				b.sink(bytes.Clone(lines.Bytes()))
			}
		}
	}()
	select {
	case <-listening:
	case <-time.After(time.Minute):
		b.t.Fatal("the app does not listen")
	}
}

func (b *backend) stop() {
	if b.cmd != nil {
		_ = syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL)
		_ = b.cmd.Wait()
		b.cmd = nil
	}
}

func (b *backend) get(path string) (int, string) {
	b.t.Helper()
	resp, err := http.Get("http://127.0.0.1:" + b.port + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// watchedApp is a pongwatch that watches an app and its Redis.
type watchedApp struct {
	*Process
	app   *backend
	redis *upstashtest.Server
	slack *slacktest.Server
}

func watchApp(t *testing.T) *watchedApp {
	if os.Getenv("PONGWATCH_TEST_NODE") != "1" {
		t.Skip("needs Node.js and npm: PONGWATCH_TEST_NODE=1 runs it")
	}
	if _, err := os.Stat("../../../../examples/backend-node/node_modules"); err != nil {
		t.Fatalf("run npm ci --ignore-scripts in examples/backend-node first: %v", err)
	}
	w := &watchedApp{app: newBackend(t), redis: upstashtest.Start(t, upstashtest.Options{})}
	var err error
	if w.slack, err = slacktest.New(slacktest.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.slack.Close() })
	w.Process = startProcess(t, Options{Data: t.TempDir(), Every: time.Second}, map[string]string{"PONGWATCH_CONFIG": fmt.Sprintf(`
schedule: {healthcheck: 1s, metrics: 2s}
databases:
  - name: cache
    url: %s
    token: %s
    plan: free
    budget: {override: true}
    app: {service: backend, health_url: "%s/api/v1/health/redis", proof: true, proof_every: 2s, limiter: true, limiter_every: 2s}
checks: {write: {every: 2s}}
proof_key: %s
inbound: {event_keys: %s}
receivers:
  - name: slack
    pages: true
    slack: {bot_token: %s, channel: %s, api_url: "%s"}
alerting: {edit_every: 1s, reopen_within: 0s, unstable: {reopenings: 0}, flapping: {enabled: false}, canary: {enabled: false}}
`, w.redis.URL(), w.redis.Token(), w.app.front.URL, proofKey, eventKey, w.slack.Token(), slacktest.ChannelID("redis-alerts"), w.slack.APIURL())})
	w.app.sink = w.logSink
	return w
}

// env is the environment of an app on the watched Redis that tells by events, too.
func (w *watchedApp) env(more ...string) []string {
	return append([]string{
		"UPSTASH_REDIS_URL=" + w.redis.URL(), "UPSTASH_REDIS_TOKEN=" + w.redis.Token(),
		"PONGWATCH_EVENTS_URL=" + w.URL() + "/webhook/events", "PONGWATCH_EVENT_KEY=" + eventKey,
	}, more...)
}

// logSink does what Cloud Logging's does: it finds the lines that the project's filter
// matches and pushes them as log entries.
func (w *watchedApp) logSink(line []byte) {
	if !bytes.Contains(line, []byte("MOCK MODE ACTIVE")) && !bytes.Contains(line, []byte("redis_mock_mode_deactivated")) {
		return
	}
	now := time.Now().UTC().Format(time.RFC3339Nano)
	entry, err := json.Marshal(map[string]any{
		"insertId": now, "timestamp": now, "jsonPayload": json.RawMessage(line),
		"resource": map[string]any{"type": "cloud_run_revision", "labels": map[string]string{"service_name": "backend", "revision_name": revision}},
	})
	if err == nil {
		var envelope []byte
		envelope, err = json.Marshal(map[string]any{"message": map[string]any{
			"data": entry, "attributes": map[string]string{"logging.googleapis.com/timestamp": now}, "messageId": now, "publishTime": now,
		}})
		if err == nil {
			err = w.caller.post(w.app.t.Context(), "/Alert", nil, envelope)
		}
	}
	if err != nil && w.app.t.Context().Err() == nil {
		w.app.t.Errorf("the log sink: %v", err)
	}
}

// told are the channel's messages, threads left out, as their readers see them now.
func (w *watchedApp) told() []string {
	var out []string
	for _, m := range w.slack.Messages() {
		if m.ThreadTS == "" {
			out = append(out, m.Text+"\n"+string(m.Blocks))
		}
	}
	return out
}

// says waits until a message from the nth on holds all words.
func (w *watchedApp) says(t *testing.T, n int, words ...string) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute) // a busy machine is no failure
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		told := w.told()
		for _, text := range told[min(n, len(told)):] {
			if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) }) {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no message from number %d on says %q; told:\n%s", n, words, strings.Join(told, "\n\n"))
		}
		<-poll.C
	}
}

func (w *watchedApp) count(t *testing.T, want int) {
	t.Helper()
	if told := w.told(); len(told) != want {
		t.Errorf("%d messages, want %d:\n%s", len(told), want, strings.Join(told, "\n\n"))
	}
}

// An outage of Redis leaves an app behind in mock mode.
func TestAnAppThatStaysInMockModeAfterAnOutage(t *testing.T) {
	w := watchApp(t)
	w.app.start(w.env()...)
	wait(t, time.Minute, "connected, and proved", func() bool { return w.status(t) == "connected" && w.app.proofs.Load() > 0 })

	if err := w.redis.Break(upstashtest.Fault{Mode: upstashtest.Refuse}); err != nil {
		t.Fatal(err)
	}
	wait(t, time.Minute, "the app falls back", func() bool {
		_, body := w.app.get("/api/v1/health/redis")
		return strings.Contains(body, `"mock"`)
	})
	if status, body := w.app.get("/api/v1/greeting"); status != http.StatusOK || !strings.Contains(body, "hello") {
		t.Errorf("the app answers %d %s, want it to keep serving", status, body)
	}
	w.says(t, 0, "cache is down", "In mock mode meanwhile: backend (app, event, logs)")

	if err := w.redis.Break(upstashtest.Fault{}); err != nil {
		t.Fatal(err)
	}
	w.says(t, 0, "service backend is in mock mode",
		"the app says so", "its log says so", "it sent the event", "what it wrote is not in the real Redis", "event of backend-00042-abc",
		"Redis is back since", "service backend is still in mock mode: restart it")
	w.count(t, 2) // the outage, and the app that it left behind

	w.app.start(w.env()...)
	w.says(t, 0, "service backend uses Redis again")
	w.count(t, 2)
}

// An app in mock mode while Redis is well is told of at once, by each evidence alone.
func TestAnAppInMockModeWhileRedisIsWell(t *testing.T) {
	w := watchApp(t)
	w.app.start(w.env("MOCK_REDIS=true")...)
	w.says(t, 0, "backend", "Redis itself answers")
	w.app.start(w.env()...)
	w.says(t, 0, "service backend uses Redis again")

	// It lies, and tells of nothing.
	w.app.lies.Store(true)
	w.app.quiet.Store(true)
	w.app.start("MOCK_REDIS=true")
	w.says(t, 1, "backend", "in place of Redis: what it wrote is not in the real Redis.")
	w.app.start(w.env()...)
	w.says(t, 1, "service backend uses Redis again")

	// It ignores the nonce.
	w.app.ignore.Store(true)
	w.app.start("MOCK_REDIS=true")
	before := w.app.proofs.Load()
	wait(t, time.Minute, "asked for three proofs", func() bool { return w.app.proofs.Load() >= before+3 })
	w.count(t, 2)
}
