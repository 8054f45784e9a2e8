package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
)

const (
	fleetSize = 500
	fleetRuns = 9
	roundTrip = 50 * time.Millisecond
)

// memory measures what the deployed HealthCheck keeps resident over TLS, at three sizes of an installation.
func memory(ctx context.Context, l *lab) error {
	if err := l.build(ctx); err != nil {
		return err
	}
	floor, err := startServer(ctx, l.floor)
	if err != nil {
		return err
	}
	base, _, err := floor.resident()
	floor.stop()
	if err != nil {
		return err
	}
	for _, size := range []struct {
		shards, databases, runs int
		max                     float64 // MB
	}{{1, 100, 10, 45}, {4, 500, 3, 100}, {40, 250, 1, 256}} {
		peak, err := residentPeak(ctx, l, size.shards, size.databases, size.runs)
		if err != nil {
			return err
		}
		l.report(result{
			what: fmt.Sprintf("resident memory at its peak, %d databases", size.shards*size.databases), value: peak, unit: "MB",
			base: "framework and Secret Manager SDK", baseValue: base, max: size.max,
		})
	}
	return nil
}

// residentPeak is the peak in MB after runs of each shard.
func residentPeak(ctx context.Context, l *lab, shards, databases, runs int) (float64, error) {
	var sets []databaseSet
	want := map[string]int{}
	for i := range shards {
		shard := fmt.Sprintf("shard-%02d", i)
		sets, want[shard] = append(sets, databaseSet{shard, databases}), databases*runs
	}
	s, c, stop, err := deployed(ctx, l, 0, nil, sets...)
	if err != nil {
		return 0, err
	}
	defer stop()
	for i := range runs {
		at := time.Now().Add(time.Duration(i-runs) * time.Second)
		for _, set := range sets {
			if _, err := s.schedule(ctx, set.shard, at); err != nil {
				return 0, err
			}
		}
	}
	if _, err := c.latencies(want); err != nil {
		return 0, err
	}
	_, peak, err := s.resident()
	return peak, err
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
	for i := range fleetRuns + 1 {
		// A scheduled time of its own for each run, none too old to be accepted.
		at := time.Now().Add(time.Duration(i-fleetRuns-1) * 2 * time.Second)
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
	// One file a shard: a variable of the environment holds 128 KB at most.
	var files []string
	for i, set := range sets {
		text := "databases:\n" + databaseEntries(set.shard, set.n, db.url, tokenReference)
		if i == 0 {
			text = "access: {invokers: [" + invoker + "]}\nalerting: {canary: {enabled: false}}\n" + text
		}
		file := filepath.Join(l.dir, set.shard+".yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, nil, nil, err
		}
		files = append(files, file)
	}
	env = append(env, c.env()...)
	env = append(env, "SSL_CERT_FILE="+certificate, "PONGWATCH_CONFIG="+strings.Join(files, ","))
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
