package check_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// leaves returns the path of every field of a configuration, down to what is no struct.
func leaves(t reflect.Type, path string) []string {
	if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct && t != reflect.TypeFor[config.Problems]() {
		return leaves(t.Elem(), path)
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[config.Secret]() {
		return []string{strings.TrimPrefix(path, ".")}
	}
	var out []string
	for f := range t.Fields() {
		if f.IsExported() {
			name := path + "." + f.Name
			if f.Anonymous {
				name = path
			}
			out = append(out, leaves(f.Type, name)...)
		}
	}
	return out
}

// elsewhere are the fields of a database that no check reads, by the reader.
var elsewhere = map[string][]string{
	"Alert and the answers":              {"Shard", "Apps.Vercel", "Environment", "Objective"},
	"shared/config, which resolves it":   {"URL", "Token"},
	"the comparison with the account":    {"Eviction"},
	"Metrics, beside its checks":         {"Apps.Impact"},
	"the budget and the pages":           {"Region", "Plan", "Budget.Share", "Budget.Commands", "Budget.Override"},
	"HealthCheck, which has the history": {"Thresholds.Latency.Critical", "Thresholds.Latency.Window"},
	"Alert, which judges time":           {"Severity", "Confirm.", "Thresholds.Ping.Immediate"},
}

// world is what a database with many keys, a past and an app looks like to the checks.
type world struct {
	server *upstashtest.Server
	app    *httptest.Server
	base   config.Database
}

func newWorld(t *testing.T) *world {
	t.Helper()
	model, server := emulated(t)
	w := &world{server: server, base: *model.Database}
	pairs := map[string]string{}
	for i := range 1500 {
		pairs[fmt.Sprintf("ws:%d:a", i)] = "{}"
	}
	pairs["stray:1"], pairs["long:1"] = "{broken", `"`+strings.Repeat("x", 20_000)+`"`
	server.SetMonth(upstashtest.Month{Type: "payg", Budget: 1000, Bandwidth: 850, Dollars: 850})
	fill(t, server, pairs)
	for field, value := range map[string]string{
		"total_data_size": "850", "max_data_size": "0", "maxmemory_policy": "noeviction",
		"keyspace_hits": "6200", "keyspace_misses": "3800", "total_reads_processed": "0", "total_writes_processed": "0", "evicted_keys": "0",
		"connected_clients": "850", "maxclients": "1000", "instantaneous_ops_per_sec": "850",
	} {
		server.SetInfo(field, value)
	}
	w.app = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/mock" {
			_, _ = io.WriteString(rw, `{"status":"mock"}`)
			return
		}
		_, _ = io.WriteString(rw, `{"status":"connected"}`)
	}))
	t.Cleanup(w.app.Close)
	d := &w.base
	d.DatabaseID, d.Home = "", ""
	d.Limits.Memory, d.Limits.Commands = 1000, 1000
	on := config.Check{Enabled: true, Every: 5 * time.Minute}
	d.Checks.Commands, d.Checks.Bandwidth, d.Checks.Budget, d.Checks.Connections = on, on, on, on
	share := d.Thresholds.Commands
	d.Thresholds.Bandwidth, d.Thresholds.Budget, d.Thresholds.Connections = share, share, share
	d.Thresholds.Latency.Open, d.Thresholds.Latency.Close = time.Second, time.Second
	d.Apps = []config.App{{Service: "backend", HealthURL: w.app.URL + "/health"}}
	return w
}

// see runs every check of both jobs over d, and returns the observations as text.
func (w *world) see(t *testing.T, d config.Database) string {
	t.Helper()
	wire := transport(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/ping" {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"result":"PONG"}`))}, nil
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	client, err := upstash.New(upstash.Options{URL: w.server.URL(), Token: secrets.New(w.server.Token()), AllowHTTP: true, Transport: wire})
	if err != nil {
		t.Fatal(err)
	}
	c, problems := config.Parse(true, config.Document{Name: "test", Text: fmt.Appendf(nil,
		"databases: [{name: cache, url: https://x.upstash.io, token: t, app: {service: backend, health_url: '%s/health'}}]\nproof_key: %s\n", w.app.URL, proofKey)})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, job := range []report.Job{report.HealthCheck, report.Metrics} {
		target := &check.Target{
			Database: &d, Job: job, Region: "us-east4", Now: func() time.Time { return eight },
			Account: account(t, w.server, w.server.APIKey()),
			Apps:    check.NewApps(c, check.ProofKeys(c, secrets.NewCache(nil, nil))),
			Deployments: func(_ context.Context, service string) (config.Deployment, error) {
				return config.Deployment{Variables: []string{"UPSTASH_REDIS_URL"}, Mock: fmt.Sprint(service == backend)}, nil
			},
			Readings: []report.Reading{{
				At: eight.Add(-time.Hour), Replica: "10.16.8.4",
				Values: map[report.Gauge]float64{
					report.GaugeMonthCommandsSeen: 850, report.GaugeHits: 0, report.GaugeMisses: 0, report.GaugeReads: 0, report.GaugeWrites: 0, report.GaugeEvicted: 0,
				},
				Checks: map[report.Check]report.Verdict{report.Memory: {Status: report.Fail}, report.Commands: {Status: report.Fail}, report.Bandwidth: {Status: report.Fail}, report.Budget: {Status: report.Fail}, report.Connections: {Status: report.Fail}},
			}},
		}
		target.Apps.Hurry()
		target.SetClient(client, "7", nil)
		// Everything is due in a job that runs as often as its slowest check.
		for _, s := range check.Specs(job, &d, time.Minute) {
			every := s.Every
			out = append(out, fmt.Sprintf("%s costs %d to %d commands every %s", s.Check, s.Least, s.Commands, every))
			for _, o := range check.Run(t.Context(), target, []check.Spec{s}, eight, every) {
				o.Phases, o.At = nil, time.Time{}
				value, threshold := "-", "-"
				if o.Value != nil {
					value = fmt.Sprint(*o.Value)
				}
				if o.Threshold != nil {
					threshold = fmt.Sprint(*o.Threshold)
				}
				o.Value, o.Threshold = nil, nil
				out = append(out, fmt.Sprintf("%+v value %s threshold %s", o, value, threshold))
			}
		}
	}
	return strings.Join(out, "\n")
}

// TestEveryFieldThatACheckReadsArrivesInIt changes one field of a database at a time.
// Each change must show in the observations: a field that a check ignores is a setting
// that a user makes in vain.
func TestEveryFieldThatACheckReadsArrivesInIt(t *testing.T) {
	w := newWorld(t)
	changes := map[string]func(*config.Database){
		"Name":       func(d *config.Database) { d.Name = "other" },
		"Mock":       func(d *config.Database) { d.Mock = true },
		"Home":       func(d *config.Database) { d.Home = "europe-west1" },
		"DatabaseID": func(d *config.Database) { d.DatabaseID = w.server.DatabaseID() },
		"Problems": func(d *config.Database) {
			d.Problems = config.Problems{{Key: "x", What: "is wrong", Cause: cause.ConfigInvalid}}
		},
		"Limits.Memory":            func(d *config.Database) { d.Limits.Memory = 10_000 },
		"Limits.Commands":          func(d *config.Database) { d.Limits.Commands = 10_000 },
		"Limits.Bandwidth":         func(d *config.Database) { d.Limits.Bandwidth = 9 },
		"Limits.CommandsPerSecond": func(d *config.Database) { d.Limits.CommandsPerSecond = 1 },
		"Limits.Request":           func(d *config.Database) { d.Limits.Request = 1 },
		"Budget.StopAt":            func(d *config.Database) { d.Budget.StopAt = 0.5 },

		"Apps.Service":   func(d *config.Database) { d.Apps = []config.App{{Service: "worker", HealthURL: d.Apps[0].HealthURL}} },
		"Apps.HealthURL": func(d *config.Database) { d.Apps = []config.App{{Service: "backend", HealthURL: w.app.URL + "/mock"}} },
		"Apps.CloudRun": func(d *config.Database) {
			d.Apps = []config.App{{Service: "backend", HealthURL: d.Apps[0].HealthURL, CloudRun: backend}}
		},
		"Apps.Match": func(d *config.Database) {
			d.Apps = []config.App{{Service: "backend", HealthURL: d.Apps[0].HealthURL, Match: &config.Match{Path: "$.status", Connected: []string{"up"}, Mock: []string{"connected"}}}}
		},
		"Apps.Proof": func(d *config.Database) {
			d.Apps = []config.App{{Service: "backend", HealthURL: d.Apps[0].HealthURL, Proof: true, ProofEvery: time.Minute}}
		},
		"Apps.Limiter": func(d *config.Database) {
			d.Apps = []config.App{{Service: "backend", HealthURL: d.Apps[0].HealthURL, Limiter: true, LimiterEvery: time.Minute}}
		},

		"Checks.Isolation.Pattern":     func(d *config.Database) { d.Checks.Isolation.Pattern = "^stray:" },
		"Checks.Isolation.Exempt":      func(d *config.Database) { d.Checks.Isolation.Exempt = []string{"stray:"} },
		"Checks.Isolation.MaxCommands": func(d *config.Database) { d.Checks.Isolation.MaxCommands = 1 },
		"Checks.Values.Pattern":        func(d *config.Database) { d.Checks.Values.Pattern = "^stray:" },
		"Checks.Values.MaxCommands":    func(d *config.Database) { d.Checks.Values.MaxCommands = 5 },

		"Thresholds.Latency.Open":           func(d *config.Database) { d.Thresholds.Latency.Open = -1 },
		"Thresholds.Latency.Close":          func(d *config.Database) { d.Thresholds.Latency.Close = -1 },
		"Thresholds.HitRate.Open":           func(d *config.Database) { d.Thresholds.HitRate.Open = 0.63 },
		"Thresholds.HitRate.Close":          func(d *config.Database) { d.Thresholds.HitRate.Close = 0.61 },
		"Thresholds.HitRate.MinLookups":     func(d *config.Database) { d.Thresholds.HitRate.MinLookups = 10_001 },
		"Thresholds.Memory.Warn":            func(d *config.Database) { d.Thresholds.Memory.Warn = 0.86 },
		"Thresholds.Memory.WarnClose":       func(d *config.Database) { d.Thresholds.Memory.WarnClose = 0.86 },
		"Thresholds.Memory.Critical":        func(d *config.Database) { d.Thresholds.Memory.Critical = 0.85 },
		"Thresholds.Memory.CriticalClose":   func(d *config.Database) { d.Thresholds.Memory.CriticalClose = 0.85 },
		"Thresholds.Commands.Warn":          func(d *config.Database) { d.Thresholds.Commands.Warn = 0.86 },
		"Thresholds.Commands.WarnClose":     func(d *config.Database) { d.Thresholds.Commands.WarnClose = 0.86 },
		"Thresholds.Commands.Critical":      func(d *config.Database) { d.Thresholds.Commands.Critical = 0.85 },
		"Thresholds.Commands.CriticalClose": func(d *config.Database) { d.Thresholds.Commands.CriticalClose = 0.85 },
		"Thresholds.Isolation.Open":         func(d *config.Database) { d.Thresholds.Isolation.Open = 2 },
		"Thresholds.Values.Open":            func(d *config.Database) { d.Thresholds.Values.Open = 2 },
	}
	// The switch and the interval of each check, and of the proof.
	for _, path := range leaves(reflect.TypeFor[config.Database](), "") {
		switch {
		case strings.HasPrefix(path, "Checks.") && strings.HasSuffix(path, ".Enabled"):
			changes[path] = func(d *config.Database) { field(d, path).SetBool(false) }
		case strings.HasPrefix(path, "Checks.") && strings.HasSuffix(path, ".Every"):
			changes[path] = func(d *config.Database) { field(d, path).SetInt(int64(7 * time.Hour)) }
		}
	}
	withProof := func(every time.Duration) config.Database {
		d := w.base
		d.Apps = []config.App{{Service: "backend", HealthURL: d.Apps[0].HealthURL, Proof: true, ProofEvery: every}}
		return d
	}
	withLimiter := func(every time.Duration) config.Database {
		d := w.base
		d.Apps = []config.App{{Service: "backend", HealthURL: d.Apps[0].HealthURL, Limiter: true, LimiterEvery: every}}
		return d
	}
	deployed := func(variables ...string) config.Database {
		d := w.base
		d.Apps = []config.App{{Service: "backend", HealthURL: d.Apps[0].HealthURL, CloudRun: "projects/p/locations/l/services/other", URLVariables: variables}}
		return d
	}
	// These show only where the account answers, where no other warning of commands comes
	// first, and where a sampled value is long.
	other := map[string]config.Database{}
	withAccount := w.base
	withAccount.DatabaseID, withAccount.Limits.Bandwidth = w.server.DatabaseID(), 1000
	for _, check := range []string{"Bandwidth", "Budget", "Connections"} {
		for key, value := range map[string]float64{"Warn": 0.86, "WarnClose": 0.86, "Critical": 0.85, "CriticalClose": 0.85} {
			path := "Thresholds." + check + "." + key
			other[path] = withAccount
			changes[path] = func(d *config.Database) { field(d, path).SetFloat(value) }
		}
	}
	other["Limits.Bandwidth"] = withAccount
	calm := w.base
	calm.Limits.Commands = 10_000
	other["Limits.CommandsPerSecond"] = calm
	long := w.base
	long.Checks.Values.Pattern = "^long:"
	other["Limits.Request"] = long
	before := w.see(t, w.base)
	if again := w.see(t, w.base); again != before {
		t.Fatalf("the same database is seen differently:\n%s\n%s", before, again)
	}
	for _, path := range leaves(reflect.TypeFor[config.Database](), "") {
		change, read := changes[path]
		switch {
		case path == "Apps.ProofEvery":
			if w.see(t, withProof(time.Minute)) == w.see(t, withProof(time.Hour)) {
				t.Errorf("%s changes nothing that is observed", path)
			}
		case path == "Apps.LimiterEvery":
			if w.see(t, withLimiter(time.Minute)) == w.see(t, withLimiter(time.Hour)) {
				t.Errorf("%s changes nothing that is observed", path)
			}
		case path == "Apps.URLVariables":
			if w.see(t, deployed()) == w.see(t, deployed("CACHE_URL")) {
				t.Errorf("%s changes nothing that is observed", path)
			}
		case read:
			d, unchanged := w.base, before
			if base, ok := other[path]; ok {
				d, unchanged = base, w.see(t, base)
			}
			change(&d)
			if w.see(t, d) == unchanged {
				t.Errorf("%s changes nothing that is observed", path)
			}
		case !readElsewhere(path):
			t.Errorf("%s is neither read by a check nor named as what others read", path)
		}
	}
}

func readElsewhere(path string) bool {
	for _, paths := range elsewhere {
		if slices.ContainsFunc(paths, func(p string) bool {
			return path == p || strings.HasPrefix(path, "Thresholds.") && (strings.HasSuffix(path, "."+p) || strings.HasSuffix(p, ".") && strings.Contains(path, "."+p))
		}) {
			return true
		}
	}
	return false
}

// field returns the field of a database at a path, in which embedded structs have no name.
func field(d *config.Database, path string) reflect.Value {
	v := reflect.ValueOf(d).Elem()
	for name := range strings.SplitSeq(path, ".") {
		v = v.FieldByName(name)
	}
	return v
}
