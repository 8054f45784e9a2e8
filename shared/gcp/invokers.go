package gcp

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/pongwatch/pongwatch/shared/gcp/oidc"
)

// AudienceVariable names the function's own URL, which Cloud Scheduler and Pub/Sub put into
// their tokens.
const AudienceVariable = "PONGWATCH_AUDIENCE"

// Callers returns the guard of POST: only the service accounts that key lists pass, by a
// token of Google's. open says that IAM does not guard the service, so that the token's signature is
// checked here.
func (e Environment) Callers(open bool, logger *slog.Logger, key string, accounts ...string) (func(http.Handler) http.Handler, error) {
	v, err := oidc.New(oidc.Options{Audience: e.Audience, Emails: accounts, BehindIAM: !open, Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("guarding POST by %s and %s: %w", AudienceVariable, key, err)
	}
	return v.Middleware, nil
}
