package config

import (
	"fmt"

	"github.com/pongwatch/pongwatch/shared/cause"
)

// merge joins documents: objects key by key, the top-level lists of objects end to
// end. Any other key that two documents give must have one value.
func merge(docs []*node) (*node, Problems) {
	if len(docs) == 0 {
		return &node{kind: kindObject}, nil
	}
	m := merger{}
	out := docs[0]
	for _, d := range docs[1:] {
		out = m.objects("", out, d)
	}
	return out, m.problems
}

type merger struct{ problems Problems }

func (m *merger) objects(path string, a, b *node) *node {
	out := &node{kind: kindObject, at: a.at, fields: append([]*field(nil), a.fields...)}
	for _, f := range b.fields {
		i := -1
		for j := range out.fields {
			if out.fields[j].name == f.name {
				i = j
			}
		}
		if i < 0 {
			out.fields = append(out.fields, f)
			continue
		}
		first := out.fields[i]
		out.fields[i] = &field{name: f.name, at: first.at, value: m.values(join(path, f.name), path == "", first.value, f)}
	}
	return out
}

func (m *merger) values(path string, top bool, a *node, f *field) *node {
	b := f.value
	switch {
	case a.kind == kindNull:
		return b
	case b.kind == kindNull:
		return a
	case a.kind == kindObject && b.kind == kindObject:
		return m.objects(path, a, b)
	case top && listOfObjects(a) && listOfObjects(b):
		return &node{kind: kindList, at: a.at, items: append(append([]*node(nil), a.items...), b.items...)}
	case same(a, b):
		return a
	}
	m.problems = append(m.problems, Problem{
		Key: path, What: fmt.Sprintf("has another value at %s:%d:%d", a.at.file, a.at.line, a.at.column), Example: "give it in one of the two documents",
		File: f.at.file, Line: f.at.line, Column: f.at.column, Cause: cause.MonitorConfig, Fatal: true,
	})
	return a
}

func listOfObjects(n *node) bool {
	if n.kind != kindList {
		return false
	}
	for _, i := range n.items {
		if i.kind != kindObject {
			return false
		}
	}
	return true
}

func same(a, b *node) bool {
	if a.kind != b.kind || a.text != b.text || len(a.items) != len(b.items) || len(a.fields) != len(b.fields) {
		return false
	}
	for i := range a.items {
		if !same(a.items[i], b.items[i]) {
			return false
		}
	}
	for _, f := range a.fields {
		g := b.field(f.name)
		if g == nil || !same(f.value, g.value) {
			return false
		}
	}
	return true
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
