// Command pongwatch watches Upstash Redis from one machine, and helps the people who
// run it in the cloud. Run it without arguments for its commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/shared/version"
)

// The exit codes.
const (
	exitOK     = 0
	exitNo     = 1
	exitFailed = 2
)

// negative is the answer "no", which exits with 1; every other error exits with 2.
// It is empty where the output already says why.
type negative string

func (n negative) Error() string { return string(n) }

func refuse(format string, args ...any) error { return negative(fmt.Sprintf(format, args...)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once, because the first may wait for requests.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	// Cobra's own "help NAME" succeeds for a name that does not exist.
	if len(args) > 1 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	c, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if c == root && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		err = unknownCommand(root, args[0])
	}
	if err.Error() != "" {
		fmt.Fprintf(stderr, "%s: %v\n", c.CommandPath(), err)
	}
	if _, ok := errors.AsType[negative](err); ok {
		return exitNo
	}
	return exitFailed
}

func rootCommand() *cobra.Command {
	root := group(&cobra.Command{
		Use: "pongwatch",
		Long: `pongwatch watches Upstash Redis and notifies on-call: what broke, since when, and what to do.
To see it work, without an account: pongwatch local

Exit codes: 0 success, 1 a check failed, 2 usage or connection error.`,
		Version:       version.Read().String(),
		SilenceErrors: true, SilenceUsage: true,
		// run suggests names itself, in one line.
		DisableSuggestions: true,
	}, localCommand(), initCommand(), preflightCommand(), gamedayCommand(), probeCommand(), incidentsCommand(), reportCommand(), ackCommand(), silenceCommand(),
		unsilenceCommand(), drillCommand(), topCommand(), budgetCommand(), configCommand(), explainCommand(), emulatorCommand(), healthCommand(), versionCommand())
	root.SetFlagErrorFunc(usageError)
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	return root
}

// group makes c a command that does nothing but hold others.
func group(c *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	c.AddCommand(commands...)
	c.SuggestionsMinimumDistance = 2
	c.DisableFlagsInUseLine = true
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(c, args[0])
		}
		c.SetOut(c.ErrOrStderr())
		_ = c.Help()
		return errors.New("want a command")
	}
	return c
}

func unknownCommand(c *cobra.Command, name string) error {
	hint := ""
	if similar := c.SuggestionsFor(name); len(similar) > 0 {
		hint = fmt.Sprintf(" (did you mean %q?)", similar[0])
	}
	return usageError(c, fmt.Errorf("unknown command %q%s", name, hint))
}

func usageError(c *cobra.Command, err error) error {
	return fmt.Errorf("%w; see \"%s --help\"", err, c.CommandPath())
}

// atMost allows n arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > n {
			return usageError(c, fmt.Errorf("unexpected argument %q", args[n]))
		}
		return nil
	}
}

// printJSON prints an answer for people and programs.
func printJSON(w io.Writer, v any) error {
	return preflight.WriteJSON(w, v)
}
