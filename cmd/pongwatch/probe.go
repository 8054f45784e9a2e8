package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/upstash"
)

const aboutProbe = `
Asks each configured database once for a PONG and says on a line what came of it:
how long each phase took, or what is wrong, why, and what to do.

The configuration is that of the functions: PONGWATCH_CONFIG, or UPSTASH_REDIS_URL and
UPSTASH_REDIS_TOKEN. The exit code is 0 when every database answers (a slow answer is
an answer), 1 when one fails, 2 when one could not be asked.`

func probeCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("probe", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print JSON")
	only := flags.String("database", "", "ask only the database of this `name`")
	timeout := flags.Duration("timeout", 4*time.Second, "wait this long for an answer")
	if code, ok := parse(flags, args, stdout, stderr, aboutProbe); !ok {
		return code
	}
	env := gcp.ReadEnvironment(os.Getenv)
	cache := gcp.NewClients(env).Secrets()
	c, err := config.Load(ctx, config.Options{Getenv: os.Getenv, ReadFile: os.ReadFile, Secrets: cache, Local: true})
	if errors.Is(err, config.ErrEmpty) {
		fmt.Fprintln(stderr, "pongwatch probe: nothing is configured: set UPSTASH_REDIS_URL and UPSTASH_REDIS_TOKEN, or PONGWATCH_CONFIG")
		return exitFailed
	}
	if err != nil {
		fmt.Fprintf(stderr, "pongwatch probe: %v\n", err)
		return exitFailed
	}
	if *only != "" && c.Database(*only) == nil {
		fmt.Fprintf(stderr, "pongwatch probe: no database %q is configured\n", *only)
		return exitFailed
	}
	clients := check.NewClients(check.FromConfig(c, cache), upstash.Options{AllowHTTP: true, Timeout: *timeout})
	defer clients.Close()
	all := probe(ctx, c, clients, *only)
	if *asJSON {
		if err := printJSON(stdout, map[string]any{"databases": all}); err != nil {
			return exitFailed
		}
	} else {
		printProbed(stdout, all)
	}
	return verdict(all)
}

// probe asks every database, or only the one of that name, all at once.
func probe(ctx context.Context, c *config.Config, clients *check.Clients, only string) []probed {
	var wg sync.WaitGroup
	var all []*probed
	for i := range c.Databases {
		d := &c.Databases[i]
		if only != "" && d.Name != only {
			continue
		}
		answer := &probed{}
		all = append(all, answer)
		wg.Go(func() { *answer = probeOne(ctx, d, clients) })
	}
	wg.Wait()
	out := make([]probed, len(all))
	for i, answer := range all {
		out[i] = *answer
	}
	return out
}

// probeOne asks what HealthCheck asks, but once: somebody is watching.
func probeOne(ctx context.Context, d *config.Database, clients *check.Clients) probed {
	now := time.Now()
	// Wherever somebody sits is home: the latency is theirs to judge.
	t := &check.Target{Database: d, Job: report.HealthCheck, Region: d.Home}
	clients.Prepare(ctx, t, false)
	every := d.Checks.Ping.Every
	return judge(d.Name, d.Shard, check.Run(ctx, t, check.Specs(report.HealthCheck, d, every), now, every))
}
