package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
)

const (
	resident  = 100 // databases of the memory benchmark
	fleetSize = 500
	fleetRuns = 9
	roundTrip = 50 * time.Millisecond
)

// memory measures what the deployed HealthCheck keeps resident with many databases over TLS.
func memory(ctx context.Context, l *lab) error {
	s, c, stop, err := deployed(ctx, l, 0, nil, databaseSet{"main", resident})
	if err != nil {
		return err
	}
	defer stop()
	const runs = 10
	for i := range runs {
		if _, err := s.schedule(ctx, "main", time.Now().Truncate(time.Minute).Add(time.Duration(i-runs)*time.Minute)); err != nil {
			return err
		}
	}
	if _, err := c.latencies(map[string]int{"main": resident * runs}); err != nil {
		return err
	}
	now, peak, err := s.resident()
	if err != nil {
		return err
	}
	floor, err := startServer(ctx, l.floor)
	if err != nil {
		return err
	}
	defer floor.stop()
	base, _, err := floor.resident()
	if err != nil {
		return err
	}
	const bare = "framework and Secret Manager SDK"
	l.report(result{what: fmt.Sprintf("resident memory, %d databases, %d runs", resident, runs), value: now, unit: "MB", base: bare, baseValue: base, max: 40})
	l.report(result{what: "  its peak", value: peak, unit: "MB", base: bare, baseValue: base})
	return nil
}

// fleet measures how much longer a run over many databases takes than a run over one,
// and how much the crowd inflates the latency that is reported, on one processor.
func fleet(ctx context.Context, l *lab) error {
	s, c, stop, err := deployed(ctx, l, roundTrip, []string{"GOMAXPROCS=1"}, databaseSet{"one", 1}, databaseSet{"fleet", fleetSize})
	if err != nil {
		return err
	}
	defer stop()
	var one, all []float64
	at := time.Now().Truncate(time.Minute).Add(-2 * fleetRuns * time.Minute)
	for i := range fleetRuns + 1 {
		at = at.Add(time.Minute)
		alone, err := s.schedule(ctx, "one", at)
		if err != nil {
			return err
		}
		crowd, err := s.schedule(ctx, "fleet", at)
		if err != nil {
			return err
		}
		if i > 0 { // the first makes the clients
			one, all = append(one, alone.Seconds()*1000), append(all, crowd.Seconds()*1000)
		}
	}
	latencies, err := c.latencies(map[string]int{"one": fleetRuns + 1, "fleet": fleetSize * (fleetRuns + 1)})
	if err != nil {
		return err
	}
	l.report(result{
		what: fmt.Sprintf("run of %d databases, 50 ms away, 1 CPU, TLS", fleetSize), value: median(all), unit: "ms",
		base: "a run of one", baseValue: median(one), maxRatio: 5,
	})
	l.report(result{
		what: "  its reported latency, 95th percentile", value: quantile(latencies["fleet"], 0.95), unit: "ms",
		base: "the latency of one, median", baseValue: median(latencies["one"]), maxRatio: 1.5,
	})
	return nil
}

// databaseSet is a shard of a number of databases.
type databaseSet struct {
	shard string
	n     int
}

// deployed starts the deployed HealthCheck over databases that are a round trip away.
func deployed(ctx context.Context, l *lab, roundTrip time.Duration, env []string, sets ...databaseSet) (s *server, c *cloud, stop func(), err error) {
	if err := l.build(ctx); err != nil {
		return nil, nil, nil, err
	}
	certificate, err := certify(l.dir)
	if err != nil {
		return nil, nil, nil, err
	}
	db, err := startDatabases(ctx, certificate, roundTrip)
	if err != nil {
		return nil, nil, nil, err
	}
	c, err = startCloud(ctx)
	if err != nil {
		db.stop()
		return nil, nil, nil, err
	}
	document := []string{"alerting: {canary: {enabled: false}}\ndatabases:\n"}
	for _, set := range sets {
		document = append(document, databaseEntries(set.shard, set.n, db.url, tokenReference))
	}
	env = append(env, c.env()...)
	env = append(env, "SSL_CERT_FILE="+certificate, "PONGWATCH_CONFIG="+strings.Join(document, ""))
	s, err = startServer(ctx, l.functions, env...)
	if err != nil {
		c.stop()
		db.stop()
		return nil, nil, nil, err
	}
	return s, c, func() { s.stop(); c.stop(); db.stop() }, nil
}

// latencies gives the latencies in ms of all good pings published so far, by shard. Others
// than wanted are an error: pings that fail cost something else.
func (c *cloud) latencies(want map[string]int) (map[string][]float64, error) {
	byShard := map[string][]float64{}
	var failed []string
	for _, m := range c.topics.Messages() {
		decoded, err := report.Decode(report.Message{Data: m.Data, Attributes: m.Attributes}, m.PublishTime)
		if err != nil {
			return nil, err
		}
		if decoded.Report == nil {
			return nil, errors.New("something other than a report was published")
		}
		for _, o := range decoded.Report.Observations {
			switch {
			case o.Check == report.Latency && o.Value != nil:
				byShard[decoded.Report.Shard] = append(byShard[decoded.Report.Shard], *o.Value)
			case o.Check == report.Ping && o.Status != report.OK:
				failed = append(failed, o.Database+": "+o.Evidence)
			}
		}
	}
	for shard, n := range want {
		if got := len(byShard[shard]); got != n {
			return nil, fmt.Errorf("shard %s: %d good pings, want %d; failed: %.500q", shard, got, n, failed)
		}
	}
	return byShard, nil
}
