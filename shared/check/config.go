package check

import (
	"context"
	"errors"
	"fmt"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// configuration tells what is wrong with the database's settings or secret.
func configuration(_ context.Context, t *Target) []report.Observation {
	o := ok()
	more := 0
	for _, p := range t.Database.Problems {
		switch {
		case p.Notice:
		case o.Status == report.OK:
			o = report.Observation{Status: report.Fail, Cause: p.Cause, Evidence: p.Evidence()}
		default:
			more++
		}
	}
	if more > 0 {
		o.Evidence = fmt.Sprintf("%s (and %d more)", o.Evidence, more)
	}
	if o.Status == report.OK && t.problem != nil {
		o = unknown(t.problem)
		o.Status = report.Fail
	}
	return []report.Observation{o}
}

// configuredMock tells whether the configuration itself, or else the way in which it is
// deployed, says that the app runs on a mock: one observation for each of the services.
func configuredMock(t *Target) []report.Observation {
	o := ok()
	text, mock := t.Database.MockEvidence()
	p, wrong := errors.AsType[*Problem](t.problem)
	switch {
	case mock:
		o = report.Observation{Status: report.Fail, Cause: cause.Mock, Evidence: text}
	case wrong && p.missingURL:
		o = report.Observation{Status: report.Fail, Cause: cause.Mock, Evidence: p.Evidence}
	case wrong && p.Cause.Info().Class == cause.ClassConfig:
		// The settings were read: there is a URL, with another fault.
	case !t.Database.URL.IsSet() && t.client == nil:
		// Whether the bundle has a URL is not known.
		o = unknown(t.unasked())
	}
	services := make([]string, 0, len(t.Database.Apps))
	for _, app := range t.Database.Apps {
		services = append(services, app.Service)
	}
	if len(services) == 0 {
		services = []string{""}
	}
	out := make([]report.Observation, len(services))
	for i, service := range services {
		out[i] = o
		if o.Status == report.OK && i < len(t.deployed) && t.deployed[i].Status != "" {
			out[i] = t.deployed[i]
		}
		out[i].Source, out[i].Subject = report.SourceConfig, service
	}
	return out
}
