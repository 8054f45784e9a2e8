package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cloudprober/cloudprober/metrics"
	probehttp "github.com/cloudprober/cloudprober/probes/http"
	"github.com/cloudprober/cloudprober/probes/options"
	probepb "github.com/cloudprober/cloudprober/probes/proto"
	"github.com/cloudprober/cloudprober/targets"
	"github.com/cloudprober/cloudprober/targets/endpoint"
	"google.golang.org/protobuf/encoding/prototext"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

const (
	pinged    = 100 // databases
	pingEvery = 250 * time.Millisecond
	pingRuns  = 20
	// settling is left out: code is paged in and heaps grow to their size.
	settling = 4

	token = "AXXXASQgMGE1YjBjYzItNGQyZi00ZmI0LWE1ZTQtMmQ1YzA5ZGI2ZTkw"
)

// pingCost measures the processor time of one scheduled ping on a fresh connection:
// a scheduled run of HealthCheck with its report, log lines and history divided by its
// databases, against Cloudprober's HTTP probe of the same targets at the same pace.
func pingCost(ctx context.Context, l *lab) error {
	certificate, err := certify(l.dir)
	if err != nil {
		return err
	}
	for _, transport := range []struct{ name, certificate string }{{"plain", ""}, {"TLS", certificate}} {
		db, err := startDatabases(ctx, transport.certificate, 0)
		if err != nil {
			return err
		}
		cost := map[string]float64{}
		for _, prober := range []string{"floor", "cloudprober", "pongwatch"} {
			if cost[prober], err = pingChild(ctx, prober, db.url, transport.certificate); err != nil {
				db.stop()
				return fmt.Errorf("%s over %s: %w", prober, transport.name, err)
			}
		}
		db.stop()
		peer := result{what: "CPU per scheduled ping, " + transport.name, value: cost["pongwatch"], unit: "ms", base: "Cloudprober's HTTP probe", baseValue: cost["cloudprober"], maxRatio: 1}
		bare := result{what: "", value: cost["pongwatch"], unit: "ms", base: "a bare net/http client", baseValue: cost["floor"]}
		if transport.certificate != "" { // as production does it: without TLS nearly nothing is left to compare
			bare.maxRatio = 1.2
		}
		l.report(peer)
		l.report(bare)
	}
	return nil
}

func pingChild(ctx context.Context, prober, url, certificate string) (ms float64, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, self, "child", prober, url)
	cmd.Env = []string{"HOME=" + os.TempDir(), "SSL_CERT_FILE=" + certificate}
	var said strings.Builder
	cmd.Stderr = &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%w\n%s", err, said.String())
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// child runs one of the programs that must have a process of their own.
func child(ctx context.Context, name string, args []string) error {
	switch {
	case name == "databases" && len(args) == 2:
		return serveDatabases(ctx, args[0], args[1])
	case name == "upstash" && len(args) == 1:
		return serveUpstash(args[0])
	case name == "floor" && len(args) == 1:
		return paced(ctx, args[0], bareClient)
	case name == "pongwatch" && len(args) == 1:
		return paced(ctx, args[0], scheduledRuns)
	case name == "pages" && len(args) == 3:
		return servePages(ctx, args[0], args[1], args[2])
	case name == "cloudprober" && len(args) == 1:
		return cloudprober(ctx, args[0])
	}
	return fmt.Errorf("unknown child %q with %q", name, args)
}

// meter prints the processor time of this process per ping that the databases answered.
type meter struct {
	url  string
	cpu  time.Duration
	seen int64
}

func startMeter(ctx context.Context, url string) (m meter, err error) {
	m.url = url
	if m.seen, err = count(ctx, url); err != nil {
		return m, err
	}
	m.cpu, err = cpuTime()
	return m, err
}

func (m meter) print(ctx context.Context) error {
	cpu, err := cpuTime()
	if err != nil {
		return err
	}
	seen, err := count(ctx, m.url)
	if err != nil {
		return err
	}
	// Cloudprober's clock and ours need not end on the same run.
	if answered := seen - m.seen; answered < pinged*(pingRuns-2) || answered > pinged*(pingRuns+2) {
		return fmt.Errorf("%d pings were answered, want about %d", answered, pinged*pingRuns)
	}
	fmt.Println((cpu - m.cpu).Seconds() * 1000 / float64(seen-m.seen))
	return nil
}

// paced makes a run at every interval and measures all but the first.
func paced(ctx context.Context, url string, prepare func(url string) (run func(context.Context, int) error, err error)) error {
	run, err := prepare(url)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	var m meter
	for i := range settling + pingRuns {
		if i == settling {
			if m, err = startMeter(ctx, url); err != nil {
				return err
			}
		}
		if err := run(ctx, i); err != nil {
			return err
		}
		<-ticker.C
	}
	return m.print(ctx)
}

// bareClient is the least that asks the same question: no phases, no verdict, no report.
func bareClient(url string) (func(context.Context, int) error, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 4 * time.Second}
	return func(ctx context.Context, _ int) error {
		done := make(chan error, pinged)
		for range pinged {
			go func() { done <- bareGet(ctx, client, url) }()
		}
		var err error
		for range pinged {
			err = errors.Join(err, <-done)
		}
		return err
	}, nil
}

func bareGet(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/ping", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// scheduledRuns posts to HealthCheck as Cloud Scheduler does, a minute apart on its
// clock, with documents in memory and a topic that takes every report.
func scheduledRuns(url string) (func(context.Context, int) error, error) {
	document := "databases:\n" + databaseEntries("main", pinged, url, token)
	settings, problems := config.Parse(true, config.Document{Name: "bench", Text: []byte(document)})
	if settings == nil || problems.Err() != nil {
		return nil, fmt.Errorf("the benchmark's configuration: %w", problems)
	}
	began := time.Now()
	minute := 0
	now := func() time.Time { return time.Now().Add(time.Duration(minute) * time.Minute) }
	function, err := healthcheck.New(healthcheck.Options{
		Config: settings, Region: "loopback", Reports: everyReport{}, Store: storetest.NewMemory(now),
		// The benchmark calls the handler itself, so there is no token to verify.
		Authorize: func(next http.Handler) http.Handler { return next },
		Resolve:   check.FromConfig(settings, secrets.NewCache(nil, nil)),
		Upstash:   upstash.Options{AllowHTTP: true},
		Now:       now,
		Logger:    slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, i int) error {
		minute = i
		req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(`{"shard":"main"}`))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-CloudScheduler-ScheduleTime", began.Add(time.Duration(i)*time.Minute).UTC().Format(time.RFC3339))
		answer := httptest.NewRecorder()
		function.ServeHTTP(answer, req)
		if answer.Code != http.StatusOK {
			return fmt.Errorf("run %d: %d %s", i, answer.Code, answer.Body)
		}
		return nil
	}, nil
}

// everyReport is a topic that takes every report.
type everyReport struct{}

func (everyReport) Publish(context.Context, report.Message) error { return nil }

// databaseEntries are entries of a configuration's list of databases, as long as real ones.
func databaseEntries(shard string, n int, url, token string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  - {name: %s-%03d, shard: %s, url: %q, token: %s, plan: payg, region: us-east-1, environment: production, "+
			"database_id: 6a1f2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d, budget: {share: 0.05}, limits: {memory: 10GB}, "+
			"checks: {write: {every: 30m}, isolation: {enabled: false}}, thresholds: {latency: {open: 900ms}}}\n", shard, i, shard, url, token)
	}
	return b.String()
}

// cloudprober probes the same databases with Cloudprober's HTTP probe, set to see what
// HealthCheck sees: every phase, and whether the answer is a PONG.
func cloudprober(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	host, portText, err := net.SplitHostPort(u.Host)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return err
	}
	definition := new(probepb.ProbeDef)
	if err := prototext.Unmarshal(fmt.Appendf(nil, `
		name: "ping" type: HTTP targets { dummy_targets {} }
		interval: %q timeout: %q
		validator { name: "pong" regex: "PONG" }
		http_probe {
			scheme: %s relative_url: "/ping" latency_breakdown: [ALL_STAGES]
			header { key: "Authorization" value: "Bearer %s" }
		}`, pingEvery, pingEvery, strings.ToUpper(u.Scheme), token), definition); err != nil {
		return err
	}
	opts, err := options.BuildProbeOptions(definition, nil, nil, nil)
	if err != nil {
		return err
	}
	var endpoints []endpoint.Endpoint
	for i := range pinged {
		endpoints = append(endpoints, endpoint.Endpoint{Name: fmt.Sprintf("db-%03d", i), Port: port, Labels: map[string]string{"fqdn": host}})
	}
	opts.Targets = targets.StaticEndpoints(endpoints)
	opts.ProbeConf = definition.GetHttpProbe()
	var probe probehttp.Probe
	if err := probe.Init("ping", opts); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	exported := make(chan *metrics.EventMetrics, 1000)
	go func() {
		for range exported { // a surfacer would work on these; it is not measured
			continue
		}
	}()
	go probe.Start(ctx, exported)
	time.Sleep(settling * pingEvery)
	m, err := startMeter(ctx, address)
	if err != nil {
		return err
	}
	time.Sleep(pingRuns * pingEvery)
	return m.print(ctx)
}
