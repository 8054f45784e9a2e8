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

// received is what the catchers hold, as the inbox shows it.
func received(slack []slacktest.Message, mails []emailtest.Mail) inbox.Inbox {
	return inbox.Inbox{Slack: threads(slack), Mail: letters(mails)}
}

// threads puts replies into the messages that they reply to.
func threads(messages []slacktest.Message) []inbox.Slack {
	type address struct{ channel, ts string }
	places := map[address]int{}
	var out []inbox.Slack
	for _, m := range messages {
		message := inbox.Slack{
			Channel: channelName(m.Channel), ID: m.TS, At: m.At, Text: m.Text, Blocks: m.Blocks, Broadcast: m.Broadcast, Edits: len(m.Edits),
		}
		if len(m.Edits) > 0 {
			message.At, message.EditedAt = m.Edits[0].At, m.At
		}
		parent, ok := places[address{m.Channel, m.ThreadTS}]
		if m.ThreadTS != "" && ok {
			out[parent].Thread = append(out[parent].Thread, message)
			continue
		}
		places[address{m.Channel, m.TS}] = len(out)
		out = append(out, message)
	}
	return out
}

// channelName is how Slack shows the demonstration's channel, which has an id.
func channelName(channel string) string {
	if channel == slacktest.ChannelID(demoChannel) {
		return "#" + demoChannel
	}
	return channel
}

// letters gives each recipient a mail of their own.
func letters(mails []emailtest.Mail) []inbox.Mail {
	var out []inbox.Mail
	for _, m := range mails {
		for _, to := range m.To {
			out = append(out, inbox.Mail{
				From: m.From, To: to, Subject: m.Subject, At: m.At,
				MessageID: m.Header.Get("Message-Id"), InReplyTo: m.Header.Get("In-Reply-To"),
				References: strings.Fields(m.Header.Get("References")), Text: m.Text, HTML: m.HTML,
			})
		}
	}
	return out
}

// announcer writes one line for whatever a catcher newly holds, so that somebody who
// watches the terminal only sees the alert too.
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
