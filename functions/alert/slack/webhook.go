package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/text"
)

// deliverWebhook posts what people must hear of. What is no news to them, such as
// an acknowledge, is left out: it could only be yet another message.
func (r *Receiver) deliverWebhook(ctx context.Context, m message.Message) error {
	if !m.Loud {
		return nil
	}
	address, err := r.options.Webhook(ctx, false)
	if err != nil {
		return later("posting", err)
	}
	content := r.standalone(m)
	var reread, reduced, waited bool
	for {
		err := r.postWebhook(ctx, address, content)
		var f *failure
		switch {
		case err == nil || !errors.As(err, &f):
			return err
		case f.auth && !reread:
			reread = true
			fresh, e := r.options.Webhook(ctx, true)
			if e != nil || fresh.Equal(address) {
				return err
			}
			address = fresh
		case f.payload && !reduced:
			reduced = true
			r.options.Logger.ErrorContext(ctx, "slack refused blocks, sending text only", "receiver", r.options.Name, "reason", f.Reason)
			content = plainFallback(m)
		case f.Result == message.Later && !waited && mayWait(ctx, f.RetryAfter):
			waited = true
			if !sleep(ctx, max(pause, f.RetryAfter)) {
				return err
			}
		default:
			return err
		}
	}
}

// postWebhook makes one call. It does not use slack-go's function, which throws
// the reason of a refusal away and takes any 200 for success.
func (r *Receiver) postWebhook(ctx context.Context, address secrets.Value, content layout) error {
	const doing = "posting"
	known := outbound.Address(address)
	off := false
	payload := slack.WebhookMessage{Text: content.text, UnfurlLinks: &off, UnfurlMedia: &off}
	if len(content.blocks) > 0 {
		payload.Blocks = &slack.Blocks{BlockSet: content.blocks}
	}
	body, err := json.Marshal(payload)
	if err != nil {
		return &failure{Outcome: message.Outcome{Result: message.Refused, Reason: "encoding failed"}, doing: doing, err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSpace(address.Reveal()), bytes.NewReader(body))
	if err != nil {
		// The error would quote the address.
		return &failure{Outcome: message.Outcome{Result: message.Refused, Reason: "the webhook's address is no URL"}, doing: doing, auth: true}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		f := &failure{doing: doing}
		classifyTransport(f, err, known)
		return f
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	said := strings.TrimSpace(string(answer))
	if resp.StatusCode == http.StatusOK && said == "ok" {
		return nil
	}
	f := &failure{doing: doing}
	classifyStatus(f, resp.StatusCode, retryAfter(resp.Header))
	switch {
	case resp.StatusCode == http.StatusOK && said == "":
		// The answer broke off after its headers: the message may be there.
		f.Result, f.Reason = message.Unknown, "HTTP 200 without a body"
	case resp.StatusCode == http.StatusOK:
		// Something between us and Slack answered, or Slack has a new way to refuse.
		f.Result, f.Reason = message.Later, "HTTP 200, but not ok"
		f.detail = text.Clip(outbound.Redact(text.Line(said), known...), 100)
	case resp.StatusCode >= 400 && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests && isCode(said):
		classifyCode(f, said)
		f.Reason = fmt.Sprintf("HTTP %d %s", resp.StatusCode, said)
	}
	return f
}

// isCode reports whether text looks like one of Slack's error codes.
func isCode(text string) bool {
	return text != "" && len(text) < 64 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") == ""
}

func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > 3600 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
