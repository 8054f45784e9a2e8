package slack

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/text"
)

// What a refusal of Slack is about, beside the credential.
var (
	// errPayload: our message is wrong; text alone may do.
	errPayload = errors.New("the payload is refused")
	// errGone: the message to edit is not there, or can no longer be edited.
	errGone = errors.New("the message cannot be edited")
)

// The error codes of chat.postMessage and chat.update, by what follows from them
// (docs.slack.dev/reference/methods/chat.postMessage). A code that is in none of
// the lists is taken for one that lasts, so that the fallback delivers the message.
var (
	// The service has refused the credential.
	authCodes = []string{"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "invalid_token", "no_active_hooks", "no_service", "no_team"}
	// Passes by itself; nothing was posted.
	laterCodes = []string{
		"ratelimited", "rate_limited", "message_limit_exceeded", "service_unavailable", "request_timeout", "internal_error", "rollup_error",
		"team_added_to_org", "org_login_required", "external_channel_migrating", "accesslimited",
	}
	// "Some aspect of the operation succeeded before the error."
	unknownCodes = []string{"fatal_error"}
	// Our message is wrong; text alone may do.
	payloadCodes = []string{
		"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "no_text", "invalid_arguments", "too_many_attachments",
		"invalid_payload", "invalid_attachments", "block_mismatch",
	}
	// The message to edit is gone, or too old.
	goneCodes = []string{"message_not_found", "cant_update_message", "edit_window_closed"}
)

// classify turns an error of slack-go into a [message.Failure], nil into nil. answer is what the
// call was answered with, nil if it was not.
func classify(doing string, err error, answer *http.Response, known ...secrets.Value) error {
	var refused slack.SlackErrorResponse
	switch {
	case err == nil:
		return nil
	case answer != nil && answer.StatusCode != http.StatusOK:
		return failStatus(doing, answer)
	case errors.As(err, &refused):
		f := classifyCode(doing, text.Clip(outbound.Redact(refused.Err, known...), 100))
		f.Detail = text.Clip(outbound.Redact(strings.Join(refused.ResponseMetadata.Messages, "; "), known...), 300)
		if refused.Needed != "" {
			f.Detail = strings.TrimSpace(f.Detail + " needs scope " + text.Clip(outbound.Redact(refused.Needed, known...), 100))
		}
		return f
	}
	return message.FailTransport(doing, err, known...)
}

// answers keeps the last answer for its status and headers, of which slack-go's errors hold too
// little: it takes a Retry-After that is a date for a broken answer, and reads none of a 503.
type answers struct {
	client *http.Client
	last   *http.Response
}

// Do sends a request for slack-go.
func (a *answers) Do(req *http.Request) (*http.Response, error) {
	resp, err := a.client.Do(req) //nolint:gosec // its client reaches hosts of Slack alone
	a.last = resp
	return resp, err
}

// failStatus is a status that is no success. 302 passes by itself: Slack answers with it while it
// has trouble, and so does what stands between it and pongwatch.
func failStatus(doing string, resp *http.Response) *message.Failure {
	f := message.FailStatus(doing, resp)
	if resp.StatusCode == http.StatusFound {
		f.Result = message.Later
	}
	return f
}

func classifyCode(doing, code string) *message.Failure {
	f := message.Fail(message.Refused, doing, code)
	switch {
	case slices.Contains(authCodes, code):
		f.BadCredential = true
	case slices.Contains(laterCodes, code):
		f.Result = message.Later
	case slices.Contains(unknownCodes, code):
		f.Result = message.Unknown
	case slices.Contains(goneCodes, code), code == "block_mismatch" && doing == editing:
		// Rich text cannot be replaced by none: only a new message can.
		f.Err = errGone
	case slices.Contains(payloadCodes, code):
		f.Err = errPayload
	}
	return f
}
