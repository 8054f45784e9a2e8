package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

const aboutIncidents = `
Prints what is open, how bad it is and why, since when, who has taken it and who was
told, as the Metrics function knows it: of the pongwatch local of this machine, or at
--url.

  pongwatch incidents --watch
  TOKEN=$(gcloud auth print-identity-token) pongwatch incidents --url https://METRICS --token-env TOKEN

The exit code is 0 when nothing is open, 1 when something is, 2 when that is not known;
of --watch 0.`

// watchEvery is how often --watch looks.
const watchEvery = 5 * time.Second

func incidentsCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("incidents", flag.ContinueOnError)
	var r reader
	r.register(flags, "read from this `address` (default "+defaultURL+")")
	watching := flags.Bool("watch", false, "look again every 5s, until interrupted")
	asJSON := flags.Bool("json", false, "print JSON; with --watch a line for each change")
	if code, ok := parse(flags, args, stdout, stderr, aboutIncidents); !ok {
		return code
	}
	fail := func(err error) int {
		fmt.Fprintf(stderr, "pongwatch incidents: %v\n", err)
		return exitFailed
	}
	if err := r.open(); err != nil {
		return fail(err)
	}
	if *watching {
		w := watcher{read: r.statistics, out: stdout, problems: stderr, json: *asJSON, getenv: os.Getenv}
		w.run(ctx)
		return exitOK
	}
	s, err := r.statistics(ctx)
	if err != nil {
		return fail(err)
	}
	if *asJSON {
		err = printJSON(stdout, s.Raw)
	} else {
		_, err = io.WriteString(stdout, show(*s.Incidents, lookOf(stdout, os.Getenv)))
	}
	switch {
	case err != nil:
		return fail(err)
	case len(s.Incidents.Open) > 0:
		return exitNo
	case len(s.Incidents.Unread)+len(s.Incidents.Stale) > 0:
		return exitFailed // nobody knows
	}
	return exitOK
}

// look is how text may look where it is read.
type look struct {
	width, height int // height is 0 where there is no screen to fill
	colour        bool
}

// narrow is the width where nobody says another.
const narrow = 80

// lookOf finds out about the reader: colours only on a terminal, and not where
// NO_COLOR is set (https://no-color.org).
func lookOf(w io.Writer, getenv func(string) string) look {
	width, height, terminal := terminalSize(w)
	if !terminal {
		return look{width: narrow}
	}
	if width < 40 {
		width = narrow
	}
	return look{width: width, height: height, colour: getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"}
}
