package healthcheck

import (
	"context"
	"net/http"

	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/check"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp"
	"github.com/pongwatch/pongwatch/shared/version"
)

// Handler returns the deployed function: it reads its configuration and makes its
// clients when the first request comes, and answers 503 for as long as that fails.
func Handler(getenv func(string) string) http.Handler {
	return gcp.Deployed(getenv, func(ctx context.Context, s gcp.Setup) (http.Handler, error) {
		c, clients := s.Config, s.Clients
		reports, err := clients.Reports(ctx)
		if err != nil {
			return nil, err
		}
		documents, err := clients.Store(ctx)
		if err != nil {
			return nil, err
		}
		authorize, err := s.Environment.Callers(c.Access.Health != config.AccessIAM, s.Logger, "access.invokers", c.Access.Invokers...)
		if err != nil {
			return nil, err
		}
		return New(Options{
			Config: c, Region: s.Environment.Region, Reports: reports, Store: documents,
			Resolve:     check.FromConfig(c, clients.Secrets()),
			Deployments: clients.Environment,
			Authorize:   authorize, Readers: access.Readers{Tokens: access.FromConfig(c, clients.Secrets()), Logger: s.Logger},
			Version: version.Release, Logger: s.Logger,
		})
	})
}
