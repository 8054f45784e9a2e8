package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

const aboutEmulator = `
Serves Upstash's REST API over an embedded Redis, or over a real one with --redis: a
stand-in for Upstash in tests and CI. The official clients work against it unchanged:

  pongwatch emulator --addr 127.0.0.1:8079 --token example &
  UPSTASH_REDIS_REST_URL=http://127.0.0.1:8079 UPSTASH_REDIS_REST_TOKEN=example npm test

With --fault it fails as Upstash can fail, to see what an app makes of it. What it
does and does not do like Upstash: shared/upstash/upstashtest/README.md.`

func emulatorCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("emulator", flag.ContinueOnError)
	var o upstashtest.Options
	flags.StringVar(&o.Addr, "addr", "127.0.0.1:8079", "serve on this `address`")
	flags.StringVar(&o.Token, "token", "", "the standard `token` (default a random one, printed)")
	flags.StringVar(&o.ReadOnlyToken, "read-only-token", "", "the read-only `token` (default a random one, printed)")
	flags.StringVar(&o.Redis, "redis", "", "serve the Redis at this `address` instead of an embedded one, which forgets everything at the end")
	ca := flags.String("tls-ca", "", "serve https, and write the certificate authority to trust to this `file`")
	fault := flags.String("fault", "none", fmt.Sprintf("fail in this `mode`: %v", upstashtest.Modes()))
	if code, ok := parse(flags, args, stdout, stderr, aboutEmulator); !ok {
		return code
	}
	o.TLS = *ca != ""
	if err := emulate(ctx, o, upstashtest.Mode(*fault), *ca, stdout); err != nil {
		fmt.Fprintf(stderr, "pongwatch emulator: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// emulate serves until ctx ends.
func emulate(ctx context.Context, o upstashtest.Options, fault upstashtest.Mode, ca string, stdout io.Writer) error {
	server, err := upstashtest.New(o)
	if err != nil {
		return err
	}
	defer server.Close()
	if o.TLS {
		if err := os.WriteFile(ca, server.CAPEM(), 0o600); err != nil {
			return fmt.Errorf("writing the certificate authority: %w", err)
		}
	}
	if err := server.Break(upstashtest.Fault{Mode: fault}); err != nil {
		return err
	}
	// The form of an environment file, to be read by a person or by a shell.
	fmt.Fprintf(stdout, "UPSTASH_REDIS_REST_URL=%s\nUPSTASH_REDIS_REST_TOKEN=%s\n# read-only token: %s\n", server.URL(), server.Token(), server.ReadOnlyToken())
	<-ctx.Done()
	return nil
}
