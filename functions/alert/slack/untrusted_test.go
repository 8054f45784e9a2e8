package slack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/functions/alert/slack"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/text"
)

// TestSecretsStayInside plants a canary in token and webhook and looks for it in
// everything that a failure leaves behind.
func TestSecretsStayInside(t *testing.T) {
	const canary = "c4n4ryS3cret"
	faults := []slacktest.Fault{
		{Status: 503, Times: -1},
		{Status: 404, Body: "no_service " + canary, Times: -1},
		{Drop: true, Times: -1},
		{Hang: true, Times: -1},
		{Code: "invalid_auth", Times: -1},
		{Code: "invalid_blocks", Times: -1},
		{Body: "<html>" + canary, Times: -1},
		{Status: 307, Location: "https://evil.example/" + canary, Times: -1},
	}
	for i, fault := range faults {
		for _, mode := range []string{"bot", "webhook", "nobody"} {
			t.Run(fmt.Sprint(mode, i), func(t *testing.T) {
				t.Parallel()
				s := server(t)
				s.Fail(fault)
				var logs bytes.Buffer
				r := bot(t, s, func(o *slack.Options) {
					o.Logger = slog.New(slog.NewJSONHandler(&logs, nil))
					o.Timeout = 200 * time.Millisecond
					o.Token = message.Fixed(secrets.New("xoxb-" + canary))
					if mode != "bot" {
						o.Token, o.Webhook = nil, message.Fixed(secrets.New(s.URL()+"/services/T0/B0/"+canary))
					}
				})
				if mode == "nobody" {
					_ = s.Close()
				}
				ref, outcome, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{})
				if err == nil {
					t.Fatal("delivered")
				}
				if left := fmt.Sprintf("%v %+v %#v %s %+v %+v", err, err, err, logs.String(), outcome, ref); strings.Contains(left, canary) {
					t.Errorf("leaks: %s", left)
				}
			})
		}
	}
	r := bot(t, server(t), func(o *slack.Options) {
		o.Token, o.Webhook = nil, message.Fixed(secrets.New("https://hooks.slack.com/\x7f"+canary))
	})
	if _, _, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{}); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("an address that is no URL: %v", err)
	}
}

// TestLimitsHoldForAnyMessage lets the fake judge messages with absurd texts.
func TestLimitsHoldForAnyMessage(t *testing.T) {
	s := server(t)
	r, hook := bot(t, s), webhook(t, s)
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string {
			base := rapid.SampledFrom([]string{"", messagetest.Hostile, "é", "🔴", "<!channel> ", "& ", "\r\n", "a"}).Draw(t, name)
			return text.Line(strings.Repeat(base, rapid.IntRange(0, 3000).Draw(t, name+" times")))
		}
		n := messagetest.Notice(rapid.SampledFrom(messagetest.Events()).Draw(t, "event"), rapid.SampledFrom(cause.All()).Draw(t, "cause"))
		if rapid.Bool().Draw(t, "group") {
			n = messagetest.Group(n.Event(), rapid.IntRange(3, 250).Draw(t, "members"))
		} else {
			n.Incident.Observation.Evidence = text("evidence")
			n.Incident.Series.Subject = text("subject")
			n.Incident.Mock = []string{text("mock")}
			n.Incident.Sparkline = text("sparkline")
			n.Incident.Down = []string{text("source")}
		}
		n.Instead, n.Why = text("instead"), text("why")
		m := message.Render(n, messagetest.Context())
		m.Impact, m.News, m.CauseText = m.Impact+text("impact"), m.News+text("news"), m.CauseText+text("text")
		for _, receiver := range []*slack.Receiver{r, hook} {
			if _, outcome, err := receiver.Deliver(ctx, m, message.Ref{}); err != nil {
				t.Fatalf("%+v: %v", outcome, err)
			}
		}
	})
	for _, req := range s.Requests() {
		if req.Problem != "" {
			t.Error(req.Problem)
		}
	}
}

// TestOutsideTextIsNeverParsed walks a message's blocks and looks for evidence in
// what Slack would parse.
func TestOutsideTextIsNeverParsed(t *testing.T) {
	s := server(t)
	for _, r := range []*slack.Receiver{bot(t, s), webhook(t, s)} {
		n := messagetest.Notice(incident.Opened, cause.Mock)
		n.Incident.Series.Subject = "<!channel> *x*"
		n.Incident.Mock = []string{"<!channel> *x*"}
		n.Incident.Changed = &report.Change{At: messagetest.Since, What: messagetest.Hostile}
		n.Instead, n.Why = "slack-other", messagetest.Hostile
		deliver(t, r, message.Render(n, messagetest.Context()), message.Ref{})
	}
	for _, m := range s.Messages() {
		if strings.Contains(m.Text, "<!") {
			t.Errorf("text parses: %q", m.Text)
		}
		var walk func(v any)
		walk = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				if text, _ := v["text"].(string); v["type"] == "mrkdwn" && (strings.Contains(text, "channel") || strings.Contains(text, "evil") || strings.Contains(text, "*x*")) {
					t.Errorf("mrkdwn holds outside text: %q", text)
				}
				for _, x := range v {
					walk(x)
				}
			case []any:
				for _, x := range v {
					walk(x)
				}
			}
		}
		var blocks any
		if err := json.Unmarshal(m.Blocks, &blocks); err != nil {
			t.Fatal(err)
		}
		walk(blocks)
	}
}
