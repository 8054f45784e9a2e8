package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/pongwatch/pongwatch/internal/buildpack"
)

// repository is where the module of the functions is: benchmarks run in their own.
const repository = ".."

// lab is what the benchmarks of one run share.
type lab struct {
	dir  string // for binaries and files
	runs int
	over int // measurements over budget
	// largest is the most databases that growth tries, and update lets it write its table.
	largest int
	update  bool

	functions string // the deployed program, once it is built
	floor     string

	// stops end what a benchmark has started, the last one first.
	stops []func()
}

// measure runs the benchmarks of these names, or all.
func (l *lab) measure(ctx context.Context, only []string) (err error) {
	if l.dir, err = os.MkdirTemp("", "pongwatch-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(l.dir)) }()
	for _, b := range benchmarks {
		if len(only) > 0 && !slices.Contains(only, b.name) {
			continue
		}
		err := b.run(ctx, l)
		l.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
	}
	return nil
}

// stop ends what was started so far.
func (l *lab) stop() {
	for _, stop := range slices.Backward(l.stops) {
		stop()
	}
	l.stops = nil
}

// build builds the deployed program and the floor, and lays copies of both down side
// by side: a binary that the linker has just written starts differently.
func (l *lab) build(ctx context.Context) error {
	if l.functions != "" {
		return nil
	}
	source := filepath.Join(l.dir, "source")
	if err := buildpack.Copy(repository, source); err != nil {
		return err
	}
	linked := filepath.Join(l.dir, "linked")
	for _, program := range []struct {
		name string
		into *string
		link func() error
	}{
		{"floor", &l.floor, func() error { return goBuild(ctx, "floor", linked, ".") }},
		{"functions", &l.functions, func() error { return buildpack.Build(ctx, source, linked) }},
	} {
		if err := program.link(); err != nil {
			return err
		}
		*program.into = filepath.Join(l.dir, program.name)
		data, err := os.ReadFile(linked)
		if err != nil {
			return err
		}
		if err := os.WriteFile(*program.into, data, 0o700); err != nil {
			return err
		}
	}
	return nil
}

// goBuild builds the package of a folder as a release is built.
func goBuild(ctx context.Context, dir, binary, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", binary, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s of %s: %w\n%s", pkg, dir, err, out)
	}
	return nil
}

// result is one line of the print.
type result struct {
	what      string
	base      string  // what it is compared with
	baseValue float64 // in unit; 0 is none
	value     float64 // in unit
	unit      string
	maxRatio  float64 // of value to baseValue; 0 is printed only
	max       float64 // of value; 0 is printed only
}

func (l *lab) report(r result) {
	ratio := r.value / r.baseValue
	verdict := ""
	budget := func(got, limit float64, text string) {
		switch {
		case limit == 0:
			return
		case got <= limit:
			verdict += "  ok: " + text
		default:
			verdict += "  OVER: " + text
			l.over++
		}
	}
	budget(ratio, r.maxRatio, fmt.Sprintf("ratio ≤ %.2f", r.maxRatio))
	budget(r.value, r.max, fmt.Sprintf("≤ %g %s", r.max, r.unit))
	if r.baseValue == 0 { // compared with its budget alone
		fmt.Printf("%-46s %8.3f %-3s%s\n", r.what, r.value, r.unit, verdict)
		return
	}
	fmt.Printf("%-46s %8.3f %-3s %-34s %8.3f %-3s ratio %.2f%s\n", r.what, r.value, r.unit, r.base, r.baseValue, r.unit, ratio, verdict)
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// quantile is the nearest rank.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
