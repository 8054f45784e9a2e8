// mutants changes a package in many small ways, one at a time, and counts the changes that no test notices.
// All changes are compiled in at once, each behind a switch, so that a package is built once and not once a mutant.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

type options struct {
	dir        string
	mode       string
	sample     int
	survivors  bool
	equivalent map[string]string // key with the package's folder, to the reason
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	}
}

func run(args []string, out io.Writer) error {
	var o options
	var equivalent string
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.StringVar(&o.dir, "dir", ".", "the module's folder")
	flags.StringVar(&o.mode, "mode", "any", "own or any")
	flags.IntVar(&o.sample, "sample", 0, "mutants of a package at most, 0 for all")
	flags.BoolVar(&o.survivors, "list-survivors", false, "print each survivor")
	flags.StringVar(&equivalent, "equivalent", "", "the list of equivalent mutants")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.mode != "own" && o.mode != "any" || flags.NArg() == 0 {
		return errors.New("want --mode own or any, and packages")
	}
	var err error
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	if o.equivalent, err = readEquivalent(equivalent); err != nil {
		return err
	}
	fmt.Fprintf(out, "%-34s %8s %10s %8s %8s %8s %8s\n", "package", "mutants", "equivalent", "reached", "own %", "reached", "any %")
	for _, pattern := range flags.Args() {
		r, err := try(o, pattern)
		if err != nil {
			return err
		}
		r.print(out, o)
	}
	return nil
}

// print writes the row of a package and, when asked, its survivors.
func (r result) print(out io.Writer, o options) {
	count := func(has func(m *mutant) bool) (n int) {
		for _, m := range r.mutants {
			if has(m) {
				n++
			}
		}
		return n
	}
	percent := func(n int) string { return fmt.Sprintf("%.0f", 100*float64(n)/float64(max(1, len(r.mutants)))) }
	reachedAny, killedAny := "-", "-"
	if o.mode == "any" {
		reachedAny, killedAny = fmt.Sprint(count(func(m *mutant) bool { return m.any.reached })), percent(count(func(m *mutant) bool { return m.any.killed }))
	}
	fmt.Fprintf(out, "%-34s %8d %10d %8d %8s %8s %8s\n", r.pkg, len(r.mutants), r.equivalent,
		count(func(m *mutant) bool { return m.own.reached }), percent(count(func(m *mutant) bool { return m.own.killed })), reachedAny, killedAny)
	for _, m := range r.mutants {
		if !o.survivors || m.own.killed {
			continue
		}
		fate := "survives"
		switch {
		case m.any.killed:
			fate = "killed by other packages alone"
		case !m.any.reached:
			fate = "not reached"
		}
		fmt.Fprintf(out, "  %s:%d %s: %s -> %s (%s; %s)\n", m.file, m.line, m.operator, m.before, m.after, m.function, fate)
	}
}

// readEquivalent reads lines of the form "folder/file.go Function: before -> after -> reason".
func readEquivalent(path string) (map[string]string, error) {
	known := map[string]string{}
	if path == "" {
		return known, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndex(line, " -> ")
		if at < 0 || !strings.Contains(line[:at], " -> ") {
			return nil, fmt.Errorf("%s: %q: want \"file function: before -> after -> reason\"", path, line)
		}
		known[line[:at]] = line[at+4:]
	}
	return known, lines.Err()
}
