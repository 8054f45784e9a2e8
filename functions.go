// Package pongwatch registers the four Cloud Functions. It is what Google's
// buildpack builds: docs/design.md says what each of them is for.
package pongwatch

import (
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/pongwatch/pongwatch/functions/alert"
	"github.com/pongwatch/pongwatch/functions/alert/inbound"
	"github.com/pongwatch/pongwatch/functions/healthcheck"
	"github.com/pongwatch/pongwatch/functions/metrics"
)

// Nothing is set up here: each handler reads its configuration and makes its clients
// on its first request.
func init() {
	functions.HTTP("HealthCheck", healthcheck.Handler(os.Getenv).ServeHTTP)
	functions.HTTP("Metrics", metrics.Handler(os.Getenv).ServeHTTP)
	functions.HTTP("Alert", alert.Handler(os.Getenv).ServeHTTP)
	functions.HTTP("AlertWebhook", inbound.Handler(os.Getenv).ServeHTTP)
}
