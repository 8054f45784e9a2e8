package healthcheck_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

const region = "us-east4"

var eight = time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)

// topic keeps what was published.
type topic struct {
	mu      sync.Mutex
	reports []report.Report
	refuse  error
}

func (t *topic) Publish(_ context.Context, m report.Message) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refuse != nil {
		return t.refuse
	}
	d, err := report.Decode(m, eight)
	if err != nil {
		return err
	}
	t.reports = append(t.reports, *d.Report)
	return nil
}

func (t *topic) last(test *testing.T) report.Report {
	test.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.reports) == 0 {
		test.Fatal("nothing was published")
	}
	return t.reports[len(t.reports)-1]
}

// clock is a clock that stands still.
type clock struct {
	mu sync.Mutex
	at time.Time
}

// from returns a clock that shows at now.
func from(at time.Time) func() time.Time {
	shift := time.Until(at)
	return func() time.Time { return time.Now().Add(shift) }
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// parse makes a configuration; its network canary is off.
func parse(t *testing.T, document string) *config.Config {
	t.Helper()
	c, problems := config.Parse(true, config.Document{Name: "test.yaml", Text: []byte(document + "\nalerting: {canary: {enabled: false}}\n")})
	if c == nil {
		t.Fatal(problems)
	}
	return c
}

// one is a configuration of one database at url.
func one(url string) string {
	return fmt.Sprintf("databases:\n- {name: cache, url: %q, token: sesame}\n", url)
}

func options(t *testing.T, c *config.Config, s store.Store, to *topic) healthcheck.Options {
	t.Helper()
	source := secrets.Source(func(context.Context, string) (secrets.Secret, error) {
		return secrets.Secret{}, errors.New("no secret source here")
	})
	o := healthcheck.Options{
		Config: c, Region: region, Reports: to, Store: s, Version: "v1.2.3",
		Resolve:   check.FromConfig(c, secrets.NewCache(source, nil)),
		Authorize: func(h http.Handler) http.Handler { return h },
	}
	o.Upstash.AllowHTTP = true
	return o
}

func memory(now func() time.Time) *storetest.Memory { return storetest.NewMemory(now) }

// answering is a database that gives one answer.
func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func pong() http.HandlerFunc { return answering(http.StatusOK, `{"result":"PONG"}`) }

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

// post makes a scheduled run.
func post(t *testing.T, h http.Handler, scheduled time.Time) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(`{"shard":"main"}`))
	r.Header.Set("X-CloudScheduler-ScheduleTime", scheduled.Format(time.RFC3339))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func get(t *testing.T, h http.Handler, path string) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("GET %s is no JSON: %v: %s", path, err, w.Body)
	}
	return w.Code, body
}

// find returns the observation of a database's check.
func find(t *testing.T, r report.Report, database string, c report.Check) report.Observation {
	t.Helper()
	for _, o := range r.Observations {
		if o.Database == database && o.Check == c {
			return o
		}
	}
	t.Fatalf("the report has no %s of %s", c, database)
	return report.Observation{}
}

// slowOnce is resolve whose first answer takes a while, or until no request waits.
func slowOnce(resolve check.Resolve, d time.Duration, first *bool) check.Resolve {
	return func(ctx context.Context, db *config.Database, fresh bool) (config.Credentials, error) {
		if *first {
			*first = false
			select {
			case <-time.After(d):
			case <-ctx.Done():
				return config.Credentials{}, ctx.Err()
			}
		}
		return resolve(ctx, db, fresh)
	}
}

func postContext(ctx context.Context, h http.Handler) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil))
	return w.Code
}

func readTokens(tokens ...string) access.Tokens {
	return func(context.Context) ([]secrets.Value, error) {
		var out []secrets.Value
		for _, t := range tokens {
			out = append(out, secrets.New(t))
		}
		return out, nil
	}
}
