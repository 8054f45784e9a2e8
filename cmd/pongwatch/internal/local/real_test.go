package local

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/email/emailtest"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/internal/redistest"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// startProcess runs a process in this one until the test ends.
func startProcess(t *testing.T, o Options, env map[string]string) *Process {
	t.Helper()
	p := prepare(t, o, env)
	runProcess(t, p)
	return p
}

// startHurried starts the demonstration with a second for everything that it asks every 15,
// because tests would wait for each of them twice.
func startHurried(t *testing.T) *Process {
	t.Helper()
	p := prepare(t, Options{Every: time.Second}, nil)
	p.config.Schedule.Metrics = time.Second
	d := &p.config.Databases[0]
	d.Checks.Write.Every, d.Apps[0].ProofEvery = time.Second, time.Second
	runProcess(t, p)
	return p
}

func prepare(t *testing.T, o Options, env map[string]string) *Process {
	t.Helper()
	o.Addr, o.Getenv = "127.0.0.1:0", func(name string) string { return env[name] }
	o.Out = io.Discard
	o.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	p, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// runProcess runs a process until the end of the test.
func runProcess(t *testing.T, p *Process) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
}

// wait polls until ok, and fails with what.
func wait(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		<-poll.C
	}
}

func (p *Process) status(t *testing.T) string {
	t.Helper()
	resp, err := http.Get(p.URL() + "/api/v1/health/redis")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Status string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.Status
}

// The real thing, set up with the variables of an app: a
// redis-server behind the emulator's REST, an incoming Slack webhook, and a mail
// server that demands STARTTLS and a login. It stops: an alert by both. It starts:
// the resolve by both.
func TestRealRedis(t *testing.T) {
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

	p := startProcess(t, Options{Data: t.TempDir(), Every: time.Second, RootCAs: mail.RootCAs()}, map[string]string{
		"UPSTASH_REDIS_URL": rest.URL(), "UPSTASH_REDIS_TOKEN": rest.Token(), "REDIS_MAX_CONNECTIONS": "10",
		"SLACK_WEBHOOK_URL": slack.WebhookURL("redis-alerts"),
		"SMTP_HOST":         mail.Host(), "SMTP_PORT": strconv.Itoa(mail.Port()), "SMTP_USERNAME": mail.Username(), "SMTP_PASSWORD": mail.Password(),
		"SMTP_FROM": "pongwatch@example.com", "ALERT_EMAIL_TO": "oncall@example.com",
	})
	wait(t, time.Minute, "connected", func() bool { return p.status(t) == "connected" })

	redis.Stop()
	both := func(n int) func() bool {
		return func() bool { return len(slack.Messages()) >= n && len(mail.Mails()) >= n }
	}
	wait(t, time.Minute, "an alert by Slack and by mail", both(1))
	redis.Start()
	wait(t, time.Minute, "the resolve by Slack and by mail", both(2))

	messages, mails := slack.Messages(), mail.Mails()
	if len(messages) != 2 || len(mails) != 2 {
		t.Errorf("%d Slack messages and %d mails, want an alert and a resolve by each", len(messages), len(mails))
	}
	for _, text := range []string{messages[0].Text, mails[0].Subject, mails[0].Text} {
		if !strings.Contains(text, "redis") {
			t.Errorf("the alert %q does not name the database", text)
		}
	}
	if got, want := mails[1].Header.Get("References"), mails[0].Header.Get("Message-Id"); !strings.Contains(got, want) {
		t.Errorf("the resolve refers to %q, want the alert %s", got, want)
	}
}
