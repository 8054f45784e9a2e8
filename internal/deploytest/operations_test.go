package deploytest

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Cloud Billing's is asked by Terraform's data source of a project, and by nothing of pongwatch's.
const billing = "cloudbilling.googleapis.com"

func TestAnOperatorEnablesTheServicesThatTerraformUses(t *testing.T) {
	_, command, _ := strings.Cut(read(t, "docs/operations.md"), "\ngcloud services enable ")
	command, _, _ = strings.Cut(strings.ReplaceAll(command, "\\\n", " "), "\n")
	got := unique(strings.Fields(command))
	want := unique(append(found(t, "apis.tf", `(?m)^    "(.*\.googleapis\.com)",`), billing))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/operations.md enables other services than terraform/apis.tf (-apis.tf +enabled):\n%s", diff)
	}
}

func TestTheCommandsOfTheOperatorsPageExist(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "pongwatch")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/pongwatch")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	commands := regexp.MustCompile("(?m)(?:^|`)pongwatch ([a-z]+)([^`\\n#]*)").FindAllStringSubmatch(read(t, "docs/operations.md"), -1)
	if len(commands) < 5 {
		t.Fatalf("only %d commands are found", len(commands))
	}
	for _, command := range commands {
		help, err := exec.CommandContext(t.Context(), binary, command[1], "--help").CombinedOutput()
		if err != nil {
			t.Errorf("%q: pongwatch has no such command: %v", command[0], err)
			continue
		}
		for _, flag := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(command[2], -1) {
			if !strings.Contains(string(help), " --"+flag[1]+" ") {
				t.Errorf("%q: pongwatch %s has no --%s", strings.TrimSpace(command[0]), command[1], flag[1])
			}
		}
		arguments := strings.Fields(command[2])
		if (command[1] == "ack" || command[1] == "silence") && len(arguments) > 0 && !slices.ContainsFunc([]string{"INC-", "--"}, func(p string) bool { return strings.HasPrefix(arguments[0], p) }) {
			t.Errorf("%q: what is acknowledged or silenced is an incident, or named by a flag", command[0])
		}
	}
}
