package check

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check/healthpage"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/signature"
)

const (
	// appTimeout bounds one request to an app, so that the slowest fits beside the
	// pings of a run.
	appTimeout = 4 * time.Second
	// limiterTimeout bounds the request that tests a limiter: @upstash/ratelimit waits 5 s.
	limiterTimeout = 8 * time.Second
	// maxRedirects is how often an app may send elsewhere on its own host.
	maxRedirects = 3
)

// Keys finds the keys that sign proof requests.
type Keys func(ctx context.Context) ([]signature.Key, error)

// ProofKeys finds them where the configuration says. While a key is being replaced its
// secret holds both, separated by white space.
func ProofKeys(c *config.Config, cache *secrets.Cache) Keys {
	return func(ctx context.Context) ([]signature.Key, error) {
		if !c.ProofKey.IsSet() {
			return nil, &Problem{Cause: cause.ConfigMissing, Evidence: "proof_key is not configured"}
		}
		entry, err := c.ProofKey.Get(ctx, cache)
		if err != nil {
			return nil, Unresolved(ctx, fmt.Errorf("reading proof_key: %w", err))
		}
		keys, err := signature.ParseKeys(entry.Value.Reveal())
		if err != nil {
			return nil, &Problem{Cause: cause.ConfigInvalid, Evidence: "proof_key: " + err.Error()}
		}
		return keys, nil
	}
}

// Apps asks the services that use the databases. It reaches only the hosts of the
// configuration's health addresses. It is safe for concurrent use.
type Apps struct {
	client *http.Client
	keys   Keys
	// pauses are before the second and the third look for a proof.
	pauses [proofReads - 1]time.Duration
}

// NewApps returns the client for a configuration's apps. keys may be nil where no
// proof is asked for.
func NewApps(c *config.Config, keys Keys) *Apps {
	o := outbound.Options{AllowLoopback: c.Local(), Timeout: limiterTimeout}
	for _, d := range c.Databases {
		for _, app := range d.Apps {
			if u, err := url.Parse(app.HealthURL); err == nil && u.Host != "" {
				o.Hosts = append(o.Hosts, u.Hostname())
			}
		}
	}
	client := outbound.NewClient(o)
	client.CheckRedirect = sameHost
	return &Apps{client: client, keys: keys, pauses: [...]time.Duration{600 * time.Millisecond, 1400 * time.Millisecond}}
}

// sameHost follows an app that only moves within itself, such as to a closing slash.
// A log-in page elsewhere is no answer.
func sameHost(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	if next.URL.Host != first.Host || next.URL.Scheme != first.Scheme || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// reply is what an app answered.
type reply struct {
	status int
	media  string
	body   []byte
}

func (r reply) ok() bool { return r.status/100 == 2 }

// describe names the kind of the answer, without its content.
func (r reply) describe() string {
	if r.media == "" {
		return fmt.Sprintf("HTTP %d", r.status)
	}
	return fmt.Sprintf("HTTP %d, %s", r.status, r.media)
}

// exchange makes one request. A message that is sent has the headers of its signature.
func (a *Apps) exchange(ctx context.Context, timeout time.Duration, method, address string, body []byte, signed http.Header) (reply, error) {
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(bounded, method, address, bytes.NewReader(body))
	if err != nil {
		return reply{}, unreachable("the health address cannot be asked")
	}
	maps.Copy(req.Header, signed)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "pongwatch")
	resp, err := a.client.Do(req)
	if err != nil {
		return reply{}, unanswered(ctx, timeout, err)
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode}
	r.media, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if to, err := resp.Location(); err == nil && resp.StatusCode/100 == 3 {
		return r, unreachable("HTTP %d, redirects to %s", r.status, to.Host)
	}
	if r.body, err = outbound.ReadAll(resp.Body, healthpage.MaxBytes); err != nil {
		return r, unanswered(ctx, timeout, err)
	}
	r.body = bytes.TrimPrefix(r.body, []byte("\ufeff")) // .NET and PHP write one, which JSON does not allow
	return r, nil
}

// unanswered is why there is no answer; its text names the host at most.
func unanswered(ctx context.Context, timeout time.Duration, err error) error {
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		return unreachable("no answer within %v", timeout)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return unreachable("the answer ended too early")
	}
	return unreachable("%v", outbound.Error(err))
}

func unreachable(format string, args ...any) error {
	return &Problem{Cause: cause.AppUnreachable, Evidence: fmt.Sprintf(format, args...)}
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

// hits is what the app answers about the test of its limiter.
type hits struct {
	Limit   int     `json:"limit"`
	Window  float64 `json:"window"` // seconds
	Allowed *int    `json:"allowed"`
}

// ask sends the signed request for a proof of either kind, and returns the body of an answer that says the app
// did what was asked. The answer repeats the nonce under another name, so that a page which prints what it was
// sent proves nothing.
func (t *Target) ask(ctx context.Context, app config.App, what, nonce string, timeout time.Duration) ([]byte, error) {
	if t.Apps == nil || t.Apps.keys == nil {
		return nil, &Problem{Cause: cause.ConfigMissing, Evidence: "there is no key to sign the request with"}
	}
	keys, err := t.Apps.keys(ctx)
	if err != nil {
		return nil, err
	}
	var request struct {
		Type string `json:"type"`
		Data struct {
			Service  string `json:"service"`
			Database string `json:"database"`
			Nonce    string `json:"nonce"`
		} `json:"data"`
	}
	request.Type = what
	request.Data.Service, request.Data.Database, request.Data.Nonce = app.Service, t.Database.Name, nonce
	body, err := json.Marshal(request)
	if err != nil {
		return nil, unreachable("the request could not be made")
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if err := signature.Sign(header, keys, nonce, t.now(), body); err != nil {
		return nil, unreachable("the request could not be signed")
	}
	r, err := t.Apps.exchange(ctx, timeout, http.MethodPost, app.HealthURL, body, header)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Proof string
		Data  struct{ Proof string } // some apps wrap all that they say
	}
	if !r.ok() || json.Unmarshal(r.body, &answer) != nil || answer.Proof != nonce && answer.Data.Proof != nonce {
		return nil, unreachable("the app does not answer the proof (%s)", r.describe())
	}
	return r.body, nil
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
	var o report.Observation
	for again := range 2 {
		if again > 0 { // a moment in which Redis stalled is no open limiter
			if err := t.Apps.pause(ctx, 0); err != nil {
				return unknown(err)
			}
		}
		answer, err := t.ask(ctx, app, typeLimiter, rand.Text(), limiterTimeout)
		if err != nil {
			return unknown(err)
		}
		if o = judgeHits(answer); o.Status != report.Fail {
			return o
		}
		if err := t.client.Ping(ctx).Err; err != nil {
			return unknown(err)
		}
	}
	return o
}

// judgeHits judges how many hits the limiter allowed.
func judgeHits(body []byte) report.Observation {
	var answer struct {
		Limiter *hits
		Data    struct{ Limiter *hits }
	}
	_ = json.Unmarshal(body, &answer) // what cannot be read has no limiter
	h := cmp.Or(answer.Limiter, answer.Data.Limiter, &hits{})
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
