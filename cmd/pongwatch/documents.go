package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/secrets"
)

// documents are the configuration that a command looks at without running it, and how
// the command prints what it found.
type documents struct {
	local, asJSON bool
	// stdin is what was read of the standard input, once.
	stdin []byte
}

// register adds the flags; the arguments are files.
func (d *documents) register(c *cobra.Command) {
	c.Long += "\n\n\"-\" as a file is the standard input."
	c.Flags().BoolVar(&d.asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&d.local, "local", false, "accept secrets in plain text and http:// addresses of this machine, as pongwatch local does")
}

// print writes a finding in the form that the flags choose. Its answer is no where the
// finding is not good.
func (d documents) print(w io.Writer, finding interface{ print(w io.Writer) error }, good bool) error {
	write := finding.print
	if d.asJSON {
		write = func(w io.Writer) error { return printJSON(w, finding) }
	}
	if err := write(w); err != nil || good {
		return err
	}
	return negative("")
}

// read reads the files, or without any what the environment configures. The error says
// that something could not be read; problems say what is wrong with what was read.
func (d *documents) read(c *cobra.Command, files []string) (*config.Config, config.Problems, error) {
	if len(files) > 0 {
		texts := make([]config.Document, 0, len(files))
		for _, name := range files {
			text, err := d.file(c, name)
			if err != nil {
				return nil, nil, fmt.Errorf("reading configuration: %w", err)
			}
			texts = append(texts, config.Document{Name: name, Text: text})
		}
		cfg, problems := config.Parse(d.local, texts...)
		return cfg, problems, nil
	}
	// The customer's own variables always hold secrets in plain text.
	local := d.local || os.Getenv(config.EnvConfig) == ""
	cfg, err := config.Load(c.Context(), config.Options{
		Getenv: os.Getenv, Environ: os.Environ, ReadFile: os.ReadFile, Secrets: gcp.NewClients(gcp.ReadEnvironment(os.Getenv)).Secrets(), Local: local,
	})
	if problems, ok := errors.AsType[config.Problems](err); ok && !errors.Is(err, config.ErrEmpty) {
		return nil, problems, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return cfg, cfg.Problems, nil
}

// errNothing says that the environment has no configuration.
var errNothing = errors.New("nothing is configured: set UPSTASH_REDIS_URL and UPSTASH_REDIS_TOKEN, or PONGWATCH_CONFIG")

// configured reads what the environment configures, and returns what reads its secrets.
func configured(ctx context.Context) (*config.Config, *secrets.Cache, error) {
	cache := gcp.NewClients(gcp.ReadEnvironment(os.Getenv)).Secrets()
	c, err := config.Load(ctx, config.Options{Getenv: os.Getenv, Environ: os.Environ, ReadFile: os.ReadFile, Secrets: cache, Local: true})
	if errors.Is(err, config.ErrEmpty) {
		err = errNothing
	}
	return c, cache, err
}

// maxStdin bounds a document from the standard input.
const maxStdin = 16 << 20

func (d *documents) file(c *cobra.Command, name string) ([]byte, error) {
	if name != "-" {
		return os.ReadFile(name)
	}
	if d.stdin == nil {
		text, err := outbound.ReadAll(c.InOrStdin(), maxStdin)
		if err != nil {
			return nil, err
		}
		d.stdin = text
	}
	return d.stdin, nil
}

// hint names --local where that makes a document's problems fewer.
func (d *documents) hint(c *cobra.Command, files []string, problems config.Problems) string {
	if d.local || len(problems) == 0 {
		return ""
	}
	local := *d
	local.local = true
	_, fewer, err := local.read(c, files)
	if err != nil || len(fewer) >= len(problems) {
		return ""
	}
	return "pongwatch local accepts secrets in plain text and http:// addresses of this machine: check a document for it with --local"
}
