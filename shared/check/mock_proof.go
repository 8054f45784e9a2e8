package check

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/signature"
)

const (
	// proofPrefix is where an app writes the nonce, docs/mock-mode.md.
	proofPrefix = "ws:_pongwatch:proof:"
	// proofReads is how often the nonce is looked for before it counts as absent: a
	// replica may lag.
	proofReads = 3
	// proofCommands is the app's SET and the reads.
	proofCommands = 1 + proofReads
	// typeProof is the type of the request's message.
	typeProof = "mock_mode.proof"
	// typeLimiter is that of the request to test the limiter, docs/limiter.md.
	typeLimiter = "limiter.proof"
)

// proofRequest is the signed body that asks for a proof of either kind. The answer repeats the nonce
// under another name, so that a page which prints what it was sent proves nothing.
type proofRequest struct {
	Type string    `json:"type"`
	Data proofData `json:"data"`
}

type proofData struct {
	Service  string `json:"service"`
	Database string `json:"database"`
	Nonce    string `json:"nonce"`
}

// prove asks the app to write a nonce to its Redis and looks for it in the real one. It
// decides only while that one can be read and written.
func (t *Target) prove(ctx context.Context, app config.App) report.Observation {
	if _, err := t.Info(ctx); err != nil {
		return unknown(err)
	}
	if t.written != nil && t.written.Status != report.OK {
		return doubted(*t.written)
	}
	nonce := rand.Text()
	if _, err := t.ask(ctx, app, typeProof, nonce, appTimeout); err != nil {
		return unknown(err)
	}
	found, err := t.find(ctx, proofPrefix+nonce)
	switch {
	case err != nil:
		return unknown(err)
	case found:
		return ok()
	}
	// What the app could not write either is no mock's fault.
	if w := write(ctx, t); w.Status != report.OK {
		return doubted(w)
	}
	return report.Observation{
		Status: report.Fail, Cause: cause.Mock,
		Evidence: fmt.Sprintf("the app says that it wrote a nonce, and %d reads in 2 s did not find it here: it writes to a mock, or to another database", proofReads),
	}
}

// doubted is a proof that cannot be had because of what the write canary met.
func doubted(write report.Observation) report.Observation {
	return report.Observation{Status: report.Unknown, Cause: write.Cause, Evidence: write.Evidence, HTTPStatus: write.HTTPStatus}
}

// ask sends the signed request and returns the answer of an app that says it did what was asked.
func (t *Target) ask(ctx context.Context, app config.App, what, nonce string, timeout time.Duration) (reply, error) {
	if t.Apps == nil || t.Apps.keys == nil {
		return reply{}, &Problem{Cause: cause.ConfigMissing, Evidence: "there is no key to sign the request with"}
	}
	keys, err := t.Apps.keys(ctx)
	if err != nil {
		return reply{}, err
	}
	body, err := json.Marshal(proofRequest{what, proofData{app.Service, t.Database.Name, nonce}})
	if err != nil {
		return reply{}, unreachable("the request could not be made")
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if err := signature.Sign(header, keys, nonce, t.now(), body); err != nil {
		return reply{}, unreachable("the request could not be signed")
	}
	r, err := t.Apps.exchange(ctx, timeout, http.MethodPost, app.HealthURL, body, header)
	if err != nil {
		return reply{}, err
	}
	var answer struct {
		Proof string
		Data  struct{ Proof string }
	}
	if !r.ok() || json.Unmarshal(r.body, &answer) != nil || answer.Proof != nonce && answer.Data.Proof != nonce {
		return reply{}, unreachable("the app does not answer the proof (" + r.describe() + ")")
	}
	return r, nil
}

// pause waits before a question is repeated; times says how often it was repeated so far.
func (a *Apps) pause(ctx context.Context, times int) error {
	select {
	case <-time.After(a.pauses[times]):
		return nil
	case <-ctx.Done():
		return errInterrupted
	}
}

// find looks for the key until it is there, or has been looked for often enough.
func (t *Target) find(ctx context.Context, key string) (bool, error) {
	for i := range proofReads {
		if i > 0 {
			if err := t.Apps.pause(ctx, i-1); err != nil {
				return false, err
			}
		}
		r, err := t.client.Do(ctx, "GET", key)
		if err != nil {
			return false, err
		}
		if !r.IsNil() {
			return true, nil
		}
	}
	return false, nil
}
