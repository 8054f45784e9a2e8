package document

import (
	"fmt"
	"slices"
)

// merger joins objects key by key, and the top-level lists of objects end to end. Any
// other key that two documents have must have one value.
type merger struct{ problems Problems }

func (m *merger) objects(path string, a, b *Node) *Node {
	out := &Node{kind: kindObject, at: a.at, fields: slices.Clone(a.fields)}
	for _, f := range b.fields {
		i := slices.IndexFunc(out.fields, func(g field) bool { return g.name == f.name })
		if i < 0 {
			out.fields = append(out.fields, f)
			continue
		}
		out.fields[i].value = m.values(join(path, f.name), path == "", out.fields[i].value, f)
	}
	return out
}

func (m *merger) values(path string, top bool, a *Node, f field) *Node {
	b := f.value
	switch {
	case a.kind == kindNull:
		return b
	case b.kind == kindNull:
		return a
	case a.kind == kindObject && b.kind == kindObject:
		return m.objects(path, a, b)
	case top && a.listsObjects() && b.listsObjects():
		return &Node{kind: kindList, at: a.at, items: slices.Concat(a.items, b.items)}
	case same(a, b):
		return a
	}
	what := fmt.Sprintf("has another value at %s:%d:%d", a.at.file, a.at.line, a.at.column)
	// Entries that are left out would be watched by nothing.
	m.problems = append(m.problems, problem(f.at, path, what, "give it in one of the two documents", a.listsObjects() || b.listsObjects()))
	return a
}

func (n *Node) listsObjects() bool {
	return n.kind == kindList && !slices.ContainsFunc(n.items, func(i *Node) bool { return i.kind != kindObject })
}

func same(a, b *Node) bool {
	return a.kind == b.kind && a.text == b.text && slices.EqualFunc(a.items, b.items, same) && len(a.fields) == len(b.fields) &&
		!slices.ContainsFunc(a.fields, func(f field) bool {
			g := b.get(f.name)
			return g == nil || !same(f.value, g)
		})
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
