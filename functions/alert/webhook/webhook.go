// Package webhook delivers messages over HTTP to other systems: PagerDuty by its
// Events API v2, and anything else as JSON signed by Standard Webhooks.
package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
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

// post sends what as JSON, with the headers that prove who sends it; any 2xx is a delivery. Both
// sides are idempotent by an id, so that a lost answer is safe to try again.
func post(ctx context.Context, client *http.Client, doing, address string, what any, proof func(body []byte) (http.Header, error), known ...secrets.Value) error {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(what); err != nil {
		return message.Fail(message.Refused, doing, "encoding: "+err.Error())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSpace(address), bytes.NewReader(body.Bytes()))
	if err != nil {
		return message.Fail(message.Refused, doing, "the address is not a URL") // the error would quote it
	}
	if proof != nil {
		if req.Header, err = proof(body.Bytes()); err != nil {
			return message.Fail(message.Refused, doing, err.Error())
		}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "pongwatch")
	resp, err := client.Do(req)
	if err != nil {
		return message.FailTransport(doing, err, known...)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	f := message.FailStatus(doing, resp)
	if text := text.Clip(outbound.Redact(string(answer), known...), 150); text != "" {
		f.Reason += " " + text
	}
	f.BadCredential = slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone}, resp.StatusCode)
	return f
}
