package metrics

import (
	"context"
	"net/http"
	"os"
	"slices"
	"time"

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
	environment := gcp.ReadEnvironment(getenv)
	clients := gcp.NewClients(environment)
	logger := environment.Logger(os.Stderr)
	return gcp.Function(logger, func(ctx context.Context) (http.Handler, error) {
		c, err := config.Load(ctx, config.Options{Getenv: getenv, Environ: os.Environ, ReadFile: os.ReadFile, Secrets: clients.Secrets()})
		if err != nil {
			return nil, err
		}
		budget.Enforce(c)
		reports, err := clients.Reports(ctx)
		if err != nil {
			return nil, err
		}
		documents, err := clients.Store(ctx)
		if err != nil {
			return nil, err
		}
		authorize, err := environment.Callers(c.Access.MetricsOpen(), logger, "access.invokers", c.Access.Invokers...)
		if err != nil {
			return nil, err
		}
		account := check.NewAccount(c, clients.Secrets(), upstash.Options{})
		return New(Options{
			Config: c, Region: environment.Region, Reports: reports, Store: documents,
			Resolve:   check.FromConfig(c, clients.Secrets()),
			ProofKeys: check.ProofKeys(c, clients.Secrets()),
			Account:   account,
			Changes:   Changes(c, clients, account), Traffic: clients.Traffic,
			Authorize: authorize, Readers: access.Readers{Tokens: access.FromConfig(c, clients.Secrets()), Logger: logger},
			Build: version.Read(), Logger: logger,
		})
	})
}

// Changes returns the sources of changes that the configuration asks for.
func Changes(c *config.Config, clients *gcp.Clients, account *check.Account) change.Sources {
	var s change.Sources
	if slices.Contains(c.Changes, config.ChangesDeployments) {
		s.Deployment = func(ctx context.Context, service string, since time.Time) (change.Deployment, error) {
			d, err := clients.Deployment(ctx, service, since)
			return change.Deployment(d), err
		}
	}
	if slices.Contains(c.Changes, config.ChangesSecrets) {
		s.Secret = clients.NewestSecret
	}
	if slices.Contains(c.Changes, config.ChangesAudit) && account != nil {
		s.Actions = account.Actions
	}
	return s
}
