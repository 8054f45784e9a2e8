package document

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type pasted struct{ text string }

func (p *pasted) ParseText(text string, plain bool) (what, example string) {
	if text == "secret" && !plain {
		return "holds a secret", "a reference"
	}
	p.text = text
	return "", ""
}

type base struct {
	On bool `yaml:"on" example:"true"`
}

type entry struct {
	base
	Name  string   `yaml:"name" pattern:"name" required:"true" example:"x"`
	Count int      `yaml:"count" min:"0" max:"3" example:"1"`
	Names []string `yaml:"names" single:"true" pattern:"name" example:"[x]"`
}

type option struct {
	Size  int `yaml:"size" min:"1" example:"2"`
	Depth int `yaml:"depth" min:"1" example:"3"`
}

type level string

type whole struct {
	Text    string            `yaml:"text" example:"words"`
	Name    string            `yaml:"name" pattern:"name" example:"x"`
	Level   level             `yaml:"level" enum:"low,high" example:"low"`
	On      bool              `yaml:"on" example:"true"`
	Count   int               `yaml:"count" min:"2" max:"5" example:"3"`
	Large   int64             `yaml:"large" min:"10" example:"20"`
	Share   float64           `yaml:"share" min:"0.5" max:"0.75" example:"0.6"`
	Free    float64           `yaml:"free" example:"1"`
	Wait    time.Duration     `yaml:"wait" min:"1s" max:"1m" example:"5s"`
	Size    Bytes             `yaml:"size" example:"1MB"`
	Key     pasted            `yaml:"key" example:"k"`
	Plain   pasted            `yaml:"plain_key" plain:"true" example:"k"`
	Object  option            `yaml:"object"`
	Option  *option           `yaml:"option"`
	List    []int             `yaml:"list" min:"1" max:"9" example:"[1]"`
	Single  []string          `yaml:"single" single:"true" example:"[x]"`
	Waits   []time.Duration   `yaml:"waits" single:"true" min:"1s" max:"1m" example:"[5s]"`
	Map     map[string]string `yaml:"map"`
	Entries []entry           `yaml:"entries" scope:"database"`
	Outlets []entry           `yaml:"outlets" scope:"receiver"`
	Others  []entry           `yaml:"others"`
	Skipped string            `yaml:"-"`
	without string            //nolint:unused // a field without a tag is no key
}

// decoded decodes a text into v with a pattern "name" of small letters.
func decoded(t *testing.T, text string, v any) *Decoder {
	t.Helper()
	tree, problems := Read(Source{Name: "f", Text: []byte(text)})
	if len(problems) > 0 {
		t.Fatalf("%s: %v", text, problems)
	}
	d := &Decoder{
		Done: func(string, any, any) {},
		Prefill: func(v any) {
			if o, ok := v.(*option); ok {
				*o = option{Size: 7, Depth: 8}
			}
			if e, ok := v.(*entry); ok {
				e.Count = 2
			}
		},
		Vital: func(path string) bool { return !strings.HasPrefix(path, "optional") },
		Check: func(pattern, text string) string {
			if pattern == "name" && (text == "" || strings.Trim(text, "abcxyz") != "") {
				return "is not a name"
			}
			return ""
		},
	}
	d.Decode(tree, v)
	d.Problems.Sort()
	return d
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       whole
	}{
		{"a text", "text: a b", whole{Text: "a b"}},
		{"a text with a form", "name: abc", whole{Name: "abc"}},
		{"an empty text has no form", "name: ''", whole{}},
		{"a text of a set", "level: high", whole{Level: "high"}},
		{"true", "on: true", whole{On: true}},
		{"the least number", "count: 2", whole{Count: 2}},
		{"the most", "count: 5", whole{Count: 5}},
		{"hexadecimal", "count: 0x3", whole{Count: 3}},
		{"a zero before it does not make it octal", "large: 010", whole{Large: 10}},
		{"the least without a most", "large: 10", whole{Large: 10}},
		{"large without a most", "large: 9000000000", whole{Large: 9_000_000_000}},
		{"the least share", "share: 0.5", whole{Share: 0.5}},
		{"the most share", "share: 0.75", whole{Share: 0.75}},
		{"a whole number where a number belongs", "free: 3", whole{Free: 3}},
		{"a number without bounds", "free: -1.5", whole{Free: -1.5}},
		{"the least duration", "wait: 1s", whole{Wait: time.Second}},
		{"the most duration", "wait: 60s", whole{Wait: time.Minute}},
		{"a size with a unit", "size: 2KB", whole{Size: 2048}},
		{"a size without", "size: 2048", whole{Size: 2048}},
		{"a type that parses its text", "key: k", whole{Key: pasted{"k"}}},
		{"a secret in plain text", "plain_key: secret", whole{Plain: pasted{"secret"}}},
		{"an object", "object: {size: 3}", whole{Object: option{Size: 3}}},
		{"an optional object has its defaults", "option: {size: 3}", whole{Option: &option{3, 8}}},
		{"an optional object without keys", "option: {}", whole{Option: &option{7, 8}}},
		{"a list", "list: [1, 9]", whole{List: []int{1, 9}}},
		{"a list without items", "list: []", whole{List: []int{}}},
		{"a single value in place of a list", "single: x", whole{Single: []string{"x"}}},
		{"a list where one value would do", "single: [x, y]", whole{Single: []string{"x", "y"}}},
		{"a single duration in place of a list", "waits: 2s", whole{Waits: []time.Duration{2 * time.Second}}},
		{"a map", "map: {a: b, c: d}", whole{Map: map[string]string{"a": "b", "c": "d"}}},
		{
			"entries with defaults and embedded keys", "entries: [{name: x}, {name: y, count: 3, on: true, names: a}]",
			whole{Entries: []entry{{Name: "x", Count: 2}, {base: base{true}, Name: "y", Count: 3, Names: []string{"a"}}}},
		},
		{"null is as if absent", "text: null\nlist: null\noption: null\nobject: null\nmap: null\nentries: null", whole{}},
	} {
		var got whole
		d := decoded(t, c.text, &got)
		if len(d.Problems) > 0 {
			t.Errorf("%s: %v", c.name, d.Problems)
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(whole{}, pasted{}, entry{}, base{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestDecodeReportsEveryProblem(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"a number where a text belongs", "text: 1", []string{"f:1:1: text is a whole number, want a text; quote it if it is meant as one; example: words"}},
		{"a text of another form", "name: A", []string{"f:1:1: name is not a name; example: x"}},
		{"a text of no set", "level: none", []string{"f:1:1: level is none of low, high; example: low"}},
		{"a text near one of a set", "level: hihg", []string{"f:1:1: level is none of low, high; did you mean high?; example: high"}},
		{"an empty text of no set", "level: ''", []string{"f:1:1: level is none of low, high; example: low"}},
		{"a text where true or false belongs", "on: 'true'", []string{"f:1:1: on is a text, want true or false; example: true"}},
		{"a text where a whole number belongs", "count: '3'", []string{"f:1:1: count is a text, want a whole number; example: 3"}},
		{"a number where a whole one belongs", "count: 3.0", []string{"f:1:1: count is a number, want a whole number; example: 3"}},
		{"a whole number that no field holds", "large: 9223372036854775808", []string{"f:1:1: large is a whole number, want a whole number; example: 20"}},
		{"one less than the least", "count: 1", []string{"f:1:1: count is 1, want from 2 to 5; example: 3"}},
		{"one more than the most", "count: 6", []string{"f:1:1: count is 6, want from 2 to 5; example: 3"}},
		{"one less than the least without a most", "large: 9", []string{"f:1:1: large is 9, want at least 10; example: 20"}},
		{"a little less than the least share", "share: 0.4999", []string{"f:1:1: share is 0.4999, want from 0.5 to 0.75; example: 0.6"}},
		{"a little more than the most", "share: 0.7501", []string{"f:1:1: share is 0.7501, want from 0.5 to 0.75; example: 0.6"}},
		{"a text where a number belongs", "share: '0.6'", []string{"f:1:1: share is a text, want a number; example: 0.6"}},
		{"a list where a number belongs", "share: []", []string{"f:1:1: share is a list, want a number; example: 0.6"}},
		{"a number where a duration belongs", "wait: 5", []string{"f:1:1: wait is a whole number that is not a duration; example: 5s"}},
		{"a duration without a unit", "wait: '5'", []string{"f:1:1: wait is a text that is not a duration; example: 5s"}},
		{"a little less than the least duration", "wait: 999ms", []string{"f:1:1: wait is 999ms, want from 1s to 1m; example: 5s"}},
		{"a little more than the most duration", "wait: 60001ms", []string{"f:1:1: wait is 1m0.001s, want from 1s to 1m; example: 5s"}},
		{"a text where a size belongs", "size: large", []string{"f:1:1: size is a text that is not a size; example: 1MB"}},
		{"a size below zero", "size: -1", []string{"f:1:1: size is a whole number that is not a size; example: 1MB"}},
		{"a broken number where a size belongs", "size: 1.5", []string{"f:1:1: size is a number that is not a size; example: 1MB"}},
		{"a number where a secret belongs", "key: 1", []string{"f:1:1: key is a whole number, want a text; example: k"}},
		{"a secret in plain text", "key: secret", []string{"f:1:1: key holds a secret; example: a reference"}},
		{"a text where an object belongs", "object: x", []string{"f:1:1: object is a text, want an object; example: {size: 2}"}},
		{"a list where an optional object belongs", "option: [1]", []string{"f:1:1: option is a list, want an object; example: {size: 2}"}},
		{"one value where a list belongs", "list: 1", []string{"f:1:1: list is a whole number, want a list; example: [1]"}},
		{"an item out of bounds", "list: [1, 10]", []string{"f:1:11: list[1] is 10, want from 1 to 9; example: [1]"}},
		{"an empty item", "list: [1, null]", []string{"f:1:11: list[1] is empty; example: [1]"}},
		{"an item that must have a form", "others: [{name: x, names: ['']}]", []string{"f:1:28: others[0].names[0] is not a name; example: [x]"}},
		{"one value that must have a form", "others: [{name: x, names: ''}]", []string{"f:1:20: others[0].names is not a name; example: [x]"}},
		{"a list where a map belongs", "map: [a]", []string{"f:1:1: map is a list, want an object; example: {backend: prod-cache}"}},
		{"a number in a map", "map: {a: 1, b: c}", []string{"f:1:7: map.a is a whole number, want a text; example: prod-cache"}},
		{"a pasted key of a map", "map: {'a b': 1}", []string{"f:1:7: map.(a key with odd characters) is a whole number, want a text; example: prod-cache"}},
		{"a key that is near another", "tetx: a", []string{"f:1:1: tetx is not a key here; did you mean text?; example: text"}},
		{"a key that is near none lists the keys", "object: {zzzzzz: 1}", []string{"f:1:10: object.zzzzzz is not a key here; the keys are depth, size"}},
		{"a field without a tag is no key", "without: 1", []string{"f:1:1: without is not a key here; the keys are count, entries, free, key, large, level, list, map, name, object, on, option, others, outlets, plain_key, share, single, size, text, wait, waits"}},
		{"a pasted key", "'a=b': 1\nobject: {'a=b': 1}", []string{
			"f:1:1: (a key with odd characters) is not a key here; the keys are count, entries, free, key, large, level, list, map, name, object, on, option, others, outlets, plain_key, share, single, size, text, wait, waits",
			"f:2:10: object.(a key with odd characters) is not a key here; the keys are depth, size",
		}},
		{"an anchor", "object:\n  size: &x 5", []string{"f:2:3: object.size is an anchor or alias (& or *), which is not supported, want a whole number; example: 2"}},
		{"an alias", "single: [*x]", []string{"f:1:10: single[0] is an anchor or alias (& or *), which is not supported, want a text; quote it if it is meant as one; example: [x]"}},
		{"a tag", "name: !!str y", []string{"f:1:1: name is a value with a tag (!), which is not supported, want a text; quote it if it is meant as one; example: x"}},
		{"a tag where an object belongs", "object: !x {size: 1}", []string{"f:1:1: object is a value with a tag (!), which is not supported, want an object; example: {size: 2}"}},
		{"a number that is none", "share: .nan\nfree: .inf", []string{
			"f:1:1: share is a kind of value that is not supported, want a number; example: 0.6", "f:2:1: free is a kind of value that is not supported, want a number; example: 1",
		}},
		{"several at once", "count: 9\nobject: {size: 0, depth: x}", []string{
			"f:1:1: count is 9, want from 2 to 5; example: 3", "f:2:10: object.size is 0, want at least 1; example: 2", "f:2:19: object.depth is a text, want a whole number; example: 3",
		}},
		{"a key that must be there is not", "others: [{count: 1}]", []string{"f:1:11: others[0].name is missing; example: x"}},
		{"a key that must be there is null", "others: [{name: null}]", []string{"f:1:11: others[0].name is missing; example: x"}},
		{"a key that must be there is wrong, but there", "others: [{name: 1}]", []string{"f:1:11: others[0].name is a whole number, want a text; quote it if it is meant as one; example: x"}},
	} {
		var got whole
		d := decoded(t, c.text, &got)
		if diff := cmp.Diff(c.want, lines(d.Problems)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		for _, p := range d.Problems {
			if !p.Fatal || p.Cause != "monitor_config" {
				t.Errorf("%s: fatal is %v, cause %s", c.name, p.Fatal, p.Cause)
			}
		}
		if reflect.ValueOf(got).FieldByName("Count").Int() != 0 {
			t.Errorf("%s: a value with a problem is set", c.name)
		}
	}
}

func TestAProblemInsideAnEntryIsTheEntrys(t *testing.T) {
	var got whole
	d := decoded(t, `
entries: [{name: a, count: 9}, {count: 9}, {name: B}, {name: 1}, x]
outlets: [{name: b, count: 9}, {name: b, names: A}]
others: [{name: c, count: 9}]
count: 9
`, &got)
	type where struct {
		key, database, receiver string
		fatal                   bool
	}
	var all []where
	for _, p := range d.Problems {
		all = append(all, where{p.Key, p.Database, p.Receiver, p.Fatal})
		if want := map[bool]string{true: "monitor_config", false: "config_invalid"}[p.Fatal]; string(p.Cause) != want {
			t.Errorf("%s: cause %s, want %s", p.Key, p.Cause, want)
		}
	}
	want := []where{
		{"entries[0].count", "a", "", false},
		{"entries[1].count", "database-2", "", false},
		{"entries[1].name", "database-2", "", false},
		{"entries[2].name", "database-3", "", false},
		{"entries[3].name", "database-4", "", false},
		{"entries[4]", "database-5", "", false},
		{"outlets[0].count", "", "b", false},
		{"outlets[1].names", "", "b", false},
		{"others[0].count", "", "", true},
		{"count", "", "", true},
	}
	if diff := cmp.Diff(want, all, cmp.AllowUnexported(where{})); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestReport(t *testing.T) {
	var got whole
	d := decoded(t, "object:\n  size: 3\nlist: [1,\n  2]\ncount: 9", &got)
	for path, want := range map[string]bool{"object": true, "object.size": true, "list[1]": true, "list[2]": false, "object.depth": false, "x": false} {
		if d.Given(path) != want {
			t.Errorf("Given(%q) = %v", path, !want)
		}
	}
	d.In(Scope{Database: "a"}, func() {
		d.In(Scope{Receiver: "r"}, func() { d.Report("object.size", "is odd", "2") })
		d.Report("object.depth.deeper", "is not there", "").Cause = "quota_daily"
	})
	d.Report("list[1].x", "is wrong", "")
	d.Report("nothing.at.all", "is wrong", "")
	want := Problems{
		{Key: "count", What: "is 9, want from 2 to 5", Example: "3", File: "f", Line: 5, Column: 1, Cause: "monitor_config", Fatal: true},
		{Key: "object.size", What: "is odd", Example: "2", File: "f", Line: 2, Column: 3, Receiver: "r", Cause: "config_invalid", Stops: true},
		{Key: "object.depth.deeper", What: "is not there", File: "f", Line: 1, Column: 1, Database: "a", Cause: "quota_daily", Stops: true},
		{Key: "list[1].x", What: "is wrong", File: "f", Line: 4, Column: 3, Cause: "monitor_config", Fatal: true},
		{Key: "nothing.at.all", What: "is wrong", Cause: "monitor_config", Fatal: true},
	}
	if diff := cmp.Diff(want, d.Problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	for path, want := range map[string]bool{"object.size": true, "object": false, "count": true, "coun": false} {
		if d.Bad(path) != want {
			t.Errorf("Bad(%q) = %v", path, !want)
		}
	}
	for path, want := range map[string]bool{"object": true, "object.size": false, "objec": false, "object.depth": true, "count": false} {
		if d.BadUnder(path) != want {
			t.Errorf("BadUnder(%q) = %v", path, !want)
		}
	}
}

func TestOnlyAProblemWithAVitalKeyStopsAnything(t *testing.T) {
	var d Decoder
	d.Vital = func(path string) bool { return path == "url" || path == "list[0].url" }
	d.Report("url", "is wrong", "")
	d.Report("home", "is wrong", "")
	d.In(Scope{Database: "a"}, func() {
		d.Report("list[0].url", "is wrong", "")
		d.Report("list[0].home", "is wrong", "")
		d.Report("list[0].app.page", "is no key", "")
	})
	if d.StopUnder("list[0].ap") || !d.StopUnder("list[0].app") {
		t.Error("StopUnder finds something else than the keys below its path")
	}
	want := Problems{
		{Key: "url", What: "is wrong", Cause: "monitor_config", Fatal: true},
		{Key: "home", What: "is wrong", Cause: "config_invalid"},
		{Key: "list[0].url", What: "is wrong", Database: "a", Cause: "config_invalid", Stops: true},
		{Key: "list[0].home", What: "is wrong", Database: "a", Cause: "config_invalid"},
		{Key: "list[0].app.page", What: "is no key", Database: "a", Cause: "config_invalid", Stops: true},
	}
	if diff := cmp.Diff(want, d.Problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	var got Problems
	if !errors.As(d.Problems.Stops(), &got) || len(got) != 2 {
		t.Errorf("%v stop something, want 2", got)
	}
}

func TestWithoutItsWrongItemsAListIsUsedAndWithoutAnyItsDefault(t *testing.T) {
	for text, want := range map[string][]string{
		"names: [a, 1, b]": {"a", "b"}, "names: [1]": {"x"}, "names: 1": {"x"}, "names: []": {}, "names: null": {"x"},
	} {
		got := struct {
			Names []string `yaml:"names" single:"true" pattern:"name"`
		}{[]string{"x"}}
		decoded(t, text, &got)
		if diff := cmp.Diff(want, got.Names); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestASecretInPlainTextIsAcceptedWhereTheDecoderSaysSo(t *testing.T) {
	var got whole
	tree, _ := Read(Source{Text: []byte("key: secret")})
	d := &Decoder{Plain: true, Done: func(string, any, any) {}}
	d.Decode(tree, &got)
	if len(d.Problems) > 0 || got.Key.text != "secret" {
		t.Errorf("%v, key %q", d.Problems, got.Key.text)
	}
}

func TestKeys(t *testing.T) {
	var got []string
	for _, k := range Keys(reflect.TypeFor[entry]()) {
		got = append(got, k.Name)
	}
	if diff := cmp.Diff([]string{"on", "name", "count", "names"}, got); diff != "" {
		t.Error(diff)
	}
	k := Keys(reflect.TypeFor[entry]())[3]
	want := Key{Name: "names", Pattern: "name", Example: "[x]", Single: true, Index: []int{3}, Type: reflect.TypeFor[[]string]()}
	if diff := cmp.Diff(want, k, cmp.AllowUnexported(Key{}), cmp.Comparer(func(a, b reflect.Type) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}
