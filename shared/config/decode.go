package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/text"
)

// decoder fills a Config from a tree by the tags of its types. It goes on after a
// problem, so that all are found, and remembers where each key stood.
type decoder struct {
	config   *Config
	local    bool
	places   map[string]place
	aliases  map[string]string // path to the variable that gave it
	scope    scope
	bad      map[string]bool // the paths that have a problem
	known    map[reflect.Type][]key
	problems Problems
}

// scope is the database or receiver inside which the decoder is.
type scope struct{ database, receiver string }

// keyTag is what the tags of one field say.
type keyTag struct {
	name, pattern, example, low, high     string
	enum                                  []string
	required, single, plain, inline, skip bool
}

func tagOf(f reflect.StructField) keyTag {
	t := keyTag{
		name: f.Tag.Get("yaml"), pattern: f.Tag.Get("pattern"), example: f.Tag.Get("example"), low: f.Tag.Get("min"), high: f.Tag.Get("max"),
		required: f.Tag.Get("required") == "true", single: f.Tag.Get("single") == "true", plain: f.Tag.Get("plain") == "true",
		inline: f.Anonymous, skip: !f.IsExported() || f.Tag.Get("yaml") == "-",
	}
	if e := f.Tag.Get("enum"); e != "" {
		t.enum = strings.Split(e, ",")
	}
	return t
}

// key is one field of a struct, with the fields of embedded structs among them.
type key struct {
	keyTag
	index []int
	typ   reflect.Type
}

func keysOf(t reflect.Type) []key {
	var out []key
	for i := range t.NumField() {
		f := t.Field(i)
		tag := tagOf(f)
		switch {
		case tag.inline:
			for _, k := range keysOf(f.Type) {
				k.index = append([]int{i}, k.index...)
				out = append(out, k)
			}
		case !tag.skip:
			out = append(out, key{keyTag: tag, index: []int{i}, typ: f.Type})
		}
	}
	return out
}

// report records a problem at path.
func (d *decoder) report(path, what, example string) {
	d.reportAs(d.scope.cause(), path, what, example)
}

// reportAs records a problem with its cause at path, or at the nearest path above it
// whose place is known.
func (d *decoder) reportAs(c cause.Cause, path, what, example string) {
	d.bad[path] = true
	at := path
	for at != "" && d.places[at] == (place{}) {
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
	name := path
	if alias, ok := d.aliases[path]; ok {
		name = alias
	}
	d.problems = append(d.problems, Problem{
		Key: name, What: what, Example: example, File: d.places[at].file, Line: d.places[at].line, Column: d.places[at].column,
		Database: d.scope.database, Receiver: d.scope.receiver, Cause: c, Fatal: d.scope == scope{},
	})
}

// cause is the monitor's own for the document, and the setting's for one entry.
func (s scope) cause() cause.Cause {
	if s == (scope{}) {
		return cause.MonitorConfig
	}
	return cause.ConfigInvalid
}

// late are decoded after everything else, since their items inherit from it.
var late = []string{"databases", "routes"}

func (d *decoder) object(path string, n *node, v reflect.Value) {
	if n.kind == kindNull {
		return
	}
	if n.kind != kindObject {
		d.report(path, "is "+n.kind.String()+", want an object", "")
		return
	}
	keys, ok := d.known[v.Type()]
	if !ok {
		keys = keysOf(v.Type())
		d.known[v.Type()] = keys
	}
	fields := slices.Clone(n.fields)
	if path == "" {
		slices.SortStableFunc(fields, func(a, b *field) int {
			return slices.Index(late, a.name) - slices.Index(late, b.name)
		})
	}
	for _, f := range fields {
		if path == "" && f.name == "databases" {
			d.config.follow(func(c report.Check) bool { return d.places["checks."+string(c)+".every"] != place{} })
		}
		i := slices.IndexFunc(keys, func(k key) bool { return k.name == f.name })
		at := join(path, f.name)
		if i < 0 {
			at = join(path, shown(f.name))
			d.places[at] = f.at
			d.unknown(at, f.name, keys)
			continue
		}
		d.places[at] = f.at
		d.value(at, f.value, v.FieldByIndex(keys[i].index), keys[i].keyTag)
	}
	for _, k := range keys {
		if f := n.field(k.name); k.required && (f == nil || f.value.kind == kindNull) {
			d.report(join(path, k.name), "is missing", k.example)
		}
	}
}

func (d *decoder) unknown(path, name string, keys []key) {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	if near := nearest(name, names); near != "" {
		d.report(path, "is not a key here; did you mean "+near+"?", near)
		return
	}
	slices.Sort(names)
	d.report(path, "is not a key here; the keys are "+strings.Join(names, ", "), "")
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	bytesType    = reflect.TypeFor[Bytes]()
	secretType   = reflect.TypeFor[Secret]()
)

func (d *decoder) value(path string, n *node, v reflect.Value, tag keyTag) {
	if n.kind == kindNull { // as if it were not there: Terraform writes null for what is not set
		return
	}
	switch {
	case v.Type() == durationType:
		d.duration(path, n, v, tag)
	case v.Type() == bytesType:
		d.bytes(path, n, v, tag)
	case v.Type() == secretType:
		d.secret(path, n, v, tag)
	case v.Kind() == reflect.Struct:
		d.object(path, n, v)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.prefill(v.Elem())
		d.object(path, n, v.Elem())
	case v.Kind() == reflect.Slice:
		d.list(path, n, v, tag)
	case v.Kind() == reflect.Map:
		d.texts(path, n, v)
	default:
		d.scalar(path, n, v, tag)
	}
}

func (d *decoder) list(path string, n *node, v reflect.Value, tag keyTag) {
	items := n.items
	if n.kind != kindList {
		if !tag.single {
			d.report(path, "is "+n.kind.String()+", want a list", tag.example)
			return
		}
		items = []*node{n}
	}
	tag.required = true // of an item: an empty text is no item
	list := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		at := path
		if n.kind == kindList {
			at = path + "[" + strconv.Itoa(i) + "]"
			d.places[at] = item.at
		}
		d.prefill(list.Index(i))
		outer := d.scope
		d.enter(path, i, item)
		if item.kind == kindNull {
			d.report(at, "is empty", tag.example)
		}
		d.value(at, item, list.Index(i), tag)
		d.scope = outer
	}
	v.Set(list)
}

// enter sets the scope for an entry of databases or receivers. An entry without a
// usable name gets one by its position, so that what is wrong with it can be told.
func (d *decoder) enter(path string, i int, n *node) {
	var into *string
	var kindOf string
	switch path {
	case "databases":
		into, kindOf = &d.scope.database, "database"
	case "receivers":
		into, kindOf = &d.scope.receiver, "receiver"
	default:
		return
	}
	*into = kindOf + "-" + strconv.Itoa(i+1)
	if f := n.field("name"); f != nil && f.value.kind == kindText && validName(f.value.text) {
		*into = f.value.text
	}
}

func (d *decoder) texts(path string, n *node, v reflect.Value) {
	if n.kind != kindObject {
		d.report(path, "is "+n.kind.String()+", want an object", "{backend: prod-cache}")
		return
	}
	out := map[string]string{}
	for _, f := range n.fields {
		at := join(path, shown(f.name))
		d.places[at] = f.at
		if f.value.kind != kindText {
			d.report(at, "is "+f.value.kind.String()+", want a text", "prod-cache")
			continue
		}
		out[f.name] = f.value.text
	}
	v.Set(reflect.ValueOf(maps.Clone(out)))
}

func (d *decoder) duration(path string, n *node, v reflect.Value, tag keyTag) {
	t, err := time.ParseDuration(n.text)
	if n.kind != kindText || err != nil {
		d.report(path, "is "+n.kind.String()+" that is no duration", orExample(tag.example, "30s, 15m or 24h"))
		return
	}
	if low, high := mustDuration(tag.low), mustDuration(tag.high); t < low || high > 0 && t > high {
		d.report(path, fmt.Sprintf("is %s, want from %s to %s", text.Short(t), text.Short(low), text.Short(high)), tag.example)
		return
	}
	v.SetInt(int64(t))
}

func (d *decoder) bytes(path string, n *node, v reflect.Value, tag keyTag) {
	size, err := ParseBytes(n.text)
	if n.kind != kindText && n.kind != kindInteger || err != nil {
		d.report(path, "is "+n.kind.String()+" that is no size", tag.example)
		return
	}
	v.SetInt(int64(size))
}

func (d *decoder) secret(path string, n *node, v reflect.Value, tag keyTag) {
	if n.kind != kindText {
		d.report(path, "is "+n.kind.String()+", want a text", tag.example)
		return
	}
	if secrets.IsRef(strings.TrimSpace(n.text)) {
		ref, err := secrets.ParseRef(n.text)
		if err != nil {
			d.report(path, "is no reference into Secret Manager: "+err.Error(), "")
			return
		}
		v.Set(reflect.ValueOf(Reference(ref)))
		return
	}
	if n.text != "" && !tag.plain && !d.local {
		d.report(path, "holds a secret in clear, want a reference into Secret Manager", "sm://projects/my-project/secrets/my-secret")
		return
	}
	v.Set(reflect.ValueOf(Inline(n.text)))
}

func (d *decoder) scalar(path string, n *node, v reflect.Value, tag keyTag) {
	switch v.Kind() {
	case reflect.String:
		if n.kind != kindText {
			d.report(path, "is "+n.kind.String()+", want a text; quote it if it is meant as one", tag.example)
			return
		}
		if what, example := d.text(n.text, tag); what != "" {
			d.report(path, what, orExample(example, tag.example))
			return
		}
		v.SetString(n.text)
	case reflect.Bool:
		if n.kind != kindBool {
			d.report(path, "is "+n.kind.String()+", want true or false", tag.example)
			return
		}
		v.SetBool(n.text == "true")
	case reflect.Int, reflect.Int64:
		i, err := strconv.ParseInt(n.text, 0, 64)
		if n.kind != kindInteger || err != nil {
			d.report(path, "is "+n.kind.String()+", want a whole number", tag.example)
			return
		}
		if d.bounded(path, float64(i), tag) {
			v.SetInt(i)
		}
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.text, 64)
		if n.kind != kindInteger && n.kind != kindNumber || err != nil {
			d.report(path, "is "+n.kind.String()+", want a number", tag.example)
			return
		}
		if d.bounded(path, f, tag) {
			v.SetFloat(f)
		}
	default:
		panic("config: no decoder for " + v.Type().String()) // a field's type, not input
	}
}

func (d *decoder) bounded(path string, f float64, tag keyTag) bool {
	low, high := mustNumber(tag.low), mustNumber(tag.high)
	if tag.low != "" && f < low || tag.high != "" && f > high {
		what := fmt.Sprintf("is %v, want at least %v", f, low)
		if tag.high != "" {
			what = fmt.Sprintf("is %v, want from %v to %v", f, low, high)
		}
		d.report(path, what, tag.example)
		return false
	}
	return true
}

// text checks a text against the tag's set or pattern.
func (d *decoder) text(text string, tag keyTag) (what, example string) {
	if len(tag.enum) > 0 && !slices.Contains(tag.enum, text) {
		what = "is none of " + strings.Join(tag.enum, ", ")
		if near := nearest(text, tag.enum); near != "" {
			what += "; did you mean " + near + "?"
			return what, near
		}
		return what, tag.enum[0]
	}
	if tag.pattern == "" || text == "" && !tag.required {
		return "", ""
	}
	return patterns[tag.pattern].check(text, d.local)
}

func orExample(examples ...string) string {
	for _, e := range examples {
		if e != "" {
			return e
		}
	}
	return ""
}

func mustDuration(tag string) time.Duration {
	d, _ := time.ParseDuration(tag) // a tag, checked by a test
	return d
}

func mustNumber(tag string) float64 {
	f, _ := strconv.ParseFloat(tag, 64) // a tag, checked by a test
	return f
}
