package healthcheck

import (
	"context"
	"net/http"
	"os"

	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/version"
)

// Handler returns the deployed function: it reads its configuration and makes its
// clients when the first request comes, and answers 503 for as long as that fails.
func Handler(getenv func(string) string) http.Handler {
	environment := gcp.ReadEnvironment(getenv)
	clients := gcp.NewClients(environment)
	logger := environment.Logger(os.Stderr)
	return gcp.Function(logger, func(ctx context.Context) (http.Handler, error) {
		c, err := config.Load(ctx, config.Options{Getenv: getenv, Environ: os.Environ, ReadFile: os.ReadFile, Secrets: clients.Secrets()})
		if err != nil {
			return nil, err
		}
		reports, err := clients.Reports(ctx)
		if err != nil {
			return nil, err
		}
		documents, err := clients.Store(ctx)
		if err != nil {
			return nil, err
		}
		authorize, err := environment.Callers(c.Access.Health != config.AccessIAM, logger, "access.invokers", c.Access.Invokers...)
		if err != nil {
			return nil, err
		}
		return New(Options{
			Config: c, Region: environment.Region, Reports: reports, Store: documents,
			Resolve:     check.FromConfig(c, clients.Secrets()),
			Deployments: Deployments(clients),
			Authorize:   authorize, Readers: access.Readers{Tokens: access.FromConfig(c, clients.Secrets()), Logger: logger},
			Version: version.Release, Logger: logger,
		})
	})
}

// Deployments reads Cloud Run's services; the client is made when one is first asked for.
func Deployments(clients *gcp.Clients) check.Deployments {
	return func(ctx context.Context, service string) (check.Deployment, error) {
		e, err := clients.Environment(ctx, service)
		return check.Deployment(e), err
	}
}
