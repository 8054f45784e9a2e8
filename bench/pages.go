package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store/boltstore"
)

const (
	// atOnce is how many ask for a page at the same time.
	atOnce = 8
	// softLimit is from where on the garbage collector works harder.
	softLimit = "80MiB"
)

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
	err = month{layout: large, from: 18 * 60, minutes: 121, read: allFigures, past: []string{"days/v1/"}}.fill(ctx, s)
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
		one, err := measurePages(ctx, file, p.path, 1, softLimit)
		if err != nil {
			return err
		}
		all, err := measurePages(ctx, file, p.path, atOnce, softLimit)
		if err != nil {
			return err
		}
		loose, err := measurePages(ctx, file, p.path, atOnce, "off")
		if err != nil {
			return err
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

// pageCost is what a child measured.
type pageCost struct {
	CPU, MB, KB float64
	Documents   int
}

func measurePages(ctx context.Context, file, path string, n int, limit string) (c pageCost, err error) {
	self, err := os.Executable()
	if err != nil {
		return c, err
	}
	cmd := exec.CommandContext(ctx, self, "child", "pages", file, path, strconv.Itoa(n))
	cmd.Env = append(os.Environ(), "GOMEMLIMIT="+limit)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return c, fmt.Errorf("asking %s: %w", path, err)
	}
	return c, json.Unmarshal(out, &c)
}

// servePages is the child: it asks for a page so many times at once, and prints what that cost.
func servePages(ctx context.Context, file, path, times string) error {
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
	done, peak := make(chan struct{}), make(chan float64)
	go func() {
		most := 0.0
		for {
			select {
			case <-done:
				peak <- most
				return
			case <-time.After(5 * time.Millisecond):
				most = max(most, anonymous())
			}
		}
	}()
	var group errgroup.Group
	size := 0
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
	close(done)
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

var anonymousLine = regexp.MustCompile(`RssAnon:\s+(\d+) kB`)

// anonymous is the process's own memory in MB, without the pages of the history's file.
func anonymous() float64 {
	text, _ := os.ReadFile("/proc/self/status")
	if m := anonymousLine.FindSubmatch(text); m != nil {
		kb, _ := strconv.ParseFloat(string(m[1]), 64)
		return kb / 1000
	}
	return 0
}

// allFigures is a reading with every figure that there is, and the checks that most databases have.
func allFigures(minute int) report.Reading {
	r := figures(minute)
	for i, g := range report.Gauges() {
		if _, known := r.Values[g]; !known {
			r.Values[g] = float64(minute*7919%10_007 + i)
		}
	}
	for _, c := range []report.Check{report.HitRate, report.Eviction, report.Commands, report.Connections, report.Write, report.RoundTrip} {
		r.Checks[c] = report.Verdict{Status: report.OK, Value: new(float64(minute) / 3000)}
	}
	return r
}
