package document

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Tree is what the documents say together, and where each key and item stands. Objects are
// maps, lists are slices of any, and null is nil. A problem that is found later still knows its line.
type Tree struct {
	root   map[string]any
	places map[string]place // by path
}

// Scalars are strings, bools, and these.
type (
	// Integer is a whole number as it is written.
	Integer     string
	decimal     string
	unsupported string // what stands there
)

const (
	anchored = unsupported("an anchor or alias (& or *), which is not supported")
	tagged   = unsupported("a value with a tag (!), which is not supported")
	odd      = unsupported("a kind of value that is not supported")
)

// kind says what a value is, for problems.
func kind(v any) string {
	switch v := v.(type) {
	case string:
		return "a text"
	case Integer:
		return "a whole number"
	case decimal:
		return "a number"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case unsupported:
		return string(v)
	}
	return "nothing"
}

// place is where a key or an item stands.
type place struct {
	file         string
	line, column int
}

// Read parses the sources, each of which may hold several YAML documents, and merges
// them: objects key by key, the top-level lists of objects end to end. Any other key
// that two documents have must have one value. The tree is nil where a source cannot
// be parsed, because what would be missing is probably in there.
func Read(sources ...Source) (*Tree, Problems) {
	r := reader{tree: Tree{map[string]any{}, map[string]place{}}}
	unreadable := false
	for _, s := range sources {
		r.file = s.Name
		docs, unread := parse(s)
		if unread != nil {
			r.problems = append(r.problems, *unread)
			unreadable = true
		}
		for _, d := range docs {
			switch d := d.(type) {
			case *ast.MappingNode, *ast.MappingValueNode:
				r.object("", r.tree.root, entries(d))
			case *ast.NullNode:
			default:
				what := "the document is " + kind(r.value("", place{}, nil, d)) + ", want an object"
				r.problems = append(r.problems, problem(r.at(d), "", what, "databases: […]", true))
			}
		}
	}
	if unreadable {
		return nil, r.problems
	}
	return &r.tree, r.problems
}

// Made returns a tree that a program made, which has no lines. Numbers in it are [Integer].
func Made(name string, root map[string]any) *Tree {
	return &Tree{root, map[string]place{"": {file: name}}}
}

// Split returns the tree without the named keys, and one with them alone.
func (t *Tree) Split(names ...string) (rest, named *Tree) {
	rest, named = &Tree{map[string]any{}, t.places}, &Tree{map[string]any{}, t.places}
	for name, value := range t.root {
		if slices.Contains(names, name) {
			named.root[name] = value
		} else {
			rest.root[name] = value
		}
	}
	return rest, named
}

// reader adds what each document says to one tree.
type reader struct {
	tree     Tree
	file     string
	problems Problems
}

// at returns where a node stands: an object stands at its first key.
func (r *reader) at(n ast.Node) place {
	if e := entries(n); len(e) > 0 {
		n = e[0].Key
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return place{r.file, t.Position.Line, max(1, t.Position.Column)}
	}
	return place{file: r.file}
}

// entries returns the keys and values of an object, and nil for anything else.
func entries(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

func (r *reader) object(path string, into map[string]any, values []*ast.MappingValueNode) {
	first := map[string]int{}
	for _, v := range values {
		at, name := r.at(v.Key), v.Key.GetToken().Value
		fail := func(what, example string) { r.problems = append(r.problems, problem(at, "", what, example, true)) }
		switch k := v.Key.(type) {
		case *ast.StringNode:
			name = k.Value
		case *ast.IntegerNode, *ast.BoolNode, *ast.NullNode, *ast.FloatNode:
		case *ast.MergeKeyNode:
			fail("merge keys (<<) are not supported", "write defaults for all databases at the top of the document")
			continue
		default:
			fail("this kind of key is not supported", "name: value")
			continue
		}
		if line, twice := first[name]; twice {
			r.problems = append(r.problems, problem(at, Shown(name), fmt.Sprintf("is given twice, first in line %d, which is used", line), "", false))
			continue
		}
		first[name] = at.line
		into[name] = r.value(join(path, Shown(name)), at, into[name], v.Value)
	}
}

// value returns what a node at that path and place says together with what the documents before it have.
func (r *reader) value(path string, at place, have any, n ast.Node) any {
	before, known := r.tree.places[path]
	if !known {
		r.tree.places[path] = at
	}
	var got any
	switch n := n.(type) {
	case *ast.NullNode:
		return have
	case *ast.MappingNode, *ast.MappingValueNode:
		object, ok := have.(map[string]any)
		if !ok {
			object = map[string]any{}
		}
		r.object(path, object, entries(n))
		if ok {
			return object
		}
		got = object
	case *ast.SequenceNode:
		had, _ := have.([]any)
		if strings.Contains(path, ".") || !listsObjects(have) {
			had = nil
		}
		list := append([]any{}, had...)
		for _, item := range n.Values {
			list = append(list, r.value(path+"["+strconv.Itoa(len(list))+"]", r.at(item), nil, item))
		}
		if had != nil && listsObjects(list) {
			return list
		}
		got = list[len(had):]
	case *ast.StringNode:
		got = n.Value
	case *ast.LiteralNode:
		got = n.Value.Value
	case *ast.IntegerNode:
		got = Integer(strings.ReplaceAll(n.Token.Value, "_", ""))
	case *ast.FloatNode:
		got = decimal(strings.ReplaceAll(n.Token.Value, "_", ""))
	case *ast.BoolNode:
		got = n.Value
	case *ast.AnchorNode, *ast.AliasNode:
		got = anchored
	case *ast.TagNode:
		got = tagged
	default:
		got = odd
	}
	if have == nil || reflect.DeepEqual(have, got) {
		return got
	}
	what := fmt.Sprintf("has another value at %s:%d:%d", before.file, before.line, before.column)
	// Entries that are left out would be watched by nothing.
	r.problems = append(r.problems, problem(at, path, what, "give it in one of the two documents", listsObjects(have) || listsObjects(got)))
	return have
}

func listsObjects(v any) bool {
	list, ok := v.([]any)
	return ok && !slices.ContainsFunc(list, func(item any) bool {
		_, object := item.(map[string]any)
		return !object
	})
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// Shown returns a key that the document made up in a form that is harmless in messages,
// because a secret may be pasted in its place: keys are short and have no odd characters.
func Shown(name string) string {
	const longest = 32
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
		return "(a key with odd characters)"
	}
	if len(name) > longest || name == "" {
		return "(a key that is too long or empty)"
	}
	return name
}
