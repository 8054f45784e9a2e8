// Command bench measures pongwatch against floors and peers in the same run and
// prints the ratios: absolute times say more of the machine than of the program.
// docs/design.md has the budgets; with -hold a measurement over budget is an error.
//
// The deployed program is built as Google's buildpack builds it. What is measured is a
// child process. All that it talks to runs on loopback, in this process.
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

// benchmarks are what can be measured, in the order in which it is.
var benchmarks = []struct {
	name string
	run  func(context.Context, *lab) error
}{
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

// children are what this program does in a process of its own, with the arguments of the command line.
var children = map[string]func(ctx context.Context, args []string) error{
	"floor":       func(ctx context.Context, args []string) error { return paced(ctx, args[0], bareClient) },
	"pongwatch":   func(ctx context.Context, args []string) error { return paced(ctx, args[0], scheduledRuns) },
	"cloudprober": func(ctx context.Context, args []string) error { return cloudprober(ctx, args[0]) },
	"pages":       func(ctx context.Context, args []string) error { return askPages(ctx, args[0], args[1], args[2]) },
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 2 && os.Args[1] == "child" {
		if err := children[os.Args[2]](ctx, os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench child:", err)
			os.Exit(1)
		}
		return
	}
	var l lab
	hold := flag.Bool("hold", false, "exit with 1 if a measurement is over its budget")
	flag.IntVar(&l.runs, "runs", 31, "cold starts of each program")
	flag.IntVar(&l.largest, "largest", 10_000, "the most databases that growth tries")
	flag.BoolVar(&l.update, "update", false, "growth writes its table into docs/operations.md")
	var names []string
	for _, b := range benchmarks {
		names = append(names, b.name)
	}
	flag.Usage = func() {
		fmt.Fprintf(os.Stderr, "usage: bench [-hold] [-runs N] [-largest N] [-update] [%s …]\n", strings.Join(names, "|"))
		flag.PrintDefaults()
	}
	flag.Parse()
	for _, name := range flag.Args() {
		if !slices.Contains(names, name) {
			flag.Usage()
			fmt.Fprintf(os.Stderr, "bench: no benchmark is called %q\n", name)
			os.Exit(2)
		}
	}
	if err := l.measure(ctx, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if l.over > 0 {
		fmt.Printf("\n%d over budget\n", l.over)
		if *hold {
			os.Exit(1)
		}
	}
}
