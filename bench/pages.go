package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pongwatch/pongwatch/functions/metrics/dashboard"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/boltstore"
)

const (
	// pageRuns is how often each page is asked of a function that holds nothing in memory yet.
	pageRuns = 7
	// atOnce is how many ask for a page at the same time.
	atOnce = 8
	// softLimit is from where on the garbage collector works harder.
	softLimit = "80MiB"
)

// dashboardPages measures the first answers from a month of history in bbolt, each by a function
// that holds nothing in memory yet, in turn with reading and unpacking the same documents.
func dashboardPages(ctx context.Context, l *lab) error {
	s, err := boltstore.Open(filepath.Join(l.dir, "history.db"), pageNow)
	if err != nil {
		return fmt.Errorf("opening the history: %w", err)
	}
	l.stops = append(l.stops, func() { _ = s.Close() }) // its folder is removed next
	h := month{layout: layout{1, 100}, minutes: 20 * 60, past: []string{"samples/v1/", "days/v1/"}}
	if err := h.fill(ctx, s); err != nil {
		return err
	}
	for _, p := range []struct{ what, path, documents string }{
		{"overview of 100 databases, 30 days, JSON", "/api/v1/admin/redis-metrics?range=30d", "hot/v1/ gauges/v1/ days/v1/"},
		{"one database, 30 days, JSON", "/api/v1/admin/redis-metrics?range=30d&database=shard-00-database-042", "hot/v1/ gauges/v1/ samples/v1/shard-00-database-042/"},
		{"dashboard, 100 databases, 1 hour", "/", "hot/v1/ gauges/v1/ days/v1/"},
		{"dashboard, 100 databases and 30 days of one", "/?range=30d&database=shard-00-database-042", "hot/v1/ gauges/v1/ days/v1/ samples/v1/shard-00-database-042/"},
	} {
		var took, floors []float64
		size := 0
		for range pageRuns {
			floor, err := timed(func() error { return unpackAll(ctx, s, strings.Fields(p.documents)...) })
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

// large is an installation of 2,000 databases.
var large = layout{shards: 8, databases: 250}

// manyPages measures what pages of 2,000 databases with 30 days of history cost: processor time
// of the first one, and the memory of a process that nobody else uses while eight ask at once.
func manyPages(ctx context.Context, l *lab) error {
	file := filepath.Join(l.dir, "many.db")
	s, err := boltstore.Open(file, pageNow)
	if err != nil {
		return fmt.Errorf("opening the history: %w", err)
	}
	err = month{layout: large, from: 18 * 60, minutes: 121, all: true, past: []string{"days/v1/"}}.fill(ctx, s)
	if closed := s.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	for _, p := range []struct {
		what, path     string
		cpu, mb, kbyte float64 // at most; 0 is printed only
	}{
		{"dashboard", "/", 1, 100, 150},
		{"dashboard with a search", "/?search=-19&state=connected", 1, 100, 150},
		{"OpenMetrics", "/metrics", 0, 100, 0},
		{"JSON", "/api/v1/admin/redis-metrics", 0, 100, 0},
		{"dashboard of 30 days", "/?range=30d", 0, 0, 0},
	} {
		var one, all, loose pageCost
		for _, m := range []struct {
			into  *pageCost
			n     int
			limit string
		}{{&one, 1, softLimit}, {&all, atOnce, softLimit}, {&loose, atOnce, "off"}} {
			child, err := l.startChild(ctx, append(os.Environ(), "GOMEMLIMIT="+m.limit), "pages", file, p.path, strconv.Itoa(m.n))
			if err != nil {
				return err
			}
			if err := child.cmd.Wait(); err != nil {
				return fmt.Errorf("asking %s: %w\n%s", p.path, err, child.tail())
			}
			if err := json.Unmarshal(child.output.Bytes(), m.into); err != nil {
				return fmt.Errorf("asking %s: %w\n%s", p.path, err, child.tail())
			}
		}
		what := fmt.Sprintf("%s, %d databases", p.what, large.shards*large.databases)
		l.report(result{what: what, value: one.CPU, unit: "s", max: p.cpu})
		l.report(result{what: fmt.Sprintf("  memory with %d at once, GOMEMLIMIT=%s", atOnce, softLimit), value: all.MB, unit: "MB", max: p.mb})
		l.report(result{what: fmt.Sprintf("  memory with %d at once, without it", atOnce), value: loose.MB, unit: "MB"})
		l.report(result{what: "  documents read", value: float64(one.Documents), unit: ""})
		l.report(result{what: "  compressed", value: one.KB, unit: "KB", max: p.kbyte})
	}
	return nil
}

// pageCost is what a child measured. MB is its own memory, without the pages of the history's file.
type pageCost struct {
	CPU, MB, KB float64
	Documents   int
}

// askPages is the child: it asks for a page so many times at once, and prints what that cost.
func askPages(ctx context.Context, file, path, times string) error {
	n, err := strconv.Atoi(times)
	if err != nil {
		return err
	}
	s, err := boltstore.Open(file, pageNow)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // nothing was written
	counted := &countingStore{Store: s}
	f, err := large.metrics(counted)
	if err != nil {
		return err
	}
	runtime.GC() // what opening the file took
	before := processorTime()
	asked, stop := context.WithCancel(ctx)
	peak := make(chan float64)
	go func() {
		most := 0.0
		for asked.Err() == nil {
			mb, _ := memoryOf("self", "RssAnon")
			most = max(most, mb)
			time.Sleep(5 * time.Millisecond)
		}
		peak <- most
	}()
	var group errgroup.Group
	var size int
	for i := range n {
		group.Go(func() error {
			bytes, err := ask(ctx, f, path)
			if i == 0 {
				size = bytes
			}
			return err
		})
	}
	err = group.Wait()
	stop()
	c := pageCost{CPU: (processorTime() - before).Seconds(), MB: <-peak, KB: float64(size) / 1000, Documents: int(counted.n.Load())}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(c)
}

func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// countingStore counts the documents that are read.
type countingStore struct {
	store.Store
	n atomic.Int64
}

// Get implements [store.Store].
func (c *countingStore) Get(ctx context.Context, key string) (store.Doc, error) {
	c.n.Add(1)
	return c.Store.Get(ctx, key)
}

// Range implements [store.Store].
func (c *countingStore) Range(ctx context.Context, from, to string) iter.Seq2[store.Doc, error] {
	return func(yield func(store.Doc, error) bool) {
		for d, err := range c.Store.Range(ctx, from, to) {
			if c.n.Add(1); !yield(d, err) {
				return
			}
		}
	}
}
