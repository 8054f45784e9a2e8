package cause

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"
)

// TestEveryConstantIsInTheTable reads the source, since Go cannot list constants:
// a cause without texts would render as unclassified.
func TestEveryConstantIsInTheTable(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "cause.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "Cause" {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		n++
		if _, known := Parse(value); !known {
			t.Errorf("constant %s = %q has no entry in the table", spec.Names[0].Name, value)
		}
		return true
	})
	if n != len(All()) {
		t.Errorf("%d constants, %d table entries", n, len(All()))
	}
}
