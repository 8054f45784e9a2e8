package deploytest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// refusals are the runs of tests that expect a variable to be refused, without providers and modules.
func refusals(t *testing.T, variable string) string {
	t.Helper()
	text := read(t, "terraform/tests/validation.tftest.hcl")
	head, _, _ := strings.Cut(mocked.ReplaceAllString(text, ""), "\nrun \"")
	var kept strings.Builder
	kept.WriteString(head + "\n")
	for _, run := range testRun.FindAllStringSubmatch(text, -1) {
		if strings.Contains(run[2], "expect_failures = [var."+variable+"]") {
			kept.WriteString(run[0])
		}
	}
	return kept.String()
}

// Each rule of each variable is left out in turn, and a test must then miss it.
func TestAMissingRefusalFailsATest(t *testing.T) {
	t.Parallel()
	data := filepath.Join(workspace(t, "terraform"), ".terraform")
	whole := read(t, "terraform/variables.tf")
	rules := 0
	for _, block := range regexp.MustCompile(`(?ms)^variable "(\w+)" \{\n.*?^\}\n`).FindAllStringSubmatch(whole, -1) {
		for n, at := range regexp.MustCompile(`(?ms)^  validation \{\n.*?^  \}\n`).FindAllStringIndex(block[0], -1) {
			rules++
			t.Run(fmt.Sprintf("%s %d", block[1], n+1), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				without := strings.Replace(whole, block[0], block[0][:at[0]]+block[0][at[1]:], 1)
				if err := os.Mkdir(filepath.Join(dir, "tests"), 0o750); err != nil {
					t.Fatal(err)
				}
				for name, text := range map[string]string{"variables.tf": without, "tests/refusals.tftest.hcl": refusals(t, block[1])} {
					if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				out, err := terraformWith(t, dir, data, "test", "-json")
				if said := diagnostics(out); err == nil || !strings.Contains(said, "Missing expected failure") {
					t.Errorf("nothing notices that this is not refused: %v %s\n%s", err, said, block[0][at[0]:at[1]])
				}
			})
		}
	}
	if rules < 40 {
		t.Errorf("only %d rules were found", rules)
	}
}
