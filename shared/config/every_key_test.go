package config

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/pongwatch/pongwatch/shared/config/document"
)

// keyWalk compares a document, decoded without this package, with the configuration
// that Parse made of it.
type keyWalk struct {
	t     *testing.T
	c     *Config
	given map[string]bool
}

// object compares each key of the document with its field. The field must not have its
// default, otherwise a key that is lost would look like one that arrives.
func (w keyWalk) object(path string, doc map[string]any, v, defaults reflect.Value) {
	for _, k := range document.Keys(v.Type()) {
		said, ok := doc[k.Name]
		if !ok {
			continue
		}
		at, field := strings.TrimPrefix(path+"."+k.Name, "."), v.FieldByIndex(k.Index)
		w.value(at, said, field, defaults.FieldByIndex(k.Index))
	}
}

func (w keyWalk) value(at string, said any, v, defaults reflect.Value) {
	switch {
	case v.Kind() == reflect.Pointer:
		w.object(at, said.(map[string]any), v.Elem(), w.entry(v.Type().Elem()))
	case v.Kind() == reflect.Struct && v.Type() != secretType:
		w.object(at, said.(map[string]any), v, defaults)
	case v.Kind() == reflect.Slice && isEntry(v.Type().Elem()):
		for i, item := range said.([]any) {
			w.object(at+"[]", item.(map[string]any), v.Index(i), w.entry(v.Type().Elem()))
		}
	default:
		w.given[at] = true
		if got, want := inWords(v), inWordsOf(said, v.Type()); got != want {
			w.t.Errorf("%s is %s in the document and %s in the configuration", at, want, got)
		}
		if at != "version" && reflect.DeepEqual(v.Interface(), defaults.Interface()) {
			w.t.Errorf("%s has its default, %s: the test would not notice that it is lost", at, inWords(v))
		}
	}
}

// entry returns what an entry is before its keys are decoded, with what it inherits.
func (w keyWalk) entry(t reflect.Type) reflect.Value {
	v := reflect.New(t)
	w.c.prefill(v.Interface())
	return v.Elem()
}

func isEntry(t reflect.Type) bool { return t.Kind() == reflect.Struct && t != secretType }

// inWords prints a field independently of how it is written in the document.
func inWords(v reflect.Value) string {
	if v.Kind() == reflect.Slice {
		var out []string
		for i := range v.Len() {
			out = append(out, inWords(v.Index(i)))
		}
		return strings.Join(out, " | ")
	}
	if s, ok := reflect.TypeAssert[Secret](v); ok && !s.IsReference() {
		return s.value.Reveal()
	}
	if v.CanInt() {
		return strconv.FormatInt(v.Int(), 10)
	}
	return fmt.Sprint(v.Interface())
}

// inWordsOf prints a value of the document in the same way.
func inWordsOf(said any, t reflect.Type) string {
	if list, ok := said.([]any); ok {
		var out []string
		for _, item := range list {
			out = append(out, inWordsOf(item, t.Elem()))
		}
		return strings.Join(out, " | ")
	}
	s := fmt.Sprint(said)
	switch t {
	case durationType:
		return strconv.FormatInt(int64(must(time.ParseDuration(s))), 10)
	case bytesType:
		unit := map[string]int64{"MB": 1 << 20, "GB": 1 << 30}[s[len(s)-2:]]
		return strconv.FormatInt(must(strconv.ParseInt(s[:len(s)-2], 10, 64))*unit, 10)
	}
	return s
}

// everyKey lists the paths of all keys that hold a value.
func everyKey(path string, t reflect.Type, add func(path string)) {
	for _, k := range document.Keys(t) {
		at, inner := strings.TrimPrefix(path+"."+k.Name, "."), k.Type
		switch {
		case inner.Kind() == reflect.Pointer:
			everyKey(at, inner.Elem(), add)
		case inner.Kind() == reflect.Slice && isEntry(inner.Elem()):
			everyKey(at+"[]", inner.Elem(), add)
		case isEntry(inner):
			everyKey(at, inner, add)
		default:
			add(at)
		}
	}
}

func TestEveryKeyOfTheDocumentReachesItsField(t *testing.T) {
	text, err := os.ReadFile("testdata/every-key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, problems := Parse(false, Document{Name: "every-key.yaml", Text: text})
	if err := problems.Err(); err != nil { // there may be notices
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	w := keyWalk{t, c, map[string]bool{}}
	w.object("", doc, reflect.ValueOf(c).Elem(), reflect.ValueOf(Default()).Elem())
	everyKey("", reflect.TypeFor[Config](), func(path string) {
		if !w.given[path] {
			t.Errorf("%s is not in the document", path)
		}
	})
}
