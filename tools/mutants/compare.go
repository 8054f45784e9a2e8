package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
)

// change is what becomes of an operator, and the constant's change that differs from a boundary's: x < 3 becomes
// x <= 3 by the one and x < 2 by the other.
type change struct {
	to         token.Token
	kind, step string
}

var changes = map[token.Token]change{
	token.LSS: {token.LEQ, "boundary", "-1"}, token.LEQ: {token.LSS, "boundary", "+1"},
	token.GTR: {token.GEQ, "boundary", "+1"}, token.GEQ: {token.GTR, "boundary", "-1"},
	token.EQL: {token.NEQ, "condition", "+1"}, token.NEQ: {token.EQL, "condition", "+1"},
	token.LAND: {token.LOR, "condition", ""}, token.LOR: {token.LAND, "condition", ""},
	token.ADD: {token.SUB, "arithmetic", ""}, token.SUB: {token.ADD, "arithmetic", ""},
	token.MUL: {token.QUO, "arithmetic", ""}, token.QUO: {token.MUL, "arithmetic", ""},
}

func (f *finder) binary(x *ast.BinaryExpr) {
	by, ok := changes[x.Op]
	if !ok || f.TypesInfo.Types[x].Value != nil {
		return
	}
	left, right := f.text(x.X), f.text(x.Y)
	alternative := "(" + left + ") " + by.to.String() + " (" + right + ")"
	shown := left + " " + by.to.String() + " " + right
	if by.kind == "arithmetic" {
		if t, ok := f.typeName(f.TypesInfo.TypeOf(x)); ok && isKind(f.TypesInfo.TypeOf(x), types.IsNumeric) {
			f.add(x, by.kind, f.text(x), shown, func(n int, in string) string {
				return fmt.Sprintf("mutantPick(%d, func() %s { return %s }, func() %s { return %s })", n, t, alternative, t, in)
			})
		}
		return
	}
	if x.Op == token.LAND || x.Op == token.LOR {
		f.negate(x.X, by.kind)
		f.negate(x.Y, by.kind)
	}
	f.choose(x, by.kind, shown, alternative)
	if by.step != "" && f.steppable(x.Y, by.step) {
		f.choose(x, "boundary", left+" "+x.Op.String()+" "+right+by.step, "("+left+") "+x.Op.String()+" (("+right+")"+by.step+")")
	}
}

func (f *finder) steppable(y ast.Expr, by string) bool {
	tv := f.TypesInfo.Types[y]
	if tv.Value == nil || tv.Value.Kind() != constant.Int || !isKind(tv.Type, types.IsInteger) {
		return false
	}
	return by != "-1" || !isKind(tv.Type, types.IsUnsigned) || constant.Sign(tv.Value) > 0
}

// choose adds an alternative of type bool.
func (f *finder) choose(x ast.Expr, operator, shown, alternative string) {
	f.add(x, operator, f.text(x), shown, func(n int, in string) string {
		return fmt.Sprintf("(mutantOn(%d) && (%s) || !mutantOn(%d) && (%s))", n, alternative, n, in)
	})
}
