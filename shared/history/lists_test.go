package history

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pongwatch/pongwatch/shared/report"
)

// FuzzListsAreReadAsJSON holds what reads lists by hand against encoding/json, which
// reads them by reflection: the same values, and an error for the same texts.
func FuzzListsAreReadAsJSON(f *testing.F) {
	for _, seed := range []string{
		`[0,1,2]`, `[]`, `null`, `[null]`, `[-1, 2]`, `[1.5]`, `{}`, `""`,
		`["10.16.8.4","10.16.8.4","10.16.8.5"]`, `["a,b","c"]`, `["\u003c"]`, `[""]`, `["]"]`, `["a" , "b"]`,
		`[{"status":"ok","value":0.25},null,{"status":"fail","cause":"memory_high"}]`, `[{"status":"ok","new":[1]}]`, `[{"status":"}"}]`, `[{"value":null}]`, `[{}]`,
		`{"keys":[1,2.5,null],"hits_total":[0]}`, `{"keys":[[1]]}`, `{"keys":null}`, `{"a\"":[1]}`, `{"keys" : [1]}`, `{"keys":[1e400]}`, `{"keys":[],"keys":[1]}`,
		`{"us-east4":{"samples":60,"good":59,"failed":1,"p50_ms":41.5},"eu":{"unknown":2}}`, `{"a":{"good":1},"a":{"failed":2}}`, `{"a":{"x":{}}}`, `{"a":{"samples":"]"}}`,
		`{"memory":[{"status":"ok"}],"hit_rate":[null]}`, `{"memory":["]"]}`, `{"memory":{}}`, `{"x":[{"status":"a","cause":"b,c"}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		data := []byte(text)
		if !json.Valid(data) {
			return // encoding/json calls none of them
		}
		same[indices, []int](t, data, func(x indices) []int { return x })
		same[words, []string](t, data, plainWords)
		same[verdicts, []*verdict](t, data, plainVerdicts)
		same[numbers, []*float64](t, data, pointersTo)
		same[ByRegion, map[string]Summary](t, data, func(x ByRegion) map[string]Summary {
			out := map[string]Summary{}
			for _, s := range x {
				out[s.Region] = s.Summary
			}
			return out
		})
		same[verdictsOf, map[report.Check][]*verdict](t, data, func(x verdictsOf) map[report.Check][]*verdict {
			out := map[report.Check][]*verdict{}
			for _, column := range x {
				out[column.name] = plainVerdicts(column.of)
			}
			return out
		})
		same[gauges, map[report.Gauge][]*float64](t, data, func(x gauges) map[report.Gauge][]*float64 {
			out := map[report.Gauge][]*float64{}
			for _, column := range x {
				out[column.name] = pointersTo(column.of)
			}
			return out
		})
	})
}

func plainWords(x words) []string {
	var out []string
	for i := range x.index {
		out = append(out, x.at(i))
	}
	return out
}

func plainVerdicts(x verdicts) []*verdict {
	var out []*verdict
	for i := range x.index {
		one, asked := x.at(i)
		if !asked {
			out = append(out, nil)
			continue
		}
		out = append(out, &verdict{Status: one.Status, Cause: one.Cause, Value: one.Value})
	}
	return out
}

func pointersTo(x numbers) []*float64 {
	var out []*float64
	for _, v := range x {
		if math.IsNaN(v) {
			out = append(out, nil)
			continue
		}
		out = append(out, &v)
	}
	return out
}

// same reads data by hand and by reflection.
func same[Hand, Plain any](t *testing.T, data []byte, plainOf func(Hand) Plain) {
	t.Helper()
	var hand Hand
	var plain Plain
	handErr, plainErr := json.Unmarshal(data, &hand), json.Unmarshal(data, &plain)
	if (handErr == nil) != (plainErr == nil) {
		t.Fatalf("%T of %s: %v by hand, %v by encoding/json", hand, data, handErr, plainErr)
	}
	if plainErr != nil {
		return
	}
	if diff := cmp.Diff(plain, plainOf(hand), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%T of %s (-encoding/json +by hand):\n%s", hand, data, diff)
	}
}
