package check

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check/healthpage"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
)

const (
	// limiterHits is how often the app tries its limiter, with a limit of one. Every usual
	// algorithm allows at most two hits within the length of its window: a fixed and a sliding
	// window where the hits straddle its edge, a bucket where it is refilled meanwhile.
	limiterHits = 3
	// limiterWindow is the shortest window in which that holds: no exchange lasts as long.
	limiterWindow = limiterTimeout + 2*time.Second
	// limiterCommands is the most that hits cost: @upstash/ratelimit's sliding window takes five
	// for a first hit in each of two windows, and three for a refused one
	// (https://upstash.com/docs/redis/sdks/ratelimit-ts/costs).
	limiterCommands = 13
	// leastLimiter is an INCR and an EXPIRE for each hit.
	leastLimiter = 2 * limiterHits
)

// limiterPages is what the apps' pages say of their limiters.
func limiterPages(ctx context.Context, t *Target) []report.Observation {
	t.AskApps(ctx)
	var out []report.Observation
	for i, o := range t.limiters {
		if app := t.Database.Apps[i]; app.Limiter && o.Status != "" {
			o.Subject, o.Source = app.Service, report.SourceApp
			out = append(out, o)
		}
	}
	return out
}

// judgeLimiter turns a health page into evidence about the limiter.
func judgeLimiter(r reply, err error) report.Observation {
	if err != nil {
		return unknown(err)
	}
	switch open, said := healthpage.LimiterOpen(r.body); {
	case open:
		return report.Observation{Status: report.Fail, Cause: cause.LimiterOpen, HTTPStatus: r.status, Evidence: "the app's health page says limiter_open: true"}
	case said && r.ok():
		return ok()
	}
	return unknown(unreachable("the app's health page does not say limiter_open (" + r.describe() + ")"))
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
	r, err := t.ask(ctx, app, typeLimiter, rand.Text(), limiterTimeout)
	if err != nil {
		return unknown(err)
	}
	o := judgeHits(r.body)
	if o.Status == report.Fail {
		if err := t.client.Ping(ctx).Err; err != nil {
			return unknown(err)
		}
	}
	return o
}

// hits is what the app answers about the test of its limiter.
type hits struct {
	Limit   int     `json:"limit"`
	Window  float64 `json:"window"` // seconds
	Allowed *int    `json:"allowed"`
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
		return unknown(unreachable(fmt.Sprintf(`the app does not answer "limiter": {"limit": 1, "window": 60, "allowed": 1}, where allowed is 0 to %d`, limiterHits)))
	case h.Limit != 1 || h.Window < limiterWindow.Seconds():
		return unknown(unreachable(fmt.Sprintf("the app tested its limiter with a limit of %d in %v s, which proves nothing: want 1 in at least %v s", h.Limit, h.Window, limiterWindow.Seconds())))
	case *h.Allowed < limiterHits:
		return ok()
	}
	return report.Observation{
		Status: report.Fail, Cause: cause.LimiterOpen,
		Evidence: fmt.Sprintf("the app's limiter allowed %d of %d hits with a limit of 1, twice, while Redis answers", limiterHits, limiterHits),
	}
}
