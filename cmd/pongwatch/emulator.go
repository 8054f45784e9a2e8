package main

import (
	"errors"
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

With --fault it fails as Upstash can fail, to see how an app reacts. What it does and
does not do like Upstash: shared/upstash/upstashtest/README.md.`,
		Example: `  pongwatch emulator --addr 127.0.0.1:8079 --token example &
  UPSTASH_REDIS_REST_URL=http://127.0.0.1:8079 UPSTASH_REDIS_REST_TOKEN=example npm test`,
		Args: atMost(0),
	}
	var o upstashtest.Options
	c.Flags().StringVar(&o.Addr, "addr", "127.0.0.1:8079", "serve on this `address`")
	c.Flags().StringVar(&o.Token, "token", "", "the standard `token` (default a random one, printed)")
	tokenEnv := c.Flags().String("token-env", "", "read the standard token from the environment variable of this `name`, so that no process list shows it")
	c.Flags().StringVar(&o.ReadOnlyToken, "read-only-token", "", "the read-only `token` (default a random one, printed)")
	c.Flags().StringVar(&o.Redis, "redis", "", "serve the Redis at this `address` instead of an embedded one, which forgets everything at the end")
	ca := c.Flags().String("tls-ca", "", "serve https, and write the certificate authority to trust to this `file`")
	fault := c.Flags().String("fault", "none", "fail in this `mode`: "+strings.Join(names(upstashtest.Modes()), ", "))
	_ = c.RegisterFlagCompletionFunc("fault", cobra.FixedCompletions(names(upstashtest.Modes()), cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, _ []string) error {
		switch {
		case *tokenEnv == "":
		case o.Token != "":
			return usageError(c, errors.New("--token and --token-env exclude each other"))
		default:
			if o.Token = os.Getenv(*tokenEnv); o.Token == "" {
				return fmt.Errorf("--token-env: the variable %s is empty or not set", *tokenEnv)
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
		token := "UPSTASH_REDIS_REST_TOKEN=" + server.Token()
		if *tokenEnv != "" {
			token = "# token: from " + *tokenEnv
		}
		fmt.Fprintf(c.OutOrStdout(), "UPSTASH_REDIS_REST_URL=%s\n%s\n# read-only token: %s\n", server.URL(), token, server.ReadOnlyToken())
		<-c.Context().Done()
		return nil
	}
	return c
}
