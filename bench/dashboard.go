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
	"os"
	"os/exec"
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
	shownDatabases = 100
	shownDays      = 30
	shownRuns      = 7
)

// shownNow is eight in the evening, so that most of a day is not compacted yet.
var shownNow = time.Date(2026, 11, 22, 20, 0, 30, 0, time.UTC)

// pages measures the dashboard's first answers from a month of history in bbolt, each
// by a function that has kept nothing yet.
func pages(ctx context.Context, l *lab) error {
	path := filepath.Join(l.dir, "history.db")
	s, err := openHistory(path)
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
	for _, p := range shownPages {
		var took []float64
		size := 0
		for range shownRuns {
			f, err := shown(s)
			if err != nil {
				return err
			}
			ms, err := timed(func() error { size, err = ask(ctx, f, p.path); return err })
			if err != nil {
				return fmt.Errorf("asking %s: %w", p.path, err)
			}
			took = append(took, ms)
		}
		l.report(result{what: p.what, value: median(took), unit: "ms", base: base, baseValue: floor, max: 150})
		whole := size
		if strings.HasPrefix(p.what, "dashboard") {
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

// shownPages are what is asked for.
var shownPages = []struct{ what, path string }{
	{"overview of 100 databases, 30 days, JSON", "/api/v1/admin/redis-metrics?range=30d"},
	{"one database, 30 days, JSON", "/api/v1/admin/redis-metrics?range=30d&database=database-042"},
	{"dashboard, 100 databases, 1 hour", "/"},
	{"dashboard, 100 databases and 30 days of one", "/?range=30d&database=database-042"},
}

func openHistory(path string) (*boltstore.Store, error) {
	s, err := boltstore.Open(path, boltstore.Options{Now: func() time.Time { return shownNow }})
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	return s, nil
}

// pagesMemory reports what a process has resident that has answered all pages, and the
// same process before the first of them.
func (l *lab) pagesMemory(ctx context.Context, path string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "child", "pages", path)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, said.String())
	}
	var before, after, peak float64
	if _, err := fmt.Sscan(string(out), &before, &after, &peak); err != nil {
		return fmt.Errorf("reading %q: %w", out, err)
	}
	const base = "the same process before the first"
	l.report(result{what: "resident memory after these pages", value: after, unit: "MB", base: base, baseValue: before, max: 40})
	l.report(result{what: "  its peak", value: peak, unit: "MB", base: base, baseValue: before})
	return nil
}

// pagesResident is the child of pagesMemory: it asks for each page twice, as people do.
func pagesResident(ctx context.Context, path string) error {
	s, err := openHistory(path)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // only read
	f, err := shown(s)
	if err != nil {
		return err
	}
	before, _, err := residentOf("self")
	if err != nil {
		return err
	}
	for range 2 {
		for _, p := range shownPages {
			if _, err := ask(ctx, f, p.path); err != nil {
				return fmt.Errorf("asking %s: %w", p.path, err)
			}
		}
	}
	after, peak, err := residentOf("self")
	if err != nil {
		return err
	}
	_, err = fmt.Println(before, after, peak)
	return err
}

func timed(f func() error) (ms float64, err error) {
	began := time.Now()
	err = f()
	return time.Since(began).Seconds() * 1000, err
}

// shown is a function over s that has answered nothing.
func shown(s store.Store) (*metrics.Function, error) {
	var text strings.Builder
	text.WriteString("regions: [us-east4]\ndatabases:\n")
	for _, name := range shownNames() {
		fmt.Fprintf(&text, "- {name: %s, url: \"http://127.0.0.1:9\", token: none}\n", name)
	}
	c, problems := config.Parse(true, config.Document{Name: "bench.yaml", Text: []byte(text.String())})
	if c == nil {
		return nil, problems
	}
	return metrics.New(metrics.Options{
		Config: c, Region: "us-east4", Store: s, Now: func() time.Time { return shownNow }, Reports: nowhere{},
		Resolve: func(context.Context, *config.Database, bool) (config.Credentials, error) {
			return config.Credentials{}, errors.New("nothing is asked here")
		},
	})
}

// nowhere publishes nothing.
type nowhere struct{}

func (nowhere) Publish(context.Context, report.Message) error { return nil }

func shownNames() []string {
	names := make([]string, shownDatabases)
	for i := range names {
		names[i] = fmt.Sprintf("database-%03d", i)
	}
	return names
}

// ask returns the size of the compressed answer.
func ask(ctx context.Context, h http.Handler, path string) (int, error) {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return 0, fmt.Errorf("answered %d", w.Code)
	}
	return w.Body.Len(), nil
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
	m := storetest.NewMemory(func() time.Time { return shownNow })
	a := history.New(m)
	today := shownNow.Truncate(24 * time.Hour)
	if err := runs(ctx, a, today, 20*60); err != nil {
		return err
	}
	c := history.Compaction{Shard: config.DefaultShard, Regions: []string{"us-east4"}, SampleDays: 30, RollupDays: 400}
	if err := a.Compact(ctx, c, today); err != nil {
		return fmt.Errorf("compacting: %w", err)
	}
	for _, kind := range []string{"hot/v1/", "gauges/v1/"} {
		if err := copyAll(ctx, m, s, kind, nil); err != nil {
			return err
		}
	}
	for back := 1; back < shownDays; back++ {
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
		run := history.Run{Scheduled: at, Started: at.Add(time.Second), Region: "us-east4"}
		samples, readings := map[string]report.Sample{}, map[string]report.Reading{}
		for _, name := range shownNames() {
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
