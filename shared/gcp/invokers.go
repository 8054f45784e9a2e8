package gcp

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/gcp/oidc"
)

// AudienceVariable names the function's own URL, which Cloud Scheduler puts into its
// tokens. It is needed where a page of the function is open to readers without IAM.
const AudienceVariable = "PONGWATCH_AUDIENCE"

// Invokers returns the guard of scheduled runs for a function that shows pages on
// these surfaces. It is nil if IAM guards every page, because IAM then guards the whole
// service. A service with one open page is open as a whole: then only the configured
// service accounts may start a run, by a token of Google's.
func (e Environment) Invokers(c *config.Config, logger *slog.Logger, surfaces ...config.Surface) (func(http.Handler) http.Handler, error) {
	if !slices.ContainsFunc(surfaces, func(s config.Surface) bool { return s != config.AccessIAM }) {
		return nil, nil
	}
	v, err := oidc.New(oidc.Options{Audience: e.Audience, Emails: c.Access.Invokers, Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("guarding scheduled runs, since pages are readable without IAM (%s, access.invokers): %w", AudienceVariable, err)
	}
	return v.Middleware, nil
}
