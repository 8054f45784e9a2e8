package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// refused are words that a tired reader stumbles over, with what to write in their place.
// CONTRIBUTING.md has the rules behind them.
var refused = []struct{ words, instead string }{
	{`typing errors?`, "typo"},
	{`reckon\w*`, "estimate, expect"},
	{`told of|tell(s|ing)? of|(is|are|was|were) told`, "notified"},
	{`hears? of`, "is notified of"},
	{`(some|no)body|who(m)?ever`, "someone, no one, or say who"},
	{`mend(s|ed|ing)?`, "fix"},
	{`foret(old|ell\w*)`, "forecast"},
	{`for want of`, "because … is missing"},
	{`belongs? into`, "belongs in"},
	{`in clear`, "in plain text"},
	{`call(s|ed)? to mind`, "remind"},
	{`owed`, "not yet delivered, due"},
	{`for certain`, "certainly, or say how"},
	{`(can(not)? )?be had`, "is available"},
	{`shall|lest|whence|thence|amiss|nought|hereby|thereby|whereof|thereof|therein|wherein`, "a word of today"},
	{`all the same`, "anyway"},
	{`all is well`, "it works"},
	{`(\w*[^e]|\w*[^r]e) (is|are|was|were) no (URL|JSON|address|base|bound|bot|cause|container|date|digit|duration|file|folder|go|id|incident|key|list|map|mistake|name|number|object|page|pass|place|plan|problem|proof|reference|region|secret|server|size|text|time|token|type|version|word)s?`, "is not a …"},
}

// userTexts are the files of which every line is read by users. Other files hold texts for them
// in the strings of Go.
func isUserText(name string) bool {
	switch path.Ext(name) {
	case ".md":
		return !slices.Contains([]string{"CHANGELOG.md", "CONTRIBUTING.md", "docs/design.md"}, name) // records, and the list itself
	case ".html", ".tf", ".tfvars", ".css":
		return true
	case ".yaml", ".py", ".ts", ".tsx", ".service":
		return strings.HasPrefix(name, "deploy/") || strings.HasPrefix(name, "examples/") || strings.HasPrefix(name, "docs/")
	}
	return strings.HasPrefix(name, "scripts/") || name == "Containerfile"
}

func TestUsersReadPlainEnglish(t *testing.T) {
	files := tracked(t)
	patterns := make([]*regexp.Regexp, len(refused))
	for i, r := range refused {
		patterns[i] = regexp.MustCompile(`(?i)\b(` + r.words + `)\b`)
	}
	judge := func(where, text string) {
		for i, p := range patterns {
			if found := p.FindString(text); found != "" {
				t.Errorf("%s: %q; write: %s", where, found, refused[i].instead)
			}
		}
	}
	read := 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		switch {
		case strings.Contains(name, "testdata/") || strings.Contains(name, "node_modules/"):
		case isUserText(name):
			read++
			for i, line := range strings.Split(string(files[name]), "\n") {
				judge(fmt.Sprintf("%s:%d", name, i+1), line)
			}
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			read++
			strs(t, name, files[name], judge)
		}
	}
	if read < 100 {
		t.Errorf("%d files were read, want those of the whole project", read)
	}
}

// strs judges the strings of a Go file. Those of its imports and tags are no texts.
func strs(t *testing.T, name string, content []byte, judge func(where, text string)) {
	t.Helper()
	positions := token.NewFileSet()
	file, err := parser.ParseFile(positions, name, content, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			if n.Kind == token.STRING && strings.Contains(n.Value, " ") {
				judge(positions.Position(n.Pos()).String(), n.Value)
			}
		}
		return true
	})
}

func TestRefusedWordsAreFound(t *testing.T) {
	for _, text := range []string{"a typing error", "Nobody hears of it", "who is told", "it is mended", "the token in clear", "It belongs into the file", "home is no region", "this is no URL", "all is well"} {
		if !slices.ContainsFunc(refused, func(r struct{ words, instead string }) bool {
			return regexp.MustCompile(`(?i)\b(` + r.words + `)\b`).MatchString(text)
		}) {
			t.Errorf("%q is not refused", text)
		}
	}
	for _, text := range []string{"there is no region", "There are no problems", "is no longer watched", "an emended page", "the plan in the clearing"} {
		for _, r := range refused {
			if found := regexp.MustCompile(`(?i)\b(` + r.words + `)\b`).FindString(text); found != "" {
				t.Errorf("%q is refused for %q", text, found)
			}
		}
	}
}
