package slack

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/text"
)

// failure is a call that did not succeed, and what that means. Its text holds no secret.
type failure struct {
	message.Outcome
	doing string
	// detail is Slack's own explanation of a refused payload.
	detail string
	// auth: the credential is refused. payload: our message is. gone: the message to
	// edit is not there, or can no longer be edited.
	auth, payload, gone bool
	err                 error
}

func (f *failure) Error() string {
	text := f.doing + " in Slack: " + f.Reason
	if f.detail != "" {
		text += " (" + f.detail + ")"
	}
	return text
}

// Unwrap implements the interface of [errors.Unwrap].
func (f *failure) Unwrap() error { return f.err }

func later(doing string, err error) error {
	return &failure{Outcome: message.Outcome{Result: message.Later, Reason: err.Error()}, doing: doing, err: err}
}

// The error codes of chat.postMessage and chat.update, by what follows from them
// (docs.slack.dev/reference/methods/chat.postMessage). A code that is in none of
// the lists is taken for one that lasts: it goes to the fallback and is told.
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
	// The message to edit is gone, or too old. A block_mismatch of the text fallback
	// is one as well: see classifyCode.
	goneCodes = []string{"message_not_found", "cant_update_message", "edit_window_closed"}
)

// classify turns an error of slack-go into a failure, nil into nil.
func classify(doing string, err error, known ...secrets.Value) error {
	if err == nil {
		return nil
	}
	f := &failure{doing: doing}
	var (
		limited *slack.RateLimitedError
		status  slack.StatusCodeError
		refused slack.SlackErrorResponse
	)
	switch {
	case errors.As(err, &limited):
		f.Outcome = message.Outcome{Result: message.Later, RetryAfter: limited.RetryAfter, Reason: "rate limited"}
	case errors.As(err, &status):
		classifyStatus(f, status.Code, 0)
	case errors.As(err, &refused):
		f.detail = text.Clip(outbound.Redact(text.Line(strings.Join(refused.ResponseMetadata.Messages, "; ")), known...), 300)
		if refused.Needed != "" {
			f.detail = strings.TrimSpace(f.detail + " needs scope " + text.Clip(text.Line(refused.Needed), 100))
		}
		classifyCode(f, text.Clip(text.Line(refused.Err), 100))
	default:
		classifyTransport(f, err, known)
	}
	return f
}

func classifyCode(f *failure, code string) {
	f.Reason = code
	f.Result = message.Refused
	switch {
	case slices.Contains(authCodes, code):
		f.auth = true
	case slices.Contains(laterCodes, code):
		f.Result = message.Later
	case slices.Contains(unknownCodes, code):
		f.Result = message.Unknown
	case code == "block_mismatch" && f.doing == "editing":
		// Rich text cannot be replaced by none: only a new message can.
		f.gone = true
	case slices.Contains(payloadCodes, code):
		f.payload = true
	case slices.Contains(goneCodes, code):
		f.gone = true
	}
}

func classifyStatus(f *failure, status int, retryAfter time.Duration) {
	f.Reason = fmt.Sprintf("HTTP %d", status)
	f.Result = message.Refused
	if status == http.StatusTooManyRequests || status >= 500 || status == http.StatusRequestTimeout {
		f.Result = message.Later
		f.RetryAfter = retryAfter
	}
}

// classifyTransport judges an error without an answer: it turns on whether the
// request had left.
func classifyTransport(f *failure, err error, known []secrets.Value) {
	clean := outbound.Error(err, known...)
	f.err = clean
	f.Reason = text.Clip(text.Line(clean.Error()), 200)
	switch {
	case errors.Is(err, outbound.ErrForbidden):
		f.Result = message.Refused
	case errors.Is(err, outbound.ErrNotSent):
		f.Result = message.Later
	default:
		f.Result = message.Unknown
	}
}
