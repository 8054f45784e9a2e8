package statistics_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
)

// enums are the closed sets. Causes and gauges may grow, so they are not.
var enums = map[reflect.Type][]string{
	reflect.TypeFor[report.Status]():       {"ok", "warn", "fail", "unknown"},
	reflect.TypeFor[report.Job]():          {"healthcheck", "metrics"},
	reflect.TypeFor[cause.Severity]():      {"info", "warning", "critical"},
	reflect.TypeFor[statistics.Word]():     {"down", "mock", "degraded", "no_data", "connected"},
	reflect.TypeFor[statistics.JobState](): {"ok", "late", "never"},
	reflect.TypeFor[incidents.Delivery]():  {"delivered", "pending", "failed"},
	reflect.TypeFor[incidents.State]():     {"no_longer_watched", "resolved", "silenced", "maintenance", "acknowledged", "flapping", "unstable", "open"},
}

// generator makes a schema of Go types as encoding/json writes them.
type generator struct{ defs map[string]any }

func (g *generator) schema(t reflect.Type) map[string]any {
	if values, ok := enums[t]; ok {
		return map[string]any{"type": "string", "enum": values}
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Pointer:
		return g.schema(t.Elem())
	case t.Kind() == reflect.Slice:
		item := g.schema(t.Elem())
		if t.Elem().Kind() == reflect.Pointer {
			item = map[string]any{"anyOf": []any{item, map[string]any{"type": "null"}}}
		}
		return map[string]any{"type": "array", "items": item}
	case t.Kind() == reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": g.schema(t.Elem())}
	case t.Kind() == reflect.Struct:
		if _, known := g.defs[t.Name()]; !known {
			g.defs[t.Name()] = nil // against a cycle
			properties, required := map[string]any{}, []string{}
			g.fields(t, properties, &required)
			slices.Sort(required)
			g.defs[t.Name()] = map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
		}
		return map[string]any{"$ref": "#/$defs/" + t.Name()}
	}
	return map[string]any{"type": map[reflect.Kind]string{
		reflect.String: "string", reflect.Bool: "boolean", reflect.Float64: "number", reflect.Int: "integer", reflect.Int64: "integer",
	}[t.Kind()]}
}

func (g *generator) fields(t reflect.Type, properties map[string]any, required *[]string) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			g.fields(f.Type, properties, required)
			continue
		}
		properties[name] = g.schema(f.Type)
		if !strings.Contains(options, "omit") {
			*required = append(*required, name)
		}
	}
}

// TestTheSchemaIsThatOfTheTypes also writes it, with -update.
func TestTheSchemaIsThatOfTheTypes(t *testing.T) {
	g := &generator{defs: map[string]any{}}
	root := map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "pongwatch's statistics: GET /api/v1/admin/redis-metrics",
	}
	maps.Copy(root, g.schema(reflect.TypeFor[statistics.Statistics]()))
	root["$defs"] = g.defs
	want, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	goldentest.Compare(t, "schema.json", want)
	if !bytes.Equal(statistics.Schema(), want) && !goldentest.Update() {
		t.Error("the embedded schema is another one")
	}
}
