// Command bench measures pongwatch against floors and peers in the same run and
// prints the ratios: absolute times say more of the machine than of the program.
// docs/design.md has the budgets; with -hold a measurement over budget is an error.
//
// The deployed program is built as Google's buildpack builds it. All that it talks
// to runs on loopback, in this process or in children of it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

type benchmark struct {
	name string
	run  func(context.Context, *lab) error
}

// benchmarks are what can be measured, in the order in which it is.
var benchmarks = []benchmark{
	{"coldstart", coldStart},
	{"ping", pingCost},
	{"memory", memory},
	{"fleet", fleet},
	{"dashboard", dashboardPages},
	{"pages", manyPages},
	{"alert", alertCost},
	{"growth", growth},
	{"local", localCost},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 2 && os.Args[1] == "child" {
		if err := child(ctx, os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench child:", err)
			os.Exit(1)
		}
		return
	}
	hold := flag.Bool("hold", false, "exit with 1 if a measurement is over its budget")
	runs := flag.Int("runs", 31, "cold starts of each program")
	largest := flag.Int("largest", 10_000, "the most databases that growth tries")
	update := flag.Bool("update", false, "growth writes its table into docs/operations.md")
	flag.Usage = usage
	flag.Parse()
	over, err := measure(ctx, flag.Args(), lab{runs: *runs, largest: *largest, update: *update})
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	case over > 0:
		fmt.Printf("\n%d over budget\n", over)
		if *hold {
			os.Exit(1)
		}
	}
}

func usage() {
	var names []string
	for _, b := range benchmarks {
		names = append(names, b.name)
	}
	fmt.Fprintf(os.Stderr, "usage: bench [-hold] [-runs N] [-largest N] [-update] [%s …]\n", strings.Join(names, "|"))
	flag.PrintDefaults()
}

func measure(ctx context.Context, only []string, settings lab) (over int, err error) {
	for _, name := range only {
		if !slices.ContainsFunc(benchmarks, func(b benchmark) bool { return b.name == name }) {
			usage()
			return 0, fmt.Errorf("no benchmark is called %q", name)
		}
	}
	l, err := newLab(settings)
	if err != nil {
		return 0, err
	}
	defer l.close()
	for _, b := range benchmarks {
		if len(only) > 0 && !slices.Contains(only, b.name) {
			continue
		}
		if err := b.run(ctx, l); err != nil {
			return 0, fmt.Errorf("%s: %w", b.name, err)
		}
	}
	return l.over, nil
}
