package alert

import (
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pongwatch/pongwatch/functions/alert/email"
	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/functions/alert/slack"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/internal/racetest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// TestMatrix renders every cause × event in every form: what Slack's API and its webhook
// are sent, the text mail and the HTML mail. Golden files of every event and of every
// cause lie beside the receivers and in message/testdata; this holds what is true of all.
func TestMatrix(t *testing.T) {
	t.Parallel()
	for i, c := range cause.All() {
		if (racetest.Enabled || testing.Short()) && i%6 != 0 {
			continue
		}
		checkCause(t, c)
	}
}

// checkCause checks what each event of one cause looks like.
func checkCause(t *testing.T, c cause.Cause) {
	t.Helper()
	s, err := slacktest.New(slacktest.Options{Now: func() time.Time { return messagetest.Now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	bot := slackReceiver(t, slack.Options{Token: message.Fixed(secrets.New(s.Token())), Channel: "C0ALERTS", APIURL: s.APIURL(), Buttons: true, Mention: []string{"S0123456789"}})
	hook := slackReceiver(t, slack.Options{Webhook: message.Fixed(secrets.New(s.WebhookURL("alerts"))), Mention: []string{"S0123456789"}})
	opening := message.Render(messagetest.Notice(incident.Opened, c), messagetest.Context())
	opening.Revision = 1
	open := deliverTo(t, bot, opening, message.Ref{}) // what later events edit
	before := 1
	for _, e := range messagetest.Events() {
		m := message.Render(messagetest.Notice(e, c), messagetest.Context())
		ref := open
		if m.Opening {
			ref = message.Ref{}
		}
		deliverTo(t, bot, m, ref)
		deliverTo(t, hook, m, message.Ref{})
		messages := s.Messages()
		shown := messages[before:]
		if !m.Opening {
			shown = append(messages[:1:1], shown...)
		}
		before = len(messages)
		for _, posted := range shown {
			checkText(t, m, "Slack "+posted.Via, posted.Text+string(posted.Blocks))
			if posted.ThreadTS == "" {
				checkTop(t, m, posted)
			}
		}
		page, err := email.HTML(m)
		if err != nil {
			t.Fatal(err)
		}
		checkText(t, m, "HTML mail", page)
		checkText(t, m, "text mail", m.Text())
		for form, text := range map[string]string{"HTML mail": html.UnescapeString(page), "text mail": m.Text()} {
			text = strings.Join(strings.Fields(text), " ") // lines are wrapped
			for what, want := range map[string]string{"the environment and severity": strings.TrimSpace(m.Tag), "the headline": beginning(m), "the id": m.Short, "the impact": m.Impact} {
				if over := m.State == message.Resolved || m.State == message.Gone; !strings.Contains(text, want) || want == "" && !(over && what == "the impact") {
					t.Errorf("%s of %s: the %s lacks %s %q", m.Event, m.CauseTitle, form, what, want)
				}
			}
		}
	}
	for _, r := range s.Requests() {
		if r.Problem != "" {
			t.Errorf("%s: Slack would refuse this: %s", c, r.Problem)
		}
	}
}

// leftOver is what a text holds in which something was not filled in.
var leftOver = regexp.MustCompile(`%!|<nil>|0001-01-01|\{(database|cause|incident|environment)\}`)

func checkText(t *testing.T, m message.Message, form, text string) {
	t.Helper()
	if text == "" || !utf8.ValidString(text) {
		t.Errorf("%s of %s: the %s is empty or no text", m.Event, m.CauseTitle, form)
	}
	if found := leftOver.FindString(text); found != "" {
		t.Errorf("%s of %s: the %s holds %q", m.Event, m.CauseTitle, form, found)
	}
}

// checkTop holds that the first three lines in Slack and on the phone answer a
// stranger: what and since when, the impact, the first step.
func checkTop(t *testing.T, m message.Message, posted slacktest.Message) {
	t.Helper()
	var blocks []struct {
		Type string
		Text struct{ Text string }
	}
	if err := json.Unmarshal(posted.Blocks, &blocks); err != nil || len(blocks) < 2 {
		t.Fatalf("%s of %s: blocks %s: %v", m.Event, m.CauseTitle, posted.Blocks, err)
	}
	for where, text := range map[string]string{"the headline": blocks[0].Text.Text, "the phone text": posted.Text} {
		if !strings.Contains(text, m.Tag) || !strings.Contains(text, beginning(m)) || !strings.Contains(text, "18:22") {
			t.Errorf("%s of %s: %s %q lacks %q or 18:22", m.Event, m.CauseTitle, where, text, m.Headline)
		}
	}
	impact, first, _ := strings.Cut(blocks[1].Text.Text, "\n")
	if impact == "" || m.Until.IsZero() && !strings.HasPrefix(first, message.LabelFirst+": ") {
		t.Errorf("%s of %s: below the headline %q, want the impact and the first step", m.Event, m.CauseTitle, blocks[1].Text.Text)
	}
}

// beginning is what no form of a message may cut of its headline.
func beginning(m message.Message) string {
	what := []rune(strings.TrimPrefix(m.Headline, m.Tag))
	return string(what[:min(len(what), 55)])
}

func slackReceiver(t *testing.T, o slack.Options) *slack.Receiver {
	t.Helper()
	o.Name, o.AllowLoopback, o.Timeout = "slack-oncall", true, deliveryTimeout
	r, err := slack.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func deliverTo(t *testing.T, r *slack.Receiver, m message.Message, prev message.Ref) message.Ref {
	t.Helper()
	ref, outcome, err := r.Deliver(t.Context(), m, prev)
	if err != nil || outcome.Result != message.Delivered {
		t.Fatalf("delivering %s: %+v, %v", m.Event, outcome, err)
	}
	return ref
}
