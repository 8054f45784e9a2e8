package config

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/cause"
)

func TestSchemaIsGeneratedFromTheTypes(t *testing.T) {
	goldentest.Compare(t, "schema.json", generateSchema(t))
}

// Every key has a comment, an example that its own decoder accepts, and sound tags.
func TestEveryKeyIsDescribedWithAGoodExample(t *testing.T) {
	c := readComments(t)
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		if c[typ.Name()] == "" {
			t.Errorf("%s has no comment", typ.Name())
		}
		for _, k := range c.keys(typ) {
			where := typ.Name() + "." + k.name
			if !strings.HasSuffix(k.comment, ".") {
				t.Errorf("%s: comment %q, want sentences", where, k.comment)
			}
			inner := k.typ
			for inner.Kind() == reflect.Slice || inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct && inner != secretType {
				walk(inner)
				continue
			}
			if k.example == "" {
				t.Errorf("%s has no example", where)
				continue
			}
			trees, ps := parseTree("example", []byte("x: "+k.example))
			if len(ps) > 0 {
				t.Errorf("%s: example %q: %v", where, k.example, ps)
				continue
			}
			d := newDecoder(Default(), false, nil)
			d.value(where, trees[0].fields[0].value, reflect.New(k.typ).Elem(), k.keyTag)
			if len(d.problems) > 0 {
				t.Errorf("%s: example %q: %v", where, k.example, d.problems)
			}
			if k.pattern != "" && patterns[k.pattern].form == nil {
				t.Errorf("%s: pattern %q does not exist", where, k.pattern)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
}

func TestSeveritiesAndClassesInTagsAreTheClosedSets(t *testing.T) {
	for _, k := range keysOf(reflect.TypeFor[PingRule]()) {
		switch k.name {
		case "severity":
			for _, s := range k.enum {
				if _, ok := cause.ParseSeverity(s); !ok {
					t.Errorf("severity %q does not exist", s)
				}
			}
		case "immediate":
			classes := map[string]bool{}
			for _, c := range cause.All() {
				classes[string(c.Class())] = true
			}
			listed := map[string]bool{}
			for _, c := range k.enum {
				listed[c] = true
			}
			if diff := cmp.Diff(classes, listed); diff != "" {
				t.Errorf("classes (-cause +tag):\n%s", diff)
			}
		}
	}
}
