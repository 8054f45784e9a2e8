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
)

// documents are the configuration that a command looks at without running it, and how
// the command prints what it found.
type documents struct{ local, asJSON bool }

// register adds the flags; the arguments are files.
func (d *documents) register(c *cobra.Command) {
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
func (d documents) read(ctx context.Context, files []string) (*config.Config, config.Problems, error) {
	if len(files) > 0 {
		texts := make([]config.Document, 0, len(files))
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, nil, fmt.Errorf("reading configuration: %w", err)
			}
			texts = append(texts, config.Document{Name: name, Text: text})
		}
		c, problems := config.Parse(d.local, texts...)
		return c, problems, nil
	}
	// The customer's own variables always hold secrets in plain text.
	local := d.local || os.Getenv(config.EnvConfig) == ""
	c, err := config.Load(ctx, config.Options{
		Getenv: os.Getenv, Environ: os.Environ, ReadFile: os.ReadFile, Secrets: gcp.NewClients(gcp.ReadEnvironment(os.Getenv)).Secrets(), Local: local,
	})
	if problems, ok := errors.AsType[config.Problems](err); ok && !errors.Is(err, config.ErrEmpty) {
		return nil, problems, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return c, c.Problems, nil
}
