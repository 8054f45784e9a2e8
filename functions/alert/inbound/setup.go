package inbound

import (
	"context"
	"net/http"

	"github.com/pongwatch/pongwatch/shared/gcp"
)

// Handler returns the deployed function: it reads its configuration and connects to
// Pub/Sub when the first request comes, and answers 503 for as long as that fails.
func Handler(getenv func(string) string) http.Handler {
	return gcp.Deployed(getenv, func(ctx context.Context, s gcp.Setup) (http.Handler, error) {
		c, clients := s.Config, s.Clients
		reports, err := clients.Reports(ctx)
		if err != nil {
			return nil, err
		}
		signals, err := clients.Signals(ctx)
		if err != nil {
			return nil, err
		}
		return New(Options{Config: c, Secrets: clients.Secrets(), Reports: reports, Signals: signals, Logger: s.Logger})
	})
}
