package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/functions/healthcheck"
)

const monitorHealthPath = "/health"

func healthCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "health",
		Short: "Check that a running pongwatch is at work",
		Long: `Asks a running pongwatch whether its own jobs run on time, as a container's health check
does: the pongwatch local of this machine, or the HealthCheck function at --url. It says
nothing about Redis; "pongwatch incidents" does.

Exit codes: 0 every job runs on time, 1 one is late or has never run, 2 unknown.`,
		Example: `  pongwatch health
  pongwatch health --url http://127.0.0.1:9000 --json`,
		Args: atMost(0),
	}
	var r reader
	r.register(c, "ask at this `address` (default "+defaultURL+")")
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := r.open("--url"); err != nil {
			return err
		}
		a, err := r.send(c.Context(), http.MethodGet, monitorHealthPath, nil)
		if err == nil {
			err = r.denied(a)
		}
		if err != nil {
			return err
		}
		var h healthcheck.MonitorHealth
		if !decoded(a.body, &h) || h.Status == "" {
			return fmt.Errorf("%s%s answers %d%s, want pongwatch's health", r.url, monitorHealthPath, a.status, reason(a.body))
		}
		if *asJSON {
			err = printJSON(c.OutOrStdout(), h)
		} else {
			err = printHealth(c.OutOrStdout(), h)
		}
		switch {
		case err != nil:
			return err
		case h.Status == "unknown":
			return errors.New("whether the jobs run could not be found out")
		case a.status != http.StatusOK:
			return negative("")
		}
		return nil
	}
	return c
}

// printHealth prints a line for each job.
func printHealth(w io.Writer, h healthcheck.MonitorHealth) error {
	for _, j := range h.Jobs {
		line := fmt.Sprintf("%s of shard %s", j.Job, j.Shard)
		if j.Region != "" {
			line += " in " + j.Region
		}
		line += ": " + j.State
		if !j.LastRun.IsZero() {
			line += ", last run " + j.LastRun.UTC().Format(time.DateTime) + " UTC"
		}
		if j.Error != "" {
			line += ", " + j.Error
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
