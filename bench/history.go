package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

const (
	historyDays = 30
	pageRegion  = "us-east4"
)

// pageNow is eight in the evening, so that most of a day is not compacted yet.
func pageNow() time.Time { return time.Date(2026, 11, 22, 20, 0, 30, 0, time.UTC) }

// layout is a number of shards, each with a number of databases.
type layout struct{ shards, databases int }

// shardName has a character that no column in base64 has, so that it can be replaced in documents.
func shardName(i int) string { return fmt.Sprintf("shard-%02d", i) }

func (l layout) names(shard int) []string {
	names := make([]string, l.databases)
	for i := range names {
		names[i] = fmt.Sprintf("%s-database-%03d", shardName(shard), i)
	}
	return names
}

// metrics is Metrics over s, before its first request.
func (l layout) metrics(s store.Store) (*metrics.Function, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "regions: [%s]\ndatabases:\n", pageRegion)
	for shard := range l.shards {
		for _, name := range l.names(shard) {
			fmt.Fprintf(&text, "- {name: %s, shard: %s, url: \"http://127.0.0.1:9\", token: none}\n", name, shardName(shard))
		}
	}
	c, problems := config.Parse(true, config.Document{Name: "bench.yaml", Text: []byte(text.String())})
	if c == nil {
		return nil, problems
	}
	return metrics.New(metrics.Options{
		Config: c, Region: pageRegion, Store: s, Now: pageNow, Reports: nowhere{},
		Resolve: func(context.Context, *config.Database, bool) (config.Credentials, error) {
			return config.Credentials{}, errors.New("nothing is asked here")
		},
	})
}

func compaction(shard string) history.Compaction {
	return history.Compaction{Shard: shard, Regions: []string{pageRegion}, SampleDays: 30, RollupDays: 400}
}

// month is a history: runs of one shard on one day, and copies of their documents for the days before and the other shards.
type month struct {
	layout
	from, minutes int      // of the runs, in minutes of the day
	all           bool     // every figure that there is
	past          []string // the kinds of documents of the days before
}

// fill writes the history into s. Each shard has its overview.
func (h month) fill(ctx context.Context, s store.Store) error {
	m := storetest.NewMemory(pageNow)
	today := pageNow().Truncate(24 * time.Hour)
	if err := h.runs(ctx, history.New(m), today); err != nil {
		return err
	}
	for shard := range h.shards {
		for back := range historyDays {
			kinds, day := h.past, today.AddDate(0, 0, -back)
			if back == 0 {
				kinds = []string{"hot/v1/", "gauges/v1/"}
			}
			moved := strings.NewReplacer(shardName(0), shardName(shard), today.Format(time.DateOnly), day.Format(time.DateOnly))
			for _, kind := range kinds {
				if err := copyAll(ctx, m, s, kind, moved.Replace); err != nil {
					return err
				}
			}
		}
		if _, err := history.New(s).Renew(ctx, compaction(shardName(shard)), pageNow()); err != nil {
			return fmt.Errorf("keeping the overview: %w", err)
		}
	}
	return nil
}

// runs writes the runs of a day and compacts it. The figures move as real ones do.
func (h month) runs(ctx context.Context, a *history.Archive, day time.Time) error {
	rng := rand.New(rand.NewPCG(1, 2))
	jitter := func(base, spread float64) float64 { return base + rng.ExpFloat64()*spread }
	counters := map[string]float64{}
	for minute := h.from; minute < h.from+h.minutes; minute++ {
		at := day.Add(time.Duration(minute) * time.Minute)
		run := history.Run{Scheduled: at, Started: at.Add(400 * time.Millisecond), Finished: at.Add(time.Second), Region: pageRegion}
		samples, readings := map[string]report.Sample{}, map[string]report.Reading{}
		for _, name := range h.names(0) {
			p := report.Phases{DNS: jitter(2, 1), Connect: jitter(22, 1.5), TLS: jitter(24, 2), Wait: jitter(45, 3)}
			p.Total = p.DNS + p.Connect + p.TLS + p.Wait + jitter(0.2, 0.1)
			samples[name] = report.Sample{At: at, Status: report.OK, Attempts: 1, Phases: p}
			counters[name] += float64(int(jitter(2000, 500)))
			readings[name] = h.reading(at, counters[name], jitter(0.9, 0.001))
		}
		if err := a.AppendPings(ctx, shardName(0), run, samples); err != nil {
			return fmt.Errorf("filling history: %w", err)
		}
		if minute%5 == 0 {
			if err := a.AppendReadings(ctx, shardName(0), run, readings); err != nil {
				return fmt.Errorf("filling history: %w", err)
			}
		}
	}
	if err := a.Compact(ctx, compaction(shardName(0)), day); err != nil {
		return fmt.Errorf("compacting: %w", err)
	}
	return nil
}

// reading is that of a database after so many commands.
func (h month) reading(at time.Time, commands, hitRate float64) report.Reading {
	share := commands / 1e7
	r := report.Reading{
		At: at, Replica: "a", Policy: "noeviction",
		Values: map[report.Gauge]float64{
			report.GaugeHits: float64(int(commands * 0.9)), report.GaugeMisses: float64(int(commands * 0.1)), report.GaugeCommands: commands,
			report.GaugeDataSize: float64(int(1e8 + commands*3)), report.GaugeDataLimit: 1 << 28, report.GaugeKeys: float64(int(commands / 50)),
		},
		Checks: map[report.Check]report.Verdict{
			report.Memory: {Status: report.OK, Value: new(share)}, report.HitRate: {Status: report.OK, Value: new(hitRate)},
			report.Eviction: {Status: report.OK, Value: new(0.0)}, report.Commands: {Status: report.OK, Value: new(share / 3)}, report.Write: {Status: report.OK},
		},
	}
	if !h.all {
		return r
	}
	for i, g := range report.Gauges() {
		if _, known := r.Values[g]; !known {
			r.Values[g] = float64(int(commands*7919)%10_007 + i)
		}
	}
	for _, c := range []report.Check{report.Connections, report.RoundTrip} {
		r.Checks[c] = report.Verdict{Status: report.OK, Value: new(share / 2)}
	}
	return r
}

// copyAll copies what lies below kind, its key and text changed.
func copyAll(ctx context.Context, from, to store.Store, kind string, change func(string) string) error {
	lower, upper := store.Prefix(kind)
	for d, err := range from.Range(ctx, lower, upper) {
		if err != nil {
			return fmt.Errorf("copying history: %w", err)
		}
		text, err := unpack(d.Data)
		if err != nil {
			return err
		}
		d.Version, d.Key = "", change(d.Key)
		if d.Data, err = pack([]byte(change(string(text)))); err != nil {
			return err
		}
		if _, err := to.Put(ctx, d); err != nil {
			return fmt.Errorf("copying history: %w", err)
		}
	}
	return nil
}

func unpackAll(ctx context.Context, s store.Store, kinds ...string) error {
	for _, kind := range kinds {
		lower, upper := store.Prefix(kind)
		for d, err := range s.Range(ctx, lower, upper) {
			if err != nil {
				return fmt.Errorf("reading history: %w", err)
			}
			if _, err := unpack(d.Data); err != nil {
				return err
			}
		}
	}
	return nil
}

func pack(data []byte) ([]byte, error) {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	_, err := zw.Write(data)
	err = errors.Join(err, zw.Close()) // before Bytes, because Close writes the rest
	return b.Bytes(), err
}

func unpack(data []byte) ([]byte, error) {
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	return io.ReadAll(io.LimitReader(zr, 64<<20))
}

// documentSizes are in bytes of a database: of an hour of pings and of readings, of a day's samples and of its summary.
type documentSizes struct{ hot, gauges, samples, day float64 }

// stored is how many bytes of history an installation keeps.
func (d documentSizes) stored(c *config.Config) float64 {
	h := c.History
	return float64(len(c.Databases)) * (float64(h.HotDays)*24*(d.hot+d.gauges) + float64(h.SampleDays)*d.samples + float64(h.RollupDays)*d.day)
}

// measureDocuments writes a day of history of a few databases.
func measureDocuments(ctx context.Context) (d documentSizes, err error) {
	h := month{layout: layout{1, 25}, minutes: 24 * 60}
	m := storetest.NewMemory(pageNow)
	if err := h.runs(ctx, history.New(m), pageNow().Truncate(24*time.Hour).AddDate(0, 0, -1)); err != nil {
		return d, err
	}
	for kind, of := range map[string]struct {
		into *float64
		per  int
	}{"hot/v1/": {&d.hot, 24}, "gauges/v1/": {&d.gauges, 24}, "samples/v1/": {&d.samples, 1}, "days/v1/": {&d.day, 1}} {
		from, to := store.Prefix(kind)
		for doc, err := range m.Range(ctx, from, to) {
			if err != nil {
				return d, err
			}
			*of.into += float64(len(doc.Data)) / float64(of.per*h.databases)
		}
	}
	return d, nil
}
