package preflight_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// runApp runs one item against an app.
func runApp(t *testing.T, id string, a preflight.App) preflight.Result {
	t.Helper()
	record, err := preflight.Run(t.Context(), preflight.Options{App: a, Only: []string{id}})
	if err != nil || len(record.Results) != 1 {
		t.Fatalf("%+v, %v", record.Results, err)
	}
	return record.Results[0]
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// page answers with a status and a body.
func page(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func TestTheAppsOwnWord(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		answers preflight.Status
		says    preflight.Status
	}{
		"an app on Redis passes":              {page(200, `{"status":"connected"}`), preflight.Pass, preflight.Pass},
		"an app on a mock answers, and fails": {page(200, `{"status":"mock"}`), preflight.Pass, preflight.Fail},
		"an error page is no answer, no mock": {page(500, `oops`), preflight.Fail, preflight.Fail},
		"a page that says neither answers":    {page(200, `{"hello":"world"}`), preflight.Pass, preflight.Fail},
		"any 2xx is an answer":                {page(204, ""), preflight.Pass, preflight.Fail},
		"a mock may answer 503":               {page(503, `{"status":"mock"}`), preflight.Pass, preflight.Fail},
		"a log-in is no answer":               {page(401, `{}`), preflight.Fail, preflight.Fail},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := preflight.App{HealthURL: serve(t, c.handler)}
			if got := runApp(t, "deploy.backend", a); got.Status != c.answers {
				t.Errorf("deploy.backend: %+v, want %s", got.Finding, c.answers)
			}
			if got := runApp(t, "deploy.restarted", a); got.Status != c.says || got.Status == preflight.Fail && len(got.Fix) == 0 {
				t.Errorf("deploy.restarted: %+v, want %s", got.Finding, c.says)
			}
		})
	}
}

// A page of its own shape is read by the configuration's match, also where the page of
// another stage is named.
func TestTheConfiguredMatchReadsThePage(t *testing.T) {
	t.Parallel()
	own := serve(t, page(200, `{"kv":{"driver":"upstash"}}`))
	mocked := serve(t, page(200, `{"kv":{"driver":"memory"}}`))
	app := func(service, url string) string {
		return fmt.Sprintf("{service: %s, health_url: %q, match: {path: $.kv.driver, connected: upstash, mock: memory}}", service, url)
	}
	for name, c := range map[string]struct {
		apps, named string
		want        preflight.Status
		says        string
	}{
		"the configured page":                     {app("a", own), "", preflight.Pass, ""},
		"the configured page says mock":           {app("a", mocked), "", preflight.Fail, `a: the app's health page says $.kv.driver "memory"`},
		"another page of the only app":            {app("a", own), mocked, preflight.Fail, `app: the app's health page says $.kv.driver "memory"`},
		"one of two configured pages":             {app("a", own) + "," + app("b", mocked), own, preflight.Pass, ""},
		"another page, where there are two of it": {app("a", own) + "," + app("b", own+"/b"), mocked, preflight.Fail, "neither"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, problems := config.Parse(true, config.Document{Name: "test", Text: []byte("databases: [{name: cache, url: https://x.upstash.io, token: t, app: [" + c.apps + "]}]\n")})
			if err := problems.Err(); err != nil {
				t.Fatal(err)
			}
			record, err := preflight.Run(t.Context(), preflight.Options{Config: cfg, App: preflight.App{HealthURL: c.named}, Only: []string{"deploy.restarted"}})
			if err != nil {
				t.Fatal(err)
			}
			got := record.Results[len(record.Results)-1]
			if got.Status != c.want || !strings.Contains(got.Evidence, c.says) {
				t.Errorf("%+v, want %s that says %q", got.Finding, c.want, c.says)
			}
			if c.says == "neither" && !strings.Contains(strings.Join(got.Fix, " "), "app.match") {
				t.Errorf("fix %q, want one that names app.match", got.Fix)
			}
		})
	}
}

func TestCaching(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler func() http.HandlerFunc
		want    preflight.Status
	}{
		"a HIT in a repeated answer passes": {func() http.HandlerFunc {
			var n atomic.Int64
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Cache", map[bool]string{true: "MISS", false: "HIT from redis"}[n.Add(1) == 1])
			}
		}, preflight.Pass},
		"a clear speed-up passes": {func() http.HandlerFunc {
			var n atomic.Int64
			return func(_ http.ResponseWriter, r *http.Request) {
				if n.Add(1) == 1 {
					work(r, 300*time.Millisecond)
				}
			}
		}, preflight.Pass},
		"a hit in the second of two caches passes": {func() http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Cache-Status"] = []string{`"Durable"; fwd=bypass`, `"Edge"; hit`}
			}
		}, preflight.Pass},
		"a stale page of Next.js passes": {func() http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Nextjs-Cache", "STALE") }
		}, preflight.Pass},
		"a word that only contains a hit fails": {func() http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Status", "white; fwd=stale") }
		}, preflight.Fail},
		"the same work each time fails":       {func() http.HandlerFunc { return page(200, "{}") }, preflight.Fail},
		"a page that asks for a log-in fails": {func() http.HandlerFunc { return page(401, "{}") }, preflight.Fail},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := runApp(t, "app.caching", preflight.App{CacheURL: serve(t, c.handler())}); got.Status != c.want {
				t.Errorf("%+v, want %s", got.Finding, c.want)
			}
		})
	}
}

// work takes as long as an app's own work would.
func work(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

// The burst ends with the first 429, and is bounded without one.
func TestRateLimitIsABoundedBurst(t *testing.T) {
	t.Parallel()
	limited := func(after int64) (http.HandlerFunc, *atomic.Int64) {
		var n atomic.Int64
		return func(w http.ResponseWriter, _ *http.Request) {
			if n.Add(1) > after {
				w.WriteHeader(http.StatusTooManyRequests)
			}
		}, &n
	}
	h, asked := limited(10)
	if got := runApp(t, "app.rate-limit", preflight.App{LimitURL: serve(t, h), Burst: 60}); got.Status != preflight.Pass || asked.Load() > 20 {
		t.Errorf("%+v after %d requests, want a pass soon after 10", got.Finding, asked.Load())
	}
	h, asked = limited(1 << 30)
	if got := runApp(t, "app.rate-limit", preflight.App{LimitURL: serve(t, h), Burst: 100_000}); got.Status != preflight.Fail || asked.Load() != 200 {
		t.Errorf("%+v after %d requests, want a fail after 200", got.Finding, asked.Load())
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	app := func(forgetful, immortal bool) http.HandlerFunc {
		open := atomic.Bool{}
		return func(w http.ResponseWriter, r *http.Request) {
			_, err := r.Cookie("session")
			switch {
			case r.URL.Path == "/login" && r.Method == http.MethodPost:
				open.Store(!forgetful)
				http.SetCookie(w, &http.Cookie{Name: "session", Value: "x", Path: "/"})
			case r.URL.Path == "/logout" && r.Method == http.MethodPost:
				open.Store(immortal)
			case err != nil || !open.Load():
				w.WriteHeader(http.StatusUnauthorized)
			}
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    preflight.Status
	}{
		"kept until the logout passes":       {app(false, false), preflight.Pass},
		"lost between two instances fails":   {app(true, false), preflight.Fail},
		"still valid after the logout fails": {app(false, true), preflight.Fail},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, c.handler)
			got := runApp(t, "app.sessions", preflight.App{
				LoginURL: url + "/login", SessionURL: url + "/me", LogoutURL: url + "/logout", Login: secrets.New(`{"password":"canary"}`),
			})
			if got.Status != c.want || strings.Contains(fmt.Sprint(got), "canary") {
				t.Errorf("%+v, want %s", got, c.want)
			}
		})
	}
}

// A worker that takes its tasks passes; a list that only grows fails.
func TestQueue(t *testing.T) {
	t.Parallel()
	s := upstashtest.Start(t, upstashtest.Options{})
	c, err := upstash.New(upstash.Options{URL: s.URL(), Token: secrets.New(s.Token()), AllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		// A worker that is as quick as this is seen only by what it leaves.
		for _, command := range [][]any{{"RPUSH", "ws:42:tasks", "t"}, {"LPOP", "ws:42:tasks"}} {
			if _, err := c.Do(r.Context(), command...); err != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}
	})
	o := preflight.Options{
		Config: configured(t, map[string]*upstashtest.Server{"cache": s}), Upstash: upstash.Options{AllowHTTP: true},
		App: preflight.App{QueueURL: url, QueueKey: "ws:42:tasks"}, Only: []string{"app.queue"},
	}
	record, err := preflight.Run(t.Context(), o)
	if err != nil || record.Results[0].Status != preflight.Pass {
		t.Errorf("%+v, %v", record.Results, err)
	}
	o.App.QueueURL = serve(t, page(500, ""))
	if record, err = preflight.Run(t.Context(), o); err != nil || record.Results[0].Status != preflight.Fail {
		t.Errorf("an app that takes no task: %+v, %v", record.Results, err)
	}
}

// stage is the Redis of an app that asks it whether it is there.
type stage struct{ gone, stuck, lies atomic.Bool }

func (s *stage) set(broken bool) error {
	if broken {
		s.gone.Store(!s.lies.Load())
	} else {
		s.gone.Store(s.stuck.Load())
	}
	return nil
}

func TestFallbackIsDrilledInStaging(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set  func(*stage)
		want preflight.Status
		says string
	}{
		"falls back and returns":      {func(*stage) {}, preflight.Pass, "connected again"},
		"is in mock mode before":      {func(s *stage) { s.gone.Store(true) }, preflight.Fail, "before the drill the app does not say connected"},
		"says connected all the time": {func(s *stage) { s.lies.Store(true) }, preflight.Fail, "with Redis gone the app does not say that it is in mock mode"},
		"stays in mock mode":          {func(s *stage) { s.stuck.Store(true) }, preflight.Fail, "with Redis back the app stays in mock mode"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &stage{}
			c.set(s)
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				page(200, map[bool]string{true: `{"status":"mock"}`, false: `{"status":"connected"}`}[s.gone.Load()])(w, r)
			})
			got := runApp(t, "app.fallback", preflight.App{HealthURL: url, Break: s.set, Patience: 300 * time.Millisecond})
			if got.Status != c.want || !strings.Contains(got.Reason+got.Evidence, c.says) || c.want == preflight.Fail && len(got.Fix) == 0 {
				t.Errorf("%+v, want %s that says %q", got.Finding, c.want, c.says)
			}
		})
	}
	if got := runApp(t, "app.fallback", preflight.App{HealthURL: serve(t, page(200, `{"status":"connected"}`))}); got.Status != preflight.Manual {
		t.Errorf("without a stage: %+v, want manual", got.Finding)
	}
	untouched := func(bool) error { t.Error("the drill begins without an address"); return nil }
	if got := runApp(t, "app.fallback", preflight.App{HealthURL: "ftp://app.example.com", Break: untouched}); got.Status != preflight.Fail || got.Reason != "the address cannot be asked" {
		t.Errorf("an address that cannot be asked: %+v, want a fail that says so", got.Finding)
	}
}

// An app that cannot be reached is unreachable, in every item, and its address is
// asked for nothing else.
func TestAnAppThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(page(200, ""))
	s.Close()
	a := preflight.App{HealthURL: s.URL, CacheURL: s.URL, LimitURL: s.URL, Burst: 5, LoginURL: s.URL, SessionURL: s.URL, LogoutURL: s.URL}
	for _, id := range []string{"deploy.backend", "app.caching", "app.rate-limit", "app.sessions"} {
		if got := runApp(t, id, a); got.Status != preflight.Fail || got.Cause != "app_unreachable" {
			t.Errorf("%s: %+v, want a fail as unreachable", id, got.Finding)
		}
	}
	for _, id := range []string{"deploy.backend", "app.caching", "app.rate-limit", "app.sessions", "app.queue"} {
		if got := runApp(t, id, preflight.App{}); got.Status != preflight.Manual || len(got.Fix) == 0 {
			t.Errorf("%s without an address: %+v, want manual with what to do", id, got.Finding)
		}
	}
}
