package check_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/signature"
)

// limiterFrom returns what one source says of the limiter of the target's app, which handler is.
func limiterFrom(t *testing.T, target *check.Target, handler http.HandlerFunc, source string) report.Observation {
	t.Helper()
	apps(t, target, handler)
	app := &target.Database.Apps[0]
	app.Proof, app.Limiter, app.LimiterEvery = false, true, time.Minute
	for _, o := range check.Run(t.Context(), target, check.Specs(target.Job, target.Database, time.Minute), eight, time.Minute) {
		if o.Check == report.Limiter && o.Source == source {
			return o
		}
	}
	t.Fatalf("nothing from %s", source)
	return report.Observation{}
}

// tested is an app that answers the test of its limiter with that JSON; NONCE is the request's.
func tested(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		key, _ := signature.ParseKey(proofKey)
		v, err := signature.Verify(r.Header, []signature.Key{key}, body, eight)
		var m struct {
			Type string
			Data struct{ Nonce, Service, Database string }
		}
		if err != nil || json.Unmarshal(body, &m) != nil || m.Type != "limiter.proof" || v.ID != m.Data.Nonce || m.Data.Service != "backend" || m.Data.Database != "cache" {
			http.Error(w, "{}", http.StatusUnauthorized)
			return
		}
		answer(http.StatusOK, strings.ReplaceAll(text, "NONCE", m.Data.Nonce))(w, r)
	}
}

func TestTheTestOfALimiter(t *testing.T) {
	answers := func(limiter string) string { return `{"proof":"NONCE","limiter":` + limiter + `}` }
	for _, tt := range []struct {
		name   string
		app    http.HandlerFunc
		want   report.Status
		cause  cause.Cause
		reason string
	}{
		{"one hit of three is allowed", tested(answers(`{"limit":1,"window":60,"allowed":1}`)), report.OK, "", ""},
		{"two are, because the window ended between them", tested(answers(`{"limit":1,"window":60,"allowed":2}`)), report.OK, "", ""},
		{"none is, because the app refuses without Redis", tested(answers(`{"limit":1,"window":60,"allowed":0}`)), report.OK, "", ""},
		{"all are", tested(answers(`{"limit":1,"window":60,"allowed":3}`)), report.Fail, cause.LimiterOpen, "allowed 3 of 3 hits with a limit of 1"},
		{"all are, in an answer that is wrapped in data", tested(`{"data":{"proof":"NONCE","limiter":{"limit":1,"window":60,"allowed":3}}}`), report.Fail, cause.LimiterOpen, "allowed 3"},
		{"a limit that three hits do not exceed", tested(answers(`{"limit":20,"window":60,"allowed":3}`)), report.Unknown, cause.AppUnreachable, "limit of 20 in 60 s"},
		{"two windows may end during three slow hits", tested(answers(`{"limit":1,"window":1,"allowed":3}`)), report.Unknown, cause.AppUnreachable, "want 1 in at least 10 s"},
		{"an app that does not know the test", tested(`{"status":"connected","proof":"NONCE"}`), report.Unknown, cause.AppUnreachable, `does not answer "limiter"`},
		{"more hits than were asked for", tested(answers(`{"limit":1,"window":60,"allowed":4}`)), report.Unknown, cause.AppUnreachable, "0 to 3"},
		{"words in place of numbers", tested(answers(`"open"`)), report.Unknown, cause.AppUnreachable, "0 to 3"},
		{"another nonce", tested(`{"proof":"AAAAAAAAAAAAAAAAAAAAAAAAAA","limiter":{"limit":1,"window":60,"allowed":3}}`), report.Unknown, cause.AppUnreachable, "does not answer the proof"},
		{"an app that refuses the request", answer(http.StatusUnauthorized, "{}"), report.Unknown, cause.AppUnreachable, "HTTP 401"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := limiterFrom(t, target(t, report.Metrics, well(nil)), tt.app, report.SourceProof)
			if o.Status != tt.want || o.Cause != tt.cause || !strings.Contains(o.Evidence, tt.reason) || o.Subject != "backend" || o.Clear != (tt.want == report.OK) {
				t.Errorf("%+v, want %s of %q because %q", o, tt.want, tt.cause, tt.reason)
			}
		})
	}
}

// well is a database that answers INFO, and PING with pong or, where that is nil, with PONG.
func well(pong http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "INFO") {
			answer(http.StatusOK, `{"result":""}`)(w, r)
			return
		}
		if pong == nil {
			pong = answer(http.StatusOK, `{"result":"PONG"}`)
		}
		pong(w, r)
	}
}

func TestAMomentIsNoOpenLimiter(t *testing.T) {
	open, asked := tested(`{"proof":"NONCE","limiter":{"limit":1,"window":60,"allowed":3}}`), 0
	o := limiterFrom(t, target(t, report.Metrics, well(nil)), func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked == 1 {
			open(w, r)
			return
		}
		tested(`{"proof":"NONCE","limiter":{"limit":1,"window":60,"allowed":1}}`)(w, r)
	}, report.SourceProof)
	if o.Status != report.OK || asked != 2 {
		t.Errorf("asked %d times: %+v, want ok after two", asked, o)
	}
}

func TestALimiterIsOpenOnlyWhileRedisAnswers(t *testing.T) {
	open := tested(`{"proof":"NONCE","limiter":{"limit":1,"window":60,"allowed":3}}`)
	refused := answer(http.StatusUnauthorized, `{"error":"WRONGPASS"}`)
	o := limiterFrom(t, target(t, report.Metrics, refused), func(http.ResponseWriter, *http.Request) { t.Error("the app was asked") }, report.SourceProof)
	if o.Status != report.Unknown || o.Cause != cause.AuthInvalid {
		t.Errorf("before: %+v, want unknown of auth_invalid", o)
	}
	if o := limiterFrom(t, target(t, report.Metrics, well(refused)), open, report.SourceProof); o.Status != report.Unknown || o.Cause != cause.AuthInvalid {
		t.Errorf("after: %+v, want unknown of auth_invalid", o)
	}
}

func TestWhatAPageSaysOfTheLimiter(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		page   string
		want   report.Status
	}{
		{"open", 200, `{"status":"connected","limiter_open":true}`, report.Fail},
		{"open, with an error", 503, `{"limiter_open":true}`, report.Fail},
		{"open, wrapped in data", 200, `{"data":{"limiter_open":true}}`, report.Fail},
		{"not open", 200, `{"status":"connected","limiter_open":false}`, report.OK},
		{"not open, by an app in trouble", 503, `{"limiter_open":false}`, report.Unknown},
		{"nothing", 200, `{"status":"connected"}`, report.Unknown},
		{"a word in place of true", 200, `{"limiter_open":"true"}`, report.Unknown},
		{"a page for people", 200, `<html>limiter_open: true`, report.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := limiterFrom(t, target(t, report.HealthCheck, pong), answer(tt.status, tt.page), report.SourceApp)
			if o.Status != tt.want || o.Clear != (tt.want == report.OK) || (o.Cause == cause.LimiterOpen) != (tt.want == report.Fail) || o.Subject != "backend" {
				t.Errorf("%+v, want %s", o, tt.want)
			}
		})
	}
}

func TestALimiterIsWatchedOnlyWhereItIsAskedFor(t *testing.T) {
	target := target(t, report.Metrics, pong)
	apps(t, target, pong)
	about := func(job report.Job) []check.Spec {
		return slices.DeleteFunc(check.Specs(job, target.Database, 5*time.Minute), func(s check.Spec) bool { return s.Check != report.Limiter })
	}
	if n := len(about(report.HealthCheck)) + len(about(report.Metrics)); n != 0 {
		t.Errorf("%d checks of a limiter, want none", n)
	}
	target.Database.Apps[0].Limiter = true
	if specs := about(report.Metrics); len(specs) != 1 || specs[0].Commands != 13 || specs[0].Least != 6 || specs[0].Every != time.Hour || len(about(report.HealthCheck)) != 1 {
		t.Errorf("specs %+v, want one an hour of 6 to 13 commands", specs)
	}
	target.Database.Checks.MockMode.Enabled = false
	if n := len(about(report.HealthCheck)) + len(about(report.Metrics)); n != 0 {
		t.Errorf("%d checks of a limiter with mock_mode off, want none", n)
	}
}

// A healthy limiter is never found open, whatever its algorithm and wherever the window's
// edge lies. Two hits would not be enough: an edge between them lets both through.
func TestAHealthyLimiterIsNeverFoundOpen(t *testing.T) {
	const window = 10.0 // seconds, the shortest that is accepted
	// Each algorithm says how many hits at those times it allows, with a limit of one.
	algorithms := map[string]func(at []float64) int{
		"fixed window": func(at []float64) (n int) {
			count := map[float64]int{}
			for _, now := range at {
				if count[math.Floor(now/window)]++; count[math.Floor(now/window)] == 1 {
					n++
				}
			}
			return n
		},
		// As @upstash/ratelimit does it, where each hit takes the whole limit of many.
		"sliding window": func(at []float64) (n int) {
			const limit = 100
			count := map[float64]float64{}
			for _, now := range at {
				bucket, part := math.Floor(now/window), math.Mod(now, window)/window
				before := math.Floor((1 - part) * count[bucket-1])
				if before+count[bucket] >= limit {
					continue
				}
				if count[bucket] += limit; before+count[bucket] <= limit {
					n++
				}
			}
			return n
		},
		// Counts a hit as allowed although only part of its limit was left.
		"generous sliding window": func(at []float64) (n int) {
			count := map[float64]float64{}
			for _, now := range at {
				bucket, part := math.Floor(now/window), math.Mod(now, window)/window
				if math.Floor((1-part)*count[bucket-1])+count[bucket] < 1 {
					count[bucket]++
					n++
				}
			}
			return n
		},
		"bucket that is refilled at once": func(at []float64) (n int) {
			tokens, filled := 1.0, at[0]
			for _, now := range at {
				if now >= filled+window {
					tokens, filled = 1, now
				}
				if tokens >= 1 {
					tokens--
					n++
				}
			}
			return n
		},
		"bucket that is refilled bit by bit": func(at []float64) (n int) {
			tokens, last := 1.0, at[0]
			for _, now := range at {
				tokens, last = min(1, tokens+(now-last)/window), now
				if tokens >= 1 {
					tokens--
					n++
				}
			}
			return n
		},
	}
	random := rand.New(rand.NewPCG(1, 2))
	two := 0
	for i := range 10_000 {
		start := 1e6 * random.Float64()
		lasts := 8 * random.Float64() // no exchange lasts longer
		if i%2 == 0 {
			start = window*math.Round(start/window) - lasts*random.Float64() // an edge within
		}
		at := []float64{start, start + lasts*random.Float64(), start + lasts*random.Float64()}
		slices.Sort(at)
		for name, allows := range algorithms {
			n := allows(at)
			if o := check.JudgeHits(fmt.Appendf(nil, `{"limiter":{"limit":1,"window":%v,"allowed":%d}}`, window, n)); o.Status != report.OK {
				t.Fatalf("%s, hits at %v: %d allowed, %+v", name, at, n, o)
			}
			if n == 2 {
				two++
			}
		}
	}
	if two < 1000 {
		t.Errorf("two hits were allowed %d times, so no edge was tried", two)
	}
}
