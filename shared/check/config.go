package check

import (
	"context"
	"errors"
	"fmt"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// configuration judges the database's settings and secret, and, as one series for each
// app, whether its health page is one that the settings explain.
func configuration(_ context.Context, t *Target) []report.Observation {
	out := []report.Observation{settings(t)}
	for i, o := range t.pages {
		if o.Status != "" {
			o.Subject = t.Database.Apps[i].Service
			out = append(out, o)
		}
	}
	return out
}

func settings(t *Target) report.Observation {
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
	return o
}

// configuredMock judges whether the configuration, or else its deployment, says that the
// app runs on a mock. It returns one observation for each of the services.
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
	o.Source = report.SourceConfig
	if len(t.Database.Apps) == 0 {
		return []report.Observation{o}
	}
	var out []report.Observation
	for i, app := range t.Database.Apps {
		x := o
		if t.asked && x.Status == report.OK && t.deployed[i].Status != "" {
			x = t.deployed[i]
		}
		x.Source, x.Subject = report.SourceConfig, app.Service
		out = append(out, x)
	}
	return out
}
