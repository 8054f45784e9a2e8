package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/internal/goldentest"
)

func TestRun(t *testing.T) {
	tests := []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"nothing asked: what there is", []string{}, exitFailed, "", "Available Commands:"},
		{"nothing asked of a group", []string{"config"}, exitFailed, "", "pongwatch config: want a command"},
		{"help is an answer", []string{"--help"}, exitOK, "pongwatch local", ""},
		{"help of a command", []string{"help", "local"}, exitOK, "--every", ""},
		{"help of a command of a group", []string{"help", "config", "check"}, exitOK, "pongwatch config check", ""},
		{"help of a command by flag", []string{"local", "--help"}, exitOK, "demonstration", ""},
		{"help of a command that does not exist", []string{"help", "lokal"}, exitFailed, "", `unknown command "lokal"`},
		{"help by flag of a command that does not exist", []string{"lokal", "--help"}, exitFailed, "", `unknown command "lokal"`},
		{"a command that is misspelled", []string{"lokal"}, exitFailed, "", `pongwatch: unknown command "lokal" (did you mean "local"?); see "pongwatch --help"` + "\n"},
		{"a command that is like no other", []string{"frobnicate"}, exitFailed, "", `pongwatch: unknown command "frobnicate"; see "pongwatch --help"` + "\n"},
		{"a flag that does not exist", []string{"local", "--adr", "x"}, exitFailed, "", `pongwatch local: unknown flag: --adr; see "pongwatch local --help"` + "\n"},
		{"a flag of no command", []string{"--adr"}, exitFailed, "", `pongwatch: unknown flag: --adr; see "pongwatch --help"` + "\n"},
		{"an argument where there are only flags", []string{"local", "8080"}, exitFailed, "", `pongwatch local: unexpected argument "8080"; see "pongwatch local --help"` + "\n"},
		{"an address that others can reach", []string{"local", "--addr", "0.0.0.0:0"}, exitFailed, "", "--expose"},
		{"an interval below a second", []string{"local", "--addr", "127.0.0.1:0", "--every", "500ms"}, exitFailed, "", "--every 500ms"},
		{"a folder that is a file", []string{"local", "--addr", "127.0.0.1:0", "--data", "main.go"}, exitFailed, "", "folder for state"},
		{"an address that others can reach, on purpose", []string{"local", "--addr", "0.0.0.0:0", "--expose", "--host", "pongwatch.example.com", "--trusted-proxy", "10.0.0.2", "--data", "main.go"}, exitFailed, "", "folder for state"},
		{"an address that others can reach, in plain text", []string{"local", "--addr", "0.0.0.0:0", "--expose", "--host", "pongwatch.example.com"}, exitFailed, "", "plain text"},
		{"a level that is none", []string{"local", "--log", "loud"}, exitFailed, "", `"loud"`},
		{"completion of a command", []string{"__complete", "unsi"}, exitOK, "unsilence\tEnd a silence", "ShellCompDirectiveNoFileComp"},
		{"completion of a closed set", []string{"__complete", "silence", "--check", ""}, exitOK, "mock_mode", "ShellCompDirectiveNoFileComp"},
		{"completion of a cause", []string{"__complete", "explain", ""}, exitOK, "auth_invalid", "ShellCompDirectiveNoFileComp"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := pongwatch(t, tt.args...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, out := range []struct{ name, got, want string }{{"stdout", stdout, tt.stdout}, {"stderr", stderr, tt.stderr}} {
				if !strings.Contains(out.got, out.want) || out.want == "" && out.got != "" {
					t.Errorf("%s is %q, want it to hold %q", out.name, out.got, out.want)
				}
				if strings.HasSuffix(out.want, "\n") && out.got != out.want {
					t.Errorf("%s is %q, want this line alone: %q", out.name, out.got, out.want)
				}
			}
		})
	}
}

// Every shell gets a script that completes.
func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		expect(t, exitOK, "__complete", "completion", shell)
	}
}

// everyCommand returns the root and all commands below it, as help lists them.
func everyCommand() []*cobra.Command {
	root := rootCommand()
	root.InitDefaultCompletionCmd()
	all := []*cobra.Command{root}
	for i := 0; i < len(all); i++ {
		all = slices.Insert(all, i+1, all[i].Commands()...)
	}
	return all
}

// Each command explains itself.
func TestHelp(t *testing.T) {
	for _, c := range everyCommand()[1:] {
		t.Run(c.CommandPath(), func(t *testing.T) {
			args := append(strings.Fields(c.CommandPath())[1:], "--help")
			code, stdout, stderr := pongwatch(t, args...)
			if code != exitOK || !strings.Contains(stdout, "Usage:\n  "+c.CommandPath()) || stderr != "" {
				t.Errorf("exit code %d, stdout %q, stderr %q, want help on stdout alone", code, stdout, stderr)
			}
			if c.Short == "" || strings.HasSuffix(c.Short, ".") {
				t.Errorf("summary %q, want a phrase without a full stop", c.Short)
			}
		})
	}
}

// docs/cli has a page for each command, made of what its help says. Run with -update
// after a change of a command.
func TestReference(t *testing.T) {
	const dir = "../../docs/cli"
	want := []string{"README.md"}
	index := "# The command line\n\nMade of the commands' help by `go test ./cmd/pongwatch -run Reference -update`.\n\n"
	for _, c := range everyCommand() {
		name := pageName(c)
		want = append(want, name)
		index += fmt.Sprintf("- [%s](%s)%s\n", c.CommandPath(), name, strings.TrimRight(": "+c.Short, ": "))
		goldentest.Compare(t, filepath.Join(dir, name), reference(c))
	}
	goldentest.Compare(t, filepath.Join(dir, "README.md"), index)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		got = append(got, f.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pages for other commands than there are (-want +got):\n%s", diff)
	}
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "_") + ".md" }

func reference(c *cobra.Command) string {
	var b strings.Builder
	block := func(title, text string) {
		if text = strings.Trim(text, "\n"); text != "" {
			fmt.Fprintf(&b, "\n## %s\n\n```\n%s\n```\n", title, text)
		}
	}
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	fmt.Fprintf(&b, "# %s\n\n%s\n", c.CommandPath(), strings.TrimSpace(text))
	c.InitDefaultHelpFlag()
	block("Usage", c.UseLine())
	block("Examples", c.Example)
	block("Flags", c.LocalFlags().FlagUsages())
	if c.HasSubCommands() {
		b.WriteString("\n## Commands\n\n")
	}
	for _, sub := range c.Commands() {
		fmt.Fprintf(&b, "- [%s](%s): %s\n", sub.CommandPath(), pageName(sub), sub.Short)
	}
	return b.String()
}
