// Package webhook delivers messages over HTTP to other systems: PagerDuty by its
// Events API v2, and anything else as JSON signed by Standard Webhooks or in Alertmanager's format.
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

// Receiver posts messages as JSON, in one of the formats. It implements [message.Receiver].
type Receiver struct {
	name, doing string
	client      *http.Client
	login       *message.Login
	// posts returns what brings the other side to where a message is, and the Ref after it. There
	// are none for a silent edit that the format has no place for.
	posts func(m message.Message, prev message.Ref) ([]post, message.Ref)
}

var _ message.Receiver = (*Receiver)(nil)

// post is a request that still lacks the receiver's credentials.
type post func(credentials []secrets.Value) request

// request is what is posted, and where.
type request struct {
	address string
	body    any
	// proof returns the headers that prove who sends a body; nil for none.
	proof func(body []byte) (http.Header, error)
	known []secrets.Value
}

// Name implements [message.Receiver].
func (r *Receiver) Name() string { return r.name }

// Renewed implements [message.Renewable].
func (r *Receiver) Renewed(ctx context.Context) bool { return r.login.Renewed(ctx) }

// Deliver implements [message.Receiver].
func (r *Receiver) Deliver(ctx context.Context, m message.Message, prev message.Ref) (message.Ref, message.Outcome, error) {
	posts, next := r.posts(m, prev)
	if len(posts) == 0 {
		return prev, message.Outcome{Result: message.Delivered, Unsent: true}, nil
	}
	for _, p := range posts {
		err := r.login.Do(ctx, r.doing, func(credentials []secrets.Value) error { return r.post(ctx, p(credentials)) })
		if err != nil {
			return prev, message.OutcomeOf(err), err
		}
	}
	return next, message.OutcomeOf(nil), nil
}

// post makes one request; any 2xx is a delivery. All formats are idempotent by an id, so that a
// lost answer is safe to try again.
func (r *Receiver) post(ctx context.Context, q request) error {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(q.body); err != nil {
		return message.Fail(message.Refused, r.doing, "encoding: "+err.Error())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSpace(q.address), bytes.NewReader(body.Bytes()))
	if err != nil {
		return message.Fail(message.Refused, r.doing, "the address is not a URL") // the error would quote it
	}
	if q.proof != nil {
		if req.Header, err = q.proof(body.Bytes()); err != nil {
			return message.Fail(message.Refused, r.doing, err.Error())
		}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "pongwatch")
	resp, err := r.client.Do(req)
	if err != nil {
		return message.FailTransport(r.doing, err, q.known...)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	f := message.FailStatus(r.doing, resp)
	if text := text.Clip(outbound.Redact(string(answer), q.known...), 150); text != "" {
		f.Reason += " " + text
	}
	f.BadCredential = slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone}, resp.StatusCode)
	return f
}
