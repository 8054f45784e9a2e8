package local

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/inbox"
	"github.com/pongwatch/pongwatch/functions/alert/email/emailtest"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/shared/report"
)

// received returns what the catchers hold, as the inbox shows it: replies are inside the
// message that they reply to, and each recipient has a mail of their own.
func received(messages []slacktest.Message, mails []emailtest.Mail) inbox.Inbox {
	type address struct{ channel, ts string }
	places := map[address]int{}
	var in inbox.Inbox
	for _, m := range messages {
		message := inbox.Slack{
			Channel: m.Channel, ID: m.TS, At: m.At, Text: m.Text, Blocks: m.Blocks, Broadcast: m.Broadcast, Edits: len(m.Edits),
		}
		if m.Channel == slacktest.ChannelID(demoChannel) {
			message.Channel = "#" + demoChannel
		}
		if len(m.Edits) > 0 {
			message.At, message.EditedAt = m.Edits[0].At, m.At
		}
		parent, ok := places[address{m.Channel, m.ThreadTS}]
		if m.ThreadTS != "" && ok {
			in.Slack[parent].Thread = append(in.Slack[parent].Thread, message)
			continue
		}
		places[address{m.Channel, m.TS}] = len(in.Slack)
		in.Slack = append(in.Slack, message)
	}
	for _, m := range mails {
		for _, to := range m.To {
			in.Mail = append(in.Mail, inbox.Mail{
				From: m.From, To: to, Subject: m.Subject, At: m.At,
				MessageID: m.Header.Get("Message-Id"), InReplyTo: m.Header.Get("In-Reply-To"),
				References: strings.Fields(m.Header.Get("References")), Text: m.Text, HTML: m.HTML,
			})
		}
	}
	return in
}

// announcer writes one line for each new message of a catcher, so that the alert is also
// seen in the terminal.
type announcer struct {
	out io.Writer

	mu    sync.Mutex
	shown map[string]int // contents of each Slack message
	mails int
}

func newAnnouncer(out io.Writer) *announcer {
	return &announcer{out: out, shown: map[string]int{}}
}

func (a *announcer) slack(messages []slacktest.Message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range messages {
		id := m.Channel + " " + m.TS
		contents := append(slices.Clip(m.Edits), m.Content)
		for i, c := range contents[min(a.shown[id], len(contents)):] {
			verb := "Slack"
			switch {
			case a.shown[id]+i > 0:
				verb = "Slack, edited"
			case m.ThreadTS != "":
				verb = "Slack, reply"
			}
			a.say(c.At, verb, c.Text)
		}
		a.shown[id] = len(contents)
	}
}

func (a *announcer) mail(mails []emailtest.Mail) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range mails[min(a.mails, len(mails)):] {
		a.say(m.At, "mail to "+strings.Join(m.To, ", "), m.Subject)
	}
	a.mails = len(mails)
}

func (a *announcer) say(at time.Time, how, what string) {
	fmt.Fprintf(a.out, "%s  %-30s %s\n", at.Local().Format("15:04:05"), how, report.CutEvidence(what))
}
