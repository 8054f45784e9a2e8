package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// toolSwitch is how a test asks for a tool beyond Go; scripts/test sets the variable.
var toolSwitch = regexp.MustCompile(`PONGWATCH_TEST_[A-Z0-9_]+`)

// testFiles parses every test file, and the files of every package for tests.
func testFiles(t *testing.T, visit func(name string, fset *token.FileSet, file *ast.File)) {
	t.Helper()
	files := tracked(t)
	for _, name := range sorted(files) {
		inTestPackage := strings.HasSuffix(filepath.Base(filepath.Dir(name)), "test")
		if filepath.Ext(name) != ".go" || !strings.HasSuffix(name, "_test.go") && !inTestPackage {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, files[name], parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			continue
		}
		visit(name, fset, file)
	}
}

func TestASkippedTestNamesTheSwitchThatRunsIt(t *testing.T) {
	t.Parallel()
	testFiles(t, func(_ string, fset *token.FileSet, file *ast.File) {
		named := map[string]string{} // string constants of the file, for messages put together from them
		ast.Inspect(file, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Names) == len(v.Values) {
				for i, name := range v.Names {
					named[name.Name] = literals(v.Values[i], nil)
				}
			}
			return true
		})
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if method := selected(call); method == "Skip" || method == "Skipf" || method == "SkipNow" {
				said := ""
				for _, arg := range call.Args {
					said += literals(arg, named)
				}
				if !toolSwitch.MatchString(said) {
					t.Errorf("%s: a skipped test looks green: name the %s variable that runs it, or fail", fset.Position(call.Pos()), "PONGWATCH_TEST_"+"…")
				}
			}
			return true
		})
	})
}

func TestEverySwitchIsSetByTheScript(t *testing.T) {
	t.Parallel()
	files := tracked(t)
	script := string(files["scripts/test"])
	for _, name := range sorted(files) {
		if filepath.Ext(name) != ".go" {
			continue
		}
		for _, variable := range toolSwitch.FindAllString(string(files[name]), -1) {
			if !regexp.MustCompile(`\b` + variable + `=1\b`).MatchString(script) {
				t.Errorf("%s asks for %s, which scripts/test never sets", name, variable)
			}
		}
	}
}

func TestNoTestSleepsOutsideABubble(t *testing.T) {
	t.Parallel()
	testFiles(t, func(name string, fset *token.FileSet, file *ast.File) {
		// A fake sleeps to be slow.
		if !strings.HasSuffix(name, "_test.go") || slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing/synctest"` }) {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ForStmt: // polls a real socket or process until its condition holds
				if n.Cond != nil {
					return false
				}
			case *ast.FuncLit: // a server that is slow on purpose
				if len(n.Type.Params.List) > 0 && isResponseWriter(n.Type.Params.List[0].Type) {
					return false
				}
			}
			call, ok := n.(*ast.CallExpr)
			if ok && selected(call) == "Sleep" && receiver(call) == "time" {
				t.Errorf("%s sleeps: wait for the condition, or use testing/synctest", fset.Position(call.Pos()))
			}
			return true
		})
	})
}

func isResponseWriter(e ast.Expr) bool {
	s, ok := e.(*ast.SelectorExpr)
	return ok && s.Sel.Name == "ResponseWriter"
}

func selected(call *ast.CallExpr) string {
	if s, ok := call.Fun.(*ast.SelectorExpr); ok {
		return s.Sel.Name
	}
	return ""
}

func receiver(call *ast.CallExpr) string {
	if s, ok := call.Fun.(*ast.SelectorExpr); ok {
		if id, ok := s.X.(*ast.Ident); ok {
			return id.Name
		}
	}
	return ""
}

// literals joins the string literals, and the named constants, of an expression.
func literals(e ast.Expr, named map[string]string) string {
	var b strings.Builder
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			b.WriteString(n.Value)
		case *ast.Ident:
			b.WriteString(named[n.Name])
		}
		return true
	})
	return b.String()
}
