package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp/firestore"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// documentSizes are in bytes of a database: of an hour of pings and of readings, of a day's samples and of its summary.
type documentSizes struct{ hot, gauges, samples, day float64 }

// stored is how many bytes of history an installation keeps.
func (d documentSizes) stored(c *config.Config, databases float64) float64 {
	h := c.History
	return databases * (float64(h.HotDays)*24*(d.hot+d.gauges) + float64(h.SampleDays)*d.samples + float64(h.RollupDays)*d.day)
}

// measureDocuments writes a day of history of a few databases, whose figures move as real ones do, and compacts it.
func measureDocuments(ctx context.Context) (d documentSizes, err error) {
	const databases = 25
	m := storetest.NewMemory(pageNow)
	a := history.New(m)
	rng := rand.New(rand.NewPCG(1, 2))
	jitter := func(base, spread float64) float64 { return base + rng.ExpFloat64()*spread }
	begin := pageNow().Truncate(24*time.Hour).AddDate(0, 0, -1)
	counters := make([]float64, databases)
	for minute := range 24 * 60 {
		at := begin.Add(time.Duration(minute) * time.Minute)
		run := history.Run{Scheduled: at, Started: at.Add(400 * time.Millisecond), Finished: at.Add(time.Second), Region: pageRegion}
		samples, readings := map[string]report.Sample{}, map[string]report.Reading{}
		for n := range databases {
			name := fmt.Sprintf("customer-%05d-production-cache", n)
			p := report.Phases{DNS: jitter(2, 1), Connect: jitter(22, 1.5), TLS: jitter(24, 2), Wait: jitter(45, 3)}
			p.Total = p.DNS + p.Connect + p.TLS + p.Wait + jitter(0.2, 0.1)
			samples[name] = report.Sample{At: at, Status: report.OK, Attempts: 1, Phases: p}
			counters[n] += float64(int(jitter(2000, 500)))
			share := counters[n] / 1e7
			readings[name] = report.Reading{
				At: at, Replica: "a", Policy: "noeviction",
				Values: map[report.Gauge]float64{
					report.GaugeHits: float64(int(counters[n] * 0.9)), report.GaugeMisses: float64(int(counters[n] * 0.1)), report.GaugeCommands: counters[n],
					report.GaugeDataSize: float64(int(1e8 + counters[n]*3)), report.GaugeDataLimit: 1 << 28, report.GaugeKeys: float64(int(counters[n] / 50)),
				},
				Checks: map[report.Check]report.Verdict{
					report.Memory: {Status: report.OK, Value: new(share)}, report.HitRate: {Status: report.OK, Value: new(jitter(0.9, 0.001))},
					report.Eviction: {Status: report.OK, Value: new(0.0)}, report.Commands: {Status: report.OK, Value: new(share / 3)}, report.Write: {Status: report.OK},
				},
			}
		}
		if err := a.AppendPings(ctx, config.DefaultShard, run, samples); err != nil {
			return d, err
		}
		if minute%5 == 0 {
			if err := a.AppendReadings(ctx, config.DefaultShard, run, readings); err != nil {
				return d, err
			}
		}
	}
	c := history.Compaction{Shard: config.DefaultShard, Regions: []string{pageRegion}, SampleDays: 30, RollupDays: 400}
	if err := a.Compact(ctx, c, begin); err != nil {
		return d, err
	}
	for kind, of := range map[string]struct {
		into *float64
		per  float64
	}{"hot/v1/": {&d.hot, 24}, "gauges/v1/": {&d.gauges, 24}, "samples/v1/": {&d.samples, 1}, "days/v1/": {&d.day, 1}} {
		from, to := store.Prefix(kind)
		for doc, err := range m.Range(ctx, from, to) {
			if err != nil {
				return d, err
			}
			*of.into += float64(len(doc.Data)) / (of.per * databases)
		}
	}
	return d, nil
}

// seed makes each shard one that has been watched for hours, so that no run looks for its databases in other shards.
func seed(ctx context.Context, c *config.Config, address string) (err error) {
	s, err := firestore.New(ctx, firestore.Options{Project: "bench", EmulatorHost: address})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	a := history.New(s)
	now := time.Now()
	at := now.Add(-2 * time.Hour)
	for _, shard := range c.ShardNames() {
		samples := map[string]report.Sample{}
		for _, d := range c.InShard(shard) {
			samples[d.Name] = report.Sample{At: at, Status: report.OK, Attempts: 1}
		}
		run := history.Run{Scheduled: at, Started: at, Finished: at, Region: c.Regions[0]}
		if err := a.AppendPings(ctx, shard, run, samples); err != nil {
			return err
		}
		if _, err := a.Renew(ctx, history.Compaction{Shard: shard, Regions: c.Regions, SampleDays: 30, RollupDays: 400}, now); err != nil {
			return err
		}
	}
	return nil
}

// counts are how many documents were read and written so far. A query that finds nothing is billed as one read.
func (d *documents) counts() (reads, writes float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reads, d.writes
}

// largest is the size of the largest document of a collection.
func (d *documents) largest(collection string) (size float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, document := range d.byName {
		if strings.Contains(name, "/documents/"+collection+"/") {
			size = max(size, float64(len(document.GetFields()["data"].GetBytesValue())))
		}
	}
	return size
}
