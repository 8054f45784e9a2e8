package alert

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/gcp/oidc"
	"github.com/pongwatch/pongwatch/shared/history"
)

// PusherVariable names the service account in whose name Pub/Sub pushes. It is needed,
// with [gcp.AudienceVariable], only where IAM does not guard the function.
const PusherVariable = "PONGWATCH_PUSH_ACCOUNT"

// pushGuard returns the guard of pushes. Alert shows no pages, so that there is no
// reason to open it, and where neither variable is set IAM alone guards it. Where it is
// open all the same only the subscriptions' service account may push, by a token of
// Google's: not Scheduler's, which access.invokers lists.
func pushGuard(e gcp.Environment, pusher string, logger *slog.Logger) (func(http.Handler) http.Handler, error) {
	if e.Audience == "" && pusher == "" {
		return nil, nil
	}
	v, err := oidc.New(oidc.Options{Audience: e.Audience, Emails: []string{pusher}, Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("guarding pushes (%s and %s, both or neither): %w", gcp.AudienceVariable, PusherVariable, err)
	}
	return v.Middleware, nil
}

// Handler returns the deployed function: it reads its configuration and connects to
// Firestore and Secret Manager when the first request comes, and answers 503 with
// the reason for as long as that fails.
func Handler(getenv func(string) string) http.Handler {
	environment := gcp.ReadEnvironment(getenv)
	clients := gcp.NewClients(environment)
	logger := environment.Logger(os.Stderr)
	return gcp.Function(logger, func(ctx context.Context) (http.Handler, error) {
		cfg, err := config.Load(ctx, config.Options{Getenv: getenv, Environ: os.Environ, ReadFile: os.ReadFile, Secrets: clients.Secrets()})
		if err != nil {
			return nil, err
		}
		authorize, err := pushGuard(environment, getenv(PusherVariable), logger)
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
