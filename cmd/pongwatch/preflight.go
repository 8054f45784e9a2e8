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

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
	"github.com/pongwatch/pongwatch/shared/version"
)

// preflightFlags are the flags of preflight.
type preflightFlags struct {
	monitor                 monitor
	o                       preflight.Options
	asJSON, quiet           bool
	junit, markdown         string
	only, skip              string
	loginEnv, appTokenEnv   string
	drillAddr, drillPassEnv string
	timeout                 time.Duration
}

func preflightCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "preflight",
		Short: "Run the production checklist, with evidence for each line",
		Long: `Runs the production checklist: settings, egress, token permissions, packages, secrets,
limits, Upstash's own checklist, and with --url a running pongwatch with its health
endpoint, statistics, dashboard and receivers. Each item is pass, fail, warn, manual (for a person) or skipped,
with evidence, the reason and what to do.

It is safe on production: it writes only below ws:_pongwatch:preflight:, each key expires
within a minute and is deleted at the end, and the last line says how many commands were
used. No output holds a secret.

The configuration is that of the functions: PONGWATCH_CONFIG, or UPSTASH_REDIS_URL and
UPSTASH_REDIS_TOKEN. Without one, the demonstration at --url provides its own.

The items are listed in docs/preflight.md.

Exit codes: 0 nothing failed, 1 an item failed, 2 the checklist could not be run.`,
		Example: `  pongwatch local &                 # the demonstration
  pongwatch preflight --url http://127.0.0.1:8080
  pongwatch preflight --backend ./api --frontend ./web --markdown record.md
  pongwatch preflight --only 'redis.*' --json`,
		Args: atMost(0),
	}
	var p preflightFlags
	f, a := c.Flags(), &p.o.App
	p.monitor.register(c, "check the running pongwatch at this `address`: local's, or the Metrics function's")
	f.StringVar(&p.monitor.health.url, "health-url", "", "the `address` of the HealthCheck function, where it is another")
	f.StringVar(&p.monitor.project, "project", "", "order the drill by the topic in this Google Cloud `project`, with your own credentials")
	f.StringVar(&p.monitor.topic, "topic", defaultTopic, "the drill's `topic`, with --project")
	f.StringVar(&p.o.Database, "database", "", "only the database of this `name`")
	f.StringVar(&p.o.Backend, "backend", "", "read the backend's sources in this `folder`")
	f.StringVar(&p.o.Frontend, "frontend", "", "read the frontend's sources, and what was built, in this `folder`")
	f.StringVar(&p.only, "only", "", "only the items of these `ids`, such as redis.write,'packages.*'")
	f.StringVar(&p.skip, "skip", "", "all but the items of these `ids`")
	f.BoolVar(&p.asJSON, "json", false, "print JSON in place of the table")
	f.BoolVar(&p.quiet, "quiet", false, "show no progress on stderr")
	f.StringVar(&p.junit, "junit", "", "also write JUnit XML to this `file`")
	f.StringVar(&p.markdown, "markdown", "", "also write a record to sign to this `file`")
	f.DurationVar(&p.timeout, "timeout", 4*time.Second, "wait this long for each answer of a database")
	f.StringVar(&a.HealthURL, "app-health-url", "", "the app's health `address` (default those of the configuration)")
	f.StringVar(&p.appTokenEnv, "app-token-env", "", "send the app the token that this environment `variable` holds")
	f.StringVar(&a.CacheURL, "cache-url", "", "an `address` that the app caches")
	f.StringVar(&a.LimitURL, "limit-url", "", "an `address` whose rate the app limits")
	f.IntVar(&a.Burst, "burst", 60, "request --limit-url at most this many times (at most 200)")
	f.StringVar(&a.LoginURL, "login-url", "", "the `address` to which a login is posted")
	f.StringVar(&p.loginEnv, "login-env", "", "post the JSON that this environment `variable` holds")
	f.StringVar(&a.SessionURL, "session-url", "", "an `address` that answers 200 to a logged-in user")
	f.StringVar(&a.LogoutURL, "logout-url", "", "the `address` to which the logout is posted")
	f.StringVar(&a.QueueURL, "queue-url", "", "the `address` to which a task is posted")
	f.StringVar(&a.QueueKey, "queue-key", "", "the list that holds tasks, a Redis `key`")
	f.StringVar(&p.drillAddr, "drill", "", "serve an emulator on this `address` to a staging app, and break it, to see the app fall back (with --app-health-url)")
	f.DurationVar(&a.Patience, "drill-patience", preflight.DefaultPatience, "in a drill, let the app take this long to notice that Redis is gone, or back")
	f.StringVar(&p.drillPassEnv, "drill-token-env", "", "the emulator's token is what this environment `variable` holds")
	c.RunE = func(c *cobra.Command, _ []string) error {
		record, err := p.run(c.Context(), c.ErrOrStderr())
		if err != nil {
			return err
		}
		write := preflight.WriteTable
		if p.asJSON {
			write = preflight.WriteJSON
		}
		err = errors.Join(write(c.OutOrStdout(), record),
			writeFile(p.junit, record, preflight.WriteJUnit), writeFile(p.markdown, record, preflight.WriteMarkdown))
		if err == nil && record.Count(preflight.Fail) > 0 {
			return negative("")
		}
		return err
	}
	return c
}

// run prepares and makes the run.
func (p *preflightFlags) run(ctx context.Context, stderr io.Writer) (record preflight.Record, err error) {
	o := &p.o
	o.Only, o.Skip = split(p.only), split(p.skip)
	o.Getenv, o.Version = os.Getenv, version.Read().String()
	if !p.quiet {
		o.Progress = stderr
	}
	if o.App.Login, err = fromVariable("--login-env", p.loginEnv); err != nil {
		return record, err
	}
	if o.App.Token, err = fromVariable("--app-token-env", p.appTokenEnv); err != nil {
		return record, err
	}
	if p.monitor.url != "" {
		if err := p.monitor.open(); err != nil {
			return record, err
		}
		o.Monitor = &p.monitor
	}

	env := gcp.ReadEnvironment(os.Getenv)
	clients := gcp.NewClients(env)
	o.Secrets, o.Deployments = clients.Secrets(), clients.Environment
	o.Upstash = upstash.Options{AllowHTTP: true, Timeout: p.timeout}
	c, err := config.Load(ctx, config.Options{Getenv: os.Getenv, Environ: os.Environ, ReadFile: os.ReadFile, Secrets: o.Secrets, Local: true})
	switch {
	case err == nil:
		o.Config = c
	case !errors.Is(err, config.ErrEmpty):
		return record, err
	case o.Monitor != nil:
		if err := p.demonstration(ctx, env); err != nil {
			return record, err
		}
	}
	switch {
	case o.Config == nil && o.Backend == "" && o.Frontend == "" && o.Monitor == nil && p.drillAddr == "":
		return record, errors.New("there is nothing to check: set UPSTASH_REDIS_URL and UPSTASH_REDIS_TOKEN or PONGWATCH_CONFIG, or name sources with --backend and --frontend, or a running pongwatch with --url")
	case o.Database != "" && (o.Config == nil || o.Config.Database(o.Database) == nil):
		return record, fmt.Errorf("no database %q is configured", o.Database)
	}

	if p.drillAddr != "" {
		if o.App.HealthURL == "" {
			return record, errors.New("--drill: which app? want --app-health-url URL, an app in staging that uses the emulator")
		}
		token, err := fromVariable("--drill-token-env", p.drillPassEnv)
		if err != nil {
			return record, err
		}
		server, err := upstashtest.New(upstashtest.Options{Addr: p.drillAddr, Token: token.Reveal()})
		if err != nil {
			return record, fmt.Errorf("--drill: %w", err)
		}
		defer server.Close()
		fmt.Fprintf(stderr, "the emulator for the staging app is at %s\n", server.URL())
		o.App.Break = func(broken bool) error {
			return server.Break(upstashtest.Fault{Mode: map[bool]upstashtest.Mode{true: upstashtest.Refuse}[broken]})
		}
	}
	return preflight.Run(ctx, *o)
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
