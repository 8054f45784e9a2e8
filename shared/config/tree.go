package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/pongwatch/pongwatch/shared/cause"
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
)

func (k kind) String() string {
	return [...]string{"nothing", "a text", "a whole number", "a number", "true or false", "a list", "an object"}[k]
}

// place is where a value stands.
type place struct {
	file         string
	line, column int
}

// node is a value of the document with its place. Documents are merged as nodes, so
// that a problem found later still knows its line.
type node struct {
	kind   kind
	at     place
	text   string   // of a scalar
	items  []*node  // of a list
	fields []*field // of an object, in document order
}

type field struct {
	name  string
	at    place
	value *node
}

func (n *node) field(name string) *field {
	for _, f := range n.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

// maxDepth bounds nesting: a real document has a dozen levels, and the YAML parser
// needs time in the square of the depth.
const maxDepth = 200

// parseTree reads the YAML or JSON text as one object for each YAML document in it.
// Its problems quote nothing of the text, which may hold a pasted secret.
func parseTree(file string, text []byte) ([]*node, Problems) {
	fatal := func(at place, what, example string) Problems {
		return Problems{{What: what, Example: example, File: file, Line: at.line, Column: at.column, Cause: cause.MonitorConfig, Fatal: true}}
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	switch {
	case len(text) > MaxDocument:
		return nil, fatal(place{}, fmt.Sprintf("the document has %d bytes, more than %d", len(text), MaxDocument), "several documents in PONGWATCH_CONFIG")
	case tooDeep(text):
		return nil, fatal(place{}, fmt.Sprintf("the document is nested more than %d levels deep", maxDepth), "")
	}
	parsed, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var syntax *yaml.SyntaxError
		if !errors.As(err, &syntax) || syntax.Token == nil {
			return nil, fatal(place{}, "the document is neither YAML nor JSON", "databases:\n  - name: prod-cache")
		}
		p := syntax.Token.Position
		return nil, fatal(place{file, p.Line, p.Column}, "the document is neither YAML nor JSON: "+syntax.Message, "databases:\n  - name: prod-cache")
	}
	b := builder{file: file}
	var out []*node
	for _, d := range parsed.Docs {
		if d.Body == nil {
			continue
		}
		n := b.build(d.Body)
		if n.kind != kindObject && n.kind != kindNull {
			b.fail(n.at, "", "the document is "+n.kind.String()+", want an object", "databases: […]")
		}
		if n.kind == kindObject {
			out = append(out, n)
		}
	}
	return out, b.problems
}

// parseList reads a text that is one YAML or JSON list.
func parseList(text []byte) (*node, bool) {
	if len(text) > MaxDocument || tooDeep(text) {
		return nil, false
	}
	parsed, err := parser.ParseBytes(text, 0)
	if err != nil || len(parsed.Docs) != 1 || parsed.Docs[0].Body == nil {
		return nil, false
	}
	b := builder{}
	n := b.build(parsed.Docs[0].Body)
	return n, n.kind == kindList && len(b.problems) == 0
}

// tooDeep reports whether brackets or list dashes nest deeper than maxDepth. It does
// not know about quotes, and need not.
func tooDeep(text []byte) bool {
	depth, dashes := 0, 0
	for i, c := range text {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		case '-', '?', '!', '&':
			if i > 0 && text[i-1] == ' ' || i == 0 || text[i-1] == '\n' {
				dashes++
			}
		case '\n':
			dashes = 0
		}
		if depth > maxDepth || dashes > maxDepth {
			return true
		}
	}
	return false
}

// builder turns the parser's tree into nodes.
type builder struct {
	file     string
	problems Problems
}

func (b *builder) fail(at place, key, what, example string) {
	b.problems = append(b.problems, Problem{
		Key: key, What: what, Example: example, File: at.file, Line: at.line, Column: at.column, Cause: cause.MonitorConfig, Fatal: true,
	})
}

func (b *builder) at(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{file: b.file}
	}
	return place{b.file, t.Position.Line, max(1, t.Position.Column)}
}

func (b *builder) build(n ast.Node) *node {
	at := b.at(n.GetToken())
	switch n := n.(type) {
	case *ast.MappingNode:
		out := &node{kind: kindObject, at: at}
		for _, v := range n.Values {
			b.addField(out, v)
		}
		if len(out.fields) > 0 {
			out.at = out.fields[0].at
		}
		return out
	case *ast.MappingValueNode:
		out := &node{kind: kindObject, at: at}
		b.addField(out, n)
		if len(out.fields) > 0 {
			out.at = out.fields[0].at
		}
		return out
	case *ast.SequenceNode:
		out := &node{kind: kindList, at: at}
		for _, v := range n.Values {
			out.items = append(out.items, b.build(v))
		}
		return out
	case *ast.LiteralNode:
		return &node{kind: kindText, at: at, text: n.Value.Value}
	case *ast.StringNode:
		return &node{kind: kindText, at: at, text: n.Value}
	case *ast.IntegerNode:
		return &node{kind: kindInteger, at: at, text: strings.ReplaceAll(n.Token.Value, "_", "")}
	case *ast.FloatNode:
		return &node{kind: kindNumber, at: at, text: strings.ReplaceAll(n.Token.Value, "_", "")}
	case *ast.BoolNode:
		return &node{kind: kindBool, at: at, text: fmt.Sprint(n.Value)}
	case *ast.NullNode:
		return &node{kind: kindNull, at: at}
	case *ast.AnchorNode, *ast.AliasNode:
		b.fail(at, "", "anchors and aliases (& and *) are not supported", "write defaults for all databases at the top of the document")
	case *ast.TagNode:
		b.fail(at, "", "tags (!) are not supported", "quote the value to make it a text")
	default:
		b.fail(at, "", "this kind of value is not supported", "")
	}
	return &node{kind: kindNull, at: at}
}

func (b *builder) addField(out *node, v *ast.MappingValueNode) {
	at := b.at(v.Key.GetToken())
	switch v.Key.(type) {
	case *ast.MergeKeyNode:
		b.fail(at, "", "merge keys (<<) are not supported", "write defaults for all databases at the top of the document")
		return
	case *ast.StringNode, *ast.IntegerNode, *ast.BoolNode, *ast.NullNode, *ast.FloatNode:
	default:
		b.fail(at, "", "this kind of key is not supported", "name: value")
		return
	}
	name := v.Key.GetToken().Value
	if s, ok := v.Key.(*ast.StringNode); ok {
		name = s.Value
	}
	if first := out.field(name); first != nil {
		b.fail(at, shown(name), fmt.Sprintf("is given twice, first in line %d", first.at.line), "")
		return
	}
	out.fields = append(out.fields, &field{name: name, at: at, value: b.build(v.Value)})
}

// shown keeps a key that nobody knows harmless in messages, since a secret may have
// been pasted in its place: keys are short and have no odd characters.
func shown(name string) string {
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
