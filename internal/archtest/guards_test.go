package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"strings"
	"testing"
)

// mounting are the names of net/http that mount or serve a handler without a guard.
var mounting = []string{"NewServeMux", "ServeMux", "DefaultServeMux", "Handle", "HandleFunc", "ListenAndServe", "ListenAndServeTLS", "Serve", "ServeTLS"}

// limits are what every server sets, because the zero value waits for ever.
var limits = []string{"ReadHeaderTimeout", "ReadTimeout", "IdleTimeout"}

// ofHTTP returns the name of net/http that an expression selects, empty for any other.
func ofHTTP(n ast.Node) string {
	s, ok := n.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if from, ok := s.X.(*ast.Ident); ok && from.Name == "http" {
		return s.Sel.Name
	}
	return ""
}

// Of everything that strangers can reach, a guard is said where it is mounted: access.Mux takes
// no handler without one.
func TestNoHandlerIsMountedWithoutAGuard(t *testing.T) {
	t.Parallel()
	seen := 0
	for name, content := range tracked(t) {
		dir := path.Dir(name)
		fake := strings.HasSuffix(dir, "test")
		// The bench is a program of its own, and the buildpack's main is Google's.
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || below(dir, "bench") || below(dir, "tools") || dir == "internal/buildpack" || strings.Contains(name, "/testdata/") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, content, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		seen++
		ast.Inspect(file, func(n ast.Node) bool {
			if got := ofHTTP(n); !fake && dir != "shared/access" {
				for _, name := range mounting {
					if got == name {
						t.Errorf("%s: http.%s mounts a handler without a guard: use access.Mux", set.Position(n.Pos()), got)
					}
				}
			}
			literal, ok := n.(*ast.CompositeLit)
			if !ok || ofHTTP(literal.Type) != "Server" {
				return true
			}
			sets := map[string]bool{}
			for _, e := range literal.Elts {
				if field, ok := e.(*ast.KeyValueExpr); ok {
					if key, ok := field.Key.(*ast.Ident); ok {
						sets[key.Name] = true
					}
				}
			}
			for _, limit := range limits {
				if !sets[limit] {
					t.Errorf("%s: a server without %s lets a slow client stay", set.Position(n.Pos()), limit)
				}
			}
			return true
		})
	}
	if seen < 100 {
		t.Errorf("only %d files were looked at", seen)
	}
}
