package deploytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Parts of a test file: a run with its name and content, what makes a run more than its asserts, and what stands for
// a provider or a module.
var (
	testRun = regexp.MustCompile(`(?ms)^run "(\w+)" \{\n(.*?)^\}\n`)
	varies  = regexp.MustCompile(`(?m)^  variables\b`)
	special = regexp.MustCompile(`(?m)^  (module|command|expect_failures)\b`)
	mocked  = regexp.MustCompile(`(?ms)^(?:mock_provider|override_module)[^\n]*\{(?:\}|\n.*?^\})\n`)
)

// planned is the head of a test file, so that what an apply makes up, such as an account's address, is made up
// in the plan. An apply would also build, refresh and destroy: four fifths of the time.
func planned(t *testing.T, text string) string {
	t.Helper()
	used, err := usedTypes()
	if err != nil {
		t.Fatal(err)
	}
	var mocks strings.Builder
	for _, name := range slices.Sorted(maps.Keys(used)) {
		if strings.HasPrefix(name, "google_") {
			fmt.Fprintf(&mocks, "  mock_resource %q {\n    defaults = {}\n  }\n", name)
		}
	}
	head, _, _ := strings.Cut(text, "\nrun \"")
	return strings.NewReplacer(
		"mock_provider \"google\" {\n", "mock_provider \"google\" {\n  override_during = plan\n"+mocks.String(),
		"mock_provider \"google\" {}", "mock_provider \"google\" {\n  override_during = plan\n"+mocks.String()+"}",
		"override_module {\n", "override_module {\n  override_during = plan\n",
	).Replace(head) + "\n"
}

// merged is one planned run of all runs of test files that change no variable, with the variables of the first file.
func merged(t *testing.T, texts ...string) string {
	t.Helper()
	var asserts strings.Builder
	for _, text := range texts {
		for _, run := range testRun.FindAllStringSubmatch(text, -1) {
			if !varies.MatchString(run[2]) && !special.MatchString(run[2]) {
				asserts.WriteString(run[2])
			}
		}
	}
	if asserts.Len() == 0 {
		return planned(t, texts[0])
	}
	return planned(t, texts[0]) + "run \"merged\" {\n  command = plan\n" + asserts.String() + "}\n"
}

// varied are the other runs of a test file, planned, without its head.
func varied(text string) string {
	var kept strings.Builder
	for _, run := range testRun.FindAllStringSubmatch(text, -1) {
		switch {
		case special.MatchString(run[2]):
			kept.WriteString("\n" + run[0])
		case varies.MatchString(run[2]):
			kept.WriteString("\nrun \"" + run[1] + "\" {\n  command = plan\n" + run[2] + "}\n")
		}
	}
	return kept.String()
}

// The tests of each file are planned. The examples are applied, so that a plan's unknown values are met as well.
func TestTerraformsOwnTestsPass(t *testing.T) {
	t.Parallel()
	root := workspace(t, "terraform")
	files, err := filepath.Glob(filepath.Join(root, "tests", "*.tftest.hcl"))
	if err != nil || len(files) < 7 {
		t.Fatalf("%d files of tests, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, dir, file := read(t, "terraform/tests/"+name), root, "quick-"+name
			quick := merged(t, text) + varied(text)
			switch name {
			case "examples.tftest.hcl":
				quick, file = text, name // whose modules are installed
			case "validation.tftest.hcl":
				// Variables alone refuse what is refused, without a plan of anything.
				dir, quick = t.TempDir(), mocked.ReplaceAllString(text, "")
				copyFile(t, filepath.Join(root, "variables.tf"), filepath.Join(dir, "variables.tf"))
			}
			if got, want := strings.Count(quick, "  assert {"), strings.Count(text, "  assert {"); got != want {
				t.Fatalf("%d asserts are planned, of %d", got, want)
			}
			target := filepath.Join(dir, "tests", file)
			if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(target, []byte(quick), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := terraformWith(t, dir, filepath.Join(root, ".terraform"), "test", "-json", "-filter=tests/"+file)
			if err != nil {
				t.Fatalf("%v\n%s", err, diagnostics(out))
			}
			var summary struct {
				TestSummary struct{ Passed, Failed, Errored, Skipped int } `json:"test_summary"`
			}
			for line := range strings.Lines(out) {
				_ = json.Unmarshal([]byte(line), &summary) // only one line has it
			}
			// A file, or a filter, that matches nothing passes with no test run: so runs are counted.
			want := len(testRun.FindAllString(quick, -1))
			if got := summary.TestSummary; got.Passed != want || want == 0 || got.Failed+got.Errored+got.Skipped > 0 {
				t.Errorf("%+v, want %d runs passed", got, want)
			}
		})
	}
}
