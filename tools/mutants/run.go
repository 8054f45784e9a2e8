package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// binary is a compiled test binary, and which of its tests reach which mutants.
type binary struct {
	path, dir, pkg string
	reach          map[int][]test // by mutant
}

type test struct {
	name string
	took time.Duration
}

// dependents returns the other packages whose tests are linked with the package.
func (s *source) dependents(dir string) ([]listed, error) {
	all, err := goList(dir, "-test", "-json=ImportPath,Dir,Deps", "./...")
	if err != nil {
		return nil, err
	}
	dirs := map[string]string{}
	for _, p := range all {
		dirs[p.ImportPath] = p.Dir
	}
	var found []listed
	for _, p := range all {
		path, isTest := strings.CutSuffix(p.ImportPath, ".test")
		if isTest && path != s.ImportPath && slices.ContainsFunc(p.Deps, func(d string) bool { return strings.Fields(d)[0] == s.ImportPath }) {
			found = append(found, listed{ImportPath: path, Dir: dirs[path]})
		}
	}
	return found, nil
}

// build compiles the test binary of a package with the rewritten files laid over the tree. It returns nil for a
// package without tests. Vet is off, because it would refuse some mutants.
func (s *source) build(work, dir string, files map[string][]byte, p listed) (*binary, error) {
	replace := map[string]string{}
	for name, content := range files {
		to := filepath.Join(work, name)
		if err := os.WriteFile(to, content, 0o600); err != nil {
			return nil, err
		}
		replace[filepath.Join(s.Dir, name)] = to
	}
	overlay := filepath.Join(work, "overlay.json")
	content, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(overlay, content, 0o600); err != nil {
		return nil, err
	}
	b := &binary{path: filepath.Join(work, "package.test"), dir: p.Dir, pkg: p.ImportPath}
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

// measure runs each test alone and records which mutants it reaches.
func (b *binary) measure(work string, slowest time.Duration) error {
	reached := filepath.Join(work, "reached")
	out, ok := b.run(work, 0, "", "^$", time.Minute, "-test.list=.")
	if !ok {
		return fmt.Errorf("%s: list the tests: %s", b.pkg, out)
	}
	b.reach = map[int][]test{}
	for _, name := range strings.Fields(out) {
		if !regexp.MustCompile(`^(Test|Fuzz|Example)`).MatchString(name) {
			continue
		}
		if err := os.WriteFile(reached, nil, 0o600); err != nil {
			return err
		}
		start := time.Now()
		out, ok := b.run(work, 0, reached, "^"+name+"$", slowest)
		took := time.Since(start)
		if !ok {
			fmt.Fprintf(os.Stderr, "%s: %s is left out: it fails or takes more than %s without a mutant\n%s", b.pkg, name, slowest, lastLines(out, 5))
			continue
		}
		content, err := os.ReadFile(reached)
		if err != nil {
			return err
		}
		for _, field := range strings.Fields(string(content)) {
			n, err := strconv.Atoi(field)
			if err != nil {
				return fmt.Errorf("%s: reached: %w", b.pkg, err)
			}
			if !slices.ContainsFunc(b.reach[n], func(t test) bool { return t.name == name }) {
				b.reach[n] = append(b.reach[n], test{name, took})
			}
		}
	}
	return nil
}

func lastLines(s string, n int) string {
	lines := strings.SplitAfter(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}

// untouched reports whether the tests are known to reach none of the mutants. All tests at once are quicker than
// one by one, and most dependents reach few mutants.
func (b *binary) untouched(work string, left []survivor, slowest time.Duration) (bool, error) {
	reached := filepath.Join(work, "reached")
	if err := os.WriteFile(reached, nil, 0o600); err != nil {
		return false, err
	}
	if _, ok := b.run(work, 0, reached, ".", 3*slowest); !ok {
		return false, nil
	}
	content, err := os.ReadFile(reached)
	seen := strings.Fields(string(content))
	return !slices.ContainsFunc(left, func(m survivor) bool { return slices.Contains(seen, strconv.Itoa(m.id)) }), err
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
	pkg                                       string
	mutants, equivalent                       int
	reached, reachedAny, killedOwn, killedAny int
	survivors                                 []survivor
}

type survivor struct {
	*mutant
	reached   bool
	elsewhere bool // tests of other packages kill it
}

// try runs all mutants of a package against its own tests and, with any, those of its dependents.
func try(o options, pattern string) (result, error) {
	s, err := load(o.dir, pattern)
	if err != nil {
		return result{}, err
	}
	work, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(work)

	r := result{pkg: pattern}
	chosen := slices.DeleteFunc(s.mutants, func(m *mutant) bool {
		_, found := o.equivalent[strings.TrimPrefix(pattern, "./")+"/"+m.key()]
		if found {
			r.equivalent++
		}
		return found
	})
	slices.SortStableFunc(chosen, func(a, b *mutant) int { return cmp.Compare(a.order(o.seed), b.order(o.seed)) })
	if o.sample > 0 && len(chosen) > o.sample {
		chosen = chosen[:o.sample]
	}
	files, chosen, err := s.rewrite(chosen)
	if err != nil {
		return r, err
	}
	r.mutants = len(chosen)
	left := make([]survivor, len(chosen))
	for i, m := range chosen {
		left[i].mutant = m
	}
	// The package's own tests first: only what they let live is tried elsewhere.
	left, err = s.tryOn(work, o, files, s.listed, left)
	if err != nil {
		return r, err
	}
	r.killedOwn = len(chosen) - len(left)
	r.reached = r.killedOwn + countReached(left)
	r.survivors = slices.Clone(left)
	if o.mode == "any" {
		dependents, err := s.dependents(o.dir)
		if err != nil {
			return r, err
		}
		for _, p := range dependents {
			if left, err = s.tryOn(work, o, files, p, left); err != nil {
				return r, err
			}
		}
		for i, own := range r.survivors {
			at := slices.IndexFunc(left, func(l survivor) bool { return l.mutant == own.mutant })
			if r.survivors[i].elsewhere = at < 0; at >= 0 {
				r.survivors[i].reached = left[at].reached
			}
		}
	}
	r.killedAny = len(chosen) - len(left)
	r.reachedAny = r.killedAny + countReached(left)
	slices.SortStableFunc(r.survivors, func(a, b survivor) int { return cmp.Or(strings.Compare(a.file, b.file), a.line-b.line) })
	return r, nil
}

// tryOn runs the mutants that are left against the tests of one package, and returns those that live.
func (s *source) tryOn(work string, o options, files map[string][]byte, p listed, left []survivor) ([]survivor, error) {
	b, err := s.build(work, o.dir, files, p)
	if err != nil || b == nil {
		return left, err
	}
	defer os.Remove(b.path)
	if p.ImportPath != s.ImportPath {
		if pass, err := b.untouched(work, left, o.slowest); pass || err != nil {
			return left, err
		}
	}
	if err := b.measure(work, o.slowest); err != nil {
		return left, err
	}
	var live []survivor
	for _, m := range left {
		if len(b.reach[m.id]) > 0 {
			m.reached = true
			if b.kills(work, m.id) {
				continue
			}
		}
		live = append(live, m)
	}
	fmt.Fprintf(os.Stderr, "%s: %d of %d mutants live after the tests of %s\n", s.ImportPath, len(live), len(left), b.pkg)
	return live, nil
}

func countReached(mutants []survivor) int {
	return len(slices.DeleteFunc(slices.Clone(mutants), func(m survivor) bool { return !m.reached }))
}
