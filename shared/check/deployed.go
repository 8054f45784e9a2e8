package check

import (
	"context"
	"path"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Deployments reads the deployment of a Cloud Run service, by its full name. Its errors
// hold no values.
type Deployments func(ctx context.Context, service string) (config.Deployment, error)

// MockConfiguration returns the evidence of the source config alone, outside a job's
// runs: what the configuration says, and how its apps are deployed.
func (t *Target) MockConfiguration(ctx context.Context) []report.Observation {
	once := *t
	once.Apps, once.asked = nil, false
	return ask(ctx, &once, Spec{Check: report.MockMode, Run: mockMode})
}

func (t *Target) readDeployment(ctx context.Context, app config.App) report.Observation {
	service := app.CloudRun
	d, err := t.Deployments(ctx, service)
	switch {
	case err == nil:
		return judgeDeployment(d, app.URLVariables)
	case ctx.Err() != nil:
		return unknown(errInterrupted)
	default:
		return unknown(unreachable("Cloud Run service " + path.Base(service) + ": " + outbound.Redact(err.Error())))
	}
}

// judgeDeployment turns a deployment into evidence. Only what is plainly there, or
// plainly is not, says anything: an app may keep its URL under any name, so that only
// the absence of the names that the configuration gives is a proof.
func judgeDeployment(d config.Deployment, variables []string) report.Observation {
	mock, known := d.Mocks()
	named := d.HasURL(variables)
	switch {
	case mock:
		return report.Observation{Status: report.Fail, Cause: cause.Mock, Evidence: "deployed with MOCK_REDIS on"}
	case !named && d.Mounted:
		return unknown(unreachable("deployed without a variable for the URL, with a secret that is mounted as a file, where it may be"))
	case !named && len(variables) > 0:
		return report.Observation{Status: report.Fail, Cause: cause.Mock, Evidence: "deployed without " + strings.Join(variables, " or ") + " (app.url_variables)"}
	case !named:
		return unknown(unreachable("deployed without " + strings.Join(config.URLVariables(), ", ") + "; set app.url_variables to the variable that holds the app's REST URL"))
	case d.Hidden:
		return unknown(unreachable("deployed with MOCK_REDIS from a secret, which is not read"))
	case !known:
		return unknown(unreachable("deployed with a MOCK_REDIS that is neither true nor false"))
	}
	return ok()
}
