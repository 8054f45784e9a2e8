package document

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// lines prints problems as "file:line:column: key what; example: …".
func lines(ps Problems) []string {
	var out []string
	for _, p := range ps {
		out = append(out, p.Error())
	}
	return out
}

// shape prints a tree: texts quoted, other scalars as they are.
func shape(v any) string {
	var parts []string
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, name+": "+shape(v[name]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		for _, i := range v {
			parts = append(parts, shape(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		return fmt.Sprintf("%q", v)
	case nil:
		return "null"
	}
	return fmt.Sprint(v)
}

func sources(texts ...string) []Source {
	var out []Source
	for i, text := range texts {
		out = append(out, Source{Name: string(rune('a' + i)), Text: []byte(text)})
	}
	return out
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name  string
		texts []string
		want  string
	}{
		{"every kind of value", []string{"t: x\ni: 1_000\nf: 1.5\nb: true\nn: null\nl: [a, 2]\no: {p: q}\n"}, `{b: true, f: 1.5, i: 1000, l: ["a", 2], n: null, o: {p: "q"}, t: "x"}`},
		{"JSON", []string{`{"a": {"b": [1, "x", false, null]}}`}, `{a: {b: [1, "x", false, null]}}`},
		{"a block text", []string{"a: |\n  x\n  y\n"}, `{a: "x\ny\n"}`},
		{"quoted numbers are texts", []string{"a: '1'"}, `{a: "1"}`},
		{"keys that are no texts", []string{"1: a\ntrue: b\n"}, `{1: "a", true: "b"}`},
		{"a byte order mark", []string{"\ufeffa: 1"}, "{a: 1}"},
		{"a directive", []string{"%YAML 1.2\n---\na: 1\n...\n"}, "{a: 1}"},
		{"nothing", []string{""}, "{}"},
		{"no source", nil, "{}"},
		{"a comment", []string{"# x"}, "{}"},
		{"null", []string{"null"}, "{}"},
		{"two YAML documents in one source", []string{"a: 1\n---\nb: 2\n"}, "{a: 1, b: 2}"},
		{"objects are joined key by key", []string{"a: {b: 1, c: {d: 2}}", "a: {c: {e: 3}, f: 4}\ng: 5"}, "{a: {b: 1, c: {d: 2, e: 3}, f: 4}, g: 5}"},
		{"top-level lists of objects end to end", []string{"l: [{a: 1}, {a: 2}]", "l: [{a: 3}]", "l: [{a: 4}]"}, "{l: [{a: 1}, {a: 2}, {a: 3}, {a: 4}]}"},
		{"a top-level list that is empty", []string{"l: []", "l: [{a: 3}]"}, "{l: [{a: 3}]}"},
		{"equal values are one", []string{"a: [1, {b: x, c: y}]", "a: [1, {c: y, b: x}]"}, `{a: [1, {b: "x", c: "y"}]}`},
		{"null gives way", []string{"a: null\nb: 1", "a: 2\nb: null"}, "{a: 2, b: 1}"},
	} {
		tree, problems := Read(sources(c.texts...)...)
		if len(problems) > 0 {
			t.Errorf("%s: %v", c.name, problems)
			continue
		}
		if got := shape(tree.root); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestReadReportsProblemsWithTheirPlaces(t *testing.T) {
	const (
		noObject = ", want an object; example: databases: […]"
		once     = "; example: give it in one of the two documents"
		defaults = "; example: write defaults for all databases at the top of the document"
	)
	for _, c := range []struct {
		name  string
		texts []string
		want  []string
	}{
		{"a text is no document", []string{"just text"}, []string{"a:1:1: the document is a text" + noObject}},
		{"a list is no document", []string{"a: 1", "[1]"}, []string{"b:1:1: the document is a list" + noObject}},
		{"a number is no document", []string{"5"}, []string{"a:1:1: the document is a whole number" + noObject}},
		{"a merge key", []string{"a:\n  <<: {b: 1}\n  c: 2\n"}, []string{"a:2:3: merge keys (<<) are not supported" + defaults}},
		{"a key with an anchor", []string{"&a b: c\nd: 1\n"}, []string{"a:1:1: this kind of key is not supported; example: name: value"}},
		{"a key twice", []string{"a: 1\nb: 2\na: 3\n"}, []string{"a:3:1: a is given twice, first in line 1, which is used"}},
		{"a key twice, in an object of one line", []string{"x: {a: 1, a: 2}\n"}, []string{"a:1:11: a is given twice, first in line 1, which is used"}},
		{"a pasted key twice is not quoted", []string{"s!ecret: 1\ns!ecret: 3\n"}, []string{"a:2:1: (a key with odd characters) is given twice, first in line 1, which is used"}},
		{"another value", []string{"a: {b: 1}", "x: 0\na: {b: 2}"}, []string{"b:2:5: a.b has another value at a:1:5" + once}},
		{"another kind of value", []string{"a: 1", "a: '1'"}, []string{"b:1:1: a has another value at a:1:1" + once}},
		{"a list with more items", []string{"a: [1]", "a: [1, 2]"}, []string{"b:1:1: a has another value at a:1:1" + once}},
		{"a list with another item", []string{"a: [1, 2]", "a: [1, 3]"}, []string{"b:1:1: a has another value at a:1:1" + once}},
		{"an object in place of a text", []string{"a: x", "a: {b: 1}"}, []string{"b:1:1: a has another value at a:1:1" + once}},
		{"lists of objects below the top", []string{"a: {l: [{b: 1}]}", "a: {l: [{b: 2}]}"}, []string{"b:1:5: a.l has another value at a:1:5" + once}},
		{"an item with another key", []string{"a: [x, {b: 1}]", "a: [x, {c: 1}]"}, []string{"b:1:1: a has another value at a:1:1" + once}},
		{"an item with more keys", []string{"a: [x, {b: 1}]", "a: [x, {b: 1, c: 1}]"}, []string{"b:1:1: a has another value at a:1:1" + once}},
		{"a list of objects and one of texts", []string{"a: [{b: 1}]", "a: [x]"}, []string{"b:1:1: a has another value at a:1:1" + once}},
	} {
		tree, problems := Read(sources(c.texts...)...)
		if diff := cmp.Diff(c.want, lines(problems)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if tree == nil {
			t.Errorf("%s: no tree, although the source can be parsed", c.name)
		}
		for _, p := range problems {
			// One of two values stands; entries that are left out would be watched by nothing.
			fatal := !strings.Contains(p.What, "twice") && !strings.Contains(p.What, "another value") || strings.Contains(c.name, "lists of objects") || strings.Contains(c.name, "a list of objects")
			if p.Fatal != fatal || fatal != (p.Cause == "monitor_config") {
				t.Errorf("%s: fatal is %v, cause %s", c.name, p.Fatal, p.Cause)
			}
		}
	}
}

func TestSourcesThatCannotBeParsed(t *testing.T) {
	const example = "; example: databases:\n  - name: prod-cache"
	for _, c := range []struct{ name, text, want string }{
		{"a tab as indentation", "databases:\n\t- a\n", "b:2:1: the document is neither YAML nor JSON: found character '\t' that cannot start any token" + example},
		{"UTF-16", "\xff\xfea\x00:\x00 \x001\x00", "b: the document has NUL bytes, as UTF-16 has them; want UTF-8; example: iconv -f UTF-16 -t UTF-8"},
		{"too large", strings.Repeat("#", MaxSize+1), "b: the document has 12582913 bytes, more than 12582912; example: several documents in PONGWATCH_CONFIG"},
		{"too many brackets", strings.Repeat("[", 201), "b: the document is nested more than 200 levels deep"},
		{"too many braces", strings.Repeat("{a: ", 201), "b: the document is nested more than 200 levels deep"},
		{"too many dashes", strings.Repeat("- ", 201), "b: the document is nested more than 200 levels deep"},
		{"too many question marks in a later line", "a: 1\n" + strings.Repeat("? ", 201), "b: the document is nested more than 200 levels deep"},
	} {
		tree, problems := Read(sources("a: 1", c.text)...)
		if tree != nil || len(problems) != 1 || problems[0].Error() != c.want || problems.Fatal() == nil {
			t.Errorf("%s: %v, want %q and no tree", c.name, problems, c.want)
		}
	}
	for _, c := range []struct{ name, text string }{
		{"as large as may be", strings.Repeat("#", MaxSize)},
		{"as deep as may be", "a: " + strings.Repeat("[", 200) + strings.Repeat("]", 200)},
		{"many brackets one after the other", "a: [" + strings.Repeat("[],", 300) + "]"},
		{"many lines with dashes", "a:\n" + strings.Repeat("- x\n", 300)},
		{"many dashes inside words", "a: " + strings.Repeat("x-", 300)},
		{"as many dashes as may be", "a:\n " + strings.Repeat("- ", 199) + "x"},
	} {
		if tree, problems := Read(sources(c.text)...); tree == nil || len(problems) > 0 {
			t.Errorf("%s: %v", c.name, problems)
		}
	}
}

func TestShown(t *testing.T) {
	for name, want := range map[string]string{
		"aZ_0-9": "aZ_0-9", strings.Repeat("a", 32): strings.Repeat("a", 32), strings.Repeat("a", 33): "(a key that is too long or empty)",
		"": "(a key that is too long or empty)", "a b": "(a key with odd characters)", "ä": "(a key with odd characters)",
		"a@": "(a key with odd characters)", "[": "(a key with odd characters)", "`": "(a key with odd characters)", "{": "(a key with odd characters)",
		"/": "(a key with odd characters)", ":": "(a key with odd characters)",
	} {
		if got := Shown(name); got != want {
			t.Errorf("Shown(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestSplit(t *testing.T) {
	tree, _ := Read(sources("a: 1\nb: 2\nc: 3")...)
	rest, named := tree.Split("b", "x")
	if shape(rest.root) != "{a: 1, c: 3}" || shape(named.root) != "{b: 2}" {
		t.Errorf("rest %s, named %s", shape(rest.root), shape(named.root))
	}
}

func TestNearest(t *testing.T) {
	keys := []string{"receivers", "databases", "home", "url", "max_commands"}
	for text, want := range map[string]string{
		"receiver": "receivers", "recivers": "receivers", "Databases": "databases", "datab": "", "maxCommands": "max_commands", "max-commands": "max_commands",
		"homme": "home", "hoem": "home", "hxmx": "", "urls": "url", "uri": "url", "uxx": "", "dataXaXes": "databases", "dXtaXaXes": "",
		"url" + strings.Repeat(" ", 61): "url", "url" + strings.Repeat(" ", 62): "", "": "",
	} {
		if got := Nearest(text, keys); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestDistanceIsAMetric(t *testing.T) {
	word := rapid.StringMatching(`[ab]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		d := distance(a, b)
		if d != distance(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) || d < max(len(a), len(b))-min(len(a), len(b)) {
			t.Errorf("distance(%q, %q) = %d", a, b, d)
		}
	})
	for _, c := range []struct {
		a, b string
		want int
	}{{"abc", "", 3}, {"", "ab", 2}, {"abcd", "abdc", 1}, {"abcd", "badc", 2}, {"ca", "abc", 3}, {"kitten", "sitting", 3}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{
		"0": 0, "1": 1, "1B": 1, "1KB": 1 << 10, "1.5 kb": 1536, "256MB": 268_435_456, "10gb": 10 << 30, "2 TB": 2 << 40, "1152921504606846976": 1 << 60,
	} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("parseBytes(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MB", "-1", "-1MB", "1XB", "1 PB", "2097152TB", "1e19", "ten"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("parseBytes(%q) = %d, want an error", text, got)
		}
	}
	for b, want := range map[Bytes]string{0: "0B", 1: "1B", 1023: "1023B", 1 << 10: "1KB", 1536: "1536B", 256 << 20: "256MB", 3 << 30: "3GB", 2 << 40: "2TB"} {
		if got := b.String(); got != want {
			t.Errorf("%d prints as %s, want %s", int64(b), got, want)
		}
		if back, err := parseBytes(b.String()); err != nil || back != b {
			t.Errorf("%s becomes %d, %v", b, int64(back), err)
		}
	}
}

func TestProblems(t *testing.T) {
	wrong := Problem{Key: "a", What: "is wrong", Example: "b", File: "f", Line: 2, Column: 3}
	notice := Problem{Key: "n", What: "is ignored", File: "env", Notice: true}
	end := Problem{What: "the document is a list", Fatal: true}
	if got := (Problems{wrong, notice, end}).Error(); got != "f:2:3: a is wrong; example: b\nenv: n is ignored\nthe document is a list" {
		t.Errorf("Error() = %q", got)
	}
	for _, c := range []struct {
		name       string
		ps         Problems
		err, fatal string
	}{
		{"none", nil, "", ""},
		{"a notice", Problems{notice}, "", ""},
		{"a problem of one entry beside a notice", Problems{notice, wrong}, wrong.Error(), ""},
		{"a fatal one among others", Problems{notice, wrong, end}, wrong.Error() + "\n" + end.Error(), end.Error()},
	} {
		text := func(err error) string {
			if err == nil {
				return ""
			}
			return err.Error()
		}
		if got := text(c.ps.Err()); got != c.err {
			t.Errorf("%s: Err() = %q, want %q", c.name, got, c.err)
		}
		if got := text(c.ps.Fatal()); got != c.fatal {
			t.Errorf("%s: Fatal() = %q, want %q", c.name, got, c.fatal)
		}
	}
}

func TestSortKeepsTheOrderOfDocuments(t *testing.T) {
	at := func(file string, line, column int, key, what string) Problem {
		return Problem{File: file, Line: line, Column: column, Key: key, What: what}
	}
	want := Problems{
		at("z", 1, 1, "a", "x"), at("z", 1, 1, "a", "y"), at("z", 1, 1, "b", "x"), at("z", 1, 2, "a", "x"), at("z", 2, 1, "a", "x"), at("a", 1, 1, "a", "x"),
	}
	got := Problems{want[3], want[2], want[5], want[4], want[1], want[0]}
	got.Sort()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"a: b", "{", "- a\n- &x b", "? [a]\n: b", "a: {b: [1, 1.5, true, null, 'x']}", "<<: *x", "a: |\n  x", "--- a\n--- {b: c}", "x: !!binary aa"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		tree, problems := Read(Source{Name: "a", Text: text}, Source{Name: "b", Text: text})
		if tree == nil && problems.Fatal() == nil {
			t.Fatal("neither a tree nor a fatal problem")
		}
		for _, p := range problems {
			wholly := tree == nil && p.Fatal // of a document as a whole, which no line shows
			if p.What == "" || p.File == "" || p.Line < 1 && !wholly {
				t.Errorf("problem %+v", p)
			}
		}
	})
}
