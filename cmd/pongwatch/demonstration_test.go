package main

import (
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/inbox"
)

// A newcomer's first minute, on the binary: one alert for each receiver that names
// the cause and the fix, then its resolve where the alert was.
func TestDemonstration(t *testing.T) {
	t.Parallel()
	p := startLocal(t, nil)
	for _, want := range []string{p.url + "/inbox", "/demo/break?mode=auth", "curl -f"} {
		eventually(t, time.Minute, "a greeting that says "+want, p.log.String, func(log string) bool { return strings.Contains(log, want) })
	}
	eventually(t, time.Minute, "connected", func() string { return health(t, p.url) }, is("connected"))

	breakDemo(t, p.url, "auth")
	began := time.Now()
	eventually(t, time.Minute, "unauthorized", func() string { return health(t, p.url) }, is("unauthorized"))
	in := eventually(t, time.Minute, "an alert in Slack and by mail", func() inbox.Inbox { return readInbox(t, p.url) },
		func(in inbox.Inbox) bool { return len(in.Slack) > 0 && len(in.Mail) > 0 })
	t.Logf("greeting after %v, alert after %v", p.ready, time.Since(began))
	if len(in.Slack) != 1 || len(in.Mail) != 1 {
		t.Errorf("%d Slack messages and %d mails, want one for each receiver", len(in.Slack), len(in.Mail))
	}
	slack := in.Slack[0].Text + string(in.Slack[0].Blocks)
	for name, text := range map[string]string{"Slack": slack, "mail": in.Mail[0].Subject + in.Mail[0].Text} {
		for _, want := range []string{"auth_invalid", "demo-cache", "INC-", "Copy the REST token"} {
			if !strings.Contains(text, want) {
				t.Errorf("the %s alert lacks %q:\n%s", name, want, text)
			}
		}
	}

	breakDemo(t, p.url, "none")
	in = eventually(t, time.Minute, "the resolve in both threads", func() inbox.Inbox { return readInbox(t, p.url) },
		func(in inbox.Inbox) bool {
			return len(in.Mail) > 1 && len(in.Slack) == 1 && in.Slack[0].Edits > 0 && len(in.Slack[0].Thread) > 0
		})
	if len(in.Slack) != 1 || len(in.Slack[0].Thread) != 1 || len(in.Mail) != 2 {
		t.Errorf("%d Slack messages with %d replies, %d mails; want one resolve in each thread", len(in.Slack), len(in.Slack[0].Thread), len(in.Mail))
	}
	if in.Mail[1].InReplyTo != in.Mail[0].MessageID {
		t.Errorf("the resolve replies to %s, want the alert %s", in.Mail[1].InReplyTo, in.Mail[0].MessageID)
	}
	if code := p.interrupt(t); code != exitOK {
		t.Errorf("exit code %d after an interrupt, want 0", code)
	}
}
