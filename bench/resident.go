package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/pongwatch/pongwatch/bench/pages"
)

// memoryLimit makes the process collect its garbage in time: in two hundred megabytes Go
// has no reason to, and takes twice of what it needs.
const memoryLimit = "GOMEMLIMIT=18MiB"

// pagesMemory reports what a process has resident that has answered all pages twice, as
// people ask: with the memory that it takes by itself, and in little. In little it must
// be as fast as otherwise.
func (l *lab) pagesMemory(ctx context.Context, path string) error {
	binary := filepath.Join(l.dir, "pages")
	build := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", binary, "./pages/server")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the server of pages: %w\n%s", err, out)
	}
	for _, p := range pages.All() {
		// This page first, by a process that has kept nothing yet.
		order := append([]pages.Page{p}, pages.All()...)
		free, err := servePages(ctx, binary, path, order)
		if err != nil {
			return err
		}
		held, err := servePages(ctx, binary, path, order, memoryLimit)
		if err != nil {
			return err
		}
		fmt.Printf("%s, over HTTP with %s, then all others:\n", p.What, memoryLimit)
		l.report(result{what: "  first answer", value: held.first, unit: "ms", base: "without the limit", baseValue: free.first, max: 150})
		l.report(result{what: "  resident memory at its peak", value: held.peak, unit: "MB", base: "without the limit", baseValue: free.peak, max: 40})
		l.report(result{what: "  before the first", value: held.before, unit: "MB", base: "without the limit", baseValue: free.before})
	}
	return nil
}

// served is what a process took to answer pages.
type served struct {
	first               float64 // page, in milliseconds
	before, after, peak float64 // in MB
}

// servePages asks a process of its own for all these pages, twice.
func servePages(ctx context.Context, binary, path string, order []pages.Page, env ...string) (served, error) {
	s := &server{cmd: exec.CommandContext(ctx, binary, path)}
	s.cmd.Stderr = &s.output
	s.cmd.Env = append(os.Environ(), env...)
	stdin, url, err := startPrinting(s.cmd)
	if err != nil {
		return served{}, fmt.Errorf("starting the server of pages: %w\n%s", err, s.output.String())
	}
	defer func() { _ = stdin.Close(); s.stop() }()
	var out served
	if out.before, _, err = s.resident(); err != nil {
		return served{}, err
	}
	for range 2 {
		for _, p := range order {
			ms, err := timed(func() error { return get(ctx, url+p.Path) })
			if err != nil {
				return served{}, err
			}
			if out.first == 0 {
				out.first = ms
			}
		}
	}
	out.after, out.peak, err = s.resident()
	return out, err
}

func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("reading a page: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("asking for a page: answered %s", resp.Status)
	}
	return nil
}
