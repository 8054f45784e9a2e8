package main

import (
	"crypto/sha256"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// mutant is one small change of the source that a test should notice.
type mutant struct {
	id       int
	file     string // relative to the package's folder
	line     int
	function string // the enclosing function or "", so that a key survives moved lines
	operator string
	before   string
	after    string

	from, to int                           // the range in the source that the change wraps
	wrap     func(n int, in string) string // the source with the switch; in holds the switches inside the range

	own, any fate // by the package's own tests, and by any
}

// fate is what tests did with a mutant.
type fate struct{ reached, killed bool }

// key names the mutant without its line.
func (m *mutant) key() string {
	place := m.file
	if m.function != "" {
		place += " " + m.function
	}
	return place + ": " + m.before + " -> " + m.after
}

// rank orders mutants at random and always alike, whatever other code changes.
func (m *mutant) rank() string {
	sum := sha256.Sum256([]byte(m.key() + "|" + m.operator))
	return string(sum[:])
}

// finder collects the mutants of one file.
type finder struct {
	*packages.Package
	name     string
	src      []byte
	imported map[string]string // import path to the name in this file
	function string
	results  *types.Tuple // of the innermost function
	found    []*mutant
}

// find returns the mutants of a package.
func find(p *packages.Package) ([]*mutant, error) {
	var all []*mutant
	for i, file := range p.Syntax {
		src, err := os.ReadFile(p.CompiledGoFiles[i])
		if err != nil {
			return nil, err
		}
		if ast.IsGenerated(file) {
			continue
		}
		f := &finder{Package: p, name: filepath.Base(p.CompiledGoFiles[i]), src: src, imported: map[string]string{}}
		for _, spec := range file.Imports {
			if imported := p.TypesInfo.PkgNameOf(spec); imported != nil {
				f.imported[imported.Imported().Path()] = imported.Name()
			}
		}
		f.walk(file)
		all = append(all, f.found...)
	}
	return all, nil
}

func (f *finder) offset(p token.Pos) int { return f.Fset.Position(p).Offset }

func (f *finder) text(n ast.Node) string { return string(f.src[f.offset(n.Pos()):f.offset(n.End())]) }

func (f *finder) add(n ast.Node, operator, before, after string, wrap func(int, string) string) {
	f.found = append(f.found, &mutant{
		file: f.name, line: f.Fset.Position(n.Pos()).Line, function: f.function, operator: operator,
		before: oneLine(before), after: oneLine(after),
		from: f.offset(n.Pos()), to: f.offset(n.End()), wrap: wrap,
	})
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 120 {
		return string(r[:119]) + "…"
	}
	return s
}

// walk collects the mutants of n.
func (f *finder) walk(n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GenDecl:
			return n.Tok == token.VAR
		case *ast.FuncDecl:
			if n.Body != nil {
				f.function = funcName(n)
				f.inside(n.Body, f.TypesInfo.Defs[n.Name].Type())
				f.function = ""
			}
			return false
		case *ast.FuncLit:
			f.inside(n.Body, f.TypesInfo.TypeOf(n))
			return false
		case *ast.SwitchStmt:
			return f.switchStmt(n)
		case ast.Stmt:
			f.statement(n)
		case ast.Expr:
			if f.TypesInfo.Types[n].IsType() {
				return false
			}
			f.expression(n)
			return f.TypesInfo.Types[n].Value == nil
		}
		return true
	})
}

func (f *finder) inside(body *ast.BlockStmt, signature types.Type) {
	outer := f.results
	f.results = signature.Underlying().(*types.Signature).Results()
	f.walk(body)
	f.results = outer
}

// switchStmt leaves the labels of a switch over a value alone, because they are mostly constants.
func (f *finder) switchStmt(n *ast.SwitchStmt) bool {
	if n.Tag == nil {
		return true
	}
	if n.Init != nil {
		f.walk(n.Init)
	}
	f.walk(n.Tag)
	for _, clause := range n.Body.List {
		c := clause.(*ast.CaseClause)
		f.list(c.Body)
		for _, s := range c.Body {
			f.walk(s)
		}
	}
	return false
}

func funcName(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return d.Name.Name
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name + "." + d.Name.Name
		default:
			return d.Name.Name
		}
	}
}

func (f *finder) statement(n ast.Stmt) {
	switch n := n.(type) {
	case *ast.BlockStmt:
		f.list(n.List)
	case *ast.CaseClause:
		f.list(n.Body)
		for _, cond := range n.List {
			f.negate(cond, "condition")
		}
	case *ast.CommClause:
		f.list(n.Body)
	case *ast.IfStmt:
		f.negate(n.Cond, "condition")
	case *ast.ForStmt:
		if n.Cond != nil {
			f.negate(n.Cond, "condition")
		}
	case *ast.ReturnStmt:
		f.returned(n)
	}
}

// list removes statements of a block, but for declarations.
func (f *finder) list(list []ast.Stmt) {
	for _, s := range list {
		operator := "call"
		switch s := s.(type) {
		case *ast.ExprStmt:
			if !f.removable(s.X) {
				continue
			}
		case *ast.AssignStmt:
			named := func(x ast.Expr) bool { return f.text(x) != "_" }
			if operator = "assignment"; s.Tok == token.DEFINE || !slices.ContainsFunc(s.Lhs, named) {
				continue
			}
		case *ast.IncDecStmt:
			operator = "assignment"
		case *ast.DeferStmt:
			if operator = "defer"; !f.removable(s.Call) {
				continue
			}
		case *ast.GoStmt:
		default:
			continue
		}
		f.add(s, operator, f.text(s), "removed", func(n int, in string) string {
			return fmt.Sprintf("if !mutantOn(%d) {\n%s\n}", n, in)
		})
	}
}

// removable leaves panics, and locks, whose removal only the race detector sees.
func (f *finder) removable(x ast.Expr) bool {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	if !ok {
		return false
	}
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return fun.Name != "panic"
	case *ast.SelectorExpr:
		return !slices.Contains([]string{"Lock", "Unlock", "RLock", "RUnlock"}, fun.Sel.Name)
	}
	return true
}

// negate adds the opposite of x. What compares for equality is negated as a comparison.
func (f *finder) negate(x ast.Expr, operator string) {
	b, ok := ast.Unparen(x).(*ast.BinaryExpr)
	if ok && (b.Op == token.EQL || b.Op == token.NEQ) || f.TypesInfo.Types[x].IsType() || !isKind(f.TypesInfo.TypeOf(x), types.IsBoolean) {
		return
	}
	f.add(x, operator, f.text(x), "!("+f.text(x)+")", func(n int, in string) string {
		return fmt.Sprintf("(mutantOn(%d) != (%s))", n, in)
	})
}

func (f *finder) returned(n *ast.ReturnStmt) {
	if f.results == nil || len(n.Results) == 0 || len(n.Results) != f.results.Len() {
		return
	}
	for i, x := range n.Results {
		if t := f.results.At(i).Type(); isKind(t, types.IsBoolean) {
			f.negate(x, "returned bool")
		} else if i == len(n.Results)-1 && types.Identical(t, types.Universe.Lookup("error").Type()) && !f.TypesInfo.Types[x].IsNil() {
			f.add(x, "returned error", "return "+f.text(x), "nil", func(n int, in string) string {
				return fmt.Sprintf("mutantZero[error](%d, %s)", n, in)
			})
		}
	}
}

func (f *finder) expression(x ast.Expr) {
	switch x := x.(type) {
	case *ast.BinaryExpr:
		f.binary(x)
	case *ast.CompositeLit:
		f.fields(x)
	case *ast.CallExpr:
		f.arguments(x)
	}
}

// fields replaces the value of a field of a struct literal by its zero.
func (f *finder) fields(x *ast.CompositeLit) {
	for _, element := range x.Elts {
		kv, ok := element.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		name, ok := kv.Key.(*ast.Ident)
		if !ok {
			continue
		}
		field, ok := f.TypesInfo.Uses[name].(*types.Var)
		if !ok || !field.IsField() {
			continue
		}
		tv := f.TypesInfo.Types[kv.Value]
		operator := "wiring"
		if tv.Value != nil {
			if operator = "content"; tv.Value.Kind() != constant.String || constant.StringVal(tv.Value) == "" {
				continue
			}
		}
		if t, ok := f.typeName(field.Type()); ok && !tv.IsNil() {
			f.add(kv.Value, operator, name.Name+": "+f.text(kv.Value), name.Name+": zero", func(n int, in string) string {
				return fmt.Sprintf("mutantZero[%s](%d, %s)", t, n, in)
			})
		}
	}
}

// arguments empties constant strings in calls: one call in four, because most are texts of errors.
func (f *finder) arguments(x *ast.CallExpr) {
	if tv := f.TypesInfo.Types[x.Fun]; tv.IsType() || tv.IsBuiltin() || f.TypesInfo.Types[x].Value != nil {
		return
	}
	for _, arg := range x.Args {
		tv := f.TypesInfo.Types[arg]
		if tv.Value == nil || tv.Value.Kind() != constant.String || constant.StringVal(tv.Value) == "" {
			continue
		}
		t, ok := f.typeName(types.Default(tv.Type))
		h := fnv.New32a()
		h.Write([]byte(f.text(x)))
		if ok && h.Sum32()%4 == 0 {
			f.add(arg, "content", f.text(arg)+" in "+f.text(x.Fun), `""`, func(n int, in string) string {
				return fmt.Sprintf("mutantZero[%s](%d, %s)", t, n, in)
			})
		}
	}
}

func isKind(t types.Type, kind types.BasicInfo) bool {
	if t == nil {
		return false
	}
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&kind != 0
}

// typeName spells a type as the file does. ok is false when the file does not import the type's package.
func (f *finder) typeName(t types.Type) (name string, ok bool) {
	ok = true
	name = types.TypeString(t, func(p *types.Package) string {
		if p == f.Types {
			return ""
		}
		as, known := f.imported[p.Path()]
		ok = ok && known
		return as
	})
	return name, ok
}
