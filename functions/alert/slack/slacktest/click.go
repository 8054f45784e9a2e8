package slacktest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Click is a person's use of a control in a message.
type Click struct {
	// URL is the app's request URL for interactions; Secret its signing secret.
	URL, Secret string
	// Channel and TS name the message.
	Channel, TS string
	// ActionID and Value are the control's; Selected is the chosen option's value.
	ActionID, Value, Selected string
	// User is the id of who clicks; empty is "U0ONCALL".
	User string
	// Client sends the request; nil is http.DefaultClient.
	Client *http.Client
}

// Click sends the request that Slack sends when somebody uses a control, signed
// as Slack signs it, and returns the answer's status.
func (s *Server) Click(ctx context.Context, c Click) (int, error) {
	now := s.options.Now()
	user := c.User
	if user == "" {
		user = "U0ONCALL"
	}
	action := map[string]any{"type": "button", "action_id": c.ActionID, "block_id": "actions", "value": c.Value, "action_ts": fmt.Sprintf("%d.%06d", now.Unix(), now.Nanosecond()/1e3)}
	if c.Selected != "" {
		action["type"] = "static_select"
		action["selected_option"] = map[string]any{"value": c.Selected}
	}
	payload, err := json.Marshal(map[string]any{
		"type":    "block_actions",
		"team":    map[string]any{"id": "T0PONGWATCH", "domain": "pongwatch"},
		"user":    map[string]any{"id": user, "username": "oncall", "team_id": "T0PONGWATCH"},
		"channel": map[string]any{"id": c.Channel},
		"message": map[string]any{"type": "message", "ts": c.TS},
		"actions": []any{action},
	})
	if err != nil {
		return 0, fmt.Errorf("encoding click: %w", err)
	}
	body := url.Values{"payload": {string(payload)}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, strings.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("sending click: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	Sign(r.Header, c.Secret, now, []byte(body))
	client := c.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, fmt.Errorf("sending click: %w", err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, nil
}

// Sign adds Slack's signature of body to h
// (docs.slack.dev/authentication/verifying-requests-from-slack).
func Sign(h http.Header, secret string, at time.Time, body []byte) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(bytes.Join([][]byte{[]byte("v0"), []byte(stamp), body}, []byte(":")))
	h.Set("X-Slack-Request-Timestamp", stamp)
	h.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
}
