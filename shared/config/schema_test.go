package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/pongwatch/pongwatch/shared/config/document"
	"github.com/pongwatch/pongwatch/shared/text"
)

// ordered keeps the order in which the types declare their keys.
type ordered []member

type member struct {
	name  string
	value any
}

func (o ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		v, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%q:%s", m.name, v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// comments are the doc comments of the package: by type, and by "type.field".
type comments map[string]string

func readComments(t *testing.T) comments {
	t.Helper()
	out := comments{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				spec, ok := s.(*ast.TypeSpec)
				if !ok {
					continue
				}
				out[spec.Name.Name] = oneLine(g.Doc)
				if structure, ok := spec.Type.(*ast.StructType); ok {
					for _, f := range structure.Fields.List {
						for _, n := range f.Names {
							out[spec.Name.Name+"."+n.Name] = oneLine(f.Doc)
						}
					}
				}
			}
		}
	}
	return out
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	bytesType    = reflect.TypeFor[document.Bytes]()
	secretType   = reflect.TypeFor[Secret]()
)

// must returns what a tag says, which is well-formed.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func number(tag string) float64 { return must(strconv.ParseFloat(tag, 64)) }

func oneLine(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }

// documented is a key with the comment of the field behind it.
type documented struct {
	document.Key
	comment string
}

func (c comments) keys(t reflect.Type) []documented {
	var out []documented
	for _, k := range document.Keys(t) {
		owner := t
		for _, i := range k.Index[:len(k.Index)-1] {
			owner = owner.Field(i).Type
		}
		out = append(out, documented{k, c[owner.Name()+"."+t.FieldByIndex(k.Index).Name]})
	}
	return out
}

// entryDefaults returns what an entry of a list, or a kind of receiver, is before it is decoded.
func entryDefaults(t reflect.Type) reflect.Value {
	v := reflect.New(t)
	Default().prefill(v.Interface())
	return v.Elem()
}

// plain turns a default into what the document would say; ok is false where there is nothing to say.
func plain(v reflect.Value, tag document.Key) (any, bool) {
	switch x := v.Interface().(type) {
	case time.Duration:
		return text.Short(x), tag.Low == "" || x >= must(time.ParseDuration(tag.Low))
	case document.Bytes:
		return x.String(), x != 0
	case Secret:
		return nil, false
	}
	switch v.Kind() {
	case reflect.Struct:
		var o ordered
		for _, k := range document.Keys(v.Type()) {
			if p, ok := plain(v.FieldByIndex(k.Index), k); ok {
				o = append(o, member{k.Name, p})
			}
		}
		return o, len(o) > 0
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct && v.Type().Elem() != secretType {
			return nil, false
		}
		list := []any{}
		for i := range v.Len() {
			p, _ := plain(v.Index(i), document.Key{})
			list = append(list, p)
		}
		return list, v.Type().Elem() != secretType
	case reflect.Map:
		return map[string]any{}, true
	case reflect.Pointer:
		return nil, false
	default:
		return v.Interface(), !tag.Required && !(v.IsZero() && tag.Low != "" && number(tag.Low) > 0)
	}
}

// inherited are the keys that repeat others: their schema is a reference.
var inherited = map[string]string{
	"Database.Checks": "#/properties/checks", "Database.Thresholds": "#/properties/thresholds", "Database.Budget": "#/properties/budget",
	"Route.Reminders": "#/properties/alerting/properties/reminders",
}

// extra are the rules between keys of one ordered that a schema can say.
var extra = map[string]ordered{
	"Config":   {{"required", []string{"databases"}}},
	"App":      {{"anyOf", requireOneOf("health_url", "cloud_run")}},
	"Receiver": {{"oneOf", requireOneOf("slack", "email", "pagerduty", "webhook")}},
	"Slack": {
		{"oneOf", requireOneOf("webhook", "bot_token")},
		{"dependentRequired", map[string][]string{"bot_token": {"channel"}}},
	},
	"Email": {{"dependentRequired", map[string][]string{"username": {"password"}, "password": {"username"}}}},
	"Webhook": {
		{"anyOf", append(requireOneOf("keys"), ordered{{"required", []string{"format"}}, {"properties", ordered{{"format", ordered{{"const", FormatAlertmanager}}}}}})},
		{"dependentRequired", map[string][]string{"username": {"password"}, "password": {"username"}}},
	},
	"Management": {{"dependentRequired", map[string][]string{"email": {"api_key"}, "api_key": {"email"}}}},
	"window": {{"oneOf", []ordered{
		{{"required", []string{"cron", "for"}}, {"not", ordered{{"anyOf", requireOneOf("from", "until")}}}},
		{{"required", []string{"from", "until"}}, {"not", ordered{{"anyOf", requireOneOf("cron", "for")}}}},
	}}},
}

func requireOneOf(keys ...string) []ordered {
	var out []ordered
	for _, k := range keys {
		out = append(out, ordered{{"required", []string{k}}})
	}
	return out
}

type generator struct{ comments comments }

func (g generator) object(t reflect.Type, defaults reflect.Value) ordered {
	var properties ordered
	var required []string
	for _, k := range g.comments.keys(t) {
		properties = append(properties, member{k.Name, g.property(t, k, defaults.FieldByIndex(k.Index))})
		if k.Required {
			required = append(required, k.Name)
		}
	}
	o := ordered{{"type", "object"}, {"properties", properties}, {"additionalProperties", false}}
	if required != nil {
		o = append(o, member{"required", required})
	}
	return append(o, extra[t.Name()]...)
}

func (g generator) property(t reflect.Type, k documented, value reflect.Value) ordered {
	o := ordered{{"description", g.describe(k)}}
	if d, ok := plain(value, k.Key); ok && !isInherited(t, k) {
		o = append(o, member{"default", d})
	}
	if k.Example != "" {
		o = append(o, member{"examples", []any{exampleOf(k.Example)}})
	}
	if ref, ok := inherited[t.Name()+"."+t.FieldByIndex(k.Index).Name]; ok {
		return append(o, member{"$ref", ref})
	}
	return append(o, g.typed(k, value)...)
}

func isInherited(t reflect.Type, k documented) bool {
	_, ok := inherited[t.Name()+"."+t.FieldByIndex(k.Index).Name]
	return ok
}

func (g generator) describe(k documented) string {
	text := k.comment
	if k.Type == durationType || k.Type.Kind() == reflect.Slice && k.Type.Elem() == durationType {
		text += fmt.Sprintf(" From %s to %s.", k.Low, k.High)
	}
	return text
}

func exampleOf(text string) any {
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		return text
	}
	return v
}

const (
	durationForm = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`
	bytesForm    = `^[0-9]+(\.[0-9]+)? ?([KMGT]?B)?$`
	refForm      = `^sm://projects/[^/]+/secrets/[^/]+(/versions/[^/]+)?$`
)

// typed gives the type and bounds of a key's value.
func (g generator) typed(k documented, value reflect.Value) ordered {
	text := func(form string) ordered { return ordered{{"type", "string"}, {"pattern", form}} }
	switch k.Type {
	case durationType:
		return text(durationForm)
	case bytesType:
		return ordered{{"anyOf", []ordered{{{"type", "integer"}, {"minimum", 0}}, text(bytesForm)}}}
	case secretType:
		if k.Plain {
			return ordered{{"type", "string"}, {"minLength", 1}}
		}
		return text(refForm)
	}
	switch k.Type.Kind() {
	case reflect.Struct:
		return g.object(k.Type, value)
	case reflect.Pointer:
		return g.object(k.Type.Elem(), entryDefaults(k.Type.Elem()))
	case reflect.Slice:
		item := k
		item.Type, item.Single, item.Required = k.Type.Elem(), false, true
		items := g.typed(item, entryDefaults(k.Type.Elem()))
		list := ordered{{"type", "array"}, {"items", items}}
		if k.Required {
			list = append(list, member{"minItems", 1})
		}
		if !k.Single {
			return list
		}
		return ordered{{"anyOf", []ordered{list, items}}}
	case reflect.Map:
		return ordered{{"type", "object"}, {"additionalProperties", text(nameForm)}}
	case reflect.String:
		switch {
		case k.Enum != nil:
			return ordered{{"enum", k.Enum}}
		case k.Pattern != "" && k.Required:
			return text(patterns[k.Pattern].form().String())
		case k.Pattern != "":
			return text("^$|" + patterns[k.Pattern].form().String())
		}
		return ordered{{"type", "string"}}
	case reflect.Bool:
		return ordered{{"type", "boolean"}}
	default:
		o := ordered{{"type", "number"}}
		if k.Type.Kind() != reflect.Float64 {
			o = ordered{{"type", "integer"}}
		}
		if k.Low != "" {
			o = append(o, member{"minimum", number(k.Low)})
		}
		if k.High != "" {
			o = append(o, member{"maximum", number(k.High)})
		}
		if k.Name == "port" {
			o = append(o, member{"not", ordered{{"const", 25}}})
		}
		return o
	}
}

func generateSchema(t *testing.T) []byte {
	t.Helper()
	g := generator{readComments(t)}
	top := ordered{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", "https://raw.githubusercontent.com/pongwatch/pongwatch/main/shared/config/schema.json"},
		{"title", "pongwatch configuration"},
		{"description", g.comments["Config"]},
	}
	top = append(top, g.object(reflect.TypeFor[Config](), reflect.ValueOf(Default()).Elem())...)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(top); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
