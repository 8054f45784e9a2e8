package check_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

var eight = time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)

// database is a database with every check of this version on.
func database() *config.Database {
	on := func(every time.Duration) config.Check { return config.Check{Enabled: true, Every: every} }
	d := &config.Database{Name: "cache", Home: "us-east4"}
	d.Checks = config.Checks{
		Ping: on(time.Minute), Latency: on(time.Minute), MockMode: on(time.Minute),
		Memory: on(5 * time.Minute), HitRate: on(5 * time.Minute), Eviction: on(5 * time.Minute), Write: on(5 * time.Minute),
	}
	d.Thresholds.Latency.Open, d.Thresholds.Latency.Close = 600*time.Millisecond, 600*time.Millisecond
	d.Thresholds.Memory = config.UsageRule{Warn: 0.80, WarnClose: 0.75, Critical: 0.95, CriticalClose: 0.90}
	d.Thresholds.HitRate.Open, d.Thresholds.HitRate.Close, d.Thresholds.HitRate.MinLookups = 0.60, 0.65, 100
	return d
}

// target is a target whose database is handler.
func target(t *testing.T, job report.Job, handler http.HandlerFunc) *check.Target {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	client, err := upstash.New(upstash.Options{URL: srv.URL, Token: secrets.New("token"), AllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	target := &check.Target{Database: database(), Job: job, Region: "us-east4", Now: func() time.Time { return eight }}
	target.SetClient(client, "7", nil)
	return target
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// observe runs all checks of the target's job that are due at eight.
func observe(t *testing.T, target *check.Target) map[report.Check]report.Observation {
	t.Helper()
	every := time.Minute
	if target.Job == report.Metrics {
		every = 5 * time.Minute
	}
	out := map[report.Check]report.Observation{}
	for _, o := range check.Run(t.Context(), target, check.Specs(target.Job, target.Database, every), eight, every) {
		if o.Database != "cache" || o.Every != every || o.At.IsZero() {
			t.Errorf("observation of %s lacks what all have: %+v", o.Check, o)
		}
		if _, twice := out[o.Check]; twice {
			t.Errorf("%s is observed twice", o.Check)
		}
		out[o.Check] = o
	}
	return out
}

func TestAPongIsPingAndLatency(t *testing.T) {
	var pings atomic.Int32
	got := observe(t, target(t, report.HealthCheck, func(w http.ResponseWriter, r *http.Request) {
		pings.Add(1)
		answer(http.StatusOK, `{"result":"PONG"}`)(w, r)
	}))
	if n := pings.Load(); n != 1 {
		t.Errorf("%d pings, want one for both checks", n)
	}
	want := map[report.Check]report.Observation{
		report.Ping:       {Source: "us-east4", Status: report.OK, Clear: true, Attempts: 1, TokenVersion: "7"},
		report.Latency:    {Source: "us-east4", Status: report.OK, Clear: true, Threshold: new(600.0), Unit: report.Milliseconds},
		report.MockMode:   {Source: report.SourceConfig, Status: report.OK, Clear: true},
		report.ConfigLoad: {Source: "healthcheck@us-east4", Status: report.OK, Clear: true},
	}
	ignore := cmpopts.IgnoreFields(report.Observation{}, "Database", "Check", "At", "Every", "Phases", "Value")
	if diff := cmp.Diff(want, got, ignore); diff != "" {
		t.Errorf("observations (-want +got):\n%s", diff)
	}
	p := got[report.Ping].Phases
	if p == nil || p.Wait <= 0 || p.Total < p.Wait || p.Reached != "read" {
		t.Errorf("phases %+v, want wait and total, and that the answer was read", p)
	}
	if v := got[report.Latency].Value; v == nil || *v != p.Wait {
		t.Errorf("latency is %v, want the phase wait %v", v, p.Wait)
	}
}

func TestAFailedPingIsFailWithItsCauseAndLatencyIsUnknown(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   cause.Cause
	}{
		{"a refused token", http.StatusUnauthorized, `{"error":"WRONGPASS invalid or missing auth token."}`, cause.AuthInvalid},
		{"the month is used up", http.StatusBadRequest, `{"error":"ERR max requests limit exceeded. Limit: 500000, Usage: 500002."}`, cause.QuotaMonthly},
		{"a gateway's page", http.StatusBadGateway, `<html>`, cause.Provider5xx},
		{"an error inside 200", http.StatusOK, `{"error":"WRONGPASS"}`, cause.AuthInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := observe(t, target(t, report.HealthCheck, answer(tt.status, tt.body)))
			p := got[report.Ping]
			if p.Status != report.Fail || p.Cause != tt.want || p.Clear || p.Evidence == "" || p.HTTPStatus != tt.status {
				t.Errorf("ping = %+v, want fail of %s with evidence and status %d", p, tt.want, tt.status)
			}
			if l := got[report.Latency]; l.Status != report.Unknown || l.Cause != tt.want || l.Value != nil {
				t.Errorf("latency = %+v, want unknown of %s", l, tt.want)
			}
			if c := got[report.ConfigLoad]; c.Status != report.OK {
				t.Errorf("config = %+v, want ok: the settings are fine", c)
			}
		})
	}
}

func TestLatencyIsJudgedAtHomeOnly(t *testing.T) {
	tests := []struct {
		name, home string
		open       time.Duration
		want       report.Status
		absent     bool
	}{
		{name: "the home region, in time", home: "us-east4", open: time.Minute, want: report.OK},
		{name: "the home region, late", home: "us-east4", open: time.Nanosecond, want: report.Warn},
		{name: "no home is everywhere", home: "", open: time.Nanosecond, want: report.Warn},
		{name: "another region is not asked", home: "europe-west1", open: time.Nanosecond, absent: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := target(t, report.HealthCheck, answer(http.StatusOK, `{"result":"PONG"}`))
			target.Database.Home = tt.home
			target.Database.Thresholds.Latency.Open = tt.open
			got, asked := observe(t, target)[report.Latency]
			if asked == tt.absent {
				t.Fatalf("asked = %v, want %v", asked, !tt.absent)
			}
			if got.Status != tt.want || (tt.want == report.Warn) != (got.Cause == cause.Slow) {
				t.Errorf("latency = %+v, want %s", got, tt.want)
			}
		})
	}
}

func TestJudgeLatencyNeedsAPercentileToFail(t *testing.T) {
	recent := func(waits ...float64) []report.Sample {
		var out []report.Sample
		for i, w := range waits {
			out = append(out, report.Sample{At: eight.Add(-time.Duration(i+1) * time.Minute), Status: report.OK, Phases: report.Phases{Wait: w}})
		}
		return out
	}
	slow := report.Observation{Check: report.Latency, Status: report.Warn, Cause: cause.Slow, Value: new(3000.0), At: eight}
	tests := []struct {
		name   string
		recent []report.Sample
		want   report.Status
	}{
		{"one slow answer alone", nil, report.Warn},
		{"slow for the whole window", recent(2500, 2600, 2700, 2800), report.Fail},
		{"two slow answers among good ones", recent(2500, 1, 1, 1, 1, 1, 1), report.Warn},
		{"slow, but long ago", append(recent(2500, 1, 1, 1), report.Sample{At: eight.Add(-time.Hour), Status: report.OK, Phases: report.Phases{Wait: 9000}}), report.Warn},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := check.JudgeLatency(slow, tt.recent, 2*time.Second, 15*time.Minute); got.Status != tt.want {
				t.Errorf("status %s, want %s: %s", got.Status, tt.want, got.Evidence)
			}
		})
	}
}

func TestABadConfigurationIsConfigAndNothingIsAsked(t *testing.T) {
	target := target(t, report.HealthCheck, func(http.ResponseWriter, *http.Request) { t.Error("the database was asked") })
	target.Database.Problems = config.Problems{
		{Key: "databases[2].url", What: "begins with rediss://", Example: "https://your-instance.upstash.io", Cause: cause.ConfigScheme, Stops: true},
		{Key: "databases[2].region", What: "is unusual", Notice: true},
		{Key: "databases[2].token", What: "is empty", Cause: cause.ConfigMissing, Stops: true},
	}
	target.SetClient(nil, "", &check.Problem{Cause: cause.ConfigScheme, Evidence: "see config"})
	got := observe(t, target)
	if o := got[report.ConfigLoad]; o.Status != report.Fail || o.Cause != cause.ConfigScheme || !strings.Contains(o.Evidence, "rediss://") || !strings.Contains(o.Evidence, "1 more problems, see databases[2].url, databases[2].token") {
		t.Errorf("config = %+v, want fail of config_scheme that quotes the problem", o)
	}
	for _, c := range []report.Check{report.Ping, report.Latency} {
		if o := got[c]; o.Status != report.Unknown || o.Cause != cause.ConfigScheme {
			t.Errorf("%s = %+v, want unknown of config_scheme", c, o)
		}
	}
}

func TestConfiguredMockIsAnOutageOfEachService(t *testing.T) {
	target := target(t, report.HealthCheck, answer(http.StatusOK, `{"result":"PONG"}`))
	target.Database.Mock = true
	target.Database.Apps = []config.App{{Service: "backend"}, {Service: "worker"}}
	var subjects []string
	for _, o := range check.Run(t.Context(), target, check.Specs(report.HealthCheck, target.Database, time.Minute), eight, time.Minute) {
		if o.Check == report.MockMode {
			subjects = append(subjects, o.Subject)
			if o.Status != report.Fail || o.Cause != cause.Mock || o.Source != report.SourceConfig {
				t.Errorf("mock_mode = %+v, want fail of mock by the configuration", o)
			}
		}
	}
	if diff := cmp.Diff([]string{"backend", "worker"}, subjects); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
}
