package preflight

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// App has the addresses of an app's pages. Each is optional, and no other is requested,
// because only the app's owner knows what a request does there.
type App struct {
	// HealthURL answers "connected" or "mock". Empty is the configuration's.
	HealthURL string
	// CacheURL is a page that the app caches.
	CacheURL string
	// LimitURL is a page whose rate is limited, below Burst requests at once.
	LimitURL string
	Burst    int
	// A POST of Login, JSON, to LoginURL gives a cookie, with which SessionURL answers
	// 200 until a POST to LogoutURL.
	LoginURL, SessionURL, LogoutURL string
	Login                           secrets.Value
	// A POST to QueueURL adds a task to the list QueueKey, from which a worker takes it.
	QueueURL, QueueKey string
	// Token is sent as Bearer to all but HealthURL.
	Token secrets.Value
	// Break takes the Redis that the app at HealthURL uses away, or gives it back, for a
	// drill. A production app has none.
	Break func(broken bool) error
	// Patience is how long the app may take in a drill to notice that its Redis is gone,
	// or back; zero is [DefaultPatience].
	Patience time.Duration
}

const (
	appBody    = 64 << 10
	appTimeout = 15 * time.Second
)

// request sends a request to a page of the app, and to no other host. It reads at most
// [appBody] of the answer, and closes it. A nil jar keeps no cookies.
func (r *run) request(ctx context.Context, jar http.CookieJar, method, address string, body secrets.Value) (status int, header http.Header, err error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body.Reveal()))
	switch {
	case err != nil:
		return 0, nil, outbound.Error(err)
	case req.URL.Hostname() == "":
		return 0, nil, errors.New("want an address such as https://app.example.com/path")
	}
	if !body.IsZero() {
		req.Header.Set("Content-Type", "application/json")
	}
	if !r.App.Token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+r.App.Token.Reveal())
	}
	c := outbound.NewClient(outbound.Options{Hosts: []string{req.URL.Hostname()}, AllowLoopback: true, Timeout: appTimeout})
	c.Jar = jar
	resp, err := c.Do(req)
	if err != nil {
		return 0, nil, outbound.Error(err, r.App.Token)
	}
	defer resp.Body.Close()
	// The body is read because its time counts; one that breaks off is an answer, too.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, appBody))
	return resp.StatusCode, resp.Header, nil
}

// noAnswer is an app that did not answer.
func noAnswer(err error) Finding {
	return because(Fail, cause.AppUnreachable, err.Error())
}

// noAddress is a health page whose address cannot be requested.
func noAddress(err error) Finding {
	return fail("the address cannot be asked", err.Error(), "Correct --app-health-url.")
}

// healthPages returns the apps that have a health page, by its address: those of the
// configuration, or the one that is named. That has the shape of the configured one, or of
// the only one.
func healthPages(c *config.Config, database, named string) map[string]config.App {
	apps := map[string]config.App{}
	if c != nil {
		for _, d := range c.Databases {
			if database != "" && database != d.Name {
				continue
			}
			for _, a := range d.Apps {
				apps[a.HealthURL] = a
			}
		}
	}
	delete(apps, "")
	if named == "" {
		return apps
	}
	app := config.App{Service: "app", HealthURL: named, Match: apps[named].Match}
	for _, only := range apps {
		if len(apps) == 1 {
			app.Match = only.Match
		}
	}
	return map[string]config.App{named: app}
}

// appWords asks every health page, and returns what each says in the order of services.
func (r *run) appWords(ctx context.Context) ([]report.Observation, error) {
	var out []report.Observation
	for _, app := range healthPages(r.Config, r.Options.Database, r.App.HealthURL) {
		page, err := healthPage(app)
		if err != nil {
			return nil, err
		}
		o := page(ctx)
		o.Subject = app.Service
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b report.Observation) int { return strings.Compare(a.Subject, b.Subject) })
	return out, nil
}

// HealthPage returns what reads an app's health page exactly as HealthCheck reads it, by the
// app.match of the configuration, which may be nil.
func HealthPage(c *config.Config, address string) (func(context.Context) report.Observation, error) {
	return healthPage(healthPages(c, "", address)[address])
}

func healthPage(app config.App) (func(context.Context) report.Observation, error) {
	c, problems := config.Parse(true, config.Document{Name: "app", Text: fmt.Appendf(nil,
		"databases: [{name: app, url: https://app.upstash.io, token: not-asked-for-any-command, app: {service: app, health_url: %q}}]", app.HealthURL)})
	if err := problems.Err(); err != nil || c == nil {
		return nil, fmt.Errorf("the app's health address: %w", err)
	}
	d := &c.Databases[0]
	d.Apps[0].Match = app.Match
	apps := check.NewApps(c, nil)
	return func(ctx context.Context) report.Observation {
		t := &check.Target{Database: d, Job: report.HealthCheck, Apps: apps}
		for _, spec := range check.Specs(report.HealthCheck, d, time.Minute) {
			if spec.Check != report.MockMode {
				continue
			}
			for _, o := range spec.Run(ctx, t) {
				if o.Source == report.SourceApp {
					return o
				}
			}
		}
		return report.Observation{Status: report.Unknown, Evidence: "the app was not asked"}
	}, nil
}

// appAnswers accepts any 2xx: what the page says of Redis is for appConnected. A mock may
// answer with another status.
func appAnswers(ctx context.Context, r *run) Finding {
	return r.judgeHealth(ctx, "answers", "Confirm that the new version serves, or name its health page with --app-health-url or app.health_url.",
		func(w report.Observation) bool { return w.Status != report.Unknown || w.HTTPStatus/100 == 2 })
}

func appConnected(ctx context.Context, r *run) Finding {
	return r.judgeHealth(ctx, "says connected", "Confirm that every service was restarted after its settings changed.",
		func(w report.Observation) bool { return w.Status == report.OK })
}

// judgeHealth asks every health page, and names the first that is not well.
func (r *run) judgeHealth(ctx context.Context, passed, confirm string, well func(report.Observation) bool) Finding {
	words, err := r.appWords(ctx)
	switch {
	case err != nil:
		return noAddress(err)
	case len(words) == 0:
		return manual("the app's health page is not known", confirm)
	}
	for _, w := range words {
		if well(w) {
			continue
		}
		if w.Status != report.Unknown {
			return because(Fail, cause.Mock, w.Subject+": "+w.Evidence)
		}
		f := because(Fail, cause.AppUnreachable, w.Subject+": "+w.Evidence)
		if w.HTTPStatus/100 == 2 {
			f.Fix = []string{"Have the page answer as docs/mock-mode.md says, or tell with app.match where it names its Redis."}
		}
		return f
	}
	return pass("each health page %s, %d in all", passed, len(words))
}

// cacheHeaders are those in which caches report a hit.
var cacheHeaders = []string{"X-Cache", "X-Cache-Status", "Cache-Status", "X-Vercel-Cache", "X-Nextjs-Cache", "Cf-Cache-Status", "X-Redis-Cache"}

// fromCache is a word of such a header: a stale page and one made beforehand come from a cache too.
var fromCache = regexp.MustCompile(`(?i)(?:^|[^a-z=])(?:hit|stale|prerender)(?:[^a-z]|$)`)

func hit(h http.Header) (string, bool) {
	for _, name := range cacheHeaders {
		for _, value := range h.Values(name) { // each cache on the way may add one
			if fromCache.MatchString(value) {
				return name + ": " + report.CutEvidence(value), true
			}
		}
	}
	return "", false
}

func appCaching(ctx context.Context, r *run) Finding {
	if r.App.CacheURL == "" {
		return manual("the cached page is not known", "Load a dashboard page twice and look for HIT in the performance log, or name the page with --cache-url.")
	}
	var took []time.Duration
	const repeats = 4
	for n := range repeats {
		began := time.Now()
		status, header, err := r.request(ctx, nil, http.MethodGet, r.App.CacheURL, secrets.Value{})
		if err != nil {
			return noAnswer(err)
		}
		took = append(took, time.Since(began))
		if status/100 != 2 {
			return fail("the page is not served", fmt.Sprintf("HTTP %d", status), "Name a page that answers 200 without a log-in, or pass a token with --app-token-env.")
		}
		if where, ok := hit(header); ok && n > 0 {
			return pass("%s in answer %d", where, n+1)
		}
	}
	first, later := took[0], slices.Min(took[1:])
	evidence := fmt.Sprintf("no HIT header; first %s, fastest later %s", milliseconds(first), milliseconds(later))
	if first > 2*later && first-later > 20*time.Millisecond {
		return pass("%s: a clear speed-up", evidence)
	}
	return fail("a repeated request is not answered from the cache", evidence,
		"Check that the page's key is the same for both requests and that its TTL is not zero.", "Have the app say X-Cache: HIT.")
}

// maxBurst bounds the load on a production app.
const maxBurst = 200

func appLimits(ctx context.Context, r *run) Finding {
	if r.App.LimitURL == "" {
		return manual("the limited page is not known", "Send more requests than the limit at once and look for 429, or name the page with --limit-url.")
	}
	burst := int64(min(max(r.App.Burst, 1), maxBurst))
	var asked, limited, answered atomic.Int64
	var last atomic.Pointer[error]
	var wg sync.WaitGroup
	for range min(8, burst) {
		wg.Go(func() {
			for ctx.Err() == nil && limited.Load() == 0 && asked.Add(1) <= burst {
				switch status, _, err := r.request(ctx, nil, http.MethodGet, r.App.LimitURL, secrets.Value{}); {
				case err != nil:
					last.Store(&err)
				case status == http.StatusTooManyRequests:
					limited.Add(1)
				default:
					answered.Add(1)
				}
			}
		})
	}
	wg.Wait()
	requests := min(asked.Load(), burst)
	switch err := last.Load(); {
	case limited.Load() > 0:
		return pass("429 within %d requests", requests)
	case answered.Load() == 0 && err != nil:
		return noAnswer(*err)
	}
	return fail("a burst is not limited", fmt.Sprintf("%d requests, no 429", requests),
		"Compare the limit with --burst.", "Check that the limiter uses Redis, not a counter of each instance.")
}

func appSessions(ctx context.Context, r *run) Finding {
	a := r.App
	if a.LoginURL == "" || a.SessionURL == "" || a.LogoutURL == "" {
		return manual("the login is not known", "Log in, reload, log out, reload; or name --login-url, --session-url, --logout-url and --login-env.")
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return noAnswer(err)
	}
	for _, step := range []struct {
		what, method, address string
		body                  secrets.Value
		want                  func(int) bool
	}{
		{"the login", http.MethodPost, a.LoginURL, a.Login, func(s int) bool { return s < 400 }},
		{"the session", http.MethodGet, a.SessionURL, secrets.Value{}, func(s int) bool { return s/100 == 2 }},
		{"the session, again", http.MethodGet, a.SessionURL, secrets.Value{}, func(s int) bool { return s/100 == 2 }},
		{"the logout", http.MethodPost, a.LogoutURL, secrets.Value{}, func(s int) bool { return s < 400 }},
		{"the session after the logout", http.MethodGet, a.SessionURL, secrets.Value{}, func(s int) bool { return s/100 != 2 && s < 500 }},
	} {
		status, _, err := r.request(ctx, jar, step.method, step.address, step.body)
		if err != nil {
			return noAnswer(err)
		}
		if !step.want(status) {
			return fail("the session does not last from login to logout", fmt.Sprintf("%s: HTTP %d", step.what, status),
				"Check that sessions are kept in Redis under one key for all instances, and deleted at the logout.")
		}
	}
	return pass("logged in, twice recognised, logged out, refused")
}

// How long a worker may take.
const (
	queuePatience = 15 * time.Second
	queuePoll     = 500 * time.Millisecond
)

func appQueue(ctx context.Context, r *run) Finding {
	a := r.App
	if a.QueueURL == "" || a.QueueKey == "" || len(r.databases) == 0 {
		return manual("the queue is not known", "Start a background task and see it done, or name --queue-url and --queue-key.")
	}
	d := r.databases[0]
	length := func(ctx context.Context) (int64, error) {
		reply, err := d.do(ctx, "LLEN", a.QueueKey)
		if err != nil {
			return 0, err
		}
		return reply.Int()
	}
	before, err := length(ctx)
	if err != nil {
		return broken(err)
	}
	status, _, err := r.request(ctx, nil, http.MethodPost, a.QueueURL, secrets.Value{})
	if err != nil {
		return noAnswer(err)
	}
	if status/100 != 2 {
		return fail("the task was not taken", fmt.Sprintf("HTTP %d", status), "Read the app's log.")
	}
	ctx, cancel := context.WithTimeout(ctx, queuePatience)
	defer cancel()
	seen := before
	for {
		now, err := length(ctx)
		if err == nil {
			if seen = max(seen, now); now <= before {
				return pass("the task was taken; the list is back at %d", now)
			}
		}
		select {
		case <-ctx.Done():
			return fail("the task stays in the list", fmt.Sprintf("%d before, %d after %v", before, seen, queuePatience), "Check that the worker runs, and reads this list.")
		case <-time.After(queuePoll):
		}
	}
}
