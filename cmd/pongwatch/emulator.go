package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

func emulatorCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "emulator",
		Short: "Serve Upstash's REST API from this machine",
		Long: `Serves Upstash's REST API over an embedded Redis, or over a real one with --redis: a
stand-in for Upstash in tests and CI. The official clients work against it unchanged.

With --fault it fails in a way of Upstash's, so that you see how an app reacts. How it
differs from Upstash is in shared/upstash/upstashtest/README.md.`,
		Example: `  pongwatch emulator --addr 127.0.0.1:8079 --token example &
  UPSTASH_REDIS_REST_URL=http://127.0.0.1:8079 UPSTASH_REDIS_REST_TOKEN=example npm test`,
		Args: atMost(0),
	}
	var o upstashtest.Options
	c.Flags().StringVar(&o.Addr, "addr", "127.0.0.1:8079", "serve on this `address`")
	c.Flags().StringVar(&o.Token, "token", "", "the standard `token` (default a random one, printed); process lists show it")
	tokenEnv := c.Flags().String("token-env", "", "read the standard token from the environment variable of this `name`, so that no process list shows it")
	c.Flags().StringVar(&o.ReadOnlyToken, "read-only-token", "", "the read-only `token` (default a random one, printed); process lists show it")
	readOnlyEnv := c.Flags().String("read-only-token-env", "", "read the read-only token from the environment variable of this `name`")
	c.Flags().StringVar(&o.Redis, "redis", "", "serve the Redis at this `address` instead of an embedded one, which forgets everything at the end")
	ca := c.Flags().String("tls-ca", "", "serve https, and write the certificate authority to trust to this `file`")
	fault := c.Flags().String("fault", "none", "fail in this `mode`: "+strings.Join(names(upstashtest.Modes()), ", "))
	_ = c.RegisterFlagCompletionFunc("fault", cobra.FixedCompletions(names(upstashtest.Modes()), cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, _ []string) error {
		for _, t := range []struct {
			flag, env string
			token     *string
		}{{"--token", *tokenEnv, &o.Token}, {"--read-only-token", *readOnlyEnv, &o.ReadOnlyToken}} {
			switch {
			case t.env == "" && *t.token == "":
			case t.env == "":
				fmt.Fprintf(c.ErrOrStderr(), "pongwatch emulator: every process list of this machine shows %s; %s-env VARIABLE hides it\n", t.flag, t.flag)
			case *t.token != "":
				return usageError(c, fmt.Errorf("%s and %s-env exclude each other", t.flag, t.flag))
			default:
				if *t.token = os.Getenv(t.env); *t.token == "" {
					return fmt.Errorf("%s-env: the variable %s is empty or not set", t.flag, t.env)
				}
			}
		}
		o.TLS = *ca != ""
		server, err := upstashtest.New(o)
		if err != nil {
			return err
		}
		defer server.Close()
		if o.TLS {
			if err := os.WriteFile(*ca, server.CAPEM(), 0o600); err != nil {
				return fmt.Errorf("writing the certificate authority: %w", err)
			}
		}
		if err := server.Break(upstashtest.Fault{Mode: upstashtest.Mode(*fault)}); err != nil {
			return err
		}
		// The form of an environment file, for a person or a shell to read.
		token, readOnly := "UPSTASH_REDIS_REST_TOKEN="+server.Token(), server.ReadOnlyToken()
		if *tokenEnv != "" {
			token = "# token: from " + *tokenEnv
		}
		if *readOnlyEnv != "" {
			readOnly = "from " + *readOnlyEnv
		}
		fmt.Fprintf(c.OutOrStdout(), "UPSTASH_REDIS_REST_URL=%s\n%s\n# read-only token: %s\n", server.URL(), token, readOnly)
		<-c.Context().Done()
		return nil
	}
	return c
}
