package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath, Dir, Name, Export string
	GoFiles, Deps                 []string
}

func goList(dir string, args ...string) ([]listed, error) {
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.Bytes())
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		all = append(all, p)
	}
}

// source is one package with the mutants that its files may hold.
type source struct {
	listed
	fset    *token.FileSet
	exports map[string]string
	files   map[string][]byte // by name
	mutants []*mutant
}

// load reads a package and finds its mutants.
func load(dir, pattern string) (*source, error) {
	all, err := goList(dir, "-export", "-deps", "-json=ImportPath,Dir,Name,Export,GoFiles", "os", "strconv", "sync/atomic", pattern)
	if err != nil {
		return nil, err
	}
	s := &source{listed: all[len(all)-1], fset: token.NewFileSet(), exports: map[string]string{}, files: map[string][]byte{}}
	for _, p := range all {
		s.exports[p.ImportPath] = p.Export
	}
	for _, name := range s.GoFiles {
		if s.files[name], err = os.ReadFile(filepath.Join(s.Dir, name)); err != nil {
			return nil, err
		}
	}
	parsed, info, pkg, problems := s.check(s.files)
	if len(problems) > 0 {
		return nil, fmt.Errorf("type-check %s: %w", s.ImportPath, problems[0])
	}
	for _, name := range s.GoFiles {
		if ast.IsGenerated(parsed[name]) {
			continue
		}
		f := &finder{fset: s.fset, info: info, pkg: pkg, name: name, src: s.files[name], imported: map[string]string{}}
		for _, spec := range parsed[name].Imports {
			if imported := info.PkgNameOf(spec); imported != nil {
				f.imported[imported.Imported().Path()] = imported.Name()
			}
		}
		f.walk(parsed[name])
		s.mutants = append(s.mutants, f.found...)
	}
	return s, nil
}

// check type-checks files as this package.
func (s *source) check(files map[string][]byte) (map[string]*ast.File, *types.Info, *types.Package, []types.Error) {
	var problems []types.Error
	parsed := map[string]*ast.File{}
	var list []*ast.File
	for name, content := range files {
		f, err := parser.ParseFile(s.fset, name, content, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			problems = append(problems, types.Error{Fset: s.fset, Msg: err.Error()})
			return nil, nil, nil, problems
		}
		parsed[name] = f
		list = append(list, f)
	}
	info := &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{},
	}
	conf := types.Config{
		Importer: importer.ForCompiler(s.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(s.exports[path]) }),
		Error: func(err error) {
			var e types.Error
			if errors.As(err, &e) {
				problems = append(problems, e)
			}
		},
	}
	pkg, _ := conf.Check(s.ImportPath, s.fset, list, info)
	return parsed, info, pkg, problems
}

const switchFile = "zz_mutants.go"

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

// rewrite puts the mutants into the package's files, each behind its switch. It returns the new files
// and the mutants without those that do not compile.
func (s *source) rewrite(mutants []*mutant) (map[string][]byte, []*mutant, error) {
	for {
		files := map[string][]byte{switchFile: fmt.Appendf(nil, switches, s.Name, len(mutants)+1)}
		for i, m := range mutants {
			m.id = i + 1
		}
		for name, src := range s.files {
			var of []*mutant
			for _, m := range mutants {
				if m.file == name {
					of = append(of, m)
				}
			}
			slices.SortStableFunc(of, func(a, b *mutant) int { return cmp.Or(a.from-b.from, b.to-a.to) })
			files[name] = []byte(render(src, 0, len(src), of))
		}
		_, _, _, problems := s.check(files)
		if len(problems) == 0 {
			return files, mutants, nil
		}
		bad := map[int]bool{}
		for _, p := range problems {
			at := s.fset.Position(p.Pos)
			lines := strings.SplitAfter(string(files[at.Filename]), "\n")
			for line := min(at.Line, len(lines)) - 1; line >= 0; line-- {
				calls := switchCall.FindAllStringSubmatch(lines[line], -1)
				for _, call := range calls {
					n, _ := strconv.Atoi(call[1])
					bad[n] = true
				}
				if len(calls) > 0 {
					break
				}
			}
		}
		if len(bad) == 0 {
			return nil, nil, fmt.Errorf("the rewritten %s does not compile: %w", s.ImportPath, problems[0])
		}
		mutants = slices.DeleteFunc(slices.Clone(mutants), func(m *mutant) bool { return bad[m.id] })
	}
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
