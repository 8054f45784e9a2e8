package deploytest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/internal/buildpack"
	"github.com/pongwatch/pongwatch/shared/gcp/firestore"
	"github.com/pongwatch/pongwatch/shared/gcp/oidc/oidctest"
	"github.com/pongwatch/pongwatch/shared/gcp/pubsub"
	"github.com/pongwatch/pongwatch/shared/gcp/secretmanager"
	"github.com/pongwatch/pongwatch/shared/gcp/secretmanager/secretmanagertest"
	"github.com/pongwatch/pongwatch/shared/job"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// cloud is the four functions as processes of their own, in the environment that Terraform gives them, with
// what they talk to on this machine.
type cloud struct {
	slack     *slacktest.Server
	upstash   *upstashtest.Server
	beats     chan struct{}     // to the heartbeat's address
	pubsub    string            // address of the emulator
	overrides []string          // of the endpoints
	functions map[string]string // address by function
	urls      map[string]string // in the cloud, by function
}

const (
	databaseHost = "merry-cat-32748.upstash.io"
	slackHost    = "slack.com"
	beatHost     = "hc-ping.com"
)

func startCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{functions: map[string]string{}, beats: make(chan struct{}, 10)}
	outputs := rendered(t, `region = "us-east4"
databases = { prod-cache = { url = "https://`+databaseHost+`" } }
receivers = { slack = { slack = { bot_token = "secret:slack-bot-token", channel = "C0123456789" } } }
inbound = { link_keys = ["secret:link-key"] }
heartbeat = { url = "secret:heartbeat-url" }
database_tokens = {}
secret_values = {}
`)
	var environments map[string]map[string]string
	decodeOutput(t, outputs, "environment", &environments)
	decodeOutput(t, outputs, "urls", &c.urls)

	c.upstash = upstashtest.Start(t, upstashtest.Options{})
	var err error
	if c.slack, err = slacktest.New(slacktest.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.slack.Close() })
	secrets, err := secretmanagertest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(secrets.Close)
	for name, value := range map[string]string{
		"databases":       `{"prod-cache":{"token":"` + c.upstash.Token() + `"}}`,
		"slack-bot-token": c.slack.Token(),
		"heartbeat-url":   "https://" + beatHost + "/8f4f6ad2",
		"link-key":        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
	} {
		secrets.AddVersion("projects/my-project/secrets/pongwatch-"+name, []byte(value))
	}
	c.pubsub = emulator(t, pubsub.EmulatorVariable, "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar")
	documents := emulator(t, firestore.EmulatorVariable, "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar", "com.google.cloud.datastore.emulator.firestore.CloudFirestore")
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == "/8f4f6ad2" {
			c.beats <- struct{}{}
		}
	}))
	t.Cleanup(listener.Close)
	outside := startInternet(t, map[string]string{databaseHost: c.upstash.URL(), slackHost: c.slack.URL(), beatHost: listener.URL})
	c.overrides = []string{
		secretmanager.EmulatorVariable + "=" + secrets.Addr(),
		pubsub.EmulatorVariable + "=" + c.pubsub,
		firestore.EmulatorVariable + "=" + documents,
		"HTTPS_PROXY=" + outside.proxy, "SSL_CERT_FILE=" + outside.authority,
	}
	binary := c.build(t)
	for name, entryPoint := range map[string]string{"healthcheck/us-east4": "HealthCheck", "metrics": "Metrics", "alert": "Alert", "webhook": "AlertWebhook"} {
		c.start(t, binary, name, entryPoint, environments[name])
	}
	c.subscribe(t)
	return c
}

func (c *cloud) build(t *testing.T) string {
	t.Helper()
	source := t.TempDir()
	if err := buildpack.Copy(repository, source); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(source, "main")
	if err := buildpack.Build(t.Context(), source, binary); err != nil {
		t.Fatal(err)
	}
	return binary
}

// start starts one function with what Terraform and the platform give it, and the overrides.
func (c *cloud) start(t *testing.T, binary, name, entryPoint string, given map[string]string) {
	t.Helper()
	if len(given) == 0 {
		t.Fatalf("Terraform gives %s no environment", name)
	}
	address := freeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	service := "pongwatch-" + strings.Split(name, "/")[0]
	environment := []string{ // the platform's
		"FUNCTION_TARGET=" + entryPoint, "PORT=" + port, "LOCAL_ONLY=true", "HOME=" + t.TempDir(),
		"K_SERVICE=" + service, "K_REVISION=" + service + "-00001",
	}
	for variable, value := range given {
		environment = append(environment, variable+"="+value)
	}
	environment = append(environment, c.overrides...)
	run(t, address, environment, binary)
	t.Logf("%s runs with %s", entryPoint, variablesOf(environment))
	c.functions[name] = "http://" + address
}

// subscribe makes the topics and the push subscriptions of Terraform in the emulator. It pushes without a token,
// which a relay adds, as Pub/Sub does.
func (c *cloud) subscribe(t *testing.T) {
	t.Helper()
	target, err := url.Parse(c.functions["alert"])
	if err != nil {
		t.Fatal(err)
	}
	relay := httptest.NewServer(&httputil.ReverseProxy{
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Set("Authorization", bearer("pongwatch-push", c.urls["alert"]))
		},
	})
	t.Cleanup(relay.Close)
	for _, topic := range []string{"reports", "signals"} {
		name := "projects/my-project/topics/pongwatch-" + topic
		c.put(t, name, map[string]any{})
		c.put(t, "projects/my-project/subscriptions/pongwatch-"+topic+"-alert", map[string]any{
			"topic": name, "ackDeadlineSeconds": 90, "pushConfig": map[string]any{"pushEndpoint": relay.URL + "/" + name},
		})
	}
}

func (c *cloud) put(t *testing.T, name string, body any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	status, said := c.ask(t, http.MethodPut, "http://"+c.pubsub+"/v1/"+name, text, nil)
	if status != http.StatusOK && status != http.StatusConflict {
		t.Fatalf("making %s: %d %s", name, status, said)
	}
}

// bearer is what Cloud Run, which has verified the token, passes on of an account's.
func bearer(account, audience string) string {
	return "Bearer " + oidctest.Verified(account+"@my-project.iam.gserviceaccount.com", audience)
}

// scheduled posts to a function as Cloud Scheduler does.
func (c *cloud) scheduled(t *testing.T, function string, at time.Time) {
	t.Helper()
	status, body := c.ask(t, http.MethodPost, c.functions[function]+"/", []byte(`{"shard":"main"}`), http.Header{
		"Authorization": {bearer("pongwatch-scheduler", c.urls[function])}, "User-Agent": {"Google-Cloud-Scheduler"},
		"X-CloudScheduler": {"true"}, job.HeaderScheduleTime: {at.Format(time.RFC3339)},
	})
	if status != http.StatusOK {
		t.Fatalf("%s answered %d %s", function, status, body)
	}
}

func (c *cloud) ask(t *testing.T, method, address string, body []byte, header http.Header) (status int, said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header.Clone()
	if request.Header == nil {
		request.Header = http.Header{}
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// tick publishes what Cloud Scheduler publishes each minute.
func (c *cloud) tick(t *testing.T) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"messages": []any{map[string]any{"attributes": report.Tick().Attributes}}})
	if err != nil {
		t.Fatal(err)
	}
	if status, said := c.ask(t, http.MethodPost, "http://"+c.pubsub+"/v1/projects/my-project/topics/pongwatch-reports:publish", text, nil); status != http.StatusOK {
		t.Fatalf("publishing a tick: %d %s", status, said)
	}
}

// told waits until Slack shows a message that contains all words, in its present form or as a reply.
func (c *cloud) told(t *testing.T, words ...string) {
	t.Helper()
	changed := make(chan struct{}, 1)
	c.slack.OnChange(func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	deadline := time.After(30 * time.Second)
	for {
		for _, message := range c.slack.Messages() {
			text := strings.ToLower(message.Text + string(message.Blocks))
			missing := false
			for _, word := range words {
				missing = missing || !strings.Contains(text, strings.ToLower(word))
			}
			if !missing {
				return
			}
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("Slack was not told %q in 30 s; it shows %q after %+v", words, c.texts(), c.slack.Requests())
		}
	}
}

func (c *cloud) texts() []string {
	var texts []string
	for _, message := range c.slack.Messages() {
		texts = append(texts, message.Text)
	}
	return texts
}

func TestTheFunctionsWorkInTheEnvironmentThatTerraformGivesThem(t *testing.T) {
	if os.Getenv("PONGWATCH_TEST_CLOUD") != "1" {
		t.Skip("needs Terraform and the emulators of the Google Cloud SDK: set PONGWATCH_TEST_CLOUD=1 and PONGWATCH_TEST_TERRAFORM=1, as scripts/test does")
	}
	c := startCloud(t)
	// A run that is late by more than three minutes is refused.
	start := time.Now().UTC().Truncate(30 * time.Second).Add(-2 * time.Minute)

	c.scheduled(t, "healthcheck/us-east4", start)
	c.scheduled(t, "metrics", start.Truncate(5*time.Minute))
	if status, body := c.ask(t, http.MethodGet, c.functions["healthcheck/us-east4"]+"/api/v1/health/redis", nil, nil); status != http.StatusOK || !strings.Contains(body, "connected") {
		t.Errorf("HealthCheck answers %d %s, want 200 connected", status, body)
	}
	if status, body := c.ask(t, http.MethodGet, c.functions["metrics"]+"/api/v1/admin/redis-metrics", nil, nil); status != http.StatusOK || !strings.Contains(body, "prod-cache") {
		t.Errorf("Metrics answers %d %s, want 200 with the database", status, body)
	}
	if status, body := c.ask(t, http.MethodGet, c.functions["webhook"]+"/", nil, nil); status != http.StatusOK {
		t.Errorf("AlertWebhook answers %d %s, want 200", status, body)
	}
	if sent := c.slack.Messages(); len(sent) > 0 {
		t.Fatalf("all is well, and Slack was told %q", c.texts())
	}

	c.tick(t)
	select {
	case <-c.beats:
	case <-time.After(30 * time.Second):
		t.Error("the heartbeat's address was not asked within 30 s of a tick")
	}

	right := c.upstash.Token()
	c.upstash.SetToken("another-token-than-the-secret-holds")
	c.scheduled(t, "healthcheck/us-east4", start.Add(time.Minute))
	c.told(t, "prod-cache", "token")

	c.upstash.SetToken(right)
	c.scheduled(t, "healthcheck/us-east4", start.Add(2*time.Minute))
	c.told(t, "prod-cache is up again")
}
