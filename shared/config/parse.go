package config

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// Document is one text to parse, and the name by which problems call it.
type Document struct {
	Name string
	Text []byte
}

// Parse reads documents, YAML or JSON, merges them and fills in every default. It
// returns every problem that it finds, in document order. The configuration is nil
// if one of them is fatal; otherwise each of the others concerns one database or
// receiver, which stays listed with it, and everything else works.
//
// Local accepts secrets in clear and http:// addresses of this machine.
func Parse(local bool, documents ...Document) (*Config, Problems) {
	var trees []*node
	var problems Problems
	unreadable := false
	for _, doc := range documents {
		t, ps := parseTree(doc.Name, doc.Text)
		trees, problems = append(trees, t...), append(problems, ps...)
		unreadable = unreadable || t == nil && ps != nil
	}
	if unreadable { // what would be missing is probably in there
		return nil, problems
	}
	tree, ps := merge(trees)
	problems = append(problems, ps...)
	return decode(tree, local, nil, problems)
}

func newDecoder(c *Config, local bool, aliases map[string]string) *decoder {
	c.local = local
	return &decoder{config: c, local: local, places: map[string]place{}, aliases: aliases, bad: map[string]bool{}, known: map[reflect.Type][]key{}}
}

// decode makes a configuration of a merged tree.
func decode(tree *node, local bool, aliases map[string]string, problems Problems) (*Config, Problems) {
	d := newDecoder(Default(), local, aliases)
	d.problems = problems
	d.object("", tree, reflect.ValueOf(d.config).Elem())
	d.validate()
	sortProblems(d.problems)
	if d.problems.Fatal() != nil {
		return nil, d.problems
	}
	d.distribute()
	return d.config, d.problems
}

// sortProblems puts them into document order, keeping the order of documents.
func sortProblems(ps Problems) {
	files := map[string]int{}
	for _, p := range ps {
		if _, ok := files[p.File]; !ok {
			files[p.File] = len(files)
		}
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(files[a.File]-files[b.File], a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Key, b.Key), strings.Compare(a.What, b.What))
	})
}
