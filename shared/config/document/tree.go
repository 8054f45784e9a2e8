package document

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// kind is the shape of a value in the document.
type kind int

const (
	kindNull kind = iota
	kindText
	kindInteger
	kindNumber
	kindBool
	kindList
	kindObject
	kindAnchor
	kindTag
	kindOther
)

func (k kind) String() string {
	return [...]string{"nothing", "a text", "a whole number", "a number", "true or false", "a list", "an object",
		"an anchor or alias (& or *), which is not supported", "a value with a tag (!), which is not supported", "a kind of value that is not supported"}[k]
}

// place is where a value stands.
type place struct {
	file         string
	line, column int
}

// Node is a value of the document with its place. Documents are merged as nodes, so
// that a problem found later still knows its line.
type Node struct {
	kind   kind
	at     place
	text   string  // of a scalar
	items  []*Node // of a list
	fields []field // of an object, in document order
}

type field struct {
	name  string
	at    place
	value *Node
}

// get returns the value of a key of an object, or nil.
func (n *Node) get(name string) *Node {
	for _, f := range n.fields {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

// Split returns the object without the named keys, and one with them alone.
func (n *Node) Split(names ...string) (rest, named *Node) {
	rest, named = &Node{kind: n.kind, at: n.at}, &Node{kind: n.kind, at: n.at}
	for _, f := range n.fields {
		if slices.Contains(names, f.name) {
			named.fields = append(named.fields, f)
		} else {
			rest.fields = append(rest.fields, f)
		}
	}
	return rest, named
}

// builder turns the parser's tree into nodes.
type builder struct {
	file     string
	problems Problems
}

func (b *builder) problem(at place, key, what, example string) {
	b.problems = append(b.problems, problem(at, key, what, example, true))
}

func (b *builder) at(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{file: b.file}
	}
	return place{b.file, t.Position.Line, max(1, t.Position.Column)}
}

func (b *builder) build(n ast.Node) *Node {
	at := b.at(n.GetToken())
	switch n := n.(type) {
	case *ast.MappingNode:
		return b.object(at, n.Values)
	case *ast.MappingValueNode:
		return b.object(at, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		out := &Node{kind: kindList, at: at}
		for _, v := range n.Values {
			out.items = append(out.items, b.build(v))
		}
		return out
	case *ast.LiteralNode:
		return &Node{kind: kindText, at: at, text: n.Value.Value}
	case *ast.StringNode:
		return &Node{kind: kindText, at: at, text: n.Value}
	case *ast.IntegerNode:
		return &Node{kind: kindInteger, at: at, text: strings.ReplaceAll(n.Token.Value, "_", "")}
	case *ast.FloatNode:
		return &Node{kind: kindNumber, at: at, text: strings.ReplaceAll(n.Token.Value, "_", "")}
	case *ast.BoolNode:
		return &Node{kind: kindBool, at: at, text: fmt.Sprint(n.Value)}
	case *ast.NullNode:
	case *ast.AnchorNode, *ast.AliasNode:
		return &Node{kind: kindAnchor, at: at}
	case *ast.TagNode:
		return &Node{kind: kindTag, at: at}
	default:
		return &Node{kind: kindOther, at: at}
	}
	return &Node{kind: kindNull, at: at}
}

func (b *builder) object(at place, values []*ast.MappingValueNode) *Node {
	out := &Node{kind: kindObject, at: at}
	first := map[string]int{}
	for _, v := range values {
		at := b.at(v.Key.GetToken())
		name := v.Key.GetToken().Value
		switch k := v.Key.(type) {
		case *ast.StringNode:
			name = k.Value
		case *ast.IntegerNode, *ast.BoolNode, *ast.NullNode, *ast.FloatNode:
		case *ast.MergeKeyNode:
			b.problem(at, "", "merge keys (<<) are not supported", "write defaults for all databases at the top of the document")
			continue
		default:
			b.problem(at, "", "this kind of key is not supported", "name: value")
			continue
		}
		if line, twice := first[name]; twice {
			b.problems = append(b.problems, problem(at, Shown(name), fmt.Sprintf("is given twice, first in line %d, which is used", line), "", false))
			continue
		}
		first[name] = at.line
		out.fields = append(out.fields, field{name: name, at: at, value: b.build(v.Value)})
	}
	if len(out.fields) > 0 {
		out.at = out.fields[0].at
	}
	return out
}

// Shown returns a key that the document made up in a form that is harmless in messages,
// because a secret may be pasted in its place: keys are short and have no odd characters.
func Shown(name string) string {
	const longest = 32
	for _, r := range name {
		if r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return "(a key with odd characters)"
		}
	}
	if len(name) > longest || name == "" {
		return "(a key that is too long or empty)"
	}
	return name
}
