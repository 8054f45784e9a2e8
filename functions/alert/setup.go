package alert

import (
	"context"
	"net/http"
	"os"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/history"
)

// PusherVariable names the service account in whose name Pub/Sub pushes. Only it may post,
// and not Scheduler's, which access.invokers lists. Alert shows no pages, so that IAM always
// guards it.
const PusherVariable = "PONGWATCH_PUSH_ACCOUNT"

// Handler returns the deployed function: it reads its configuration and connects to
// Firestore and Secret Manager when the first request comes, and answers 503 for as
// long as that fails.
func Handler(getenv func(string) string) http.Handler {
	environment := gcp.ReadEnvironment(getenv)
	clients := gcp.NewClients(environment)
	logger := environment.Logger(os.Stderr)
	return gcp.Function(logger, func(ctx context.Context) (http.Handler, error) {
		cfg, err := config.Load(ctx, config.Options{Getenv: getenv, Environ: os.Environ, ReadFile: os.ReadFile, Secrets: clients.Secrets()})
		if err != nil {
			return nil, err
		}
		authorize, err := environment.Callers(false, logger, PusherVariable, getenv(PusherVariable))
		if err != nil {
			return nil, err
		}
		documents, err := clients.Store(ctx)
		if err != nil {
			return nil, err
		}
		options := ReceiverOptions{Cache: clients.Secrets(), Logger: logger}
		receivers, problems := Receivers(cfg, options)
		return New(Options{
			Config: cfg, Store: documents, Receivers: receivers, Problems: problems, Authorize: authorize,
			Context: MessageContext(cfg, clients.Secrets()), Trend: Trend(cfg, history.New(documents)),
			Heartbeat: Heartbeat(cfg, options), Logger: logger,
		})
	})
}
