package slacktest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
)

func start(t *testing.T) *slacktest.Server {
	t.Helper()
	s, err := slacktest.New(slacktest.Options{Now: func() time.Time { return time.Unix(1795371721, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}

func call(t *testing.T, s *slacktest.Server, method string, fields ...string) map[string]any {
	t.Helper()
	form := url.Values{"token": {s.Token()}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	resp, err := http.PostForm(s.APIURL()+method, form)
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	defer resp.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return map[string]any{"status": resp.StatusCode}
	}
	return answer
}

const richText = `[{"type":"rich_text","elements":[{"type":"rich_text_preformatted","elements":[{"type":"text","text":"x"}]}]}]`

func TestMessagesAreKeptThreadedAndEdited(t *testing.T) {
	s := start(t)
	changes := 0
	s.OnChange(func() { changes++ })
	posted := call(t, s, "chat.postMessage", "channel", "#alerts", "text", "down", "blocks", richText)
	channel, ts := posted["channel"].(string), posted["ts"].(string)
	call(t, s, "chat.postMessage", "channel", channel, "text", "still", "thread_ts", ts)
	if got := call(t, s, "chat.update", "channel", channel, "ts", ts, "text", "up", "blocks", "[]"); got["error"] != "block_mismatch" {
		t.Errorf("edit without rich text: %v, want block_mismatch", got)
	}
	if got := call(t, s, "chat.update", "channel", channel, "ts", ts, "text", "up"); got["ok"] != true {
		t.Errorf("edit of the text alone: %v, which leaves the blocks", got)
	}
	at := time.Unix(1795371721, 0).UTC()
	want := []slacktest.Message{
		{
			Channel: slacktest.ChannelID("alerts"), TS: "1795371721.000000", Via: "bot",
			Content: slacktest.Content{Text: "up", Blocks: json.RawMessage(richText), At: at},
			Edits:   []slacktest.Content{{Text: "down", Blocks: json.RawMessage(richText), At: at}},
		},
		{
			Channel: slacktest.ChannelID("alerts"), TS: "1795371721.000001", ThreadTS: "1795371721.000000", Via: "bot",
			Content: slacktest.Content{Text: "still", At: at},
		},
	}
	if diff := cmp.Diff(want, s.Messages()); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if changes != 3 {
		t.Errorf("%d changes, want 3", changes)
	}
	s.Delete(channel, ts)
	if got := call(t, s, "chat.update", "channel", channel, "ts", ts, "text", "x"); got["error"] != "message_not_found" {
		t.Errorf("edit of a deleted message: %v", got)
	}
}

func TestAPIRefusesWhatSlackRefuses(t *testing.T) {
	text := func(kind string, n int) string {
		return fmt.Sprintf(`{"type":%q,"text":%q}`, kind, strings.Repeat("x", n))
	}
	section := func(n int) string { return `{"type":"section","text":` + text("mrkdwn", n) + `}` }
	tests := []struct{ name, blocks, want string }{
		{"a full header", `[{"type":"header","text":` + text("plain_text", 150) + `}]`, ""},
		{"a long header", `[{"type":"header","text":` + text("plain_text", 151) + `}]`, "invalid_blocks"},
		{"a header in mrkdwn", `[{"type":"header","text":` + text("mrkdwn", 3) + `}]`, "invalid_blocks"},
		{"a full section", `[` + section(3000) + `]`, ""},
		{"a long section", `[` + section(3001) + `]`, "invalid_blocks"},
		{"an empty section", `[` + section(0) + `]`, "invalid_blocks"},
		{"eleven fields", `[{"type":"section","fields":[` + strings.Repeat(text("mrkdwn", 1)+",", 10) + text("mrkdwn", 1) + `]}]`, "invalid_blocks"},
		{"a long field", `[{"type":"section","fields":[` + text("mrkdwn", 2001) + `]}]`, "invalid_blocks"},
		{"51 blocks", `[` + strings.Repeat(`{"type":"divider"},`, 50) + `{"type":"divider"}]`, "invalid_blocks"},
		{"too much in all", `[` + strings.Repeat(section(3000)+",", 4) + section(1) + `]`, "msg_blocks_too_long"},
		{"a block for modals", `[{"type":"alert"}]`, "invalid_blocks"},
		{"a block id twice", `[{"type":"divider","block_id":"a"},{"type":"divider","block_id":"a"}]`, "invalid_blocks"},
		{"a long button", `[{"type":"actions","elements":[{"type":"button","text":` + text("plain_text", 76) + `}]}]`, "invalid_blocks"},
		{"an option without a value", `[{"type":"actions","elements":[{"type":"static_select","placeholder":` + text("plain_text", 3) + `,"options":[{"text":` + text("plain_text", 3) + `}]}]}]`, "invalid_blocks"},
		{"no list", `{}`, "invalid_blocks_format"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			answer := call(t, s, "chat.postMessage", "channel", "C0ALERTS", "text", "t", "blocks", tt.blocks)
			got, _ := answer["error"].(string)
			if got != tt.want {
				t.Errorf("error %q, want %q (%v)", got, tt.want, s.Requests())
			}
		})
	}
	s := start(t)
	if got := call(t, s, "chat.postMessage", "token", "xoxb-other", "channel", "C0ALERTS", "text", "x"); got["error"] != "invalid_auth" {
		t.Errorf("another token: %v", got)
	}
}

func post(t *testing.T, address, body string) (int, string) {
	t.Helper()
	resp, err := http.Post(address, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

func TestWebhook(t *testing.T) {
	s := start(t)
	if status, body := post(t, s.WebhookURL("alerts"), `{"text":"down"}`); status != 200 || body != "ok" {
		t.Errorf("answer %d %q", status, body)
	}
	if status, body := post(t, s.WebhookURL("alerts")+"x", `{"text":"down"}`); status != 403 || body != "invalid_token" {
		t.Errorf("wrong secret: %d %q", status, body)
	}
	if status, _ := post(t, s.WebhookURL("alerts"), `{}`); status != 400 {
		t.Errorf("empty message: %d", status)
	}
	got := s.Messages()
	if len(got) != 1 || got[0].Channel != slacktest.ChannelID("#alerts") || got[0].Via != "webhook" {
		t.Errorf("messages %+v", got)
	}
}

// Blocks that are null are none. What was refused is noted with its reason.
func TestProblemsOfAWebhook(t *testing.T) {
	for _, tt := range []struct{ path, body, want string }{
		{"", `{"text":"down","blocks":null}`, ""},
		{"", `{"blocks":null}`, "no_text neither text nor blocks"},
		{"x", `{"text":"down"}`, "invalid_token"},
	} {
		s := start(t)
		status, body := post(t, s.WebhookURL("alerts")+tt.path, tt.body)
		if got := s.Requests()[0].Problem; got != tt.want || (status == http.StatusOK) != (tt.want == "") {
			t.Errorf("%s is answered %d %s, noted with %q, want %q", tt.body, status, body, got, tt.want)
		}
	}
}

func TestFaults(t *testing.T) {
	tests := []struct {
		name  string
		fault slacktest.Fault
		kept  int
		ok    bool
	}{
		{"a server error", slacktest.Fault{Status: 503}, 0, false},
		{"a rate limit", slacktest.Fault{Status: 429, RetryAfter: "3"}, 0, false},
		{"an error code", slacktest.Fault{Code: "is_archived"}, 0, false},
		{"a reset after the message was taken", slacktest.Fault{Drop: true, Accept: true}, 1, false},
		{"another method's", slacktest.Fault{Method: "webhook", Status: 503}, 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			s.Fail(tt.fault)
			answer := call(t, s, "chat.postMessage", "channel", "C0ALERTS", "text", "x")
			if got := answer["ok"] == true; got != tt.ok {
				t.Errorf("answer %v, want ok = %v", answer, tt.ok)
			}
			if got := len(s.Messages()); got != tt.kept {
				t.Errorf("%d messages, want %d", got, tt.kept)
			}
			if tt.ok {
				return
			}
			if answer := call(t, s, "chat.postMessage", "channel", "C0ALERTS", "text", "x"); answer["ok"] != true {
				t.Errorf("the fault did not end: %v", answer)
			}
		})
	}
}

func TestCloseEndsAHangingCall(t *testing.T) {
	s := start(t)
	taken := make(chan struct{})
	s.OnChange(func() { close(taken) })
	s.Fail(slacktest.Fault{Hang: true, Accept: true})
	done := make(chan map[string]any)
	go func() { done <- call(t, s, "chat.postMessage", "channel", "C0ALERTS", "text", "x") }()
	<-taken
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if answer := <-done; answer["ok"] == true {
		t.Error("the hanging call succeeded")
	}
}
