package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// 500 databases that accept and never answer: the report of their failures is out
// within 20 s of its scheduled time. HealthCheck logs its probes once it is.
func TestFiveHundredHang(t *testing.T) {
	if os.Getenv("PONGWATCH_TEST_PROCESSES") == "" {
		t.Skip("set PONGWATCH_TEST_PROCESSES=1: real processes that wait in real time, a quarter of a minute")
	}
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var doc strings.Builder
	doc.WriteString("databases:\n")
	for i := range 500 {
		fmt.Fprintf(&doc, "  - {name: db-%03d, url: 'http://%s', token: x}\n", i, l.Addr())
	}
	path := filepath.Join(t.TempDir(), "pongwatch.yaml")
	if err := os.WriteFile(path, []byte(doc.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startLocal(t, []string{"PONGWATCH_CONFIG=" + path}, "--log", "info")
	began := time.Now()
	failed := func() int { return strings.Count(p.log.String(), "cause=timeout_response") }
	eventually(t, time.Minute, "500 failures", failed, func(n int) bool { return n >= 500 })
	t.Logf("published after %v", time.Since(began).Round(100*time.Millisecond))
}

// One database of three has a rediss:// URL: the others are watched, and the alert
// names the one, what is wrong and what would be right.
func TestOneBadDatabase(t *testing.T) {
	t.Parallel()
	redis := upstashtest.Start(t, upstashtest.Options{Token: "token"})
	slack, err := slacktest.New(slacktest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slack.Close() })
	doc := fmt.Sprintf(`{
		databases: [
			{name: first, url: "%[1]s", token: token},
			{name: second, url: "%[1]s", token: token},
			{name: third, url: "rediss://default:secret@third.upstash.io:6379", token: token}],
		receivers: [{name: slack-oncall, pages: true, slack: {webhook: "%[2]s"}}]}`, redis.URL(), slack.WebhookURL("alerts"))
	p := startLocal(t, []string{"PONGWATCH_CONFIG=" + doc}, "--every", "1s", "--log", "info")
	messages := eventually(t, time.Minute, "a config alert", slack.Messages, func(m []slacktest.Message) bool { return len(m) > 0 })
	text := messages[0].Text + string(messages[0].Blocks)
	for _, want := range []string{"third", "config_scheme", "https://"} {
		if !strings.Contains(text, want) {
			t.Errorf("the alert lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "secret@") {
		t.Errorf("the alert holds the URL's password:\n%s", text)
	}
	for _, name := range []string{"first", "second"} {
		if strings.Contains(text, name) {
			t.Errorf("the alert speaks of %s, which is well", name)
		}
		code, body := ask(t, "GET", p.url+"/api/v1/health/redis?database="+name)
		if code != 200 {
			t.Errorf("health of %s: %d %s, want 200", name, code, body)
		}
	}
}
