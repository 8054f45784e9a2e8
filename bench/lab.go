package main

import (
	"context"
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
	dir  string // for binaries
	runs int
	over int // measurements over budget
	// largest is the most databases that growth tries, and update lets it write its table.
	largest int
	update  bool

	functions string // the deployed program, once it is built
	floor     string
}

func newLab(l lab) (*lab, error) {
	dir, err := os.MkdirTemp("", "pongwatch-bench-")
	if err != nil {
		return nil, err
	}
	l.dir = dir
	return &l, nil
}

func (l *lab) close() {
	if err := os.RemoveAll(l.dir); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
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
	if err := buildpack.Build(ctx, source, linked); err != nil {
		return err
	}
	functions, floor := filepath.Join(l.dir, "functions"), filepath.Join(l.dir, "floor")
	if err := copyFile(linked, functions); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", linked, ".")
	cmd.Dir = "floor"
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the floor program: %w\n%s", err, out)
	}
	if err := copyFile(linked, floor); err != nil {
		return err
	}
	l.functions, l.floor = functions, floor
	return nil
}

func copyFile(from, to string) error {
	program, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, program, 0o700)
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
