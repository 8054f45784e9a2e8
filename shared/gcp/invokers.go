package gcp

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp/oidc"
)

// AudienceVariable names the function's own URL, which Cloud Scheduler puts into its
// tokens. It is needed where a page of the function is open to readers without IAM.
const AudienceVariable = "PONGWATCH_AUDIENCE"

// Invokers returns the guard of scheduled runs for a function that shows pages on
// these surfaces. Where IAM guards every one of them it guards the whole service, and
// there is nothing left to do. A service with one open page is open as a whole: then
// only the configured service accounts may start a run, by a token of Google's.
func (e Environment) Invokers(c *config.Config, logger *slog.Logger, surfaces ...config.Surface) (func(http.Handler) http.Handler, error) {
	open := false
	for _, s := range surfaces {
		open = open || s != config.AccessIAM
	}
	if !open {
		return nil, nil
	}
	v, err := oidc.New(oidc.Options{Mode: oidc.Verify, Audience: e.Audience, Emails: c.Access.Invokers, Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("guarding scheduled runs, since pages are readable without IAM (%s, access.invokers): %w", AudienceVariable, err)
	}
	return v.Middleware, nil
}
