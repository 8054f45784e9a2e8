package document

import (
	"slices"
	"strings"
)

// In runs check with problems in the scope of one database or receiver.
func (d *Decoder) In(s Scope, check func()) {
	outer := d.Scope
	d.Scope = s
	check()
	d.Scope = outer
}

// Given reports whether the document has that key.
func (d *Decoder) Given(path string) bool {
	_, ok := d.places[path]
	return ok
}

// Bad reports whether a problem with that key was found.
func (d *Decoder) Bad(path string) bool {
	return slices.ContainsFunc(d.Problems, func(p Problem) bool { return p.Key == path })
}

// BadUnder reports whether a problem with a key or an item below path was found.
func (d *Decoder) BadUnder(path string) bool {
	return slices.ContainsFunc(d.Problems, func(p Problem) bool { return strings.HasPrefix(p.Key, path+".") || strings.HasPrefix(p.Key, path+"[") })
}

// Unread reports whether the document may mean to give the key at path and could not be understood: there is a
// problem with the key, below it or above it, or a key that is none stands in the place of it or of one above.
func (d *Decoder) Unread(path string) bool {
	above := func(at string) bool { return at == path || strings.HasPrefix(path, at+".") }
	object := path[:strings.LastIndexByte(path, '.')+1]
	return d.BadUnder(path) || slices.ContainsFunc(d.Problems, func(p Problem) bool { return above(p.Key) }) ||
		slices.ContainsFunc(d.unknown, func(at string) bool { return above(at) || at == object })
}

// StopUnder makes the problems with keys below path stop the entry, because one of them is
// why something vital is missing. It reports whether there are any.
func (d *Decoder) StopUnder(path string) bool {
	found := d.BadUnder(path)
	for i, p := range d.Problems {
		if strings.HasPrefix(p.Key, path+".") {
			d.Problems[i].Stops = true
		}
	}
	return found
}

// Report adds a problem at path, which stands there or at the nearest path above it that the
// document has. The problem that it returns may be changed until the next one.
func (d *Decoder) Report(path, what, example string) *Problem {
	return d.add(path, what, example, d.Vital != nil && d.Vital(path))
}

// Notice adds a problem that is only worth knowing. It stops nothing, whatever the key.
func (d *Decoder) Notice(path, what, example string) {
	d.add(path, what, example, false).Notice = true
}

func (d *Decoder) add(path, what, example string, vital bool) *Problem {
	at := path
	for at != "" && !d.Given(at) {
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
	whole := d.Scope == Scope{}
	p := problem(d.places[at], path, what, example, vital && whole)
	p.Database, p.Receiver, p.Stops = d.Scope.Database, d.Scope.Receiver, vital && !whole
	d.Problems = append(d.Problems, p)
	return &d.Problems[len(d.Problems)-1]
}
