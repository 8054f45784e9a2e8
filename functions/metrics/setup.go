package metrics

import (
	"context"
	"net/http"
	"slices"

	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/budget"
	"github.com/pongwatch/pongwatch/shared/change"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/upstash"
	"github.com/pongwatch/pongwatch/shared/version"
)

// Handler returns the deployed function. It reads its configuration and makes its clients
// for the first request, and answers 503 for as long as that fails.
func Handler(getenv func(string) string) http.Handler {
	return gcp.Deployed(getenv, func(ctx context.Context, s gcp.Setup) (http.Handler, error) {
		c, clients := s.Config, s.Clients
		budget.Enforce(c)
		reports, err := clients.Reports(ctx)
		if err != nil {
			return nil, err
		}
		documents, err := clients.Store(ctx)
		if err != nil {
			return nil, err
		}
		authorize, err := s.Environment.Callers(c.Access.MetricsOpen(), s.Logger, "access.invokers", c.Access.Invokers...)
		if err != nil {
			return nil, err
		}
		account := check.NewAccount(c, clients.Secrets(), upstash.Options{})
		actor := access.ByToken(access.ActFromConfig(c, clients.Secrets()))
		return New(Options{
			Config: c, Region: s.Environment.Region, Reports: reports, Store: documents,
			Resolve:   check.FromConfig(c, clients.Secrets()),
			ProofKeys: check.ProofKeys(c, clients.Secrets()),
			Account:   account,
			Changes:   Changes(c, clients, account), Traffic: clients.Traffic,
			Authorize: authorize, Actor: actor, Readers: access.Readers{Tokens: access.FromConfig(c, clients.Secrets()), Actor: actor, Logger: s.Logger},
			Build: version.Read(), Logger: s.Logger,
		})
	})
}

// Changes returns the sources of changes that the configuration asks for.
func Changes(c *config.Config, clients *gcp.Clients, account *check.Account) change.Sources {
	var s change.Sources
	if slices.Contains(c.Changes, config.ChangesDeployments) {
		s.Rollout = clients.Rollout
	}
	if slices.Contains(c.Changes, config.ChangesSecrets) {
		s.Secret = clients.NewestSecret
	}
	if slices.Contains(c.Changes, config.ChangesAudit) && account != nil {
		s.Actions = account.Actions
	}
	return s
}
