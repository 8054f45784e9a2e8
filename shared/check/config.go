package check

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/report"
)

// configuration judges the database's settings and secret, what the account says of them, and, as one series for each
// app, whether its health page is one that the settings explain.
func configuration(_ context.Context, t *Target) []report.Observation {
	out := []report.Observation{t.drifted(settings(t))}
	for i, o := range t.pages {
		if o.Status != "" {
			o.Subject = t.Database.Apps[i].Service
			out = append(out, o)
		}
	}
	return out
}

// settings judges the settings and the secret. A setting in whose place the default is
// used is a warning: everything is asked as before.
func settings(t *Target) report.Observation {
	o := ok()
	var keys []string
	for _, p := range t.Database.Problems {
		if p.Notice {
			continue
		}
		status, then := report.Fail, ""
		if !p.Stops && p.Cause != cause.MonitorBudget {
			status, then = report.Warn, "; pongwatch uses the default in its place"
		}
		if keys = append(keys, p.Key); o.Status == report.OK || o.Status == report.Warn && status == report.Fail {
			o = report.Observation{Status: status, Cause: p.Cause, Evidence: p.Evidence() + then}
		}
	}
	if o.Status != report.Fail && t.problem != nil {
		o = unknown(t.problem)
		o.Status = report.Fail
	} else if len(keys) > 1 {
		o.Evidence = fmt.Sprintf("%s (with %d more problems, see %s)", o.Evidence, len(keys)-1, strings.Join(keys[:min(len(keys), 4)], ", "))
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
