package inbound

import (
	"context"
	"net/http"
	"os"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
)

// Handler returns the deployed function: it reads its configuration and connects to
// Pub/Sub when the first request comes, and answers 503 for as long as that fails.
func Handler(getenv func(string) string) http.Handler {
	environment := gcp.ReadEnvironment(getenv)
	clients := gcp.NewClients(environment)
	logger := environment.Logger(os.Stderr)
	return gcp.Function(logger, func(ctx context.Context) (http.Handler, error) {
		cfg, err := config.Load(ctx, config.Options{Getenv: getenv, Environ: os.Environ, ReadFile: os.ReadFile, Secrets: clients.Secrets()})
		if err != nil {
			return nil, err
		}
		reports, err := clients.Reports(ctx)
		if err != nil {
			return nil, err
		}
		signals, err := clients.Signals(ctx)
		if err != nil {
			return nil, err
		}
		return New(Options{Config: cfg, Secrets: clients.Secrets(), Reports: reports, Signals: signals, Logger: logger})
	})
}
