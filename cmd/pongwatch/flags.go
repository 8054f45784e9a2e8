package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// parse parses the flags of a subcommand whose arguments are only flags. Where it
// returns false the subcommand ends with the code: help was asked for and given,
// or a flag was wrong.
func parse(flags *flag.FlagSet, args []string, stdout, stderr io.Writer, about string) (code int, ok bool) {
	_, code, ok = parseAll(flags, "", 0, args, stdout, stderr, about)
	return code, ok
}

// parseWith is [parse] for a subcommand that also takes one argument. The argument's
// name is for the usage; empty allows none.
func parseWith(flags *flag.FlagSet, name string, args []string, stdout, stderr io.Writer, about string) (argument string, code int, ok bool) {
	most := 1
	if name == "" {
		most = 0
	}
	arguments, code, ok := parseAll(flags, name, most, args, stdout, stderr, about)
	return strings.Join(arguments, ""), code, ok
}

// parseAll is [parse] for a subcommand that takes at most that many arguments, before,
// between or after its flags.
func parseAll(flags *flag.FlagSet, name string, most int, args []string, stdout, stderr io.Writer, about string) (arguments []string, code int, ok bool) {
	// The flag package prints errors and help alike to one writer; help that was
	// asked for belongs on stdout, where a pager reads it.
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	explain := func(w io.Writer) {
		fmt.Fprintf(w, "%s\n\nUsage: %s [flags]\n\n", strings.TrimSpace(about), strings.TrimSpace("pongwatch "+flags.Name()+" "+name))
		flags.SetOutput(w)
		flags.PrintDefaults()
	}
	err := flags.Parse(args)
	for err == nil && flags.NArg() > 0 && len(arguments) < most {
		arguments = append(arguments, flags.Arg(0))
		err = flags.Parse(flags.Args()[1:])
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		explain(stdout)
		return nil, exitOK, false
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
		fallthrough
	case err != nil:
		fmt.Fprintf(stderr, "pongwatch %s: %v\n\n", flags.Name(), err)
		explain(stderr)
		return nil, exitFailed, false
	}
	return arguments, exitOK, true
}
