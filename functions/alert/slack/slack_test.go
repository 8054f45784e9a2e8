package slack_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/message/messagetest"
	"github.com/pongwatch/pongwatch/functions/alert/slack"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

const channel = "C0ALERTS"

func server(t testing.TB) *slacktest.Server {
	t.Helper()
	s, err := slacktest.New(slacktest.Options{Now: func() time.Time { return messagetest.Now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func bot(t testing.TB, s *slacktest.Server, change ...func(*slack.Options)) *slack.Receiver {
	t.Helper()
	o := slack.Options{
		Name: "slack-oncall", Token: message.Fixed(secrets.New(s.Token())), Channel: channel, APIURL: s.APIURL(), Buttons: true, AllowLoopback: true,
		Mention: []string{"S0123456789", "here"},
	}
	for _, c := range change {
		c(&o)
	}
	r, err := slack.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func webhook(t testing.TB, s *slacktest.Server) *slack.Receiver {
	t.Helper()
	return bot(t, s, func(o *slack.Options) {
		o.Token, o.Buttons = nil, false
		o.Webhook = message.Fixed(secrets.New(s.WebhookURL("alerts") + "\n"))
	})
}

func render(e incident.Event, c cause.Cause) message.Message {
	return message.Render(messagetest.Notice(e, c), messagetest.Context())
}

// at gives a message another revision: the notices of messagetest are all of revision 2 or 1.
func at(m message.Message, revision int) message.Message {
	m.Revision = revision
	return m
}

func deliver(t testing.TB, r *slack.Receiver, m message.Message, prev message.Ref) message.Ref {
	t.Helper()
	ref, outcome, err := r.Deliver(t.Context(), m, prev)
	if err != nil || outcome.Result != message.Delivered {
		t.Fatalf("delivering %s: %+v, %v", m.Event, outcome, err)
	}
	return ref
}

func TestBotKeepsOneMessageThroughTheLife(t *testing.T) {
	s := server(t)
	r := bot(t, s)
	ref := deliver(t, r, at(render(incident.Opened, cause.AuthInvalid), 1), message.Ref{})
	ref = deliver(t, r, at(render(incident.Acknowledged, cause.AuthInvalid), 2), ref)
	ref = deliver(t, r, at(render(incident.Reminder, cause.AuthInvalid), 3), ref)
	ref = deliver(t, r, at(render(incident.Resolved, cause.AuthInvalid), 4), ref)
	// A repair repeats the last revision: an edit, and no second reply.
	deliver(t, r, at(render(incident.Resolved, cause.AuthInvalid), 4), ref)

	var got []string
	for _, m := range s.Messages() {
		kind := "message"
		if m.ThreadTS != "" {
			kind = "reply"
		}
		got = append(got, fmt.Sprintf("%s, %d edits: %s", kind, len(m.Edits), m.Text))
	}
	want := []string{
		"message, 4 edits: ✅ [production] RESOLVED prod-cache is up again after 12 min (18:22–18:34 UTC) · INC-7F3A9K",
		"reply, 0 edits: 🔴 [production] CRITICAL Still: prod-cache is down: Redis refuses the token, since 18:22 UTC · INC-7F3A9K",
		"reply, 0 edits: ✅ [production] RESOLVED prod-cache is up again after 12 min (18:22–18:34 UTC) · INC-7F3A9K",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestWebhookPostsOnlyWhatPeopleMustHear(t *testing.T) {
	s := server(t)
	r := webhook(t, s)
	for i, e := range []incident.Event{incident.Opened, incident.Acknowledged, incident.Updated, incident.Reminder, incident.Resolved} {
		deliver(t, r, at(render(e, cause.AuthInvalid), i+1), message.Ref{})
	}
	if got := len(s.Messages()); got != 3 {
		t.Errorf("%d messages, want 3: opened, reminder, resolved", got)
	}
}

func TestADeletedMessageIsPostedAnewWhenItMatters(t *testing.T) {
	s := server(t)
	r := bot(t, s)
	ref := deliver(t, r, at(render(incident.Opened, cause.AuthInvalid), 1), message.Ref{})
	s.Delete(ref.Channel, ref.ID)
	same, outcome, err := r.Deliver(t.Context(), at(render(incident.Acknowledged, cause.AuthInvalid), 2), ref)
	if want := (message.Outcome{Result: message.Delivered, Unsent: true}); len(s.Messages()) != 0 || same != ref || outcome != want || err != nil {
		t.Errorf("a silent edit of a deleted message: %+v, %v, and posts %+v", outcome, err, s.Messages())
	}
	ref2 := deliver(t, r, at(render(incident.Resolved, cause.AuthInvalid), 3), ref)
	if len(s.Messages()) != 1 || ref2.ID == ref.ID {
		t.Errorf("the resolve of a deleted message is not posted anew: %+v", s.Messages())
	}
}

// Slack answers ok to an edit of the text alone, and goes on showing the blocks.
func TestAnEditThatIsReducedToItsTextIsSeen(t *testing.T) {
	s := server(t)
	r := bot(t, s)
	ref := deliver(t, r, at(render(incident.Opened, cause.AuthInvalid), 1), message.Ref{})
	s.Fail(slacktest.Fault{Method: "chat.update", Code: "invalid_blocks"})
	ref = deliver(t, r, at(render(incident.Resolved, cause.AuthInvalid), 2), ref)
	for _, m := range s.Messages() {
		if m.TS == ref.ID && !strings.Contains(string(m.Blocks)+m.Text, "RESOLVED") || strings.Contains(m.Text, "RESOLVED") && strings.Contains(string(m.Blocks), "CRITICAL") {
			t.Errorf("after the end the channel shows %s with %s", m.Text, m.Blocks)
		}
	}
}

// TestOutcomes is the delivery table of one attempt: what goes wrong, what is
// recorded, and how many messages the channel has afterwards.
func TestOutcomes(t *testing.T) {
	tests := []struct {
		name    string
		webhook bool
		faults  []slacktest.Fault
		want    message.Outcome
		kept    int
	}{
		{"503 once is tried again at once", false, []slacktest.Fault{{Status: 503}}, message.Outcome{Result: message.Delivered}, 1},
		{"503 that lasts is left for later", false, []slacktest.Fault{{Status: 503, Times: -1}}, message.Outcome{Result: message.Later, Reason: "HTTP 503"}, 0},
		{"429 with a short wait is waited for", false, []slacktest.Fault{{Status: 429, RetryAfter: "1"}}, message.Outcome{Result: message.Delivered}, 1},
		{"429 with a long wait is left for later", false, []slacktest.Fault{{Status: 429, RetryAfter: "30"}}, message.Outcome{Result: message.Later, RetryAfter: 30 * time.Second, Reason: "HTTP 429"}, 0},
		{"429 until a date far ahead", false, []slacktest.Fault{{Status: 429, RetryAfter: "Fri, 31 Dec 2027 23:59:59 GMT"}}, message.Outcome{Result: message.Later, RetryAfter: 6 * time.Hour, Reason: "HTTP 429"}, 0},
		{"429 with a wait beyond an hour", false, []slacktest.Fault{{Status: 429, RetryAfter: "7200"}}, message.Outcome{Result: message.Later, RetryAfter: 2 * time.Hour, Reason: "HTTP 429"}, 0},
		{"429 with an endless wait", false, []slacktest.Fault{{Status: 429, RetryAfter: "99999999999"}}, message.Outcome{Result: message.Later, RetryAfter: 6 * time.Hour, Reason: "HTTP 429"}, 0},
		{"503 with a wait", false, []slacktest.Fault{{Status: 503, RetryAfter: "30"}}, message.Outcome{Result: message.Later, RetryAfter: 30 * time.Second, Reason: "HTTP 503"}, 0},
		{"429 without a header is tried again", false, []slacktest.Fault{{Status: 429}}, message.Outcome{Result: message.Delivered}, 1},
		{"ok:false ratelimited", false, []slacktest.Fault{{Code: "ratelimited", Times: -1}}, message.Outcome{Result: message.Later, Reason: "ratelimited"}, 0},
		{"an archived channel is refused for good", false, []slacktest.Fault{{Code: "is_archived"}}, message.Outcome{Result: message.Refused, Reason: "is_archived"}, 0},
		{"an unknown code lasts", false, []slacktest.Fault{{Code: "brand_new_code"}}, message.Outcome{Result: message.Refused, Reason: "brand_new_code"}, 0},
		{"fatal_error may have been delivered", false, []slacktest.Fault{{Code: "fatal_error"}}, message.Outcome{Result: message.Unknown, Reason: "fatal_error"}, 0},
		{"refused blocks are sent as text", false, []slacktest.Fault{{Code: "invalid_blocks"}}, message.Outcome{Result: message.Delivered}, 1},
		{"a redirect is not followed", false, []slacktest.Fault{{Status: 307, Location: "https://evil.example/"}}, message.Outcome{Result: message.Refused, Reason: "HTTP 307"}, 0},
		{"a reset after acceptance is unknown", false, []slacktest.Fault{{Drop: true, Accept: true}}, message.Outcome{Result: message.Unknown}, 1},
		{"a truncated answer is unknown", false, []slacktest.Fault{{Body: `{"ok":tr`, Accept: true}}, message.Outcome{Result: message.Unknown}, 1},
		{"a hang is unknown", false, []slacktest.Fault{{Hang: true}}, message.Outcome{Result: message.Unknown}, 0},

		{"webhook: 503 once is tried again at once", true, []slacktest.Fault{{Status: 503}}, message.Outcome{Result: message.Delivered}, 1},
		{"webhook: 200 that is not ok is left for later", true, []slacktest.Fault{{Body: "<html>sign in</html>", Times: -1}}, message.Outcome{Result: message.Later, Reason: "HTTP 200, but not ok"}, 0},
		{"webhook: 429 with a long wait", true, []slacktest.Fault{{Status: 429, RetryAfter: "30"}}, message.Outcome{Result: message.Later, RetryAfter: 30 * time.Second, Reason: "HTTP 429"}, 0},
		{"webhook: no_active_hooks is refused for good", true, []slacktest.Fault{{Status: 404, Body: "no_active_hooks", Times: -1}}, message.Outcome{Result: message.Refused, Reason: "HTTP 404 no_active_hooks"}, 0},
		{"webhook: channel_is_archived", true, []slacktest.Fault{{Status: 410, Body: "channel_is_archived"}}, message.Outcome{Result: message.Refused, Reason: "HTTP 410 channel_is_archived"}, 0},
		{"webhook: refused blocks are sent as text", true, []slacktest.Fault{{Status: 400, Body: "invalid_blocks"}}, message.Outcome{Result: message.Delivered}, 1},
		{"a 302 passes by itself", false, []slacktest.Fault{{Status: 302, Location: "https://evil.example/", Times: -1}}, message.Outcome{Result: message.Later, Reason: "HTTP 302"}, 0},
		{"webhook: a 302 passes by itself", true, []slacktest.Fault{{Status: 302, Location: "https://evil.example/", Times: -1}}, message.Outcome{Result: message.Later, Reason: "HTTP 302"}, 0},
		{"webhook: a redirect is not followed", true, []slacktest.Fault{{Status: 307, Location: "https://evil.example/"}}, message.Outcome{Result: message.Refused, Reason: "HTTP 307"}, 0},
		{"webhook: a reset after acceptance is unknown", true, []slacktest.Fault{{Drop: true, Accept: true}}, message.Outcome{Result: message.Unknown}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := server(t)
			// Far above what loopback takes on a busy machine.
			r := bot(t, s, func(o *slack.Options) { o.Timeout = 3 * time.Second })
			if tt.webhook {
				r = webhook(t, s)
			}
			s.Fail(tt.faults...)
			ref, got, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{})
			if (err == nil) != (tt.want.Result == message.Delivered) {
				t.Errorf("error %v with %s", err, tt.want.Result)
			}
			if tt.want.Result == message.Unknown {
				got.Reason = "" // the operating system's words
			}
			if tt.name == "fatal_error may have been delivered" {
				got.Reason = "fatal_error"
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			if len(s.Messages()) != tt.kept {
				t.Errorf("%d messages, want %d", len(s.Messages()), tt.kept)
			}
			if got.Result == message.Delivered && !tt.webhook && ref.ID == "" {
				t.Error("delivered without a reference")
			}
		})
	}
}

func TestNothingListens(t *testing.T) {
	s := server(t)
	r := bot(t, s)
	_ = s.Close()
	_, got, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{})
	if err == nil || got.Result != message.Later {
		t.Errorf("outcome %+v, %v; want later: nothing can have arrived", got, err)
	}
}

func TestARevokedTokenIsReadAgain(t *testing.T) {
	s := server(t)
	reads := 0
	r := bot(t, s, func(o *slack.Options) {
		o.Token = func(_ context.Context, refused bool) (secrets.Value, error) {
			reads++
			if refused {
				return secrets.New(s.Token()), nil
			}
			return secrets.New("xoxb-old-token"), nil
		}
	})
	deliver(t, r, render(incident.Opened, cause.AuthInvalid), message.Ref{})
	if reads != 2 {
		t.Errorf("%d reads, want 2", reads)
	}
	old := bot(t, s, func(o *slack.Options) { o.Token = message.Fixed(secrets.New("xoxb-old-token")) })
	_, got, err := old.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{})
	if err == nil || got.Result != message.Refused || got.Reason != "invalid_auth" {
		t.Errorf("outcome %+v, %v; want refused for good", got, err)
	}
}

// TestAHundredDatabasesAreAllNamed in the one message that a group gets.
func TestAHundredDatabasesAreAllNamed(t *testing.T) {
	s := server(t)
	n := messagetest.Group(incident.Opened, 100)
	deliver(t, bot(t, s), message.Render(n, messagetest.Context()), message.Ref{})
	blocks := string(s.Messages()[0].Blocks)
	for _, i := range n.Members {
		if !strings.Contains(blocks, i.Series.Database) {
			t.Errorf("%s is not named", i.Series.Database)
		}
	}
}

func TestUserGroups(t *testing.T) {
	s := server(t)
	s.SetGroup("S0123456789", "U0ALICE", "U0BOB")
	r := bot(t, s)
	for range 3 {
		for user, want := range map[string]bool{"U0ALICE": true, "U0EVE": false} {
			if got, err := r.IsMember(t.Context(), user, "S0123456789"); err != nil || got != want {
				t.Errorf("IsMember(%s) = %v, %v", user, got, err)
			}
		}
	}
	if n := len(s.Requests()); n != 1 {
		t.Errorf("%d requests, want one: the answer is remembered", n)
	}
	if got, err := r.IsMember(t.Context(), "U0ALICE", "S0OTHER0000"); err != nil || got {
		t.Errorf("a group that Slack does not know: %v, %v; want a no", got, err)
	}
	s.Fail(slacktest.Fault{Status: 503, Times: -1})
	if got, err := r.IsMember(t.Context(), "U0ALICE", "S0THIRD0000"); err == nil || got {
		t.Errorf("Slack does not answer: %v, %v; want an error, because membership is unknown", got, err)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	token := message.Fixed(secrets.New("xoxb-x"))
	tests := []struct {
		name    string
		options slack.Options
		want    string
	}{
		{"no name", slack.Options{Token: token, Channel: channel}, "name is empty"},
		{"neither mode", slack.Options{Name: "s", Channel: channel}, "either a bot token or a webhook"},
		{"both modes", slack.Options{Name: "s", Channel: channel, Token: token, Webhook: token}, "either a bot token or a webhook"},
		{"no channel", slack.Options{Name: "s", Token: token}, `want an id such as "C0123456789"`},
		{"another API", slack.Options{Name: "s", Token: token, Channel: channel, APIURL: "https://evil.example/api/"}, "must be Slack's"},
		{"loopback without leave", slack.Options{Name: "s", Token: token, Channel: channel, APIURL: "http://127.0.0.1:1/api/"}, "must be Slack's"},
		{"a mention that would be parsed", slack.Options{Name: "s", Token: token, Channel: channel, Mention: []string{"everyone> <!channel"}}, "want a user id"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := slack.New(tt.options); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}
