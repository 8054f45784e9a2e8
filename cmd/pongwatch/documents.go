package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
)

// documents are the configuration that a subcommand looks at without running it, and how
// it prints what it found.
type documents struct {
	files         []string
	local, asJSON bool
}

// parseDocuments is [parse] for such a subcommand.
func parseDocuments(name string, args []string, stdout, stderr io.Writer, about string) (d documents, code int, ok bool) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.BoolVar(&d.asJSON, "json", false, "print JSON")
	flags.BoolVar(&d.local, "local", false, "accept secrets in clear and http:// addresses of this machine, as pongwatch local does")
	d.files, code, ok = parseAll(flags, "[FILE…]", math.MaxInt, args, stdout, stderr, about)
	return d, code, ok
}

// read reads the files, or without any what the environment configures. The
// error says that something could not be read; what is wrong with it are problems.
func (d documents) read(ctx context.Context) (*config.Config, config.Problems, error) {
	if len(d.files) > 0 {
		texts := make([]config.Document, 0, len(d.files))
		for _, name := range d.files {
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, nil, fmt.Errorf("reading configuration: %w", err)
			}
			texts = append(texts, config.Document{Name: name, Text: text})
		}
		c, problems := config.Parse(d.local, texts...)
		return c, problems, nil
	}
	// The customer's own variables hold secrets in clear by their nature.
	local := d.local || os.Getenv(config.EnvConfig) == ""
	c, err := config.Load(ctx, config.Options{
		Getenv: os.Getenv, ReadFile: os.ReadFile, Secrets: gcp.NewClients(gcp.ReadEnvironment(os.Getenv)).Secrets(), Local: local,
	})
	if problems, ok := errors.AsType[config.Problems](err); ok && !errors.Is(err, config.ErrEmpty) {
		return nil, problems, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return c, c.Problems, nil
}
