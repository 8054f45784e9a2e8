package document

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/text"
)

// Decoder decodes trees into structs by the tags of their types. It goes on after a
// problem, so that all are found, and keeps where each key stood for [Decoder.Report].
type Decoder struct {
	// Prefill sets the defaults of an entry of a list or of an optional object, to
	// which it gets a pointer, before its keys are decoded.
	Prefill func(entry any)
	// Check returns what is wrong with a text that has a pattern, or "".
	Check func(pattern, text string) (what string)
	// Vital reports whether nothing can stand in place of the key at that path: a problem
	// with it is fatal to the document, or stops the entry that it affects. Nil is for no key.
	Vital func(path string) bool
	// Plain accepts secrets in plain text.
	Plain bool
	// Problems are what was found so far.
	Problems Problems

	places map[string]place
	known  map[reflect.Type][]Key
	scope  Scope
}

// maxText bounds free text in bytes: a reason, a name, a word of a health page.
const maxText = 4 << 10

// Scope is the database or receiver that a problem affects; none is the whole document.
type Scope struct{ Database, Receiver string }

// Text is a type that parses its own text.
type Text interface {
	// ParseText sets the value, or returns what is wrong and an example. Plain says
	// that the text may be a secret itself.
	ParseText(text string, plain bool) (what, example string)
}

// Key is one key of an object: what the tags of the field say.
type Key struct {
	Name, Pattern, Example, Low, High string
	Enum                              []string
	Required, Single, Plain           bool
	Index                             []int
	Type                              reflect.Type

	scope string
}

// Keys returns the keys of a struct in the order of its fields, with those of embedded
// structs among them.
func Keys(t reflect.Type) []Key {
	var out []Key
	for _, f := range reflect.VisibleFields(t) {
		k := Key{
			Name: f.Tag.Get("yaml"), Pattern: f.Tag.Get("pattern"), Example: f.Tag.Get("example"), Low: f.Tag.Get("min"), High: f.Tag.Get("max"),
			Required: f.Tag.Get("required") == "true", Single: f.Tag.Get("single") == "true", Plain: f.Tag.Get("plain") == "true",
			Index: f.Index, Type: f.Type, scope: f.Tag.Get("scope"),
		}
		if e := f.Tag.Get("enum"); e != "" {
			k.Enum = strings.Split(e, ",")
		}
		if k.Name != "" && k.Name != "-" {
			out = append(out, k)
		}
	}
	return out
}

// Decode decodes an object into a pointer to a struct.
func (d *Decoder) Decode(tree *Node, into any) {
	if d.places == nil {
		d.places, d.known = map[string]place{}, map[reflect.Type][]Key{}
	}
	d.object("", tree, reflect.ValueOf(into).Elem())
}

// In runs check with problems in the scope of one database or receiver.
func (d *Decoder) In(s Scope, check func()) {
	outer := d.scope
	d.scope = s
	check()
	d.scope = outer
}

// Given reports whether the document has that key.
func (d *Decoder) Given(path string) bool { return d.places[path] != place{} }

// Bad reports whether a problem with that key was found.
func (d *Decoder) Bad(path string) bool {
	return slices.ContainsFunc(d.Problems, func(p Problem) bool { return p.Key == path })
}

// BadUnder reports whether a problem with a key or an item below path was found.
func (d *Decoder) BadUnder(path string) bool {
	return slices.ContainsFunc(d.Problems, func(p Problem) bool { return strings.HasPrefix(p.Key, path+".") || strings.HasPrefix(p.Key, path+"[") })
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

// Report adds a problem at path: of the document, or of an entry's setting.
func (d *Decoder) Report(path, what, example string) {
	c := cause.ConfigInvalid
	if d.scope == (Scope{}) && d.vital(path) {
		c = cause.MonitorConfig
	}
	d.ReportAs(c, path, what, example)
}

// ReportFatal adds a problem at path for which the document cannot be used.
func (d *Decoder) ReportFatal(path, what, example string) {
	d.ReportAs(cause.MonitorConfig, path, what, example)
	d.Problems[len(d.Problems)-1].Fatal = true
}

func (d *Decoder) vital(path string) bool { return d.Vital != nil && d.Vital(path) }

// ReportAs adds a problem with its cause at path, or at the nearest path above it
// whose place is known.
func (d *Decoder) ReportAs(c cause.Cause, path, what, example string) {
	at := path
	for at != "" && !d.Given(at) {
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
	p := d.places[at]
	d.Problems = append(d.Problems, Problem{
		Key: path, What: what, Example: example, File: p.file, Line: p.line, Column: p.column,
		Database: d.scope.Database, Receiver: d.scope.Receiver, Cause: c,
		Fatal: d.scope == Scope{} && d.vital(path), Stops: d.scope != Scope{} && d.vital(path),
	})
}

func (d *Decoder) object(path string, n *Node, v reflect.Value) {
	if n.kind != kindObject {
		d.Report(path, "is "+n.kind.String()+", want an object", "")
		return
	}
	keys, ok := d.known[v.Type()]
	if !ok {
		keys = Keys(v.Type())
		d.known[v.Type()] = keys
	}
	for _, f := range n.fields {
		i := slices.IndexFunc(keys, func(k Key) bool { return k.Name == f.name })
		if i < 0 {
			at := join(path, Shown(f.name))
			d.places[at] = f.at
			d.unknown(at, f.name, keys)
			continue
		}
		at := join(path, f.name)
		d.places[at] = f.at
		d.value(at, f.value, v.FieldByIndex(keys[i].Index), keys[i])
	}
	for _, k := range keys {
		if value := n.get(k.Name); k.Required && (value == nil || value.kind == kindNull) {
			d.Report(join(path, k.Name), "is missing", k.Example)
		}
	}
}

func (d *Decoder) unknown(path, name string, keys []Key) {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	if near := Nearest(name, names); near != "" {
		d.Report(path, "is not a key here; did you mean "+near+"?", near)
		return
	}
	slices.Sort(names)
	d.Report(path, "is not a key here; the keys are "+strings.Join(names, ", "), "")
}

func (d *Decoder) value(path string, n *Node, v reflect.Value, k Key) {
	if n.kind == kindNull { // as if it were not there: Terraform writes null for what is not set
		return
	}
	_, isText := reflect.TypeAssert[Text](v.Addr())
	switch kind := v.Kind(); {
	case kind == reflect.Struct && !isText:
		d.object(path, n, v)
	case kind == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.Prefill(v.Interface())
		d.object(path, n, v.Elem())
	case kind == reflect.Slice:
		d.list(path, n, v, k)
	case kind == reflect.Map:
		d.texts(path, n, v)
	default:
		if what, example := d.scalar(n, v, k); what != "" {
			d.Report(path, what, example)
		}
	}
}

func (d *Decoder) list(path string, n *Node, v reflect.Value, k Key) {
	items := n.items
	if n.kind != kindList {
		if !k.Single {
			d.Report(path, "is "+n.kind.String()+", want a list", k.Example)
			return
		}
		items = []*Node{n}
	}
	item := k
	item.Required = true // an empty text is no item
	list := reflect.MakeSlice(v.Type(), 0, len(items))
	for i, one := range items {
		at := path
		if n.kind == kindList {
			at = path + "[" + strconv.Itoa(i) + "]"
			d.places[at] = one.at
		}
		into, before := reflect.New(v.Type().Elem()), len(d.Problems)
		d.Prefill(into.Interface())
		d.In(d.scopeOf(k, i, one), func() {
			if one.kind == kindNull {
				d.Report(at, "is empty", k.Example)
			}
			d.value(at, one, into.Elem(), item)
		})
		_, isText := reflect.TypeAssert[Text](into)
		if entry := into.Elem().Kind() == reflect.Struct && !isText; entry || len(d.Problems) == before {
			list = reflect.Append(list, into.Elem())
		}
	}
	if list.Len() > 0 || len(items) == 0 { // otherwise the default stands
		v.Set(list)
	}
}

// scopeOf returns the scope of an entry of a list. An entry without a usable name gets
// one by its position, because a problem must name the entry.
func (d *Decoder) scopeOf(k Key, i int, n *Node) Scope {
	if k.scope == "" {
		return d.scope
	}
	name := k.scope + "-" + strconv.Itoa(i+1)
	if given := n.get("name"); given != nil && given.kind == kindText {
		if d.Check("name", given.text) == "" {
			name = given.text
		}
	}
	if k.scope == "database" {
		return Scope{Database: name}
	}
	return Scope{Receiver: name}
}

func (d *Decoder) texts(path string, n *Node, v reflect.Value) {
	if n.kind != kindObject {
		d.Report(path, "is "+n.kind.String()+", want an object", "{backend: prod-cache}")
		return
	}
	out := map[string]string{}
	for _, f := range n.fields {
		at := join(path, Shown(f.name))
		d.places[at] = f.at
		if f.value.kind != kindText {
			d.Report(at, "is "+f.value.kind.String()+", want a text", "prod-cache")
			continue
		}
		out[f.name] = f.value.text
	}
	text.Outside(&out, maxText)
	v.Set(reflect.ValueOf(out))
}

// scalar decodes a single value, or returns what is wrong with it and an example.
func (d *Decoder) scalar(n *Node, v reflect.Value, k Key) (what, example string) {
	wrong := func(what string) (string, string) { return "is " + n.kind.String() + what, k.Example }
	switch into := v.Addr().Interface().(type) {
	case *time.Duration:
		t, err := time.ParseDuration(n.text)
		if n.kind != kindText || err != nil {
			return wrong(" that is not a duration")
		}
		low, _ := time.ParseDuration(k.Low) // tags, which a test checks
		high, _ := time.ParseDuration(k.High)
		if t < low || t > high {
			return fmt.Sprintf("is %s, want from %s to %s", text.Short(t), text.Short(low), text.Short(high)), k.Example
		}
		*into = t
	case *Bytes:
		size, err := parseBytes(n.text)
		if n.kind != kindText && n.kind != kindInteger || err != nil {
			return wrong(" that is not a size")
		}
		*into = size
	case Text:
		if n.kind != kindText {
			return wrong(", want a text")
		}
		return into.ParseText(n.text, k.Plain || d.Plain)
	case *bool:
		if n.kind != kindBool {
			return wrong(", want true or false")
		}
		*into = n.text == "true"
	case *int, *int64:
		i, err := strconv.ParseInt(n.text, 0, 64)
		if n.kind != kindInteger || err != nil {
			return wrong(", want a whole number")
		}
		if what = outside(float64(i), k); what != "" {
			return what, k.Example
		}
		v.SetInt(i)
	case *float64:
		f, err := strconv.ParseFloat(n.text, 64)
		if n.kind != kindInteger && n.kind != kindNumber || err != nil {
			return wrong(", want a number")
		}
		if what = outside(f, k); what != "" {
			return what, k.Example
		}
		*into = f
	default: // a text, or a type of texts
		if n.kind != kindText {
			return wrong(", want a text; quote it if it is meant as one")
		}
		if what, example = d.check(n.text, k); what != "" {
			return what, example
		}
		v.SetString(n.text)
		if k.Pattern == "" { // free text is shown, and compared with what a door has cleaned
			v.SetString(text.ClipBytes(text.Line(n.text), maxText))
		}
		return what, example
	}
	return "", ""
}

// outside returns what is wrong with a number that is not within the tag's bounds.
func outside(f float64, k Key) string {
	low, _ := strconv.ParseFloat(k.Low, 64) // tags, which a test checks
	high, _ := strconv.ParseFloat(k.High, 64)
	switch {
	case (k.Low == "" || f >= low) && (k.High == "" || f <= high):
		return ""
	case k.High == "":
		return fmt.Sprintf("is %v, want at least %v", f, low)
	}
	return fmt.Sprintf("is %v, want from %v to %v", f, low, high)
}

// check returns what is wrong with a text by the tag's set or pattern.
func (d *Decoder) check(text string, k Key) (what, example string) {
	switch {
	case len(k.Enum) > 0 && !slices.Contains(k.Enum, text):
		what = "is none of " + strings.Join(k.Enum, ", ")
		if near := Nearest(text, k.Enum); near != "" {
			return what + "; did you mean " + near + "?", near
		}
		return what, k.Enum[0]
	case k.Pattern == "" || text == "" && !k.Required:
		return "", ""
	}
	return d.Check(k.Pattern, text), k.Example
}
