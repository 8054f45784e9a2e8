package check

import (
	"cmp"
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

// The types of the requests' messages, docs/mock-mode.md and docs/limiter.md.
const (
	typeProof   = "mock_mode.proof"
	typeLimiter = "limiter.proof"
)

const (
	// proofPrefix is where an app writes the nonce, docs/mock-mode.md.
	proofPrefix = "ws:_pongwatch:proof:"
	// proofReads is how often the nonce is looked for before it counts as absent: a
	// replica may lag.
	proofReads = 3
	// proofCommands is the app's SET and the reads. leastProof has one read that finds it.
	proofCommands, leastProof = 1 + proofReads, 2

	// limiterHits is how often the app tries its limiter, with a limit of one. Every usual
	// algorithm allows at most two hits within the length of its window: a fixed and a sliding
	// window where the hits straddle its edge, a bucket where it is refilled meanwhile.
	limiterHits = 3
	// limiterWindow is the shortest window in which that holds: no exchange lasts as long.
	limiterWindow = limiterTimeout + 2*time.Second
	// limiterCommands is the most that hits cost: @upstash/ratelimit's sliding window takes five
	// for a first hit in each of two windows, and three for a refused one
	// (https://upstash.com/docs/redis/sdks/ratelimit-ts/costs). leastLimiter is an INCR and an
	// EXPIRE for each hit.
	limiterCommands, leastLimiter = 13, 2 * limiterHits
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

// proofAnswer is what an app says of the proof.
type proofAnswer struct {
	Proof   string
	Limiter *hits
}

// hits is what the app answers about the test of its limiter.
type hits struct {
	Limit   int     `json:"limit"`
	Window  float64 `json:"window"` // seconds
	Allowed *int    `json:"allowed"`
}

// ask sends the signed request and returns the answer of an app that says it did what was asked.
func (t *Target) ask(ctx context.Context, app config.App, what, nonce string, timeout time.Duration) (proofAnswer, error) {
	var answer struct {
		proofAnswer
		Data proofAnswer // some apps wrap all that they say
	}
	if t.Apps == nil || t.Apps.keys == nil {
		return answer.Data, &Problem{Cause: cause.ConfigMissing, Evidence: "there is no key to sign the request with"}
	}
	keys, err := t.Apps.keys(ctx)
	if err != nil {
		return answer.Data, err
	}
	body, err := json.Marshal(proofRequest{what, proofData{app.Service, t.Database.Name, nonce}})
	if err != nil {
		return answer.Data, unreachable("the request could not be made")
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if err := signature.Sign(header, keys, nonce, t.now(), body); err != nil {
		return answer.Data, unreachable("the request could not be signed")
	}
	r, err := t.Apps.exchange(ctx, timeout, http.MethodPost, app.HealthURL, body, header)
	if err != nil {
		return answer.Data, err
	}
	_ = json.Unmarshal(r.body, &answer) // what cannot be read proves nothing
	if !r.ok() || answer.Proof != nonce && answer.Data.Proof != nonce {
		return answer.Data, unreachable("the app does not answer the proof (%s)", r.describe())
	}
	return proofAnswer{nonce, cmp.Or(answer.Limiter, answer.Data.Limiter)}, nil
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
	for i := range proofReads {
		if i > 0 {
			if err := t.Apps.pause(ctx, i-1); err != nil {
				return unknown(err)
			}
		}
		switch r, err := t.client.Do(ctx, "GET", proofPrefix+nonce); {
		case err != nil:
			return unknown(err)
		case !r.IsNil():
			return ok()
		}
	}
	// What the app could not write either is no mock's fault.
	if w := write(ctx, t); w.Status != report.OK {
		return doubted(w)
	}
	return failed(cause.Mock, fmt.Sprintf("the app says that it wrote a nonce, and %d reads in 2 s did not find it here: it writes to a mock, or to another database", proofReads))
}

// doubted is a proof that cannot be had because of what the write canary met.
func doubted(write report.Observation) report.Observation {
	return report.Observation{Status: report.Unknown, Cause: write.Cause, Evidence: write.Evidence, HTTPStatus: write.HTTPStatus}
}

// testLimiter asks the app for hits above the limit of its own limiter. That all of them are
// allowed, twice, decides only while Redis answers, before and after.
func (t *Target) testLimiter(ctx context.Context, app config.App) report.Observation {
	if _, err := t.Info(ctx); err != nil {
		return unknown(err)
	}
	o := t.tryLimiter(ctx, app)
	if o.Status != report.Fail {
		return o
	}
	// A moment in which Redis stalled is no open limiter.
	if err := t.Apps.pause(ctx, 0); err != nil {
		return unknown(err)
	}
	return t.tryLimiter(ctx, app)
}

func (t *Target) tryLimiter(ctx context.Context, app config.App) report.Observation {
	answer, err := t.ask(ctx, app, typeLimiter, rand.Text(), limiterTimeout)
	if err != nil {
		return unknown(err)
	}
	o := judgeHits(cmp.Or(answer.Limiter, &hits{}))
	if o.Status == report.Fail {
		if err := t.client.Ping(ctx).Err; err != nil {
			return unknown(err)
		}
	}
	return o
}

// judgeHits judges how many hits the limiter allowed.
func judgeHits(h *hits) report.Observation {
	switch {
	case h.Allowed == nil || *h.Allowed < 0 || *h.Allowed > limiterHits:
		return unknown(unreachable(`the app does not answer "limiter": {"limit": 1, "window": 60, "allowed": 1}, where allowed is 0 to %d`, limiterHits))
	case h.Limit != 1 || h.Window < limiterWindow.Seconds():
		return unknown(unreachable("the app tested its limiter with a limit of %d in %v s, which proves nothing: want 1 in at least %v s", h.Limit, h.Window, limiterWindow.Seconds()))
	case *h.Allowed < limiterHits:
		return ok()
	}
	return failed(cause.LimiterOpen, fmt.Sprintf("the app's limiter allowed %d of %d hits with a limit of 1, twice, while Redis answers", limiterHits, limiterHits))
}
