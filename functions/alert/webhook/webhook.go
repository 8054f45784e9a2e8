// Package webhook delivers messages over HTTP to other systems: PagerDuty by its
// Events API v2, and anything else as JSON signed by Standard Webhooks.
package webhook

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

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/text"
)

const (
	defaultTimeout = 8 * time.Second
	maxAnswer      = 4 << 10
)

// failure is a call that did not succeed, and what that means. Its text holds no secret.
type failure struct {
	message.Outcome
	doing string
	// auth: the other side has refused the credential.
	auth bool
	err  error
}

func (f *failure) Error() string { return f.doing + ": " + f.Reason }

// Unwrap implements the interface of [errors.Unwrap].
func (f *failure) Unwrap() error { return f.err }

func later(doing string, err error) error {
	return &failure{Outcome: message.Outcome{Result: message.Later, Reason: err.Error()}, doing: doing, err: err}
}

func refused(doing, reason string) error {
	return &failure{Outcome: message.Outcome{Result: message.Refused, Reason: reason}, doing: doing}
}

func outcome(err error) message.Outcome {
	var f *failure
	switch {
	case err == nil:
		return message.Outcome{Result: message.Delivered}
	case errors.As(err, &f):
		return f.Outcome
	}
	return message.Outcome{Result: message.Later, Reason: err.Error()}
}

// post sends a body and judges the answer: any 2xx is a delivery, 408, 429 and 5xx
// pass by themselves, everything else lasts. Both sides are idempotent by an id, so
// a lost answer is safe to try again.
func post(ctx context.Context, client *http.Client, doing, address string, body []byte, header http.Header, known ...secrets.Value) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSpace(address), bytes.NewReader(body))
	if err != nil {
		return refused(doing, "the address is no URL") // the error would quote it
	}
	req.Header = header
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "pongwatch")
	resp, err := client.Do(req)
	if err != nil {
		return transport(doing, err, known)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	f := &failure{doing: doing, Outcome: message.Outcome{Result: message.Refused, Reason: fmt.Sprintf("HTTP %d", resp.StatusCode)}}
	if text := text.Clip(text.Line(outbound.Redact(string(answer), known...)), 150); text != "" {
		f.Reason += " " + text
	}
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusRequestTimeout, resp.StatusCode >= 500:
		f.Result = message.Later
		f.RetryAfter = retryAfter(resp.Header)
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden, resp.StatusCode == http.StatusGone, resp.StatusCode == http.StatusNotFound:
		f.auth = true
	}
	return f
}

func transport(doing string, err error, known []secrets.Value) error {
	clean := outbound.Error(err, known...)
	f := &failure{doing: doing, err: clean, Outcome: message.Outcome{Result: message.Unknown, Reason: text.Clip(text.Line(clean.Error()), 200)}}
	switch {
	case errors.Is(err, outbound.ErrForbidden):
		f.Result = message.Refused
	case errors.Is(err, outbound.ErrNotSent):
		f.Result = message.Later
	}
	return f
}

func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > 3600 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	return b.Bytes(), nil
}
