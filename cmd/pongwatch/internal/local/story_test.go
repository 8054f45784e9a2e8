package local

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/email/emailtest"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/internal/redistest"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// One fault is one page. The Node example falls back when its Redis stops, says so in each
// way that it has, and returns by itself when Redis starts: each receiver gets exactly one
// opening, which is about the database and names the app, and one end.
func TestOneOutageOfAnAppIsOnePage(t *testing.T) {
	if os.Getenv("PONGWATCH_TEST_NODE") != "1" {
		t.Skip("needs Node.js and npm: PONGWATCH_TEST_NODE=1 runs it")
	}
	redis := redistest.Start(t)
	rest := upstashtest.Start(t, upstashtest.Options{Redis: redis.Addr})
	slack, err := slacktest.New(slacktest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer slack.Close()
	mail, err := emailtest.New(emailtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer mail.Close()
	app := newBackend(t)
	p := startProcess(t, Options{Data: t.TempDir(), Every: 2 * time.Second, RootCAs: mail.RootCAs()}, map[string]string{"PONGWATCH_CONFIG": fmt.Sprintf(`
schedule: {healthcheck: 2s, metrics: 4s}
databases:
  - name: cache
    url: %s
    token: %s
    plan: free
    budget: {override: true}
    app: {service: backend, health_url: "%s/api/v1/health/redis", proof: true, proof_every: 4s}
checks: {write: {every: 4s}}
proof_key: %s
inbound: {event_keys: %s}
receivers:
  - name: slack
    pages: true
    slack: {bot_token: %s, channel: %s, api_url: "%s"}
  - name: mail
    email: {host: %s, port: %d, tls: starttls, username: %s, password: %s, from: pongwatch@example.com, to: [oncall@example.com]}
alerting: {edit_every: 1s, flapping: {enabled: false}, canary: {enabled: false}}
`, rest.URL(), rest.Token(), app.front.URL, proofKey, eventKey, slack.Token(), slacktest.ChannelID("redis-alerts"), slack.APIURL(),
		mail.Host(), mail.Port(), mail.Username(), mail.Password())})
	app.sink = (&watchedApp{Process: p, app: app}).logSink
	app.start("UPSTASH_REDIS_URL="+rest.URL(), "UPSTASH_REDIS_TOKEN="+rest.Token(), "REDIS_RETRY_SECONDS=1",
		"PONGWATCH_EVENTS_URL="+p.URL()+"/webhook/events", "PONGWATCH_EVENT_KEY="+eventKey)
	wait(t, time.Minute, "connected, and proved", func() bool { return p.status(t) == "connected" && app.proofs.Load() > 0 })

	redis.Stop()
	named := func() bool {
		messages := slack.Messages()
		return len(mail.Mails()) > 0 && len(messages) > 0 && strings.Contains(string(messages[0].Blocks), "backend")
	}
	wait(t, time.Minute, "an opening by both that names the app", named)
	if status, body := app.get("/api/v1/greeting"); status != http.StatusOK {
		t.Errorf("the app answers %d %s, want it to keep serving", status, body)
	}
	redis.Start()
	wait(t, time.Minute, "the app uses Redis again", func() bool {
		_, body := app.get("/api/v1/health/redis")
		return strings.Contains(body, `"connected"`)
	})
	wait(t, time.Minute, "an end by mail", func() bool { return len(mail.Mails()) > 1 })
	proofs := app.proofs.Load()
	wait(t, time.Minute, "two more proofs, after which nothing is left to say", func() bool { return app.proofs.Load() >= proofs+3 })

	var roots, replies []slacktest.Message
	for _, m := range slack.Messages() {
		if m.ThreadTS == "" {
			roots = append(roots, m)
		} else {
			replies = append(replies, m)
		}
	}
	if len(roots) != 1 || len(replies) != 1 || len(mail.Mails()) != 2 {
		t.Errorf("Slack has %d messages with %d replies, mail %d; want one opening and one end each", len(roots), len(replies), len(mail.Mails()))
		for _, m := range slack.Messages() {
			t.Log(m.Text)
		}
	}
	// The opening named the app; its last edit is the end, which is short.
	if !strings.Contains(roots[0].Text, "cache is up again") {
		t.Errorf("the message does not end with the database: %s", roots[0].Text)
	}
}
