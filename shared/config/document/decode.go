package document

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

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
	// Done gets a pointer to each object after its keys were decoded, its path, and the object as it was before.
	Done func(path string, object, before any)
	// Vital reports whether nothing can stand in place of the key at that path: a problem
	// with it is fatal to the document, or stops the entry that it affects. Nil is for no key.
	Vital func(path string) bool
	// Plain accepts secrets in plain text.
	Plain bool
	// Problems are what was found so far.
	Problems Problems
	// Scope is what a problem that is reported now affects.
	Scope Scope

	places map[string]place
	known  map[reflect.Type][]Key
	// unknown has a path for each key that is none: that of the key which it is taken for, or, where it is like
	// no other, that of its object and a dot.
	unknown []string
}

// leastBytes is the least size that anyone means by a number without a unit: 256 is meant as 256MB.
const leastBytes = 2 << 10

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

var textType = reflect.TypeFor[Text]()

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

// isObject reports whether a value of the type is an object of the document.
func isObject(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(textType)
}

// Decode decodes a tree into a pointer to a struct.
func (d *Decoder) Decode(tree *Tree, into any) {
	d.places = tree.places
	if d.known == nil {
		d.known = map[reflect.Type][]Key{}
	}
	d.object("", tree.root, reflect.ValueOf(into).Elem())
}

func (d *Decoder) object(path string, from any, v reflect.Value) {
	before := v.Interface()
	if object, ok := from.(map[string]any); ok {
		d.keys(path, object, v)
	} else {
		d.Report(path, "is "+kind(from)+", want an object", example(v.Type()))
	}
	d.Done(path, v.Addr().Interface(), before)
}

func (d *Decoder) keys(path string, object map[string]any, v reflect.Value) {
	keys, ok := d.known[v.Type()]
	if !ok {
		keys = Keys(v.Type())
		d.known[v.Type()] = keys
	}
	found := 0
	for _, k := range keys {
		value, given := object[k.Name]
		if given {
			found++
		}
		switch {
		case value != nil:
			d.value(join(path, k.Name), value, v.FieldByIndex(k.Index), k)
		case k.Required:
			d.Report(join(path, k.Name), "is missing", k.Example)
		}
		if given && value == nil { // as if it were not there: Terraform writes null for what is not set
			delete(d.places, join(path, k.Name))
		}
	}
	if found == len(object) {
		return
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	slices.Sort(names)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if slices.Contains(names, name) {
			continue
		}
		what, near := "is not a key here; the keys are "+strings.Join(names, ", "), Nearest(name, names)
		if near != "" {
			what = "is not a key here; did you mean " + near + "?"
		}
		d.Report(join(path, Shown(name)), what, near)
		d.unknown = append(d.unknown, join(path, near))
	}
}

func (d *Decoder) value(path string, from any, v reflect.Value, k Key) {
	switch t := v.Type(); {
	case isObject(t):
		d.object(path, from, v)
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		d.Prefill(v.Interface())
		d.object(path, from, v.Elem())
	case t.Kind() == reflect.Slice:
		d.list(path, from, v, k)
	case t.Kind() == reflect.Map:
		d.texts(path, from, v)
	default:
		if what, example := d.scalar(from, v, k); what != "" {
			d.Report(path, what, example)
		}
	}
}

// example returns an object with the keys that it must have or, where there is none, with its first.
func example(t reflect.Type) string {
	required, first := "", ""
	for _, k := range Keys(t) {
		value := k.Example
		if value == "" && isObject(k.Type) {
			value = example(k.Type)
		}
		switch {
		case value == "":
		case k.Required:
			required += ", " + k.Name + ": " + value
		case first == "":
			first = k.Name + ": " + value
		}
	}
	return "{" + cmp.Or(strings.TrimPrefix(required, ", "), first) + "}"
}

func (d *Decoder) list(path string, from any, v reflect.Value, k Key) {
	items, isList := from.([]any)
	if !isList {
		if !k.Single {
			one := ""
			if isObject(v.Type().Elem()) {
				one = "[" + example(v.Type().Elem()) + "]"
			}
			d.Report(path, "is "+kind(from)+", want a list", cmp.Or(k.Example, one))
			return
		}
		items = []any{from}
	}
	item := k
	item.Required = true // an empty text is no item
	list := reflect.MakeSlice(v.Type(), 0, len(items))
	for i, one := range items {
		at := path
		if isList {
			at = path + "[" + strconv.Itoa(i) + "]"
		}
		into, before := reflect.New(v.Type().Elem()), len(d.Problems)
		d.Prefill(into.Interface())
		d.In(d.scopeOf(k, i, one), func() {
			if one != nil {
				d.value(at, one, into.Elem(), item)
				return
			}
			d.Report(at, "is empty", k.Example)
			d.Done(at, into.Interface(), nil)
		})
		if isObject(into.Elem().Type()) || len(d.Problems) == before {
			list = reflect.Append(list, into.Elem())
		}
	}
	if list.Len() > 0 || len(items) == 0 { // otherwise the default stands
		v.Set(list)
	}
}

// scopeOf returns the scope of an entry of a list. An entry without a usable name gets
// one by its position, because a problem must name the entry.
func (d *Decoder) scopeOf(k Key, i int, from any) Scope {
	if k.scope == "" {
		return d.Scope
	}
	object, _ := from.(map[string]any)
	name, ok := object["name"].(string)
	if !ok || d.Check("name", name) != "" {
		name = k.scope + "-" + strconv.Itoa(i+1)
	}
	if k.scope == "database" {
		return Scope{Database: name}
	}
	return Scope{Receiver: name}
}

func (d *Decoder) texts(path string, from any, v reflect.Value) {
	object, ok := from.(map[string]any)
	if !ok {
		d.Report(path, "is "+kind(from)+", want an object", "{backend: prod-cache}")
		return
	}
	out := map[string]string{}
	for name, value := range object {
		if s, ok := value.(string); ok {
			out[name] = s
		} else {
			d.Report(join(path, Shown(name)), "is "+kind(value)+", want a text", "prod-cache")
		}
	}
	text.Outside(&out, maxText)
	v.Set(reflect.ValueOf(out))
}

// scalar decodes a single value, or returns what is wrong with it and an example.
func (d *Decoder) scalar(from any, v reflect.Value, k Key) (what, example string) {
	s, isText := from.(string)
	whole, isWhole := from.(Integer)
	wrong := func(what string) (string, string) { return "is " + kind(from) + what, k.Example }
	switch into := v.Addr().Interface().(type) {
	case *time.Duration:
		t, err := time.ParseDuration(s)
		if !isText || err != nil {
			return wrong(" that is not a duration")
		}
		low, _ := time.ParseDuration(k.Low) // tags, which a test checks
		high, _ := time.ParseDuration(k.High)
		if t < low || t > high {
			return fmt.Sprintf("is %s, want from %s to %s", text.Short(t), text.Short(low), text.Short(high)), k.Example
		}
		*into = t
	case *Bytes:
		size, err := parseBytes(s + string(whole))
		if !isText && !isWhole || err != nil {
			return wrong(" that is not a size")
		}
		if size > 0 && size < leastBytes && strings.Trim(s+string(whole), "0123456789") == "" {
			return fmt.Sprintf("is %d bytes, because a number without a unit is bytes; want a unit", size), k.Example
		}
		*into = size
	case Text:
		if !isText {
			return wrong(", want a text")
		}
		return into.ParseText(s, k.Plain || d.Plain)
	case *bool:
		b, ok := from.(bool)
		if !ok {
			return wrong(", want true or false")
		}
		*into = b
	case *int, *int64:
		base := 0 // by its prefix
		if strings.Trim(string(whole), "+-0123456789") == "" {
			base = 10 // 010 is ten in YAML 1.2
		}
		i, err := strconv.ParseInt(string(whole), base, 64)
		if !isWhole || err != nil {
			return wrong(", want a whole number")
		}
		if what = outside(float64(i), k); what != "" {
			return what, k.Example
		}
		v.SetInt(i)
	case *float64:
		broken, isBroken := from.(decimal)
		f, err := strconv.ParseFloat(string(whole)+string(broken), 64)
		if !isWhole && !isBroken || err != nil {
			return wrong(", want a number")
		}
		if what = outside(f, k); what != "" {
			return what, k.Example
		}
		*into = f
	default: // a text, or a type of texts
		if !isText && len(k.Enum) > 0 {
			return wrong(", want one of " + strings.Join(k.Enum, ", "))
		}
		if !isText {
			switch from.(type) {
			case map[string]any, []any:
				return wrong(", want a text")
			}
			return wrong(", want a text; quote it if it is meant as one")
		}
		if what, example = d.check(s, k); what != "" {
			return what, example
		}
		if k.Pattern == "" { // free text is shown, and compared with what a door has cleaned
			s = text.ClipBytes(text.Line(s), maxText)
		}
		v.SetString(s)
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
		hint, near := Suggest(text, k.Enum)
		return "is none of " + strings.Join(k.Enum, ", ") + hint, cmp.Or(near, k.Enum[0])
	case k.Pattern == "" || text == "" && !k.Required:
		return "", ""
	}
	return d.Check(k.Pattern, text), k.Example
}
