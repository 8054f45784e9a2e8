package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics"
	"github.com/pongwatch/pongwatch/functions/metrics/dashboard"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/boltstore"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

const (
	// pageRuns is how often each page is asked of a function that holds nothing in memory yet.
	pageRuns    = 7
	historyDays = 30
	pageRegion  = "us-east4"
)

// pageNow is eight in the evening, so that most of a day is not compacted yet.
func pageNow() time.Time { return time.Date(2026, 11, 22, 20, 0, 30, 0, time.UTC) }

// pages are the pages with a budget, and the documents that each is made from.
var pages = []struct {
	what, path string
	documents  []string
}{
	{"overview of 100 databases, 30 days, JSON", "/api/v1/admin/redis-metrics?range=30d", []string{"hot/v1/", "gauges/v1/", "days/v1/"}},
	{"one database, 30 days, JSON", "/api/v1/admin/redis-metrics?range=30d&database=shard-00-database-042", []string{"hot/v1/", "gauges/v1/", "samples/v1/shard-00-database-042/"}},
	{"dashboard, 100 databases, 1 hour", "/", []string{"hot/v1/", "gauges/v1/", "days/v1/"}},
	{"dashboard, 100 databases and 30 days of one", "/?range=30d&database=shard-00-database-042", []string{"hot/v1/", "gauges/v1/", "days/v1/", "samples/v1/shard-00-database-042/"}},
}

// dashboardPages measures the first answers from a month of history in bbolt, each by a function
// that holds nothing in memory yet, in turn with reading and unpacking the same documents.
func dashboardPages(ctx context.Context, l *lab) error {
	s, err := boltstore.Open(filepath.Join(l.dir, "history.db"), pageNow)
	if err != nil {
		return fmt.Errorf("opening the history: %w", err)
	}
	defer func() { _ = s.Close() }() // its folder is removed next
	h := month{layout: layout{1, 100}, minutes: 20 * 60, read: figures, past: []string{"samples/v1/", "days/v1/"}}
	if err := h.fill(ctx, s); err != nil {
		return err
	}
	for _, p := range pages {
		var took, floors []float64
		size := 0
		for range pageRuns {
			floor, err := timed(func() error { return unpackAll(ctx, s, p.documents...) })
			if err != nil {
				return err
			}
			f, err := h.metrics(s)
			if err != nil {
				return err
			}
			ms, err := timed(func() error { size, err = ask(ctx, f, p.path); return err })
			if err != nil {
				return fmt.Errorf("asking %s: %w", p.path, err)
			}
			took, floors = append(took, ms), append(floors, floor)
		}
		l.report(result{what: p.what, value: median(took), unit: "ms", base: "reading and unpacking its documents", baseValue: median(floors), maxRatio: 6})
		if strings.HasPrefix(p.what, "dashboard") {
			assets, err := assetSize()
			if err != nil {
				return err
			}
			size += assets
		}
		l.report(result{what: "  compressed, with all that it loads", value: float64(size) / 1000, unit: "KB", max: 100})
	}
	return nil
}

// ask requests a page and returns the size of the compressed answer.
func ask(ctx context.Context, h http.Handler, path string) (int, error) {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return 0, fmt.Errorf("status %d", w.Code)
	}
	return w.Body.Len(), nil
}

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

// nowhere publishes nothing.
type nowhere struct{}

func (nowhere) Publish(context.Context, report.Message) error { return nil }

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

// month is a history: runs of one shard on one day, and copies of their documents for the days before and the other shards.
type month struct {
	layout
	from, minutes int // of the runs, in minutes of the day
	read          func(minute int) report.Reading
	past          []string // the kinds of documents of the days before
}

// fill writes the history into s. Each shard has its overview.
func (h month) fill(ctx context.Context, s store.Store) error {
	m := storetest.NewMemory(pageNow)
	a := history.New(m)
	today := pageNow().Truncate(24 * time.Hour)
	if err := runs(ctx, a, shardName(0), h.names(0), today.Add(time.Duration(h.from)*time.Minute), h.minutes, h.read); err != nil {
		return err
	}
	c := history.Compaction{Shard: shardName(0), Regions: []string{pageRegion}, SampleDays: 30, RollupDays: 400}
	if err := a.Compact(ctx, c, today); err != nil {
		return fmt.Errorf("compacting: %w", err)
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
		c.Shard = shardName(shard)
		if _, err := history.New(s).Renew(ctx, c, pageNow()); err != nil {
			return fmt.Errorf("keeping the overview: %w", err)
		}
	}
	return nil
}

func runs(ctx context.Context, a *history.Archive, shard string, names []string, from time.Time, minutes int, read func(minute int) report.Reading) error {
	rng := rand.New(rand.NewPCG(1, 2))
	jitter := func(base, spread float64) float64 { return base + rng.ExpFloat64()*spread }
	for minute := range minutes {
		at := from.Add(time.Duration(minute) * time.Minute)
		run := history.Run{Scheduled: at, Started: at.Add(time.Second), Region: pageRegion}
		samples, readings := map[string]report.Sample{}, map[string]report.Reading{}
		for _, name := range names {
			samples[name] = report.Sample{
				At: at, Status: report.OK, Attempts: 1,
				Phases: report.Phases{DNS: jitter(2, 1), Connect: jitter(22, 1.5), TLS: jitter(24, 2), Wait: jitter(45, 3), Total: 110},
			}
			readings[name] = read(minute)
		}
		if err := a.AppendPings(ctx, shard, run, samples); err != nil {
			return fmt.Errorf("filling history: %w", err)
		}
		if minute%5 == 0 {
			if err := a.AppendReadings(ctx, shard, run, readings); err != nil {
				return fmt.Errorf("filling history: %w", err)
			}
		}
	}
	return nil
}

// figures is a reading with a few figures, in the minute of a day.
func figures(minute int) report.Reading {
	return report.Reading{
		Replica: "a", Policy: "noeviction",
		Values: map[report.Gauge]float64{
			report.GaugeHits: float64(90 * minute), report.GaugeMisses: float64(10 * minute), report.GaugeCommands: float64(200 * minute),
			report.GaugeDataSize: float64(1000 * minute), report.GaugeDataLimit: 1 << 28, report.GaugeKeys: float64(minute),
		},
		Checks: map[report.Check]report.Verdict{report.Memory: {Status: report.OK, Value: new(float64(minute) / 5000)}},
	}
}

// copyAll copies what lies below kind, its key and text changed.
func copyAll(ctx context.Context, from, to store.Store, kind string, change func(string) string) error {
	lower, upper := store.Prefix(kind)
	for d, err := range from.Range(ctx, lower, upper) {
		if err != nil {
			return fmt.Errorf("copying history: %w", err)
		}
		d.Version = ""
		text, err := unpack(d.Data)
		if err != nil {
			return err
		}
		d.Key = change(d.Key)
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
