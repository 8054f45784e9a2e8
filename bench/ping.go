package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
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
	// settling is left out: code is paged in and heaps grow to their size.
	settling    = 4 * pingEvery
	pingWatched = 30 * pingEvery
)

// pingCost measures the processor time of one scheduled ping on a fresh connection over TLS:
// a scheduled run of HealthCheck with its report, log lines and history divided by its
// databases, against Cloudprober's HTTP probe of the same targets at the same pace.
func pingCost(ctx context.Context, l *lab) error {
	db, err := l.databases(ctx, true, 0)
	if err != nil {
		return err
	}
	cost := map[string]float64{}
	for _, prober := range []string{"floor", "cloudprober", "pongwatch"} {
		p, err := l.startChild(ctx, []string{"SSL_CERT_FILE=" + db.certificate}, prober, db.url)
		if err != nil {
			return err
		}
		if cost[prober], _, err = p.watch(db, pinged*int(time.Second/pingEvery), settling, pingWatched); err != nil {
			return fmt.Errorf("%s: %w", prober, err)
		}
		p.stop()
	}
	l.report(result{what: "CPU per scheduled ping, TLS", value: cost["pongwatch"], unit: "ms", base: "Cloudprober's HTTP probe", baseValue: cost["cloudprober"], maxRatio: 1})
	l.report(result{what: "", value: cost["pongwatch"], unit: "ms", base: "a bare net/http client", baseValue: cost["floor"], maxRatio: 1.2})
	return nil
}

// pacedRun pings every database once; it is told how many runs were before.
type pacedRun func(ctx context.Context, before int) error

// paced makes a run at every interval until it is killed.
func paced(ctx context.Context, url string, prepare func(url string) (pacedRun, error)) error {
	run, err := prepare(url)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for i := 0; ; i++ {
		if err := run(ctx, i); err != nil {
			return err
		}
		<-ticker.C
	}
}

// bareClient is the least that asks the same question: no phases, no verdict, no report.
func bareClient(url string) (pacedRun, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 4 * time.Second}
	ask := func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/ping", nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		return discard(client, req)
	}
	return func(ctx context.Context, _ int) error {
		done := make(chan error, pinged)
		for range pinged {
			go func() { done <- ask(ctx) }()
		}
		var err error
		for range pinged {
			err = errors.Join(err, <-done)
		}
		return err
	}, nil
}

// scheduledRuns posts to HealthCheck as Cloud Scheduler does, a minute apart on its
// clock, with documents in memory and a topic that takes every report.
func scheduledRuns(url string) (pacedRun, error) {
	db := &databases{url: url}
	document := "databases:\n" + db.entries("main", 0, pinged, token)
	settings, problems := config.Parse(true, config.Document{Name: "bench", Text: []byte(document)})
	if settings == nil || problems.Err() != nil {
		return nil, fmt.Errorf("the benchmark's configuration: %w", problems)
	}
	began := time.Now()
	minute := 0
	now := func() time.Time { return time.Now().Add(time.Duration(minute) * time.Minute) }
	function, err := healthcheck.New(healthcheck.Options{
		Config: settings, Region: "loopback", Reports: nowhere{}, Store: storetest.NewMemory(now),
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

// nowhere is a topic that takes every report.
type nowhere struct{}

func (nowhere) Publish(context.Context, report.Message) error { return nil }

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
	exported := make(chan *metrics.EventMetrics, 1000)
	go probe.Start(ctx, exported)
	for range exported { // a surfacer would work on these; it is not measured
		continue
	}
	return nil
}
