// Command pongwatch watches Upstash Redis from one machine, and helps the people
// who run it in the cloud. Run it without arguments for its subcommands.
//
// Exit codes are the same everywhere: 0 when all is well, 1 when the answer is
// "no" (a database fails, a configuration is wrong), 2 when the question could not
// be asked (a wrong flag, a port in use).
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// The exit codes.
const (
	exitOK     = 0
	exitNo     = 1
	exitFailed = 2
)

// command is one subcommand. run gets the arguments after its name.
type command struct {
	name    string
	summary string
	run     func(ctx context.Context, args []string, stdout, stderr io.Writer) int
}

func commands() []command {
	return []command{
		{"local", "watch from this machine; without configuration, a demonstration", localCommand},
		{"preflight", "run the production checklist, with evidence for each line", preflightCommand},
		{"probe", "ask each configured database once for a PONG", probeCommand},
		{"incidents", "print what is open, since when, and who was told", incidentsCommand},
		{"ack", "acknowledge an incident: you have it", ackCommand},
		{"silence", "tell nothing new of an incident or a database for a while", silenceCommand},
		{"unsilence", "end a silence", unsilenceCommand},
		{"drill", "rehearse an alert: send every receiver a marked message", drillCommand},
		{"budget", "print what watching costs: Upstash commands and Google Cloud dollars", budgetCommand},
		{"config", "check the configuration, or print its schema", configCommand},
		{"explain", "say what a cause means and what to do", explainCommand},
		{"emulator", "serve Upstash's REST API from this machine", emulatorCommand},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once: the first may wait for requests.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return exitFailed
	}
	name := args[0]
	switch name {
	case "help", "-h", "-help", "--help":
		if len(args) == 1 {
			usage(stdout)
			return exitOK
		}
		// "help local" is "local --help".
		name, args = args[1], []string{args[1], "--help"}
	}
	for _, c := range commands() {
		if c.name == name {
			return c.run(ctx, args[1:], stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "pongwatch: there is no subcommand %q\n\n", name)
	usage(stderr)
	return exitFailed
}

func usage(w io.Writer) {
	var list strings.Builder
	for _, c := range commands() {
		fmt.Fprintf(&list, "  %-10s %s\n", c.name, c.summary)
	}
	fmt.Fprintf(w, `pongwatch watches Upstash Redis and tells on-call what broke, since when, and what to do.

Usage: pongwatch <subcommand> [flags]

%s
"pongwatch <subcommand> --help" explains one. To see it work, without an account:

  pongwatch local

Exit codes: 0 all is well, 1 the answer is no, 2 the question could not be asked.
`, list.String())
}

// printJSON prints an answer for people and programs.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
