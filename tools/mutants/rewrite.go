package main

import (
	"cmp"
	"fmt"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"
)

// load reads and type-checks a package of a module, with files laid over the tree.
func load(dir, pattern string, overlay map[string][]byte) (*packages.Package, error) {
	mode := packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo
	all, err := packages.Load(&packages.Config{Mode: mode, Dir: dir, Overlay: overlay}, pattern)
	if err != nil {
		return nil, err
	}
	if len(all) != 1 || len(all[0].CompiledGoFiles) == 0 {
		return nil, fmt.Errorf("%s: want one package, got %v", pattern, all)
	}
	return all[0], nil
}

// switches is the file that is added to the package. It imports os and nothing that could import the package.
const switches = `package %s

import (
	mutantOS "os"
	mutantConv "strconv"
	mutantAtomic "sync/atomic"
)

var (
	mutantChosen = func() int { n, _ := mutantConv.Atoi(mutantOS.Getenv("MUTANT")); return n }()
	mutantFile   = func() *mutantOS.File {
		f, _ := mutantOS.OpenFile(mutantOS.Getenv("MUTANTS_REACHED"), mutantOS.O_APPEND|mutantOS.O_WRONLY, 0)
		return f
	}()
	mutantSeen [%d]mutantAtomic.Bool
)

func mutantOn(n int) bool {
	if mutantFile != nil && mutantSeen[n].CompareAndSwap(false, true) {
		mutantFile.WriteString(mutantConv.Itoa(n) + "\n")
	}
	return n == mutantChosen
}

func mutantZero[T any](n int, v T) T {
	if mutantOn(n) {
		var zero T
		return zero
	}
	return v
}

func mutantPick[T any](n int, mutated, original func() T) T {
	if mutantOn(n) {
		return mutated()
	}
	return original()
}
`

var switchCall = regexp.MustCompile(`mutant(?:On|Zero\[.*?\]|Pick)\((\d+)`)

// rewrite puts the mutants into the package's files, each behind its switch. It returns the new files by their
// path, and the mutants without those that do not compile.
func rewrite(dir string, p *packages.Package, mutants []*mutant) (map[string][]byte, []*mutant, error) {
	folder := filepath.Dir(p.CompiledGoFiles[0])
	for {
		files := map[string][]byte{filepath.Join(folder, "zz_mutants.go"): fmt.Appendf(nil, switches, p.Name, len(mutants)+1)}
		for i, m := range mutants {
			m.id = i + 1
		}
		for _, path := range p.CompiledGoFiles {
			src, err := os.ReadFile(path)
			if err != nil {
				return nil, nil, err
			}
			of := slices.DeleteFunc(slices.Clone(mutants), func(m *mutant) bool { return m.file != filepath.Base(path) })
			slices.SortStableFunc(of, func(a, b *mutant) int { return cmp.Or(a.from-b.from, b.to-a.to) })
			files[path] = []byte(render(src, 0, len(src), of))
		}
		rewritten, err := load(dir, p.PkgPath, files)
		if err != nil {
			return nil, nil, err
		}
		if len(rewritten.Errors) == 0 {
			return files, mutants, nil
		}
		bad := map[int]bool{}
		for _, problem := range rewritten.TypeErrors {
			for _, id := range switchesAt(problem, files) {
				bad[id] = true
			}
		}
		if len(bad) == 0 {
			return nil, nil, fmt.Errorf("the rewritten %s does not compile: %w", p.PkgPath, rewritten.Errors[0])
		}
		mutants = slices.DeleteFunc(slices.Clone(mutants), func(m *mutant) bool { return bad[m.id] })
	}
}

// switchesAt returns the mutants whose switches stand in the line of a problem, or in the last line before it that has one.
func switchesAt(problem types.Error, files map[string][]byte) (ids []int) {
	at := problem.Fset.Position(problem.Pos)
	lines := strings.SplitAfter(string(files[at.Filename]), "\n")
	for line := min(at.Line, len(lines)) - 1; line >= 0 && ids == nil; line-- {
		for _, call := range switchCall.FindAllStringSubmatch(lines[line], -1) {
			n, _ := strconv.Atoi(call[1])
			ids = append(ids, n)
		}
	}
	return ids
}

// render returns the source from one offset to another with the mutants inside, which are sorted outermost first.
func render(src []byte, from, to int, mutants []*mutant) string {
	var out strings.Builder
	for len(mutants) > 0 {
		m := mutants[0]
		n := 1
		for n < len(mutants) && mutants[n].from < m.to {
			n++
		}
		out.Write(src[from:m.from])
		out.WriteString(m.wrap(m.id, render(src, m.from, m.to, mutants[1:n])))
		from = m.to
		mutants = mutants[n:]
	}
	out.Write(src[from:to])
	return out.String()
}
