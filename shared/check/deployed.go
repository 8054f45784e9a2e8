package check

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Deployment is the deployed environment of an app: the names of its variables, and
// the value of MOCK_REDIS. It has the fields of cloudrun.Environment, whose package this
// one must not import.
type Deployment struct {
	Variables []string
	Mock      string
	Hidden    bool
	Mounted   bool
}

// Deployments reads the deployment of a Cloud Run service, by its full name. Its errors
// hold no values.
type Deployments func(ctx context.Context, service string) (Deployment, error)

// MockConfiguration returns the evidence of the source config alone, outside a job's
// runs: what the configuration says, and how its apps are deployed.
func (t *Target) MockConfiguration(ctx context.Context) []report.Observation {
	once := *t
	once.Apps, once.asked = nil, false
	return ask(ctx, &once, Spec{Check: report.MockMode, Run: mockMode})
}

func (t *Target) readDeployment(ctx context.Context, service string) report.Observation {
	d, err := t.Deployments(ctx, service)
	switch {
	case err == nil:
		return judgeDeployment(d)
	case ctx.Err() != nil:
		return unknown(errInterrupted)
	default:
		return unknown(unreachable("Cloud Run service " + path.Base(service) + ": " + outbound.Redact(err.Error())))
	}
}

// urlVariables are the names under which apps keep the REST URL: this project's and
// Upstash's own.
var urlVariables = []string{"UPSTASH_REDIS_URL", "UPSTASH_REDIS_REST_URL"}

// judgeDeployment turns a deployment into evidence. Only what is plainly there, or
// plainly is not, says anything.
func judgeDeployment(d Deployment) report.Observation {
	mock, known := config.ParseMock(d.Mock)
	named := slices.ContainsFunc(urlVariables, func(name string) bool { return slices.Contains(d.Variables, name) })
	switch {
	case mock:
		return report.Observation{Status: report.Fail, Cause: cause.Mock, Evidence: "deployed with MOCK_REDIS on"}
	case !named && d.Mounted:
		return unknown(unreachable("deployed without " + urlVariables[0] + ", with a secret that is mounted as a file, where it may be"))
	case !named:
		return report.Observation{Status: report.Fail, Cause: cause.Mock, Evidence: fmt.Sprintf("deployed without %s or %s", urlVariables[0], urlVariables[1])}
	case d.Hidden:
		return unknown(unreachable("deployed with MOCK_REDIS from a secret, which is not read"))
	case !known:
		return unknown(unreachable("deployed with a MOCK_REDIS that is neither true nor false"))
	}
	return ok()
}
