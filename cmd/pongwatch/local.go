package main

import (
	"log/slog"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/local"
)

func localCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "local",
		Short: "Watch from this machine; without configuration, a demonstration",
		Long: `Runs all four functions in one process on one port, with a built-in scheduler and
queue that make the requests that Cloud Scheduler and Pub/Sub would make.

Without configuration it is a demonstration: an emulated Upstash Redis, a Slack and a
mail server that catch every alert, and a page on which to break things. With
UPSTASH_REDIS_URL and UPSTASH_REDIS_TOKEN, or PONGWATCH_CONFIG, in the environment it
watches the real database and notifies the real receivers.

The demonstration keeps its state in a temporary folder, unless --data names one. Otherwise
state is in --data, by default ./data: open incidents, history and undelivered messages
survive a restart and a kill.`,
		Args: atMost(0),
	}
	o := local.Options{Getenv: os.Getenv, Command: invoked(os.Args[0]), By: whoami()}
	var level slog.Level
	c.Flags().StringVar(&o.Addr, "addr", "127.0.0.1:8080", "serve on this `address`")
	c.Flags().BoolVar(&o.Expose, "expose", false, "let others than this machine read the pages, as the configuration's access says; pages of access iam are closed. Needs --host, and TLS or --trusted-proxy")
	c.Flags().StringSliceVar(&o.Hosts, "host", nil, "with --expose, a `name` that readers ask for; every other is refused")
	c.Flags().StringVar(&o.TLSCert, "tls-cert", "", "serve https with the certificates of this `file`")
	c.Flags().StringVar(&o.TLSKey, "tls-key", "", "the private key's `file`")
	c.Flags().StringSliceVar(&o.TrustedProxies, "trusted-proxy", nil, "with --expose, the `address` or range of a proxy that speaks TLS with readers; no other may forward requests")
	c.Flags().StringVar(&o.Data, "data", "", "keep state in this `folder`")
	c.Flags().DurationVar(&o.Every, "every", 0, "ping this often (default 5s in the demonstration, else as configured, 1m)")
	c.Flags().TextVar(&level, "log", slog.LevelWarn, "log to stderr from this `level` on: debug, info, warn or error; in the demonstration error")
	_ = c.RegisterFlagCompletionFunc("log", cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, _ []string) error {
		o.Out = c.OutOrStdout()
		var threshold slog.LevelVar
		threshold.Set(level)
		o.Logger = slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: &threshold}))
		if os.Getenv("GOGC") == "" {
			// Every check compresses documents, and each compression takes most of a megabyte.
			debug.SetGCPercent(300)
		}
		process, err := local.Start(c.Context(), o)
		if err != nil {
			return err
		}
		if process.Demonstrates() && !c.Flags().Changed("log") {
			// What is broken there is broken on purpose.
			threshold.Set(slog.LevelError)
		}
		return process.Run(c.Context())
	}
	return c
}

// invoked returns how a person runs this program again. "go run" keeps its programs in a folder
// that nobody types.
func invoked(program string) string {
	switch {
	case strings.Contains(program, "/go-build"):
		return "go run ./cmd/pongwatch"
	case strings.Contains(program, " "):
		return "'" + program + "'"
	}
	return program
}
