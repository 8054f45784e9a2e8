package archtest

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// mayImport gives, for each direct child of shared, the other children that it
// and what lies below it may import. What those may import in turn is allowed too.
var mayImport = map[string][]string{
	"cause":     {},
	"cron":      {},
	"text":      {},
	"version":   {},
	"secrets":   {},
	"signature": {},
	"outbound":  {"secrets", "text"},
	"store":     {},
	"report":    {"cause", "text"},
	"upstash":   {"cause", "secrets", "outbound", "text"},
	"config":    {"cause", "cron", "report", "secrets", "text"},
	"check":     {"config", "upstash", "report", "signature"},
	"budget":    {"check"},
	"change":    {"cause", "config", "report", "text", "upstash"},
	"job":       {"report"},
	"access":    {"config", "job"},
	"incident":  {"cron", "report", "text"},
	"history":   {"store", "report"},
	"gcp":       {"store", "secrets", "report", "config", "job", "outbound", "text"},
}

// leaves are children of shared that import nothing but the standard library.
var leaves = []string{"cause", "cron", "text"}

// confined gives, for import paths from outside, the only places that may import them and why.
var confined = []struct {
	imported string
	within   []string // paths below the module; "" is the root package alone
	because  string
}{
	{"cloud.google.com/go", []string{"shared/gcp"}, "one package per Google SDK keeps the rest free of it"},
	{"google.golang.org/api", []string{"shared/gcp"}, "one package per Google SDK keeps the rest free of it"},
	{"github.com/GoogleCloudPlatform/functions-framework-go", []string{""}, "the entry points' names stand in one place, where the buildpack looks"},
	{"github.com/spf13", []string{"cmd"}, "the command line alone has commands and flags"},
	{"github.com/theory/jsonpath", []string{"shared/check/healthpage", "shared/config"}, "a page is read with it, and the configuration refuses what it cannot parse"},
	{"github.com/goccy/go-yaml", []string{"shared/config/document", preflight}, "the configuration's YAML is read, with its positions, in one place; preflight reads lock files"},
	{"github.com/BurntSushi/toml", []string{preflight}, "only preflight reads manifests"},
	{"github.com/Masterminds/semver", []string{preflight}, "only preflight compares versions of packages"},
}

// stages gives, for packages that are pure stages of one function, the packages of this
// module that they may import. The function alone puts the stages together.
var stages = map[string][]string{
	"functions/alert/judge":  {"functions/alert/policy", "shared/cause", "shared/report", "shared/incident", "shared/text"},
	"functions/alert/notify": {"functions/alert/message", "functions/alert/policy", "shared/cause", "shared/report", "shared/incident", "shared/text"},
	"functions/alert/policy": {"shared/cause", "shared/config", "shared/cron", "shared/incident", "shared/report"},
}

const preflight = "cmd/pongwatch/internal/preflight"

// undeployed gives what must never be linked into the functions, beside packages whose name ends in test.
var undeployed = []string{
	module + "/shared/store/boltstore",
	module + "/shared/cause/symptom",
	"github.com/alicebob/miniredis",
	"github.com/spf13",
	"go.etcd.io/bbolt",
	"testing",
}

// vague lists names that say nothing of what a package is for.
var vague = []string{"util", "utils", "common", "helper", "helpers", "types", "models", "misc", "base"}

// singleImporter lists the direct children of shared that only one of functions/*
// and cmd imports, each with the reason why it is shared all the same.
var singleImporter = map[string]string{}

func TestSharedPackagesImportOnlyInTheAllowedDirection(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		from, ok := sharedChild(p.path())
		if !ok {
			continue
		}
		allowed, known := closure(from)
		if !known {
			t.Errorf("shared/%s: not in this test's table: say there what it may import", from)
			continue
		}
		for _, imported := range p.Imports {
			to, ok := local(imported)
			if !ok {
				continue
			}
			child, isShared := sharedChild(to)
			switch {
			case !isShared:
				t.Errorf("%s imports %s: shared imports nothing of this module but shared", p.path(), to)
			case child != from && !slices.Contains(allowed, child):
				t.Errorf("%s imports %s: shared/%s may import only %v", p.path(), to, from, allowed)
			}
		}
	}
}

func TestLeavesImportTheStandardLibraryAlone(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		child, _ := sharedChild(p.path())
		if !slices.Contains(leaves, child) {
			continue
		}
		for _, imported := range p.Imports {
			// A package below a leaf may use the leaf.
			own, _ := sharedChild(strings.TrimPrefix(imported, module+"/"))
			if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") && own != child {
				t.Errorf("%s imports %s: shared/%s imports the standard library alone", p.path(), imported, child)
			}
		}
	}
}

func TestTheTableOfDirectionsHasNoCycleAndNoLeftovers(t *testing.T) {
	t.Parallel()
	exists := map[string]bool{}
	for _, p := range packages(t) {
		if child, ok := sharedChild(p.path()); ok {
			exists[child] = true
		}
	}
	for _, child := range sorted(mayImport) {
		if allowed, _ := closure(child); slices.Contains(allowed, child) {
			t.Errorf("shared/%s may import itself through %v", child, allowed)
		}
		for _, to := range mayImport[child] {
			if _, ok := mayImport[to]; !ok {
				t.Errorf("shared/%s may import shared/%s, which the table does not have", child, to)
			}
		}
		if !exists[child] {
			t.Logf("shared/%s is in the table and not yet in the tree", child)
		}
	}
}

func TestFunctionsNeverImportOneAnother(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		from, ok := child(p.path(), "functions")
		if !ok {
			continue
		}
		for _, imported := range p.Imports {
			to, ok := local(imported)
			if !ok {
				continue
			}
			if other, ok := child(to, "functions"); ok && other != from {
				t.Errorf("%s imports %s: a function knows the others only by what they publish", p.path(), to)
			}
			if !below(to, "functions/"+from) && !below(to, "shared") && !below(to, "docs") {
				t.Errorf("%s imports %s: a function imports its own packages, shared and docs", p.path(), to)
			}
		}
	}
}

func TestStagesKnowOnlyTheirWords(t *testing.T) {
	t.Parallel()
	exists := map[string]bool{}
	for _, p := range packages(t) {
		allowed, isStage := stages[p.path()]
		exists[p.path()] = true
		for _, imported := range p.Imports {
			if to, ok := local(imported); ok && isStage && !slices.Contains(allowed, to) {
				t.Errorf("%s imports %s: a stage may import only %v", p.path(), to, allowed)
			}
		}
	}
	for _, stage := range sorted(stages) {
		if !exists[stage] {
			t.Errorf("the table of stages names %s, which does not exist", stage)
		}
	}
}

func TestNothingImportsProgramsOrTheRoot(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			to, ok := local(imported)
			if !ok {
				continue
			}
			if below(to, "cmd") && !below(p.path(), "cmd") {
				t.Errorf("%s imports %s: only programs import what lies below cmd", p.ImportPath, to)
			}
			if to == "" {
				t.Errorf("%s imports the root package: it registers the entry points and is the buildpack's alone", p.ImportPath)
			}
		}
	}
}

func TestTheRootPackageOnlyRegistersTheFunctions(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if p.path() != "" {
			continue
		}
		if p.Name != "pongwatch" {
			t.Errorf("the root package is called %s, want pongwatch", p.Name)
		}
		for _, imported := range p.Imports {
			if to, ok := local(imported); ok && !below(to, "functions") {
				t.Errorf("the root package imports %s: it names the entry points and does nothing else", to)
			}
		}
	}
}

func TestOutsideImportsAreConfined(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			for _, rule := range confined {
				if below(imported, rule.imported) && !slices.ContainsFunc(rule.within, func(dir string) bool {
					return p.path() == dir || dir != "" && below(p.path(), dir)
				}) {
					t.Errorf("%s imports %s: only %q may: %s", p.ImportPath, imported, rule.within, rule.because)
				}
			}
		}
	}
}

func TestOnlyTestsAndProgramsImportTestPackages(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if isTestPackage(p.Name) || below(p.path(), "cmd") {
			continue
		}
		for _, imported := range p.Imports {
			if to, ok := local(imported); ok && isTestPackage(path.Base(to)) {
				t.Errorf("%s imports %s: fakes are for tests and for pongwatch local", p.ImportPath, to)
			}
		}
	}
}

func TestTheDeployedFunctionLinksNoFakes(t *testing.T) {
	t.Parallel()
	deps, err := list("-deps", ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range deps {
		_, ours := local(p.ImportPath)
		if ours && isTestPackage(p.Name) {
			t.Errorf("the root package depends on %s: packages ending in test are never deployed", p.ImportPath)
		}
		for _, banned := range undeployed {
			if p.ImportPath == banned || banned != "testing" && below(p.ImportPath, banned) {
				t.Errorf("the root package depends on %s, which is never deployed", p.ImportPath)
			}
		}
	}
}

func TestSharedMeansAtLeastTwoImporters(t *testing.T) {
	t.Parallel()
	imports := map[string][]string{} // child of shared → children that it imports
	direct := map[string][]string{}  // function or cmd → children of shared that it imports
	for _, p := range packages(t) {
		if unit, ok := sharedChild(p.path()); ok {
			imports[unit] = append(imports[unit], sharedImports(p)...)
		} else if unit, ok := child(p.path(), "functions"); ok {
			direct[unit] = append(direct[unit], sharedImports(p)...)
		} else if below(p.path(), "cmd") {
			direct["cmd"] = append(direct["cmd"], sharedImports(p)...)
		}
	}
	importers := map[string]map[string]bool{} // child of shared → functions and cmd, also through shared
	for child := range imports {
		importers[child] = map[string]bool{}
	}
	for unit, children := range direct {
		for child := range reach(children, imports) {
			importers[child][unit] = true
		}
	}
	for _, child := range sorted(importers) {
		reason, excepted := singleImporter[child]
		switch n := len(importers[child]); {
		case n < 2 && !excepted:
			t.Errorf("shared/%s serves only %v of functions/* and cmd: move it to its only user, or give the reason in singleImporter", child, sorted(importers[child]))
		case n >= 2 && excepted:
			t.Errorf("shared/%s has %d importers: take it off singleImporter (%q)", child, n, reason)
		}
	}
	for _, child := range sorted(singleImporter) {
		if importers[child] == nil {
			t.Errorf("singleImporter names shared/%s, which does not exist", child)
		}
	}
}

func TestPackagesAreNamedForWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if p.path() == "shared" {
			t.Error("shared holds packages, not Go files")
		}
		for segment := range strings.SplitSeq(p.path(), "/") {
			if slices.Contains(vague, segment) {
				t.Errorf("%s: %q says nothing of what the package is for", p.ImportPath, segment)
			}
		}
		if p.Name != "main" && p.path() != "" && path.Base(p.path()) != p.Name {
			t.Errorf("%s holds package %s: name the directory like its package", p.ImportPath, p.Name)
		}
	}
}

// sharedImports gives the children of shared that a package imports from.
func sharedImports(p pkg) []string {
	var children []string
	for _, imported := range p.Imports {
		to, _ := local(imported)
		if child, ok := sharedChild(to); ok {
			children = append(children, child)
		}
	}
	return children
}

func sharedChild(p string) (string, bool) { return child(p, "shared") }

// child gives the first segment of p below dir.
func child(p, dir string) (string, bool) {
	rest, ok := strings.CutPrefix(p, dir+"/")
	if !ok {
		return "", false
	}
	first, _, _ := strings.Cut(rest, "/")
	return first, true
}

// closure gives all that a child of shared may import, directly or through what it may import.
func closure(of string) (all []string, known bool) {
	direct, known := mayImport[of]
	return sorted(reach(direct, mayImport)), known
}

// reach gives all nodes that can be reached from some, which are among them.
func reach(from []string, edges map[string][]string) map[string]bool {
	reached := map[string]bool{}
	for todo := slices.Clone(from); len(todo) > 0; todo = todo[1:] {
		if next := todo[0]; !reached[next] {
			reached[next] = true
			todo = append(todo, edges[next]...)
		}
	}
	return reached
}
