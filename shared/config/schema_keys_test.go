package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config/document"
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
			where := typ.Name() + "." + k.Name
			if !strings.HasSuffix(k.comment, ".") {
				t.Errorf("%s: comment %q, want sentences", where, k.comment)
			}
			inner := k.Type
			for inner.Kind() == reflect.Slice || inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct && inner != secretType {
				walk(inner)
				continue
			}
			if k.Example == "" {
				t.Errorf("%s has no example", where)
				continue
			}
			one := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "X", Type: k.Type, Tag: typ.FieldByIndex(k.Index).Tag}}))
			tree, ps := document.Read(Document{Name: "example", Text: []byte(k.Name + ": " + k.Example)})
			v := newValidator(Default())
			v.Decode(tree, one.Interface())
			if ps = append(ps, v.Problems...); len(ps) > 0 {
				t.Errorf("%s: example %q: %v", where, k.Example, ps)
			}
			if inner == durationType && must(time.ParseDuration(k.Low)) >= must(time.ParseDuration(k.High)) {
				t.Errorf("%s: bounds %s to %s", where, k.Low, k.High)
			}
			if k.Pattern != "" && patterns[k.Pattern].form == nil {
				t.Errorf("%s: pattern %q does not exist", where, k.Pattern)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
}

func TestSeveritiesAndClassesInTagsAreTheClosedSets(t *testing.T) {
	for _, k := range document.Keys(reflect.TypeFor[pingRule]()) {
		switch k.Name {
		case "severity":
			for _, s := range k.Enum {
				if cause.Severity(s).Rank() == 0 {
					t.Errorf("severity %q does not exist", s)
				}
			}
		case "immediate":
			classes := map[string]bool{}
			for _, c := range cause.All() {
				classes[string(c.Class())] = true
			}
			listed := map[string]bool{}
			for _, c := range k.Enum {
				listed[c] = true
			}
			if diff := cmp.Diff(classes, listed); diff != "" {
				t.Errorf("classes (-cause +tag):\n%s", diff)
			}
		}
	}
}
