package local

import (
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/inbox"
	"github.com/pongwatch/pongwatch/functions/alert/email/emailtest"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
)

func TestReceived(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	slack := []slacktest.Message{
		{Channel: "C1", TS: "1.0", Content: slacktest.Content{Text: "resolved", At: at.Add(time.Minute)}, Edits: []slacktest.Content{{Text: "down", At: at}}},
		{Channel: "C1", TS: "2.0", ThreadTS: "1.0", Broadcast: true, Content: slacktest.Content{Text: "recovered", At: at.Add(time.Minute)}},
		{Channel: "C1", TS: "3.0", ThreadTS: "0.5", Content: slacktest.Content{Text: "its first message is gone", At: at}},
	}
	mails := []emailtest.Mail{{
		From: "p@example.com", To: []string{"a@example.com", "b@example.com"}, Subject: "down", At: at, Text: "text",
		Header: mail.Header{"Message-Id": {"<2@x>"}, "References": {"<0@x> <1@x>"}, "In-Reply-To": {"<1@x>"}},
	}}
	letter := inbox.Mail{From: "p@example.com", Subject: "down", At: at, Text: "text", MessageID: "<2@x>", InReplyTo: "<1@x>", References: []string{"<0@x>", "<1@x>"}}
	a, b := letter, letter
	a.To, b.To = "a@example.com", "b@example.com"
	want := inbox.Inbox{
		Slack: []inbox.Slack{
			{Channel: "C1", ID: "1.0", At: at, Text: "resolved", Edits: 1, EditedAt: at.Add(time.Minute), Thread: []inbox.Slack{
				{Channel: "C1", ID: "2.0", At: at.Add(time.Minute), Text: "recovered", Broadcast: true},
			}},
			{Channel: "C1", ID: "3.0", At: at, Text: "its first message is gone"},
		},
		Mail: []inbox.Mail{a, b},
	}
	if diff := cmp.Diff(want, received(slack, mails)); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
}

// Every content is announced once, however often the catchers tell of a change.
func TestAnnouncer(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)
	down, up := slacktest.Content{Text: "down", At: at}, slacktest.Content{Text: "up", At: at.Add(time.Second)}
	var out strings.Builder
	a := newAnnouncer(&out)
	a.slack([]slacktest.Message{{Channel: "C1", TS: "1.0", Content: down}})
	a.slack([]slacktest.Message{{Channel: "C1", TS: "1.0", Content: down}})
	a.slack([]slacktest.Message{
		{Channel: "C1", TS: "1.0", Content: up, Edits: []slacktest.Content{down}},
		{Channel: "C1", TS: "2.0", ThreadTS: "1.0", Content: slacktest.Content{Text: "recovered\x1b[2J", At: at.Add(time.Second)}},
	})
	for range 2 {
		a.mail([]emailtest.Mail{{To: []string{"a@example.com"}, Subject: "down", At: at}})
	}
	want := `12:00:00  Slack                          down
12:00:01  Slack, edited                  up
12:00:01  Slack, reply                   recovered[2J
12:00:00  mail to a@example.com          down
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
