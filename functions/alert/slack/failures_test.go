package slack_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/slack"
	"github.com/pongwatch/pongwatch/functions/alert/slack/slacktest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// codes are Slack's answers by what must follow from them.
var codes = map[string]struct {
	codes []string
	want  message.Result
	// posts and edits are how many calls a post and an edit make.
	posts, edits int
	edited       message.Result
}{
	"the credential is refused": {
		[]string{"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "invalid_token", "no_active_hooks", "no_service", "no_team"},
		message.Refused, 1, 1, message.Refused, // read anew, it is the same
	},
	"passes by itself": {
		[]string{
			"ratelimited", "rate_limited", "message_limit_exceeded", "service_unavailable", "request_timeout", "internal_error", "rollup_error",
			"team_added_to_org", "org_login_required", "external_channel_migrating", "accesslimited",
		},
		message.Later, 2, 2, message.Later,
	},
	"may have been delivered": {[]string{"fatal_error"}, message.Unknown, 1, 1, message.Unknown},
	"the payload is refused": {
		[]string{"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "no_text", "invalid_arguments", "too_many_attachments", "invalid_payload", "invalid_attachments"},
		message.Refused, 2, 2, message.Refused,
	},
	"the message to edit is gone": {[]string{"message_not_found", "cant_update_message", "edit_window_closed"}, message.Refused, 1, 2, message.Refused},
	"only text is no edit":        {[]string{"block_mismatch"}, message.Refused, 2, 3, message.Refused},
	"lasts":                       {[]string{"channel_not_found", "not_in_channel", "is_archived", "restricted_action", "missing_scope", "brand_new_code"}, message.Refused, 1, 1, message.Refused},
}

func TestEveryCodeOfSlack(t *testing.T) {
	for name, kind := range codes {
		for _, code := range kind.codes {
			t.Run(name+"/"+code, func(t *testing.T) {
				t.Parallel()
				for _, edit := range []bool{false, true} {
					s := server(t)
					var logs bytes.Buffer
					r := bot(t, s, func(o *slack.Options) { o.Logger = slog.New(slog.NewJSONHandler(&logs, nil)) })
					m, prev, want, calls := render(incident.Opened, cause.AuthInvalid), message.Ref{}, kind.want, kind.posts
					if edit {
						prev = deliver(t, r, m, message.Ref{})
						m, want, calls = render(incident.Reminder, cause.AuthInvalid), kind.edited, kind.edits
					}
					before := len(s.Requests())
					s.Fail(slacktest.Fault{Code: code, Times: -1})
					ref, got, err := r.Deliver(t.Context(), m, prev)
					if err == nil || got.Result != want || got.Reason != code || got.RetryAfter != 0 || !strings.HasSuffix(err.Error(), " in Slack: "+code) {
						t.Errorf("edit %v: %+v, %v; want %s", edit, got, err, want)
					}
					if edit && ref.ID != "" && ref != prev {
						t.Errorf("edit %v: reference %+v after a failure, want %+v", edit, ref, prev)
					}
					if n := len(s.Requests()) - before; n != calls {
						t.Errorf("edit %v: %d calls, want %d", edit, n, calls)
					}
					reduced := name == "the payload is refused" || name == "only text is no edit"
					if strings.Contains(logs.String(), "sending text only") != reduced || reduced && !strings.Contains(logs.String(), `"reason":"`+code+`"`) {
						t.Errorf("edit %v: logs %s", edit, logs.String())
					}
				}
			})
		}
	}
}

// A reply that fails leaves the edit in place, and the next try sends the reply alone
// with an edit: the reference does not claim it.
func TestAReplyThatFailsIsSentByTheNextTry(t *testing.T) {
	s := server(t)
	r := bot(t, s)
	prev := deliver(t, r, render(incident.Opened, cause.AuthInvalid), message.Ref{})
	s.Fail(slacktest.Fault{Method: "chat.postMessage", Code: "is_archived"})
	m := at(render(incident.Reminder, cause.AuthInvalid), 7)
	ref, got, err := r.Deliver(t.Context(), m, prev)
	if err == nil || got.Result != message.Refused || ref != prev {
		t.Fatalf("%+v %+v %v; want a refusal with the old reference %+v", ref, got, err, prev)
	}
	if ref = deliver(t, r, m, ref); ref.Thread != "r7" || len(s.Messages()) != 2 {
		t.Errorf("reference %+v and %d messages, want the reply of revision 7", ref, len(s.Messages()))
	}
}

// What Slack says of a refusal is in the error, without control characters.
func TestARefusalIsExplained(t *testing.T) {
	s := server(t)
	s.Fail(slacktest.Fault{Body: `{"ok":false,"error":"missing_scope","needed":"chat:write\n","response_metadata":{"messages":["[ERROR] a","b` + strings.Repeat("x", 400) + `"]}}`})
	_, got, err := bot(t, s).Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{})
	if got.Reason != "missing_scope" || err == nil || !strings.Contains(err.Error(), "missing_scope ([ERROR] a; bxxx") || !strings.HasSuffix(err.Error(), "… needs scope chat:write)") {
		t.Errorf("%+v, %v", got, err)
	}
	if n := len(err.Error()); n > 400 {
		t.Errorf("an error of %d bytes", n)
	}
}

// credential fails at the reads that it is told to.
type credential struct {
	values []string // an empty one fails
	reads  []bool
}

func (c *credential) read(_ context.Context, refused bool) (secrets.Value, error) {
	value := c.values[min(len(c.reads), len(c.values)-1)]
	c.reads = append(c.reads, refused)
	if value == "" {
		return secrets.Value{}, errors.New("secret store down")
	}
	return secrets.New(value), nil
}

func TestCredentialsThatFail(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values func(good string) []string
		want   message.Outcome
		reads  []bool
		calls  int
	}{
		{"at the first read", func(string) []string { return []string{""} }, message.Outcome{Result: message.Later, Reason: "secret store down"}, []bool{false}, 0},
		{"at the second read", func(good string) []string { return []string{good + "x", ""} }, message.Outcome{Result: message.Refused, Reason: "invalid"}, []bool{false, true}, 1},
		{"the same again", func(good string) []string { return []string{good + "x"} }, message.Outcome{Result: message.Refused, Reason: "invalid"}, []bool{false, true}, 1},
		{"another that is refused, too", func(good string) []string { return []string{good + "x", good + "y"} }, message.Outcome{Result: message.Refused, Reason: "invalid"}, []bool{false, true}, 2},
		{"a fresh one", func(good string) []string { return []string{good + "x", good} }, message.Outcome{Result: message.Delivered}, []bool{false, true}, 2},
	} {
		for _, mode := range []string{"bot", "webhook"} {
			t.Run(mode+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				s := server(t)
				var c credential
				r := bot(t, s, func(o *slack.Options) {
					c.values, o.Token = tt.values(s.Token()), c.read
					if mode == "webhook" {
						c.values = tt.values(s.WebhookURL("alerts"))
						o.Token, o.Webhook = nil, c.read
					}
				})
				_, got, err := r.Deliver(t.Context(), render(incident.Opened, cause.AuthInvalid), message.Ref{})
				if got.Result != tt.want.Result || !strings.Contains(got.Reason, tt.want.Reason) || (err == nil) != (got.Result == message.Delivered) {
					t.Errorf("%+v, %v; want %+v", got, err, tt.want)
				}
				if len(c.reads) != len(tt.reads) || c.reads[len(c.reads)-1] != tt.reads[len(tt.reads)-1] {
					t.Errorf("reads %v, want %v", c.reads, tt.reads)
				}
				if n := len(s.Requests()); n != tt.calls {
					t.Errorf("%d calls, want %d", n, tt.calls)
				}
			})
		}
	}
}

// A token that cannot be read asks Slack for nothing, and a group is not known then.
func TestChecksNeedTheToken(t *testing.T) {
	s := server(t)
	down := bot(t, s, func(o *slack.Options) { o.Token = (&credential{values: []string{""}}).read })
	if got, err := down.IsMember(t.Context(), "U0ALICE", "S0123456789"); err == nil || got || !strings.Contains(err.Error(), "secret store down") {
		t.Errorf("IsMember: %v, %v; want an error", got, err)
	}
	hook := webhook(t, s)
	if got, err := hook.IsMember(t.Context(), "U0ALICE", "S0123456789"); err != nil || got {
		t.Errorf("a webhook knows no groups: %v, %v", got, err)
	}
	if n := len(s.Requests()); n != 0 {
		t.Errorf("%d calls", n)
	}
}
