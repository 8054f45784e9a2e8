package check_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/budget"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// counter is a proxy before a database that counts the commands that pass.
type counter struct {
	upstream http.Handler
	// worst lets each sample and each proof cost all that it may.
	worst bool

	counts map[string]int64
	reads  map[string]int // of a proof's key
}

func newCounter(t *testing.T, server *upstashtest.Server, worst bool) *counter {
	t.Helper()
	address, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	return &counter{upstream: httputil.NewSingleHostReverseProxy(address), worst: worst, counts: map[string]int64{}, reads: map[string]int{}}
}

// ServeHTTP is called by one client at a time.
func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var one []any
	var many [][]any
	switch {
	case r.Method == http.MethodGet:
		c.counts[strings.ToUpper(strings.Trim(r.URL.Path, "/"))]++
	case json.Unmarshal(body, &many) == nil:
		for _, command := range many {
			c.counts[fmt.Sprint(command[0])]++
		}
	case json.Unmarshal(body, &one) == nil:
		c.counts[fmt.Sprint(one[0])]++
		if c.worst && c.answers(w, r, one) {
			return
		}
	}
	c.upstream.ServeHTTP(w, r)
}

// answers gives the answers of a database that is large and whose replicas lag.
func (c *counter) answers(w http.ResponseWriter, r *http.Request, command []any) bool {
	switch command[0] {
	case "SCAN":
		keys := strings.TrimSuffix(strings.Repeat(`"d3M6MTph",`, 40), ",") // ws:1:a
		answer(http.StatusOK, `{"result":["MTI=",[`+keys+`]]}`)(w, r)      // 12, never 0
		return true
	case "GET":
		key := fmt.Sprint(command[1])
		c.reads[key]++
		if c.reads[key] < 3 {
			answer(http.StatusOK, `{"result":null}`)(w, r)
			return true
		}
	}
	return false
}

// billed are the commands that the price list bills.
func (c *counter) billed() (billed, all int64) {
	for name, n := range c.counts {
		all += n
		if name != "PING" && name != "INFO" {
			billed += n
		}
	}
	return billed, all
}

// The scheduled runs of a month over a counting proxy cost what `pongwatch budget`
// says: at most, which is what budgets are kept by, and at least. Of HealthCheck's runs,
// whose pings are free, one day stands for all.
func TestAMonthCostsWhatTheBudgetSays(t *testing.T) {
	tests := []struct {
		name  string
		worst bool
		days  int64
	}{
		{"when every sample and proof costs what it may", true, monthDays},
		{"when all is well and little is stored, by three days", false, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMonth(t, tt.worst)
			start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
			m.run(t, report.Metrics, start, time.Duration(tt.days)*24*time.Hour)
			billed, infos := m.counter.billed()
			m.run(t, report.HealthCheck, start, 24*time.Hour)
			more, pings := m.counter.billed()
			if more != billed {
				t.Errorf("HealthCheck's runs cost %d commands", more-billed)
			}
			billed, infos, pings = billed*30/tt.days, infos*30/tt.days, (pings-infos)*30
			all := infos + pings

			d := budget.Commands(m.config)[0]
			want, upper := d.Least, d.Least+d.Upper-d.Most
			if tt.worst {
				want, upper = d.Most, d.Upper
			}
			near(t, "by the price list", billed, want)
			near(t, "with PING and INFO", all, upper)
			if share := d.Share(billed); share > 0.07 {
				t.Errorf("%.4f of the free plan, want at most 0.07", share)
			}
			t.Logf("%d commands of a month were counted, the budget says %d; with PING and INFO %d and %d: %v", billed, want, all, upper, m.counter.counts)
		})
	}
}

func near(t *testing.T, what string, got, want int64) {
	t.Helper()
	if off := math.Abs(float64(got-want)) / float64(want); off > 0.01 {
		t.Errorf("%s %d commands were counted, the budget says %d: off by %.1f %%", what, got, want, off*100)
	}
}

// month is the default configuration, watched through a counter.
type month struct {
	config  *config.Config
	client  *upstash.Client
	apps    *check.Apps
	counter *counter
}

func newMonth(t *testing.T, worst bool) *month {
	t.Helper()
	server := upstashtest.Start(t, upstashtest.Options{})
	m := &month{counter: newCounter(t, server, worst)}
	proxy := httptest.NewServer(m.counter)
	t.Cleanup(proxy.Close)
	var err error
	if m.client, err = upstash.New(upstash.Options{URL: proxy.URL, Token: secrets.New(server.Token()), AllowHTTP: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.client.CloseIdleConnections)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct{ Data struct{ Nonce string } }
		_ = json.NewDecoder(r.Body).Decode(&request)
		if _, err := m.client.Do(r.Context(), "SET", "ws:_pongwatch:proof:"+request.Data.Nonce, "1", "EX", 60); err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		answer(http.StatusOK, fmt.Sprintf(`{"status":"connected","proof":%q}`, request.Data.Nonce))(w, r)
	}))
	t.Cleanup(app.Close)
	c, problems := config.Parse(true, config.Document{Name: "test", Text: fmt.Appendf(nil, `
databases:
  - name: prod-cache
    url: https://merry-cat-32748.upstash.io
    token: token
    app: {service: backend, health_url: '%s/health', proof: true}
proof_key: %s
`, app.URL, proofKey)})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	m.config, m.apps = c, check.NewApps(c, check.ProofKeys(c, secrets.NewCache(nil, nil)))
	m.apps.Hurry()
	return m
}

// run asks what the job's runs ask in that time.
func (m *month) run(t *testing.T, job report.Job, start time.Time, length time.Duration) {
	t.Helper()
	d, every := &m.config.Databases[0], m.config.Every(job)
	for at := start; at.Before(start.Add(length)); at = at.Add(every) {
		target := &check.Target{Database: d, Job: job, Region: "us-east4", Now: func() time.Time { return at }}
		if job == report.Metrics {
			target.Apps = m.apps // the app's health page costs no command
		}
		target.SetClient(m.client, "7", nil)
		if job == report.Metrics {
			_, _ = target.Info(t.Context()) // as the function does before its checks
		}
		for _, o := range check.Run(t.Context(), target, check.Specs(job, d, every), at, every) {
			if o.Status != report.OK {
				t.Fatalf("at %s: %+v", at, o)
			}
		}
	}
}
