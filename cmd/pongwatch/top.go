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

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/top"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

func topCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "top",
		Short: "Find out who spends a database's commands",
		Long: `Samples the commands that a database runs, with MONITOR, and prints who spends them: by
pattern of keys, command and client, with what a month like the sample would cost. It names
habits that are known to waste commands, such as idle queue workers, and what to do about
each.

No key is shown whole: what does not look like a word becomes "*". Arguments never leave this
process, and nothing is stored.

MONITOR slows the database down while it runs, and its stream counts as traffic. So a sample
is refused on a small plan, and where the month's commands, traffic or budget are nearly
used (budget.stop_at), unless --accept-cost is given. The last line says what the sample cost.

The configuration is that of the functions: PONGWATCH_CONFIG, or UPSTASH_REDIS_URL and
UPSTASH_REDIS_TOKEN. With management configured, the account says plan and use.

More: docs/top.md.

Exit codes: 0 success, 1 refused because of the cost, 2 usage or connection error.`,
		Example: `  pongwatch top --database prod-cache
  pongwatch top --for 60s --json > spending.json
  pongwatch top --tcp-url-env REDIS_URL   # holds rediss://default:…@your-instance.upstash.io:6379`,
		Args: atMost(0),
	}
	var s sample
	f := c.Flags()
	f.StringVar(&s.database, "database", "", "sample the database of this `name` (needed where several are configured)")
	f.DurationVar(&s.length, "for", 30*time.Second, "sample for so long, 20s to 60s")
	f.StringVar(&s.tcpEnv, "tcp-url-env", "", "where REST refuses MONITOR, use the rediss:// URL in this environment `variable`")
	f.BoolVar(&s.acceptCost, "accept-cost", false, "sample although the plan is small or the month is nearly used up")
	asJSON := f.Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if s.length < top.Shortest || s.length > top.Longest {
			return usageError(c, fmt.Errorf("--for is %s; want 20s to 60s, for example --for 30s", s.length))
		}
		out := c.OutOrStdout()
		var screen func(top.Result)
		if how := lookOf(out, os.Getenv); !*asJSON && how.height > 0 && os.Getenv("TERM") != "dumb" {
			screen = func(r top.Result) {
				var b strings.Builder
				_ = r.Print(&b, max(1, how.height/2)) // a builder takes everything
				how.fill(out, b.String()+"Sampling; Ctrl-C ends the sample.", func(int) string { return "…" })
			}
		}
		r, err := s.take(c.Context(), c.ErrOrStderr(), screen)
		if r.Database == "" {
			return err
		}
		if screen != nil {
			fmt.Fprint(out, "\x1b[H\x1b[J")
		}
		if *asJSON {
			return errors.Join(printJSON(out, r), err)
		}
		return errors.Join(r.Print(out, 0), err)
	}
	return c
}

// sample is what the flags of top say.
type sample struct {
	database, tcpEnv string
	length           time.Duration
	acceptCost       bool
}

// take reads the configuration, asks what the sample may cost, and takes it.
func (s sample) take(ctx context.Context, stderr io.Writer, screen func(top.Result)) (top.Result, error) {
	c, cache, err := configured(ctx)
	if err != nil {
		return top.Result{}, err
	}
	d, err := s.choose(c)
	if err != nil {
		return top.Result{}, err
	}
	o := top.Options{Database: d.Name, For: s.length, Watch: screen}
	if s.tcpEnv != "" {
		address, err := fromVariable("--tcp-url-env", s.tcpEnv)
		if err != nil {
			return top.Result{}, err
		}
		if o.Fallback, err = top.NewTCP(address, nil); err != nil {
			return top.Result{}, fmt.Errorf("--tcp-url-env %s: %w", s.tcpEnv, err)
		}
	}
	credentials, err := c.Credentials(ctx, cache, d.Name, false)
	if err != nil {
		return top.Result{}, err
	}
	if o.Client, err = upstash.New(upstash.Options{URL: credentials.URL, Token: credentials.Token, AllowHTTP: true}); err != nil {
		return top.Result{}, err
	}
	defer o.Client.CloseIdleConnections()
	o.Month = month(ctx, c, cache, d)
	if why := o.Month.Refusal(); why != "" && !s.acceptCost {
		return top.Result{}, refuse("%s: no sample is taken, because %s; --accept-cost takes one anyway", d.Name, why)
	}
	expected := "a sample costs 1 command; how much traffic is not known, because INFO does not say the rate"
	if info, err := o.Client.Info(ctx); err == nil && info.OpsPerSecond.Known {
		expected = o.Month.Expect(s.length, float64(info.OpsPerSecond.N))
	}
	fmt.Fprintf(stderr, "%s: %s\n", d.Name, expected)
	return top.Run(ctx, o)
}

// choose returns the one database that is meant.
func (s sample) choose(c *config.Config) (*config.Database, error) {
	var names []string
	for i := range c.Databases {
		names = append(names, c.Databases[i].Name)
	}
	switch {
	case s.database != "" && c.Database(s.database) == nil:
		return nil, fmt.Errorf("no database %q is configured; there are: %s", s.database, strings.Join(names, ", "))
	case s.database != "":
		return c.Database(s.database), nil
	case len(names) != 1:
		return nil, fmt.Errorf("which database? want --database with one of: %s", strings.Join(names, ", "))
	}
	return &c.Databases[0], nil
}

// month asks the account for plan and use, where the configuration has one.
func month(ctx context.Context, c *config.Config, cache *secrets.Cache, d *config.Database) top.Month {
	account := check.NewAccount(c, cache, upstash.Options{AllowHTTP: true})
	if account == nil || d.DatabaseID == "" {
		return top.NewMonth(d, nil, nil, nil)
	}
	defer account.Close()
	var known upstash.Database
	var stats upstash.Stats
	client, err := account.Client(ctx)
	if err == nil {
		known, err = client.Database(ctx, d.DatabaseID)
	}
	if err == nil {
		stats, err = client.Stats(ctx, d.DatabaseID)
	}
	if err != nil {
		return top.NewMonth(d, nil, nil, err)
	}
	return top.NewMonth(d, &known, &stats, nil)
}
