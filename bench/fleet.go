package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	fleetSize = 500
	fleetRuns = 9
	roundTrip = 50 * time.Millisecond
)

// coldStart measures from exec to the first answer, interleaved with the floor so that
// whatever else the machine does meets both. The page cache is warm: what the
// container's disk adds is the same for both.
func coldStart(ctx context.Context, l *lab) error {
	in, err := l.install(ctx, 0, false, 10)
	if err != nil {
		return err
	}
	var floor, ours []float64
	for i := range l.runs + 2 {
		bare, err := l.serve(ctx, l.floor, "HealthCheck")
		if err != nil {
			return err
		}
		bare.stop()
		full, err := in.function(ctx, "HealthCheck")
		if err != nil {
			return err
		}
		full.stop()
		if i >= 2 { // the first two fill the page cache
			floor, ours = append(floor, bare.answered.Seconds()*1000), append(ours, full.answered.Seconds()*1000)
		}
	}
	l.report(result{
		what: fmt.Sprintf("cold start, exec to first answer (%d runs)", l.runs), value: median(ours), unit: "ms",
		base: "framework and Secret Manager SDK", baseValue: median(floor), maxRatio: 1.2,
	})
	return nil
}

// memory measures what the deployed HealthCheck keeps resident over TLS, at three sizes of an installation.
func memory(ctx context.Context, l *lab) error {
	for _, size := range []struct {
		shards, databases, runs int
		max                     float64 // MB
	}{{1, 100, 10, 45}, {4, 500, 3, 100}, {40, 250, 1, 256}} {
		in, err := l.install(ctx, 0, false, slices.Repeat([]int{size.databases}, size.shards)...)
		if err != nil {
			return err
		}
		floor, err := l.serve(ctx, l.floor, "HealthCheck")
		if err != nil {
			return err
		}
		base, err := floor.resident("VmRSS")
		if err != nil {
			return err
		}
		p, err := in.function(ctx, "HealthCheck")
		if err != nil {
			return err
		}
		for i := range size.runs {
			if err := in.runs(ctx, p, time.Now().Add(time.Duration(i-size.runs)*time.Second)); err != nil {
				return err
			}
		}
		if _, err := in.latencies(size.runs); err != nil {
			return err
		}
		peak, err := p.resident("VmHWM")
		if err != nil {
			return err
		}
		l.report(result{
			what: fmt.Sprintf("resident memory at its peak, %d databases", size.shards*size.databases), value: peak, unit: "MB",
			base: "framework and Secret Manager SDK", baseValue: base, max: size.max,
		})
		l.stop()
	}
	return nil
}

// fleet measures how much longer a run over many databases takes than a run over one,
// and how much the crowd inflates the latency that is reported, on one processor.
func fleet(ctx context.Context, l *lab) error {
	in, err := l.install(ctx, roundTrip, false, 1, fleetSize)
	if err != nil {
		return err
	}
	p, err := in.function(ctx, "HealthCheck", "GOMAXPROCS=1")
	if err != nil {
		return err
	}
	took := make([][]float64, len(in.shards))
	for i := range fleetRuns + 1 {
		// A scheduled time of its own for each run, none too old to be accepted.
		at := time.Now().Add(time.Duration(i-fleetRuns-1) * 2 * time.Second)
		for n, shard := range in.shards {
			d, err := p.schedule(ctx, shard, at)
			if err != nil {
				return err
			}
			if i > 0 { // the first makes the clients
				took[n] = append(took[n], d.Seconds()*1000)
			}
		}
	}
	latencies, err := in.latencies(fleetRuns + 1)
	if err != nil {
		return err
	}
	l.report(result{
		what: fmt.Sprintf("run of %d databases, 50 ms away, 1 CPU, TLS", fleetSize), value: median(took[1]), unit: "ms",
		base: "a run of one", baseValue: median(took[0]), maxRatio: 5,
	})
	l.report(result{
		what: "  its reported latency, 95th percentile", value: quantile(latencies[in.shards[1]], 0.95), unit: "ms",
		base: "the latency of one, median", baseValue: median(latencies[in.shards[0]]), maxRatio: 1.5,
	})
	return nil
}
