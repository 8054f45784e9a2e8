package slack

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// What Slack takes at most (https://docs.slack.dev/reference/block-kit/blocks).
const (
	slackBlocks  = 50
	slackHeader  = 150
	slackSection = 3000
	slackField   = 2000
)

// FuzzLayout lays out messages of whatever texts. Slack takes each, and parses nothing that
// came from outside.
func FuzzLayout(f *testing.F) {
	for _, s := range []struct {
		said, more string
		members    uint8
	}{
		{"HTTP 401: WRONGPASS", "backend", 0},
		{messagetest.Hostile, "<!channel>", 0},
		{"<@U1> <!here> <#C1>", "*x* _y_ `z`", 30},
		{strings.Repeat("🔴", 4000), "\u202e", 0},
		{"", "", 250},
		{"&lt;!channel&gt;", "\xff\x00", 3},
		{"<https://evil.example|click>", "mailto:a@b", 1},
	} {
		f.Add(s.said, s.more, s.members)
	}
	r, err := New(Options{Name: "s", Channel: "C0ALERTS", Token: message.Fixed(secrets.New("xoxb-x"))})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, said, more string, members uint8) {
		said, more = report.CutEvidence(said), report.CutEvidence(more) // as every door does
		n := messagetest.Notice(incident.Opened, cause.Mock)
		if members > 2 {
			n = messagetest.Group(incident.Opened, int(members))
		} else {
			n.Incident.Observation.Evidence, n.Incident.Series.Subject = said, more
			n.Incident.Mock, n.Incident.Down = []string{more}, []string{more}
		}
		n.Instead, n.Why = more, said
		m := message.Render(n, messagetest.Context())
		m.News, m.CauseText = m.News+said, m.CauseText+more
		l := r.layout(m, m.FirstLine())
		if utf8.RuneCountInString(l.text) > slackSection || strings.Contains(l.text, "<") {
			t.Errorf("the text is %q", l.text)
		}
		raw, err := json.Marshal(l.blocks)
		if err != nil {
			t.Fatal(err)
		}
		var blocks []map[string]any
		if err := json.Unmarshal(raw, &blocks); err != nil || len(blocks) > slackBlocks {
			t.Fatalf("%d blocks, %v", len(blocks), err)
		}
		for _, b := range blocks {
			limit := slackSection
			if b["type"] == "header" {
				limit = slackHeader
			}
			assertTexts(t, b, limit)
		}
	})
}

// assertTexts holds every text object inside of v to its limit, and markup to our own words.
func assertTexts(t *testing.T, v any, limit int) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		text, isText := v["text"].(string)
		if n := utf8.RuneCountInString(text); isText && (n > limit || n == 0) {
			t.Errorf("a %v of %d characters", v["type"], n)
		}
		if v["type"] == "mrkdwn" && strings.ContainsAny(strings.ReplaceAll(text, "<!date^", ""), "\u202e\x00") {
			t.Errorf("mrkdwn with %q", text)
		}
		for key, value := range v {
			if key == "fields" {
				assertTexts(t, value, slackField)
				continue
			}
			assertTexts(t, value, limit)
		}
	case []any:
		for _, value := range v {
			assertTexts(t, value, limit)
		}
	}
}
