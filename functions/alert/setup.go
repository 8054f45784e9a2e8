package alert

import (
	"context"
	"net/http"
	"os"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/history"
)

// Handler returns the deployed function: it reads its configuration and connects to
// Firestore and Secret Manager when the first request comes, and answers 503 with
// the reason for as long as that fails.
func Handler(getenv func(string) string) http.Handler {
	environment := gcp.ReadEnvironment(getenv)
	clients := gcp.NewClients(environment)
	logger := environment.Logger(os.Stderr)
	return gcp.Function(logger, func(ctx context.Context) (http.Handler, error) {
		cfg, err := config.Load(ctx, config.Options{Getenv: getenv, ReadFile: os.ReadFile, Secrets: clients.Secrets()})
		if err != nil {
			return nil, err
		}
		documents, err := clients.Store(ctx)
		if err != nil {
			return nil, err
		}
		receivers, problems := Receivers(cfg, ReceiverOptions{Cache: clients.Secrets(), Logger: logger})
		return New(Options{
			Config: cfg, Store: documents, Receivers: receivers, Problems: problems,
			Context: MessageContext(cfg, clients.Secrets()), Trend: Trend(cfg, history.New(documents)), Logger: logger,
		})
	})
}
