package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/tools/go/packages"
)

// slowest is how long a test may take alone. One that takes longer is left out.
const slowest = 10 * time.Second

// binary is a compiled test binary, and which of its tests reach which mutants.
type binary struct {
	path, dir, pkg string
	reach          map[int][]test // by mutant
}

type test struct {
	name string
	took time.Duration
}

// dependents returns the other packages whose tests are linked with a package.
func dependents(dir, of string) ([]*packages.Package, error) {
	mode := packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedDeps | packages.NeedForTest
	all, err := packages.Load(&packages.Config{Mode: mode, Dir: dir, Tests: true}, "./...")
	if err != nil {
		return nil, err
	}
	plain := map[string]*packages.Package{}
	for _, p := range all {
		plain[p.ID] = p
	}
	var found []*packages.Package
	for _, p := range all {
		path, isTest := strings.CutSuffix(p.PkgPath, ".test")
		linked := false
		packages.Visit([]*packages.Package{p}, nil, func(dependency *packages.Package) { linked = linked || dependency.PkgPath == of })
		if isTest && path != of && linked && plain[path] != nil {
			found = append(found, plain[path])
		}
	}
	return found, nil
}

// build compiles the test binary of a package with files laid over the tree. It returns nil for a
// package without tests. Vet is off, because it would refuse some mutants.
func build(work, dir string, files map[string][]byte, p *packages.Package) (*binary, error) {
	replace := map[string]string{}
	for path, content := range files {
		to := filepath.Join(work, filepath.Base(path))
		if err := os.WriteFile(to, content, 0o600); err != nil {
			return nil, err
		}
		replace[path] = to
	}
	overlay := filepath.Join(work, "overlay.json")
	content, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(overlay, content, 0o600); err != nil {
		return nil, err
	}
	b := &binary{path: filepath.Join(work, "package.test"), dir: filepath.Dir(p.GoFiles[0]), pkg: p.PkgPath}
	cmd := exec.Command("go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay="+overlay, "-o", b.path, b.pkg)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go test -c %s: %w\n%s", b.pkg, err, out)
	}
	if _, err := os.Stat(b.path); err != nil {
		return nil, nil
	}
	return b, nil
}

// run starts the binary with one mutant on and reports whether the tests passed.
func (b *binary) run(work string, mutant int, reached, tests string, timeout time.Duration, args ...string) (out string, passed bool) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.path, append([]string{"-test.run=" + tests, "-test.failfast"}, args...)...)
	cmd.Dir = b.dir
	temp := filepath.Join(work, "temp")
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return err.Error(), false
	}
	defer os.RemoveAll(temp)
	cmd.Env = append(os.Environ(), "MUTANT="+strconv.Itoa(mutant), "MUTANTS_REACHED="+reached, "TMPDIR="+temp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	content, err := cmd.CombinedOutput()
	return string(content), err == nil
}

// reached runs tests without a mutant. It returns the mutants that they reach, and false if they fail or take too long.
func (b *binary) reached(work, tests string, timeout time.Duration) (mutants []int, out string, ok bool, err error) {
	file := filepath.Join(work, "reached")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return nil, "", false, err
	}
	out, ok = b.run(work, 0, file, tests, timeout)
	content, err := os.ReadFile(file)
	for _, field := range strings.Fields(string(content)) {
		n, malformed := strconv.Atoi(field)
		mutants, err = append(mutants, n), errors.Join(err, malformed)
	}
	slices.Sort(mutants)
	return slices.Compact(mutants), out, ok, err // a process that a test starts writes as well
}

// measure runs each test alone and records which mutants it reaches.
func (b *binary) measure(work string) error {
	out, ok := b.run(work, 0, "", "^$", time.Minute, "-test.list=^(Test|Fuzz|Example)")
	if !ok {
		return fmt.Errorf("%s: list the tests: %s", b.pkg, out)
	}
	b.reach = map[int][]test{}
	for _, name := range strings.Fields(out) {
		start := time.Now()
		mutants, out, ok, err := b.reached(work, "^"+name+"$", slowest)
		took := time.Since(start)
		if err != nil {
			return fmt.Errorf("%s: reached: %w", b.pkg, err)
		}
		if !ok {
			lines := strings.SplitAfter(out, "\n")
			fmt.Fprintf(os.Stderr, "%s: %s is left out: it fails or takes more than %s without a mutant\n%s", b.pkg, name, slowest, strings.Join(lines[max(0, len(lines)-5):], ""))
			continue
		}
		for _, n := range mutants {
			b.reach[n] = append(b.reach[n], test{name, took})
		}
	}
	return nil
}

// kills reports whether a test of the binary fails with the mutant on.
func (b *binary) kills(work string, mutant int) bool {
	var names []string
	took := time.Duration(0)
	for _, t := range b.reach[mutant] {
		names, took = append(names, t.name), took+t.took
	}
	_, passed := b.run(work, mutant, "", "^("+strings.Join(names, "|")+")$", max(10*time.Second, 4*took))
	return !passed
}

// result is the row of one package.
type result struct {
	pkg        string
	mutants    []*mutant
	equivalent int
}

// try runs all mutants of a package against its own tests and, with any, those of its dependents.
func try(o options, pattern string) (result, error) {
	r := result{pkg: pattern}
	p, err := load(o.dir, pattern, nil)
	if err != nil {
		return r, err
	}
	if len(p.Errors) > 0 {
		return r, p.Errors[0]
	}
	work, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(work)

	chosen, err := find(p)
	if err != nil {
		return r, err
	}
	all := len(chosen)
	chosen = slices.DeleteFunc(chosen, func(m *mutant) bool {
		return o.equivalent[strings.TrimPrefix(pattern, "./")+"/"+m.key()] != ""
	})
	r.equivalent = all - len(chosen)
	slices.SortStableFunc(chosen, func(a, b *mutant) int { return strings.Compare(a.rank(), b.rank()) })
	if o.sample > 0 && len(chosen) > o.sample {
		chosen = chosen[:o.sample]
	}
	files, chosen, err := rewrite(o.dir, p, chosen)
	if err != nil {
		return r, err
	}
	r.mutants = chosen
	// The package's own tests first: only what they let live is tried elsewhere.
	if err := tryOn(work, o.dir, files, p, p, chosen); err != nil {
		return r, err
	}
	for _, m := range chosen {
		m.own = m.any
	}
	if o.mode == "any" {
		others, err := dependents(o.dir, p.PkgPath)
		if err != nil {
			return r, err
		}
		for _, other := range others {
			if err := tryOn(work, o.dir, files, p, other, chosen); err != nil {
				return r, err
			}
		}
	}
	slices.SortStableFunc(r.mutants, func(a, b *mutant) int { return cmp.Or(strings.Compare(a.file, b.file), a.line-b.line) })
	return r, nil
}

// tryOn runs the mutants of a package that still live against the tests of one package.
func tryOn(work, dir string, files map[string][]byte, of, tests *packages.Package, mutants []*mutant) error {
	left := slices.DeleteFunc(slices.Clone(mutants), func(m *mutant) bool { return m.any.killed })
	b, err := build(work, dir, files, tests)
	if err != nil || b == nil {
		return err
	}
	defer os.Remove(b.path)
	if tests.PkgPath != of.PkgPath {
		// All tests at once are quicker than one by one, and most dependents reach few mutants.
		seen, _, ok, err := b.reached(work, ".", 3*slowest)
		if err != nil || ok && !slices.ContainsFunc(left, func(m *mutant) bool { return slices.Contains(seen, m.id) }) {
			return err
		}
	}
	if err := b.measure(work); err != nil {
		return err
	}
	live := 0
	for _, m := range left {
		if len(b.reach[m.id]) > 0 {
			m.any = fate{reached: true, killed: b.kills(work, m.id)}
		}
		if !m.any.killed {
			live++
		}
	}
	fmt.Fprintf(os.Stderr, "%s: %d of %d mutants live after the tests of %s\n", of.PkgPath, live, len(left), b.pkg)
	return nil
}
