package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/pongwatch/pongwatch/cmd/pongwatch/internal/local"
)

const aboutLocal = `
Runs all four functions in one process on one port, with a built-in scheduler and
queue that make the requests that Cloud Scheduler and Pub/Sub would make.

Without configuration it is a demonstration: an emulated Upstash Redis, a Slack and a
mail server that catch every alert, and a page on which to break things. With
UPSTASH_REDIS_URL and UPSTASH_REDIS_TOKEN, or PONGWATCH_CONFIG, in the environment it
watches the real thing and tells the real receivers.

The demonstration keeps what it remembers in a temporary folder, unless --data names
one. The real thing keeps it in --data, by default ./data: open incidents, history and
undelivered messages survive a restart, and a kill.`

func localCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	o := local.Options{Getenv: os.Getenv, Out: stdout}
	flags.StringVar(&o.Addr, "addr", "127.0.0.1:8080", "serve on this `address`")
	flags.BoolVar(&o.Expose, "expose", false, "allow an --addr that other machines can reach; the pages are then as open as the configuration's access says")
	flags.StringVar(&o.Data, "data", "", "keep state in this `folder`")
	flags.DurationVar(&o.Every, "every", 0, "ping this often (default 5s in the demonstration, else as configured, 1m)")
	var level slog.LevelVar
	level.Set(slog.LevelWarn)
	chosen := false
	flags.Func("log", "log to stderr from this `level` on: debug, info, warn or error (default warn, error in the demonstration)", func(text string) error {
		chosen = true
		return level.UnmarshalText([]byte(text))
	})
	if code, ok := parse(flags, args, stdout, stderr, aboutLocal); !ok {
		return code
	}
	o.Logger = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: &level}))

	process, err := local.Start(ctx, o)
	if err != nil {
		fmt.Fprintf(stderr, "pongwatch local: %v\n", err)
		return exitFailed
	}
	if process.Demonstrates() && !chosen {
		// What is broken there is broken on purpose.
		level.Set(slog.LevelError)
	}
	if err := process.Run(ctx); err != nil {
		fmt.Fprintf(stderr, "pongwatch local: %v\n", err)
		return exitFailed
	}
	return exitOK
}
