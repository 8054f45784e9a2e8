package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
)

var swaps = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.LAND: token.LOR, token.LOR: token.LAND,
	token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL,
}

var kinds = map[token.Token]string{
	token.LSS: "boundary", token.LEQ: "boundary", token.GTR: "boundary", token.GEQ: "boundary",
	token.EQL: "condition", token.NEQ: "condition", token.LAND: "condition", token.LOR: "condition",
	token.ADD: "arithmetic", token.SUB: "arithmetic", token.MUL: "arithmetic", token.QUO: "arithmetic",
}

// step is the constant's change that differs from the boundary's: x < 3 becomes x <= 3 there and x < 2 here.
var step = map[token.Token]string{
	token.LSS: "-1", token.GEQ: "-1", token.LEQ: "+1", token.GTR: "+1", token.EQL: "+1", token.NEQ: "+1",
}

func (f *finder) binary(x *ast.BinaryExpr) {
	swap, ok := swaps[x.Op]
	if !ok || f.info.Types[x].Value != nil {
		return
	}
	left, right := f.text(x.X), f.text(x.Y)
	alternative := "(" + left + ") " + swap.String() + " (" + right + ")"
	shown := left + " " + swap.String() + " " + right
	switch kinds[x.Op] {
	case "arithmetic":
		if t, ok := f.typeName(f.info.TypeOf(x)); ok && isKind(f.info.TypeOf(x), types.IsNumeric) {
			f.add(x, "arithmetic", f.text(x), shown, func(n int, in string) string {
				return fmt.Sprintf("mutantPick(%d, func() %s { return %s }, func() %s { return %s })", n, t, alternative, t, in)
			})
		}
		return
	case "condition":
		if x.Op == token.LAND || x.Op == token.LOR {
			f.negate(x.X, "condition")
			f.negate(x.Y, "condition")
		}
	}
	f.choose(x, kinds[x.Op], shown, alternative)
	if by := step[x.Op]; by != "" && f.steppable(x.Y, by) {
		f.choose(x, "boundary", left+" "+x.Op.String()+" "+right+by, "("+left+") "+x.Op.String()+" (("+right+")"+by+")")
	}
}

func (f *finder) steppable(y ast.Expr, by string) bool {
	tv := f.info.Types[y]
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
