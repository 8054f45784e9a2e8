package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/slack-go/slack"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/text"
)

// postWebhook makes one call. It does not use slack-go's function, which throws
// the reason of a refusal away and takes any 200 for success.
func (r *Receiver) postWebhook(ctx context.Context, address secrets.Value, content layout) error {
	known := outbound.Address(address)
	off := false
	payload := slack.WebhookMessage{Text: content.text, UnfurlLinks: &off, UnfurlMedia: &off}
	if len(content.blocks) > 0 {
		payload.Blocks = &slack.Blocks{BlockSet: content.blocks}
	}
	body, err := json.Marshal(payload)
	if err != nil {
		f := message.Fail(message.Refused, posting, "encoding failed")
		f.Err = err
		return f
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSpace(address.Reveal()), bytes.NewReader(body))
	if err != nil {
		f := message.Fail(message.Refused, posting, "the webhook's address is not a URL") // the error would quote it
		f.BadCredential = true
		return f
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return message.FailTransport(posting, err, known...)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	said := strings.TrimSpace(string(answer))
	f := failStatus(posting, resp)
	switch {
	case resp.StatusCode == http.StatusOK && said == "ok":
		return nil
	case resp.StatusCode == http.StatusOK && said == "":
		// The answer broke off after its headers: the message may be there.
		f.Result, f.Reason = message.Unknown, "HTTP 200 without a body"
	case resp.StatusCode == http.StatusOK:
		// Something between us and Slack answered, or Slack has a new way to refuse.
		f.Result, f.Reason = message.Later, "HTTP 200, but not ok"
		f.Detail = text.Clip(outbound.Redact(said, known...), 100)
	case resp.StatusCode >= 400 && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests && isCode(said):
		reason := f.Reason + " " + said
		f = classifyCode(posting, said)
		f.Reason = reason
	}
	return f
}

// isCode reports whether text looks like one of Slack's error codes.
func isCode(text string) bool {
	return text != "" && len(text) < 64 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") == ""
}
