package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// texts returns every text of a layout's blocks, in order.
func texts(t *testing.T, l layout) []string {
	t.Helper()
	data, err := json.Marshal(l.blocks)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	var all []string
	key := false
	for {
		token, err := d.Token()
		if err != nil {
			return all
		}
		text, ok := token.(string)
		if ok && key {
			all = append(all, text)
		}
		key = ok && text == "text"
	}
}

func shown(t *testing.T, l layout) string { return strings.Join(texts(t, l), "\n") }

// Each text keeps to its limit: at the limit it is whole, beyond it its end is cut and marked.
func TestTextsAreCutAtTheirLimits(t *testing.T) {
	r := &Receiver{}
	reply := func(m message.Message) layout { return r.replyLayout(m) }
	whole := func(m message.Message) layout { return r.layout(m, m.FirstLine()) }
	for name, tt := range map[string]struct {
		limit  int
		set    func(m *message.Message, text string)
		layout func(message.Message) layout
	}{
		"headline":          {150 - len(" "), func(m *message.Message, s string) { m.Symbol, m.Headline = "", s }, whole},
		"reply":             {150 - len(" "), func(m *message.Message, s string) { m.Symbol, m.Headline = "", s }, reply},
		"impact":            {500, func(m *message.Message, s string) { m.Impact = s }, whole},
		"news":              {500, func(m *message.Message, s string) { m.News = s }, whole},
		"news in a reply":   {500, func(m *message.Message, s string) { m.News = s }, reply},
		"fact":              {120, func(m *message.Message, s string) { m.Facts = []message.Fact{{Label: "L", Text: s}} }, whole},
		"note":              {500, func(m *message.Message, s string) { m.Notes = []message.Note{{Text: s}} }, whole},
		"trend":             {120, func(m *message.Message, s string) { m.Sparkline = s }, whole},
		"evidence":          {320, func(m *message.Message, s string) { m.Evidence = []message.Evidence{{Label: "L", Text: s}} }, whole},
		"label of evidence": {120, func(m *message.Message, s string) { m.Evidence = []message.Evidence{{Label: s, Text: "T"}} }, whole},
		"cause":             {700, func(m *message.Message, s string) { m.CauseTitle, m.CauseText = "C", s }, whole},
		"title":             {120, func(m *message.Message, s string) { m.CauseTitle, m.CauseText = s, "T" }, whole},
		"step":              {250, func(m *message.Message, s string) { m.Fix = []message.Step{{Text: "first"}, {Text: s}} }, whole},
		"footer":            {250, func(m *message.Message, s string) { m.Footer = s }, whole},
	} {
		t.Run(name, func(t *testing.T) {
			for _, over := range []int{0, 1} {
				m := message.Message{Short: "INC"}
				tt.set(&m, strings.Repeat("é", tt.limit+over))
				got := shown(t, tt.layout(m))
				if kept := strings.Count(got, "é"); kept != tt.limit-over || strings.Contains(got, "…") != (over == 1) {
					t.Errorf("%d over the limit: %d of %d characters, %q", over, kept, tt.limit, got)
				}
			}
		})
	}
	for _, over := range []int{0, 1} {
		m := message.Message{Push: strings.Repeat("<", 400+over)}
		if got := r.layout(m, "x").text; strings.Count(got, "&lt;") != 400-over {
			t.Errorf("phone text: %d characters", strings.Count(got, "&lt;"))
		}
		m = message.Message{Push: strings.Repeat("é", 4000)}
		if got := plainFallback(m); utf8.RuneCountInString(got.text) != maxText || got.blocks != nil {
			t.Errorf("fallback of %d characters and %d blocks", utf8.RuneCountInString(got.text), len(got.blocks))
		}
	}
}

// Lists keep to their limits as well.
func TestListsAreCutAtTheirLimits(t *testing.T) {
	r := &Receiver{}
	count := func(m message.Message, what string) int { return strings.Count(shown(t, r.layout(m, "x")), what) }
	for n, want := range map[int]int{1: 1, 10: 10, 11: 10} {
		if got := count(message.Message{Short: "s", Facts: make([]message.Fact, n)}, "**\n"); got != want {
			t.Errorf("%d facts: %d fields, want %d", n, got, want)
		}
	}
	for n, want := range map[int]int{1: 1, 6: 6, 7: 6} {
		steps := slices.Repeat([]message.Step{{Text: "é"}}, n)
		if got := count(message.Message{Fix: steps}, "é") - 1; got != want { // the first is at the top, too
			t.Errorf("%d steps: %d, want %d", n, got, want)
		}
	}
	for n, lines := range map[int]bool{1: true, 15: true, 16: false} {
		var m message.Message
		for k := range n {
			m.Members = append(m.Members, message.Member{Database: fmt.Sprintf("db%d", k), Short: "INC-1", Open: k%2 == 0})
		}
		got := shown(t, r.layout(m, "x"))
		if strings.Contains(got, "(INC-1)") != lines || strings.Contains(got, "Well again: ") != !lines || !strings.Contains(got, fmt.Sprintf("Databases (%d)", n)) {
			t.Errorf("%d members: %q", n, got)
		}
	}
	for length, want := range map[int]int{2000: 1, 2001: 0} {
		m := message.Message{Links: []message.Link{{Label: "L", URL: "https://x/" + strings.Repeat("a", length-10)}}}
		if got := len(r.links(m)); got != want {
			t.Errorf("a link of %d characters: %d shown, want %d", length, got, want)
		}
	}
	if got := names([]string{"aaaa", "bbbb", "cccc"}, 12); got != "aaaa, bbbb and 1 more" {
		t.Errorf("names beyond the limit: %q", got)
	}
	if got := names([]string{"aaaa", "bbbb"}, 10+2); got != "aaaa, bbbb" {
		t.Errorf("names at the limit: %q", got)
	}
}

// Signed links stand in for buttons, and only where there are none.
func TestLinksStandInForButtons(t *testing.T) {
	m := message.Render(messagetest.Notice(incident.Opened, cause.AuthInvalid), messagetest.Context())
	m.Links = append(make([]message.Link, 0, len(m.Links)+2), m.Links...)
	for _, buttons := range []bool{false, true} {
		r := &Receiver{options: Options{Buttons: buttons}}
		data, err := json.Marshal(r.layout(m, "x").blocks)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(data), "sig="); got == buttons {
			t.Errorf("buttons %v: signed links %v", buttons, got)
		}
		if got := strings.Contains(string(data), `"type":"actions"`); got != buttons {
			t.Errorf("buttons %v: controls %v", buttons, got)
		}
		if n := len(m.Links); m.Links[:n+1][n] != (message.Link{}) {
			t.Errorf("buttons %v: the message's own links have changed", buttons)
		}
	}
	for name, tt := range map[string]struct {
		actions []message.Action
		want    string
	}{
		"a silence without choices": {[]message.Action{{Kind: report.Silence, Label: "Silence"}}, ""},
		"a silence": {
			[]message.Action{{Kind: report.Silence, Label: "Silence", Control: "1|s|i|0", Choices: []time.Duration{90 * time.Minute}}},
			`"value":"1h30m0s 1|s|i|0"`,
		},
		"an acknowledge": {[]message.Action{{Kind: report.Acknowledge, Label: "Acknowledge", Control: "1|s|i|0"}}, `"action_id":"acknowledge","value":"1|s|i|0","style":"primary"`},
	} {
		data, err := json.Marshal(controls(message.Message{Short: "INC-1", Revision: 3, Actions: tt.actions}))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), tt.want) || !strings.Contains(string(data), `"block_id":"actions-INC-1-3"`) || tt.want == "" && strings.Contains(string(data), "action_id") {
			t.Errorf("%s: %s", name, data)
		}
	}
}

// A thread tells only those who are in it, so that what must wake people goes to the
// channel as well; mentions are for critical failures that are not acknowledged.
func TestWhatReachesTheChannel(t *testing.T) {
	loud := map[incident.Event]bool{
		incident.Escalated: true, incident.Reminder: true, incident.Reopened: true, incident.Resumed: true, incident.Raised: true,
		incident.Resolved: true, incident.Past: true, incident.CauseChanged: true,
	}
	mentioned := map[message.State]bool{message.Open: true, message.Silenced: true, message.Unstable: true}
	r := &Receiver{options: Options{Mention: []string{"here"}}}
	for _, e := range messagetest.Events() {
		for _, severity := range []cause.Severity{cause.SeverityCritical, cause.SeverityWarning, cause.SeverityInfo} {
			for _, state := range []message.State{message.Open, message.Acknowledged, message.Silenced, message.Unstable, message.Resolved, message.Gone} {
				for _, drill := range []bool{false, true} {
					m := message.Message{Event: e, Severity: severity, State: state, Drill: drill}
					critical := severity == cause.SeverityCritical
					if got, want := broadcast(m), critical && state != message.Acknowledged && loud[e]; got != want {
						t.Errorf("%s %s %s: broadcast %v, want %v", e, severity, state, got, want)
					}
					mentions := critical && !drill && mentioned[state]
					if got := r.mentions(m); got != mentions {
						t.Errorf("%s %s %s, drill %v: mentions %v, want %v", e, severity, state, drill, got, mentions)
					}
					if got, want := strings.Contains(shown(t, r.replyLayout(m)), "<!here>"), mentions && broadcast(m); got != want {
						t.Errorf("%s %s %s: a reply mentions %v, want %v", e, severity, state, got, want)
					}
					if got := strings.Contains(shown(t, r.layout(m, "x")), "<!here>"); got != mentions {
						t.Errorf("%s %s %s: a message mentions %v, want %v", e, severity, state, got, mentions)
					}
				}
			}
		}
	}
	if r := new(Receiver); r.mentions(message.Message{Severity: cause.SeverityCritical, State: message.Open}) {
		t.Error("mentions without anybody to mention")
	}
	if got := mention([]string{"U0123456", "W0123456", "S0123456", "here", "channel"}); got != "<@U0123456> <@W0123456> <!subteam^S0123456> <!here> <!channel>" {
		t.Errorf("mention: %q", got)
	}
}

// A person of Slack is mentioned by id; anybody else is text.
func TestNotesNameTheirPerson(t *testing.T) {
	for name, tt := range map[string]struct {
		note message.Note
		want string
	}{
		"a user":                   {message.Note{Text: "Taken", By: "U0ONCALL", Via: "slack"}, `"user_id":"U0ONCALL"`},
		"an id of another channel": {message.Note{Text: "Taken", By: "U0ONCALL", Via: "cli"}, `"text":" by U0ONCALL"`},
		"what is no id":            {message.Note{Text: "Taken", By: "<!channel>", Via: "slack"}, `Slack user`},
		"the time":                 {message.Note{Text: "Taken", At: time.Unix(5, 0)}, `"timestamp":5`},
	} {
		data, err := json.Marshal(note(tt.note))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), tt.want) {
			t.Errorf("%s: %s lacks %s", name, data, tt.want)
		}
	}
}

// A second try fits when a second remains after the wait, and no wait is over two.
func TestASecondTryMustFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			left, wait time.Duration
			want       bool
		}{
			{0, 0, true},
			{0, 2 * time.Second, true},
			{0, 2*time.Second + 1, false},
			{1300 * time.Millisecond, 0, false},
			{1300*time.Millisecond + 1, 0, true},
			{1300*time.Millisecond + 1, 300 * time.Millisecond, true},
			{1300*time.Millisecond + 1, 300*time.Millisecond + 1, false},
			{3 * time.Second, 2 * time.Second, false},
			{3*time.Second + 1, 2 * time.Second, true},
		} {
			ctx := t.Context()
			if tt.left > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, tt.left)
				defer cancel()
			}
			if got := mayWait(ctx, tt.wait); got != tt.want {
				t.Errorf("%v left, %v to wait: %v", tt.left, tt.wait, got)
			}
		}
		begin := time.Now()
		if !sleep(t.Context(), time.Minute) || time.Since(begin) != time.Minute {
			t.Errorf("slept %v", time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if sleep(ctx, time.Minute) || time.Since(begin) != time.Minute+time.Second {
			t.Errorf("slept on after the end: %v", time.Since(begin))
		}
	})
}

// An answer about a group is good for five minutes; a refusal is an answer, no answer is none.
func TestAGroupIsReadAgainAfterFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		o := Options{Name: "s", Channel: "C0ALERTS", Token: func(context.Context, bool) (v secrets.Value, err error) {
			reads++
			return v, errors.New("secret store down")
		}}
		r, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		r.groups["S1"] = members{[]string{"U1"}, time.Now()}
		time.Sleep(5*time.Minute - 1)
		if got, err := r.IsMember(t.Context(), "U1", "S1"); !got || err != nil || reads != 0 {
			t.Errorf("just before: %v, %v, %d reads", got, err, reads)
		}
		time.Sleep(time.Nanosecond)
		if got, err := r.IsMember(t.Context(), "U1", "S1"); got || err == nil || reads != 1 {
			t.Errorf("at five minutes: %v, %v, %d reads", got, err, reads)
		}
		if _, err := r.IsMember(t.Context(), "U1", "S1"); err == nil || reads != 2 {
			t.Errorf("a failure was kept: %v, %d reads", err, reads)
		}
	})
}
