// Package document decodes YAML and JSON documents into structs by their tags. It
// finds every problem at once, each with its line and column.
//
// [Read] parses documents and merges them into one tree, and a [Decoder] decodes the
// tree into a struct whose tags name the keys and bound their values:
//
//	yaml      the key
//	example   a good value, for messages
//	min, max  the bounds of a number or duration
//	enum      the texts that are accepted, separated by commas
//	pattern   the form of a text, which [Decoder.Check] checks
//	required  whether the key must be there
//	single    whether one value may stand in place of a list
//	plain     whether a [Text] may hold its value in plain text
//	scope     "database" or "receiver": problems of an entry of this list affect that entry alone
//
// A document may hold a pasted secret anywhere, so no problem quotes a value.
package document

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// MaxSize is the largest size in bytes of one document: all that 200 secrets hold may lie in one file.
const MaxSize = 12 << 20

// maxDepth bounds nesting: a real document has a dozen levels, and the YAML parser
// needs time in the square of the depth.
const maxDepth = 200

// Source is one text to parse, and the name by which problems call it.
type Source struct {
	Name string
	Text []byte
}

// parse returns the bodies of the YAML documents in the source.
func parse(s Source) ([]ast.Node, *Problem) {
	at := place{file: s.Name}
	fail := func(what, example string) ([]ast.Node, *Problem) {
		p := problem(at, "", what, example, true)
		return nil, &p
	}
	text := bytes.TrimPrefix(s.Text, []byte("\ufeff"))
	switch {
	case len(text) > MaxSize:
		return fail(fmt.Sprintf("the document has %d bytes, more than %d", len(text), MaxSize), "several documents in PONGWATCH_CONFIG")
	case bytes.IndexByte(text, 0) >= 0:
		return fail("the document has NUL bytes, as UTF-16 has them; want UTF-8", "iconv -f UTF-16 -t UTF-8")
	case tooDeep(text):
		return fail(fmt.Sprintf("the document is nested more than %d levels deep", maxDepth), "")
	}
	parsed, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		what := "the document is neither YAML nor JSON"
		if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok && syntax.Token != nil {
			at.line, at.column = syntax.Token.Position.Line, syntax.Token.Position.Column
			what += ": " + syntax.Message
		}
		return fail(what, "databases:\n  - name: prod-cache")
	}
	var out []ast.Node
	for _, d := range parsed.Docs {
		if _, directive := d.Body.(*ast.DirectiveNode); d.Body != nil && !directive { // %YAML 1.2
			out = append(out, d.Body)
		}
	}
	return out, nil
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
			if i == 0 || text[i-1] == ' ' || text[i-1] == '\n' {
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
