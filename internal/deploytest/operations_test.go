package deploytest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// operators are the pages whose commands people type.
var operators = []string{"docs/operations.md", "docs/cloudshell/tutorial.md", "terraform/README.md", "terraform/cloud-build/README.md", "terraform/upstash-database/README.md"}

// A reference is what commands may name.
type reference struct {
	gcloud map[string][]string // flags by command; "" has those of all
	roots  map[string]root     // by folder
}

// A root is what a folder of Terraform declares.
type root struct {
	outputs, variables []string
	sources            string // the text of its files
}

func newReference(t *testing.T) reference {
	t.Helper()
	r := reference{gcloud: map[string][]string{}, roots: map[string]root{}}
	for line := range strings.Lines(read(t, "internal/deploytest/testdata/gcloud.txt")) {
		if command, flags, found := strings.Cut(line, ":"); found && !strings.HasPrefix(line, "#") {
			r.gcloud[strings.TrimPrefix(strings.TrimPrefix(command, "gcloud"), " ")] = strings.Fields(flags)
		}
	}
	for _, folder := range []string{"terraform", "terraform/cloud-build", "terraform/upstash-database"} {
		var of root
		files, err := filepath.Glob(filepath.Join(repository, filepath.FromSlash(folder), "*.tf"))
		if err != nil || len(files) < 4 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			of.sources += read(t, folder+"/"+filepath.Base(file))
		}
		for _, match := range regexp.MustCompile(`(?m)^(output|variable) "(\w+)"`).FindAllStringSubmatch(of.sources, -1) {
			if match[1] == "output" {
				of.outputs = append(of.outputs, match[2])
			} else {
				of.variables = append(of.variables, match[2])
			}
		}
		r.roots[folder] = of
	}
	return r
}

// wrongWithCommand says why a command cannot be typed as it is.
func (r reference) wrongWithCommand(words []string) string {
	switch words[0] {
	case "gcloud":
		return r.wrongWithGcloud(words[1:])
	case "pongwatch":
		return wrongWithPongwatch(words[1:])
	case "terraform":
		return r.wrongWithTerraform(words[1:])
	case "terraform/prepare":
		if len(words) != 3 && len(words) != 4 {
			return "terraform/prepare takes a project and a region, and a prefix"
		}
		return ""
	case "$EDITOR", "cat", "cd", "curl", "docker", "export", "git", "printf", "read":
		return ""
	}
	if _, err := os.Stat(filepath.Join(repository, filepath.FromSlash(words[0]))); err == nil && strings.Contains(words[0], "/") {
		return ""
	}
	return words[0] + " is no program that an operator is told to have"
}

func (r reference) wrongWithGcloud(words []string) string {
	path := ""
	for n := range words {
		if name := strings.Join(words[:n+1], " "); r.gcloud[name] != nil || strings.HasPrefix(words[n], "-") {
			if r.gcloud[name] != nil {
				path = name
			}
			continue
		}
	}
	if path == "" {
		return fmt.Sprintf("gcloud %s is not in testdata/gcloud.txt", strings.Join(words, " "))
	}
	for _, word := range words {
		flag, _, _ := strings.Cut(word, "=")
		if strings.HasPrefix(flag, "--") && !slices.Contains(r.gcloud[path], flag) && !slices.Contains(r.gcloud[""], flag) {
			return fmt.Sprintf("gcloud %s has no %s", path, flag)
		}
	}
	return ""
}

func wrongWithPongwatch(words []string) string {
	page, command := "", ""
	for n := range words {
		name := strings.Join(words[:n+1], "_")
		if text, err := os.ReadFile(filepath.Join(repository, "docs", "cli", "pongwatch_"+name+".md")); err == nil {
			page, command = string(text), strings.Join(words[:n+1], " ")
		}
	}
	if page == "" {
		return fmt.Sprintf("pongwatch %s has no page in docs/cli", strings.Join(words, " "))
	}
	for _, word := range words {
		flag, _, _ := strings.Cut(word, "=")
		if strings.HasPrefix(flag, "--") && !regexp.MustCompile(`(?m)^ .*`+regexp.QuoteMeta(flag)+` `).MatchString(page) {
			return fmt.Sprintf("pongwatch %s has no %s", command, flag)
		}
	}
	if rest := words[len(strings.Fields(command)):]; (command == "ack" || command == "silence") && len(rest) > 0 && !strings.HasPrefix(rest[0], "INC-") && !strings.HasPrefix(rest[0], "--") {
		return "what is acknowledged or silenced is an incident, or named by a flag"
	}
	return ""
}

// terraformFlags are the options of Terraform's commands that documents use.
var terraformFlags = map[string][]string{
	"apply": {"-var"}, "destroy": {}, "import": {"-var"}, "init": {"-backend-config", "-migrate-state", "-upgrade"}, "output": {"-json", "-raw"}, "plan": {}, "state rm": {},
}

func (r reference) wrongWithTerraform(words []string) string {
	of := r.roots["terraform"]
	var rest []string
	for _, word := range words {
		if folder, found := strings.CutPrefix(word, "-chdir="); found {
			of = r.roots[folder]
		} else if !strings.HasPrefix(word, ">") {
			rest = append(rest, word)
		}
	}
	command := strings.Join(rest[:min(1, len(rest))], "")
	if command == "state" && len(rest) > 1 {
		command, rest = "state "+rest[1], rest[1:]
	}
	flags, known := terraformFlags[command]
	if !known {
		return "terraform " + command + " is not known to this test"
	}
	for n, word := range rest[1:] {
		flag, _, _ := strings.Cut(word, "=")
		variable, _, _ := strings.Cut(word, "=")
		switch {
		case strings.HasPrefix(word, "-") && !slices.Contains(flags, flag):
			return fmt.Sprintf("terraform %s has no %s", command, flag)
		case rest[n] == "-var" && !slices.Contains(of.variables, variable):
			return "there is no variable " + variable
		case command == "output" && !strings.HasPrefix(word, "-") && !slices.Contains(of.outputs, word):
			return "there is no output " + word
		case (command == "import" || command == "state rm") && regexp.MustCompile(`^[a-z]+_\w+\.`).MatchString(word):
			if wrong := of.wrongWithAddress(word); wrong != "" {
				return wrong
			}
		}
	}
	return ""
}

func (of root) wrongWithAddress(address string) string {
	kind, name, _ := strings.Cut(address, ".")
	name, index, _ := strings.Cut(name, "[")
	block := regexp.MustCompile(`(?ms)^resource "` + regexp.QuoteMeta(kind) + `" "` + regexp.QuoteMeta(name) + `" \{\n.*?^\}\n`).FindString(of.sources)
	if block == "" {
		return "there is no resource " + address
	}
	if counted := regexp.MustCompile(`(?m)^  (count|for_each) `).MatchString(block); counted != (index != "") {
		return fmt.Sprintf("%s: an index belongs to a resource that is counted, and to no other", address)
	}
	return ""
}

func TestEveryCommandOfAnOperatorsPageCanBeTyped(t *testing.T) {
	r := newReference(t)
	commands := 0
	for _, page := range operators {
		for _, words := range shellOf(read(t, page)) {
			commands++
			if wrong := r.wrongWithCommand(words); wrong != "" {
				t.Errorf("%s: %q: %s", page, strings.Join(words, " "), wrong)
			}
		}
	}
	if commands < 60 {
		t.Errorf("only %d commands were found", commands)
	}
}

func TestEveryCommandThatAnOutputPrintsCanBeTyped(t *testing.T) {
	r := newReference(t)
	interpolated := regexp.MustCompile(`\$\{[^}]*\}`)
	for _, text := range found(t, "outputs.tf", `"((?:gcloud|curl|PONGWATCH_CONFIG)(?:[^"\\]|\\.)*)"`) {
		var unquoted string
		if err := json.Unmarshal([]byte(`"`+interpolated.ReplaceAllString(text, "X")+`"`), &unquoted); err != nil {
			t.Fatal(err)
		}
		for _, words := range commandsOf(unquoted) {
			if wrong := r.wrongWithCommand(words); wrong != "" {
				t.Errorf("terraform/outputs.tf: %q: %s", strings.Join(words, " "), wrong)
			}
		}
	}
}

func TestACommandThatCannotBeTypedIsNoticed(t *testing.T) {
	r := newReference(t)
	for command, want := range map[string]string{
		"gcloud functions deploy x":                                 "not in testdata/gcloud.txt",
		"gcloud secrets versions add x --file=-":                    "gcloud secrets versions add has no --file",
		"pongwatch acknowledge INC-7F3A9K":                          "has no page in docs/cli",
		"pongwatch silence --database x --until 2h":                 "pongwatch silence has no --until",
		"pongwatch ack prod-cache":                                  "is an incident",
		"terraform output health_command":                           "there is no output health_command",
		"terraform apply -auto-aprove":                              "has no -auto-aprove",
		"terraform state rm google_firestore_database.this":         "an index belongs",
		"terraform state rm google_firestore_databases.this":        "there is no resource",
		"terraform/prepare my-project":                              "takes a project and a region, and a prefix",
		"go install ./cmd/pongwatch":                                "no program that an operator",
		"terraform import 'google_storage_bucket.source[0]' x":      "an index belongs",
		"gcloud config get project && kubectl get pods":             "not in testdata/gcloud.txt",
		"curl -H \"$(gcloud auth print-access)\" https://x.example": "not in testdata/gcloud.txt",
	} {
		wrong := ""
		for _, words := range commandsOf(command) {
			if wrong == "" {
				wrong = r.wrongWithCommand(words)
			}
		}
		if !strings.Contains(wrong, want) {
			t.Errorf("%q: %q, want %q", command, wrong, want)
		}
	}
}

// A word with underscores in a page is a name of something; what Terraform, the configuration or a log calls so exists.
func TestEveryNameOfAnOperatorsPageExists(t *testing.T) {
	r := newReference(t)
	variables := r.roots["terraform"].variables
	known := read(t, "shared/config/schema.json") + read(t, "docs/causes.md")
	for _, of := range r.roots {
		known += of.sources
	}
	for _, page := range []string{"docs/operations.md", "docs/cloudshell/tutorial.md"} {
		text := read(t, page)
		for _, match := range regexp.MustCompile(`TF_VAR_(\w+)`).FindAllStringSubmatch(text, -1) {
			if !slices.Contains(variables, match[1]) {
				t.Errorf("%s: there is no variable %s", page, match[1])
			}
		}
		for _, block := range append(fenced.FindAllStringSubmatch(text, -1), heredoc.FindAllStringSubmatch(text, -1)...) {
			for _, match := range regexp.MustCompile(`(?m)^([a-z_]+) += `).FindAllStringSubmatch(block[len(block)-1], -1) {
				if !slices.Contains(variables, match[1]) {
					t.Errorf("%s: there is no variable %s", page, match[1])
				}
			}
		}
		for _, span := range codeSpan.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			if name, _, set := strings.Cut(span[1], " = "); set && regexp.MustCompile(`^\w+$`).MatchString(name) && !regexp.MustCompile(`\b`+name+` +=|"`+name+`"`).MatchString(known) {
				t.Errorf("%s: %s sets what does not exist", page, span[1])
			}
			for _, name := range regexp.MustCompile(`^[a-z]+(?:_[a-z]+)+$`).FindAllString(span[1], -1) {
				if !regexp.MustCompile(`\b` + name + `\b`).MatchString(known) {
					t.Errorf("%s: there is no %s", page, name)
				}
			}
		}
	}
}

func TestTheOperatorsPageCountsItsSteps(t *testing.T) {
	_, table, _ := strings.Cut(read(t, "docs/operations.md"), "| | command | what you see |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	steps := regexp.MustCompile(`(?m)^\| (\d+) \| `).FindAllStringSubmatch(table, -1)
	if len(steps) != 7 || !strings.Contains(read(t, "docs/operations.md"), "five decisions") || !strings.Contains(read(t, "docs/operations.md"), "Seven commands") {
		t.Errorf("%d steps in the table, of seven that the page promises", len(steps))
	}
	tutorial := 0
	for _, words := range shellOf(read(t, "docs/cloudshell/tutorial.md")) {
		if words[0] != "export" { // which a read hands its answer to
			tutorial++
		}
	}
	if tutorial != 7 {
		t.Errorf("the tutorial has %d commands, want seven", tutorial)
	}
}
