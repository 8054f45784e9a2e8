package alert

import (
	"context"
	"net/http"

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
	return gcp.Deployed(getenv, func(ctx context.Context, s gcp.Setup) (http.Handler, error) {
		c, clients := s.Config, s.Clients
		authorize, err := s.Environment.Callers(false, s.Logger, PusherVariable, getenv(PusherVariable))
		if err != nil {
			return nil, err
		}
		documents, err := clients.Store(ctx)
		if err != nil {
			return nil, err
		}
		options := ReceiverOptions{Cache: clients.Secrets(), Logger: s.Logger}
		receivers, problems := Receivers(c, options)
		return New(Options{
			Config: c, Store: documents, Receivers: receivers, Problems: problems, Authorize: authorize,
			Context: MessageContext(c, clients.Secrets()), Trend: Trend(c, history.New(documents)),
			Heartbeat: Heartbeat(c, options), Logger: s.Logger,
		})
	})
}
