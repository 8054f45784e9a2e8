package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

func probeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "probe",
		Short: "Ping each configured database once",
		Long: `Pings each configured database once and prints a line for each: how long each phase
took, or what is wrong, why, and what to do.

The configuration is that of the functions: PONGWATCH_CONFIG, or UPSTASH_REDIS_URL and
UPSTASH_REDIS_TOKEN.

Exit codes: 0 every database answers (a slow answer is an answer), 1 one fails, 2 one
could not be pinged.`,
		Args: atMost(0),
	}
	asJSON := c.Flags().Bool("json", false, "print JSON")
	only := c.Flags().String("database", "", "ping only the database of this `name`")
	timeout := c.Flags().Duration("timeout", 4*time.Second, "wait this long for an answer")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		c, cache, err := configured(cmd.Context())
		switch {
		case err != nil:
			return err
		case *only != "" && c.Database(*only) == nil:
			return fmt.Errorf("no database %q is configured", *only)
		}
		clients := check.NewClients(check.FromConfig(c, cache), upstash.Options{AllowHTTP: true, Timeout: *timeout})
		defer clients.Close()
		all := probe(cmd.Context(), c, clients, *only)
		if *asJSON {
			if err := printJSON(cmd.OutOrStdout(), map[string]any{"databases": all}); err != nil {
				return err
			}
		} else {
			printProbed(cmd.OutOrStdout(), all)
		}
		return verdict(all)
	}
	return c
}

// probe pings every database, or only the one of that name, all at once.
func probe(ctx context.Context, c *config.Config, clients *check.Clients, only string) []probed {
	var chosen []*config.Database
	for i := range c.Databases {
		if d := &c.Databases[i]; only == "" || d.Name == only {
			chosen = append(chosen, d)
		}
	}
	all := make([]probed, len(chosen))
	var wg sync.WaitGroup
	for i, d := range chosen {
		wg.Go(func() {
			// This machine counts as the home region, so that the latency is judged too.
			t := &check.Target{Database: d, Job: report.HealthCheck, Region: d.Home}
			clients.Prepare(ctx, t, false)
			every := d.Checks.Ping.Every
			all[i] = judge(d.Name, d.Shard, policy.Of(c, d.Shard), check.Run(ctx, t, check.Specs(report.HealthCheck, d, every), time.Now(), every))
		})
	}
	wg.Wait()
	return all
}
