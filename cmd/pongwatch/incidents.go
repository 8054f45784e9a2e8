package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	figures "github.com/pongwatch/pongwatch/functions/metrics/statistics"
)

// watchEvery is how often --watch looks.
const watchEvery = 5 * time.Second

func incidentsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "incidents",
		Short: "Print what is open, since when, and who was notified",
		Long: `Prints what is open, how bad it is and why, since when, who acknowledged it and who was
notified, as the Metrics function reports it: that of the pongwatch local of this
machine, or of --url.

Exit codes: 0 nothing is open, 1 something is, 2 unknown; 0 with --watch.`,
		Example: `  pongwatch incidents --watch
  TOKEN=$(gcloud auth print-identity-token) pongwatch incidents --url https://METRICS --token-env TOKEN`,
		Args: atMost(0),
	}
	var r reader
	r.register(c, "read from this `address` (default "+defaultURL+")")
	watching := c.Flags().Bool("watch", false, "look again every 5s, until interrupted")
	asJSON := c.Flags().Bool("json", false, "print JSON; with --watch a line for each change")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := r.open("--url"); err != nil {
			return err
		}
		out := c.OutOrStdout()
		if *watching {
			w := watcher{read: func(ctx context.Context) (figures.Statistics, error) { return r.statistics(ctx, nil) }, out: out, problems: c.ErrOrStderr(), json: *asJSON, getenv: os.Getenv}
			w.run(c.Context())
			return nil
		}
		s, err := r.statistics(c.Context(), nil)
		if err != nil {
			return err
		}
		if *asJSON {
			err = printJSON(out, s.Incidents)
		} else {
			_, err = io.WriteString(out, show(s.Incidents, lookOf(out, os.Getenv)))
		}
		switch {
		case err != nil:
			return err
		case len(s.Incidents.Open) > 0:
			return negative("")
		case len(s.Incidents.Unread)+len(s.Incidents.Stale) > 0:
			return errors.New("what is open is unknown")
		}
		return nil
	}
	return c
}

// look is how text may look where it is read.
type look struct {
	width, height int // height is 0 where there is no screen to fill
	colour        bool
}

// fill fills the screen with page, from its top. It does not clear it first, which would flicker.
// Lines that do not fit are replaced by what more says of their number.
func (l look) fill(w io.Writer, page string, more func(lines int) string) {
	lines := strings.Split(page, "\n")
	if most := l.height - 1; len(lines) > most && most > 1 {
		lines = append(lines[:most-1], more(len(lines)-most+1))
	}
	fmt.Fprintf(w, "\x1b[H%s\x1b[K\n\x1b[J", strings.Join(lines, "\x1b[K\n"))
}

// narrow is the width of what is no terminal.
const narrow = 80

// lookOf returns colours only for a terminal, and not where NO_COLOR is set
// (https://no-color.org).
func lookOf(w io.Writer, getenv func(string) string) look {
	f, isFile := w.(*os.File)
	if !isFile {
		return look{width: narrow}
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return look{width: narrow}
	}
	if width < 40 {
		width = narrow
	}
	return look{width: width, height: height, colour: getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"}
}
