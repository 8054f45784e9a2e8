package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/bench/pages"
	"github.com/pongwatch/pongwatch/functions/metrics/dashboard"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// pageRuns is how often each page is asked of a function that has kept nothing yet.
const pageRuns = 7

// dashboardPages measures the dashboard's first answers from a month of history in bbolt, each
// by a function that has kept nothing yet.
func dashboardPages(ctx context.Context, l *lab) error {
	path := filepath.Join(l.dir, "history.db")
	s, err := pages.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // its folder is removed next
	if err := month(ctx, s); err != nil {
		return err
	}
	floor, err := timed(func() error {
		return unpackAll(ctx, s, "hot/v1/", "gauges/v1/", "days/v1/", "samples/v1/database-042/")
	})
	if err != nil {
		return err
	}
	const base = "reading and unpacking the documents"
	for _, p := range pages.All() {
		var took []float64
		size := 0
		for range pageRuns {
			f, err := pages.Metrics(s)
			if err != nil {
				return err
			}
			ms, err := timed(func() error { size, err = p.Ask(ctx, f); return err })
			if err != nil {
				return fmt.Errorf("asking %s: %w", p.Path, err)
			}
			took = append(took, ms)
		}
		l.report(result{what: p.What, value: median(took), unit: "ms", base: base, baseValue: floor, max: 150})
		whole := size
		if strings.HasPrefix(p.What, "dashboard") {
			assets, err := assetSize()
			if err != nil {
				return err
			}
			whole += assets
		}
		l.report(result{what: "  compressed, with all that it loads", value: float64(whole) / 1000, unit: "KB", max: 100})
	}
	if err := s.Close(); err != nil { // one process at a time may have it open
		return fmt.Errorf("closing the store: %w", err)
	}
	return l.pagesMemory(ctx, path)
}

func timed(f func() error) (ms float64, err error) {
	began := time.Now()
	err = f()
	return time.Since(began).Seconds() * 1000, err
}

func assetSize() (int, error) {
	sum := 0
	for _, name := range []string{"app.css", "app.js", "favicon.svg", "uplot/uPlot.min.css", "uplot/uPlot.iife.min.js"} {
		a, ok := dashboard.Find(name)
		if !ok {
			return 0, fmt.Errorf("the dashboard has no %s", name)
		}
		packed, err := pack(a.Data)
		if err != nil {
			return 0, err
		}
		sum += len(packed)
	}
	return sum, nil
}

// month fills s: today's hours, and for each day before the documents that compaction
// makes of them.
func month(ctx context.Context, s store.Store) error {
	m := storetest.NewMemory(pages.Now)
	a := history.New(m)
	today := pages.Now().Truncate(24 * time.Hour)
	if err := runs(ctx, a, today, 20*60); err != nil {
		return err
	}
	c := history.Compaction{Shard: config.DefaultShard, Regions: []string{pages.Region}, SampleDays: 30, RollupDays: 400}
	if err := a.Compact(ctx, c, today); err != nil {
		return fmt.Errorf("compacting: %w", err)
	}
	for _, kind := range []string{"hot/v1/", "gauges/v1/"} {
		if err := copyAll(ctx, m, s, kind, nil); err != nil {
			return err
		}
	}
	for back := 1; back < pages.Days; back++ {
		day := today.AddDate(0, 0, -back)
		for _, kind := range []string{"samples/v1/", "days/v1/"} {
			if err := copyAll(ctx, m, s, kind, func(text string) string {
				return strings.ReplaceAll(text, today.Format(time.DateOnly), day.Format(time.DateOnly))
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

func runs(ctx context.Context, a *history.Archive, from time.Time, minutes int) error {
	rng := rand.New(rand.NewPCG(1, 2))
	jitter := func(base, spread float64) float64 { return base + rng.ExpFloat64()*spread }
	for minute := range minutes {
		at := from.Add(time.Duration(minute) * time.Minute)
		run := history.Run{Scheduled: at, Started: at.Add(time.Second), Region: pages.Region}
		samples, readings := map[string]report.Sample{}, map[string]report.Reading{}
		for _, name := range pages.Databases() {
			samples[name] = report.Sample{
				At: at, Status: report.OK, Attempts: 1,
				Phases: report.Phases{DNS: jitter(2, 1), Connect: jitter(22, 1.5), TLS: jitter(24, 2), Wait: jitter(45, 3), Total: 110},
			}
			readings[name] = report.Reading{
				At: at, Replica: "a", Policy: "noeviction",
				Values: map[report.Gauge]float64{
					report.GaugeHits: float64(90 * minute), report.GaugeMisses: float64(10 * minute), report.GaugeCommands: float64(200 * minute),
					report.GaugeDataSize: float64(1000 * minute), report.GaugeDataLimit: 1 << 28, report.GaugeKeys: float64(minute),
				},
				Checks: map[report.Check]report.Verdict{report.Memory: {Status: report.OK, Value: new(float64(minute) / 5000)}},
			}
		}
		if err := a.AppendPings(ctx, config.DefaultShard, run, samples); err != nil {
			return fmt.Errorf("filling history: %w", err)
		}
		if minute%5 == 0 {
			if err := a.AppendReadings(ctx, config.DefaultShard, run, readings); err != nil {
				return fmt.Errorf("filling history: %w", err)
			}
		}
	}
	return nil
}

// copyAll copies what lies below kind, its key and text changed.
func copyAll(ctx context.Context, from, to store.Store, kind string, change func(string) string) error {
	lower, upper := store.Prefix(kind)
	for d, err := range from.Range(ctx, lower, upper) {
		if err != nil {
			return fmt.Errorf("copying history: %w", err)
		}
		d.Version = ""
		if change != nil {
			text, err := unpack(d.Data)
			if err != nil {
				return err
			}
			d.Key = change(d.Key)
			if d.Data, err = pack([]byte(change(string(text)))); err != nil {
				return err
			}
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
	if _, err := zw.Write(data); err != nil {
		return nil, fmt.Errorf("packing: %w", err)
	}
	if err := zw.Close(); err != nil {
		return nil, fmt.Errorf("packing: %w", err)
	}
	return b.Bytes(), nil
}

func unpack(data []byte) ([]byte, error) {
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(zr, 64<<20))
	if err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	return text, nil
}
