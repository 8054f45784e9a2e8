package check_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

func TestMemoryAtItsThresholds(t *testing.T) {
	tests := []struct {
		used   int
		before report.Status
		status report.Status
		clear  bool
	}{
		{used: 749, status: report.OK, clear: true},
		{used: 750, status: report.OK},
		{used: 799, status: report.OK},
		{used: 800, status: report.Warn},
		{used: 949, status: report.Warn},
		{used: 950, status: report.Fail},
		{used: 899, before: report.Fail, status: report.Warn},
		{used: 900, before: report.Fail, status: report.Fail},
		{used: 900, before: report.Warn, status: report.Warn},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d of 1000 after %q", tt.used, tt.before), func(t *testing.T) {
			target := target(t, report.Metrics, info(fmt.Sprintf("total_data_size:%d", tt.used), "max_data_size:1000"))
			target.Readings = []report.Reading{{Checks: map[report.Check]report.Verdict{report.Memory: {Status: tt.before}}}, {}}
			o := observe(t, target)[report.Memory]
			if o.Status != tt.status || o.Clear != tt.clear {
				t.Errorf("memory = %+v, want %s, clear %v", o, tt.status, tt.clear)
			}
			want := 0.80
			if tt.status == report.Fail {
				want = 0.95
			}
			if o.Threshold == nil || *o.Threshold != want || o.Unit != report.Ratio {
				t.Errorf("threshold %v in %s, want %v", *o.Threshold, o.Unit, want)
			}
		})
	}
}

func TestHitRateAtItsThresholds(t *testing.T) {
	tests := []struct {
		hits, misses int
		status       report.Status
		clear        bool
		judged       bool
	}{
		{59, 40, report.OK, false, false}, // 99 look-ups
		{59, 41, report.Warn, false, true},
		{60, 40, report.OK, false, true},
		{65, 35, report.OK, false, true},
		{66, 34, report.OK, true, true},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d hits, %d misses", tt.hits, tt.misses), func(t *testing.T) {
			target := target(t, report.Metrics, info(fmt.Sprintf("keyspace_hits:%d", tt.hits), fmt.Sprintf("keyspace_misses:%d", tt.misses)))
			target.Readings = []report.Reading{{At: eight.Add(-time.Minute), Values: map[report.Gauge]float64{report.GaugeHits: 0, report.GaugeMisses: 0}}}
			o := observe(t, target)[report.HitRate]
			if o.Status != tt.status || o.Clear != tt.clear || (o.Value != nil) != tt.judged || (o.Cause == cause.HitRateLow) != (tt.status == report.Warn) {
				t.Errorf("hit_rate = %+v, want %s, clear %v", o, tt.status, tt.clear)
			}
		})
	}
}

func TestEvictionAtItsThresholds(t *testing.T) {
	tests := []struct {
		name   string
		info   []string
		status report.Status
		clear  bool
	}{
		{"eviction is off", []string{"maxmemory_policy:noeviction", "total_data_size:999", "max_data_size:1000"}, report.OK, true},
		{"clear below the closing value", []string{"maxmemory_policy:optimistic-volatile", "total_data_size:749", "max_data_size:1000"}, report.OK, true},
		{"not clear from it on", []string{"maxmemory_policy:optimistic-volatile", "total_data_size:750", "max_data_size:1000"}, report.OK, false},
		{"good below the opening value", []string{"maxmemory_policy:optimistic-volatile", "total_data_size:799", "max_data_size:1000"}, report.OK, false},
		{"a warning from it on", []string{"maxmemory_policy:optimistic-volatile", "total_data_size:800", "max_data_size:1000"}, report.Warn, false},
		{"no quota", []string{"maxmemory_policy:optimistic-volatile", "total_data_size:999"}, report.OK, false},
		{"no size", []string{"maxmemory_policy:optimistic-volatile", "max_data_size:1000"}, report.OK, false},
		{"no key was dropped", []string{"evicted_keys:10"}, report.OK, true},
		{"one key was dropped", []string{"evicted_keys:11"}, report.Warn, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := target(t, report.Metrics, info(tt.info...))
			target.Readings = []report.Reading{{Values: map[report.Gauge]float64{report.GaugeEvicted: 10}}}
			o := observe(t, target)[report.Eviction]
			if o.Status != tt.status || o.Clear != tt.clear || (o.Cause == cause.EvictionRisk) != (tt.status == report.Warn) {
				t.Errorf("eviction = %+v, want %s, clear %v", o, tt.status, tt.clear)
			}
		})
	}
}

// pongAfter is a database on a pipe of memory, whose PONG takes exactly that long.
func pongAfter(wait time.Duration) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			if _, err := http.ReadRequest(bufio.NewReader(server)); err != nil {
				return
			}
			time.Sleep(wait)
			const body = `{"result":"PONG"}`
			_, _ = fmt.Fprintf(server, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}()
		return client, nil
	}
}

func TestLatencyAtItsThresholds(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		wait   time.Duration
		status report.Status
		clear  bool
	}{
		{0, report.OK, true},
		{500 * ms, report.OK, true},
		{501 * ms, report.OK, false},
		{600 * ms, report.OK, false},
		{601 * ms, report.Warn, false},
	}
	for _, tt := range tests {
		t.Run(tt.wait.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, err := upstash.New(upstash.Options{
					URL: "http://127.0.0.1", Token: secrets.New("token"), AllowHTTP: true, DialContext: pongAfter(tt.wait),
				})
				if err != nil {
					t.Fatal(err)
				}
				target := &check.Target{Database: database(), Job: report.HealthCheck, Region: "us-east4"}
				target.Database.Thresholds.Latency.Open, target.Database.Thresholds.Latency.Close = 600*ms, 500*ms
				target.SetClient(client, "", nil)
				var o report.Observation
				for _, x := range check.Run(t.Context(), target, check.Specs(report.HealthCheck, target.Database, time.Minute), eight, time.Minute) {
					if x.Check == report.Latency {
						o = x
					}
				}
				if o.Status != tt.status || o.Clear != tt.clear || o.Value == nil || *o.Value != float64(tt.wait/ms) || *o.Threshold != 600 {
					t.Errorf("latency = %+v, want %s, clear %v, of %v", o, tt.status, tt.clear, tt.wait)
				}
				if o.Phases == nil || o.Phases.Wait != float64(tt.wait/ms) {
					t.Errorf("phases %+v, want a wait of %v", o.Phases, tt.wait)
				}
			})
		})
	}
}

func TestJudgeLatencyAtItsBoundaries(t *testing.T) {
	sample := func(wait float64, age time.Duration) report.Sample {
		return report.Sample{At: eight.Add(-age), Status: report.OK, Phases: report.Phases{Wait: wait}}
	}
	good := func(n int) []report.Sample {
		var out []report.Sample
		for i := range n {
			out = append(out, sample(10, time.Duration(i+1)*time.Second))
		}
		return out
	}
	slow := []report.Sample{sample(2001, time.Minute), sample(2001, 2*time.Minute)}
	base := report.Observation{Check: report.Latency, Status: report.Warn, Cause: cause.Slow, Value: new(2001.0), At: eight}
	tests := []struct {
		name     string
		change   func(*report.Observation)
		recent   []report.Sample
		critical time.Duration
		want     report.Status
	}{
		{"three slow answers of three", nil, slow, 2 * time.Second, report.Fail},
		{"two are too few", nil, slow[:1], 2 * time.Second, report.Warn},
		{"three of 59 are more than a twentieth", nil, append(good(56), slow...), 2 * time.Second, report.Fail},
		{"three of 60 are not", nil, append(good(57), slow...), 2 * time.Second, report.Warn},
		{"the critical value itself is not slow", func(o *report.Observation) { o.Value = new(2000.0) }, slow, 2 * time.Second, report.Warn},
		{"a sample at the end of the window counts", nil, []report.Sample{slow[0], sample(2001, 15*time.Minute)}, 2 * time.Second, report.Fail},
		{"one beyond it does not", nil, []report.Sample{slow[0], sample(2001, 15*time.Minute+1)}, 2 * time.Second, report.Warn},
		{"the observation's own sample counts once", nil, []report.Sample{slow[0], sample(2001, 0)}, 2 * time.Second, report.Warn},
		{"a failed ping has no latency", nil, []report.Sample{slow[0], {At: eight.Add(-time.Minute), Status: report.Fail, Phases: report.Phases{Wait: 2001}}}, 2 * time.Second, report.Warn},
		{"0 is never critical", nil, slow, 0, report.Warn},
		{"another check", func(o *report.Observation) { o.Check = report.Ping }, slow, 2 * time.Second, report.Warn},
		{"an answer in time", func(o *report.Observation) { o.Status = report.OK }, slow, 2 * time.Second, report.OK},
		{"no value", func(o *report.Observation) { o.Value = nil }, slow, 2 * time.Second, report.Warn},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := base
			if tt.change != nil {
				tt.change(&o)
			}
			got := check.JudgeLatency(o, tt.recent, tt.critical, 15*time.Minute)
			if got.Status != tt.want {
				t.Errorf("status %s, want %s", got.Status, tt.want)
			}
			if tt.want == report.Fail && (*got.Threshold != 2000 || got.Evidence == "") {
				t.Errorf("judged %+v, want the critical threshold with its evidence", got)
			}
		})
	}
}

// TestCredentialsAreKeptForFiveMinutes has credentials whose version alone changes.
func TestCredentialsAreKeptForFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wire := &tokens{}
		reads := 0
		resolve := func(context.Context, *config.Database, bool) (config.Credentials, error) {
			reads++
			return config.Credentials{URL: "https://fake.upstash.io", Token: secrets.New("same"), Version: fmt.Sprint(reads)}, nil
		}
		clients := check.NewClients(resolve, upstash.Options{Transport: wire})
		version := func(name string) string {
			target := &check.Target{Database: database(), Job: report.HealthCheck, Now: time.Now}
			target.Database.Name = name
			clients.Prepare(t.Context(), target, false)
			for _, o := range check.Run(t.Context(), target, check.Specs(report.HealthCheck, target.Database, time.Minute), eight, time.Minute) {
				if o.Check == report.Ping {
					return o.TokenVersion
				}
			}
			return ""
		}
		for _, step := range []struct {
			after time.Duration
			name  string
			want  string
		}{
			{0, "a", "1"}, {5*time.Minute - 1, "a", "1"}, {0, "b", "2"}, {1, "a", "3"}, {0, "b", "2"}, {4 * time.Minute, "a", "3"},
		} {
			time.Sleep(step.after)
			if got := version(step.name); got != step.want {
				t.Errorf("%s has version %q, want %q", step.name, got, step.want)
			}
		}
		clients.Close()
	})
}

// Several databases at once have clients of their own.
func TestClientsOfSeveralDatabasesDoNotMix(t *testing.T) {
	wire := &tokens{}
	clients := check.NewClients(func(_ context.Context, d *config.Database, _ bool) (config.Credentials, error) {
		if d.Name == "broken" {
			return config.Credentials{URL: "https://fake.upstash.io?x", Token: secrets.New("x")}, nil
		}
		return config.Credentials{URL: "https://fake.upstash.io", Token: secrets.New("token-of-" + d.Name)}, nil
	}, upstash.Options{Transport: wire})
	notice := config.Problems{{Key: "x", What: "is unusual", Notice: true}, {Key: "home", What: "is no region", Cause: cause.ConfigInvalid}, {Key: "budget", What: "is too small", Cause: cause.MonitorBudget}}
	for _, tt := range []struct {
		name     string
		problems config.Problems
		want     cause.Cause
		asked    string
	}{
		{"a", nil, cause.Unknown, "Bearer token-of-a"},
		{"b", notice, cause.Unknown, "Bearer token-of-b"},
		{"a", nil, cause.Unknown, "Bearer token-of-a"},
		{"broken", nil, cause.ConfigInvalid, ""},
		{"c", config.Problems{{Key: "url", What: "is odd", Cause: cause.ConfigScheme, Stops: true}}, cause.ConfigScheme, ""},
	} {
		wire.seen = nil
		target := &check.Target{Database: database(), Job: report.HealthCheck}
		target.Database.Name, target.Database.Problems = tt.name, tt.problems
		clients.Prepare(t.Context(), target, false)
		got := target.PingAgain(t.Context())
		asked := ""
		if len(wire.seen) > 0 {
			asked = wire.seen[0]
		}
		if got != tt.want || asked != tt.asked {
			t.Errorf("%s: cause %q, asked with %q; want %q and %q", tt.name, got, asked, tt.want, tt.asked)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := check.NewClients(func(ctx context.Context, _ *config.Database, _ bool) (config.Credentials, error) {
		return config.Credentials{}, fmt.Errorf("waiting: %w", ctx.Err())
	}, upstash.Options{})
	target := &check.Target{Database: database(), Job: report.HealthCheck}
	ended.Prepare(ctx, target, false)
	if got := target.PingAgain(t.Context()); got != cause.Interrupted {
		t.Errorf("credentials that the end of the run cut short are %q, want interrupted", got)
	}
}
