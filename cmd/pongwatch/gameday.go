package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/gameday"
	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/preflight"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/text"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
	"github.com/pongwatch/pongwatch/shared/version"
)

// gamedayFlags are the flags of gameday.
type gamedayFlags struct {
	o                  gameday.Options
	proxy              upstashtest.Options
	reader             reader
	staging, causes    []string
	health             string
	proxyEnv, tokenEnv string
	asJSON, quiet      bool
	junit, markdown    string
	atLeast            int
}

func gamedayCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "gameday",
		Short: "Break what a staging app sees of its Redis, and score what happens",
		Long: `Serves a proxy in front of a staging database, or of an emulated one, and breaks what
comes through it, one cause after another. Meanwhile it requests the app's pages as users
do, reads its health page, and reads the incidents of a running pongwatch. The matrix
answers for each cause: do users get errors, does the app notice, does it serve without
Redis, does it say so, is it back without a restart, does the alert have the right cause,
and does the resolve arrive. The score is a share of 100.

Have the app use the proxy for its Redis, and pongwatch watch it there. The database
itself is never broken, and this command sends it nothing of its own. Without --url, or
where pongwatch does not watch through the proxy, alert and resolve are not asked and do
not count.

Every address that is not this machine's must be named with --staging.

docs/gameday.md leads through it in five minutes.

Exit codes: 0 the score is at least --min-score, 1 it is lower, 2 nothing could be played.`,
		Example: `  pongwatch gameday --app-health-url http://127.0.0.1:3000/api/v1/health/redis --app-url http://127.0.0.1:3000/api/v1/greeting
  pongwatch gameday --upstream https://staging.upstash.io --staging staging.upstash.io --causes all …`,
		Args: atMost(0),
	}
	var g gamedayFlags
	f := c.Flags()
	f.StringVar(&g.proxy.Addr, "listen", "127.0.0.1:8079", "serve the proxy on this `address`, in plain HTTP")
	f.StringVar(&g.proxy.Upstream, "upstream", "", "the REST `address` of the staging database (default an emulated one)")
	f.StringSliceVar(&g.staging, "staging", nil, "a `host` that may be broken: that of --upstream and of the app, unless they are on this machine")
	f.StringVar(&g.proxyEnv, "database-token-env", "", "the emulated database's token is what this environment `variable` holds (default a random one, printed)")
	f.StringVar(&g.health, "app-health-url", "", "the app's health `address`")
	f.StringArrayVar(&g.o.Pages, "app-url", nil, "an `address` that users of the app request, again for each one")
	f.StringVar(&g.tokenEnv, "app-token-env", "", "send --app-url the token that this environment `variable` holds")
	g.reader.register(c, "read the incidents of the running pongwatch at this `address`: local's, or the Metrics function's")
	f.StringVar(&g.o.Database, "database", "", "the `name` of the database in that pongwatch, where it watches several")
	f.StringSliceVar(&g.causes, "causes", nil, "play these `causes`, or all (default "+strings.Join(playable(false), ",")+")")
	f.DurationVar(&g.o.Every, "every", time.Second, "pause this long after each request to a page (at least 200ms)")
	f.DurationVar(&g.o.Timeout, "timeout", 10*time.Second, "a user waits this long for an answer")
	f.DurationVar(&g.o.Patience, "patience", preflight.DefaultPatience, "let the app take this long to notice that Redis is gone, or back")
	f.DurationVar(&g.o.AlertPatience, "alert-patience", 5*time.Minute, "let the alert, and the resolve, take this long")
	f.BoolVar(&g.asJSON, "json", false, "print JSON in place of the matrix")
	f.BoolVar(&g.quiet, "quiet", false, "show no progress on stderr")
	f.StringVar(&g.junit, "junit", "", "also write JUnit XML to this `file`")
	f.StringVar(&g.markdown, "markdown", "", "also write a record to sign to this `file`")
	f.IntVar(&g.atLeast, "min-score", 100, "exit with 0 from this `score` on")
	_ = c.RegisterFlagCompletionFunc("causes", cobra.FixedCompletions(append(playable(true), "all"), cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, _ []string) error {
		record, err := g.run(c.Context(), c.ErrOrStderr())
		if err != nil {
			return err
		}
		write := gameday.WriteTable
		if g.asJSON {
			write = preflight.WriteJSON
		}
		err = errors.Join(write(c.OutOrStdout(), record), writeFile(g.junit, record, gameday.WriteJUnit), writeFile(g.markdown, record, gameday.WriteMarkdown))
		if err == nil && record.Score < g.atLeast {
			return negative("")
		}
		return err
	}
	return c
}

// run prepares and plays the game day.
func (g *gamedayFlags) run(ctx context.Context, stderr io.Writer) (record gameday.Record, err error) {
	if err := g.check(); err != nil {
		return record, err
	}
	o := &g.o
	if o.Faults, err = gameday.Choose(g.causes); err != nil {
		return record, fmt.Errorf("--causes: %w", err)
	}
	if o.Token, err = fromVariable("--app-token-env", g.tokenEnv); err != nil {
		return record, err
	}
	// The configuration is read for app.match alone.
	c, _, err := configured(ctx)
	if err != nil && !errors.Is(err, errNothing) {
		return record, err
	}
	if o.Health, err = preflight.HealthPage(c, g.health); err != nil {
		return record, fmt.Errorf("--app-health-url: %w", err)
	}
	record = gameday.Record{At: time.Now().UTC(), Version: version.Read().String(), Database: "emulated", Load: o.Load()}
	if g.reader.url != "" {
		if err := g.readIncidents(ctx); err != nil {
			return record, err
		}
		record.Pongwatch = g.reader.url
	}
	for _, page := range append([]string{g.health}, o.Pages...) {
		record.App = append(record.App, gameday.Shown(page))
	}

	token, err := fromVariable("--database-token-env", g.proxyEnv)
	if err != nil {
		return record, err
	}
	o.Traffic = &gameday.Traffic{}
	g.proxy.Token, g.proxy.Observe = token.Reveal(), o.Traffic.Observe
	if o.Proxy, err = upstashtest.New(g.proxy); err != nil {
		return record, fmt.Errorf("--listen and --upstream: %w", err)
	}
	defer o.Proxy.Close()
	o.Progress = func(string) {}
	if !g.quiet {
		o.Progress = func(line string) { fmt.Fprintln(stderr, line) }
	}
	fmt.Fprintf(stderr, "the proxy is at %s\n", o.Proxy.URL())
	switch {
	case g.proxy.Upstream != "":
		record.Database = gameday.Shown(g.proxy.Upstream)
	case g.proxyEnv == "":
		fmt.Fprintf(stderr, "its token is %s\n", o.Proxy.Token())
	}
	o.Progress(fmt.Sprintf("load: %s, for %s at most", o.Load(), text.Duration(o.Longest())))
	rows, err := gameday.Run(ctx, *o)
	record.Add(rows)
	return record, err
}

// check refuses what cannot be played, and what must not be.
func (g *gamedayFlags) check() error {
	switch {
	case g.health == "":
		return errors.New("--app-health-url: which app? want the address of its health page, such as http://127.0.0.1:3000/api/v1/health/redis")
	case len(g.o.Pages) == 0:
		return errors.New("--app-url: want an address that users of the app request, such as http://127.0.0.1:3000/api/v1/greeting")
	case g.o.Every < 200*time.Millisecond:
		return fmt.Errorf("--every %v: want at least 200ms, so that the load stays small", g.o.Every)
	case g.o.Timeout <= 0 || g.o.Patience <= 0 || g.o.AlertPatience <= 0:
		return errors.New("--timeout, --patience and --alert-patience: want more than zero, such as 30s")
	case g.o.Timeout >= g.o.Patience:
		return fmt.Errorf("--timeout %v: want less than --patience %v, because a request that hangs must end while Redis is gone", g.o.Timeout, g.o.Patience)
	case g.proxy.Upstream != "" && g.proxyEnv != "":
		return errors.New("--database-token-env is for an emulated database; the app sends --upstream its own token")
	}
	addresses := []struct{ flag, address string }{{"--upstream", g.proxy.Upstream}, {"--app-health-url", g.health}}
	for _, page := range g.o.Pages {
		addresses = append(addresses, struct{ flag, address string }{"--app-url", page})
	}
	for _, a := range addresses {
		if a.address == "" {
			continue
		}
		u, err := url.Parse(a.address)
		if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("%s: want an address such as https://staging.example.com/path", a.flag)
		}
		named := slices.ContainsFunc(g.staging, func(host string) bool { return strings.EqualFold(host, u.Hostname()) })
		if !named && !outbound.IsLoopback(u.Hostname()) {
			return fmt.Errorf("%s: %s is not named as staging; add --staging %s if no one needs it while it is broken", a.flag, u.Hostname(), u.Hostname())
		}
	}
	return nil
}

// readIncidents asks the running pongwatch once, for the name of its database.
func (g *gamedayFlags) readIncidents(ctx context.Context) error {
	if err := g.reader.open("--url"); err != nil {
		return err
	}
	s, err := g.reader.statistics(ctx, nil)
	if err != nil {
		return err
	}
	var names []string
	for _, d := range s.Databases {
		names = append(names, d.Name)
	}
	slices.Sort(names)
	switch {
	case g.o.Database == "" && len(names) == 1:
		g.o.Database = names[0]
	case !slices.Contains(names, g.o.Database):
		return fmt.Errorf("--database %q: want the one that is behind the proxy, of %s", g.o.Database, strings.Join(names, ", "))
	}
	g.o.Incidents = func(ctx context.Context) (incidents.View, error) {
		s, err := g.reader.statistics(ctx, nil)
		return s.Incidents, err
	}
	return nil
}

// playable names the causes that a game day can play, or those that it plays by default.
func playable(all bool) (causes []string) {
	for _, f := range gameday.Faults() {
		if all || f.Default {
			causes = append(causes, string(f.Cause))
		}
	}
	return causes
}

// writeFile writes a record into a file, if one is named.
func writeFile[R any](name string, record R, write func(io.Writer, R) error) error {
	var b bytes.Buffer
	if err := write(&b, record); err != nil || name == "" {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644) //nolint:gosec // a record is for others to read
}
