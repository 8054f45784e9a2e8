package check

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check/healthpage"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
)

// Deployments reads the deployment of a Cloud Run service, by its full name. Its errors
// hold no values.
type Deployments func(ctx context.Context, service string) (config.Deployment, error)

// heard is what was seen of one app; what was not asked, or says nothing, is zero.
type heard struct {
	// mode and limiter are what its health page says, page is whether that page is understood.
	mode, limiter, page report.Observation
	deployed            report.Observation
}

// AskApps asks every app of the database for its mode, and how it is deployed, unless
// that was done before. It may run beside the target's other methods, but not beside itself.
func (t *Target) AskApps(ctx context.Context) {
	if t.heard != nil {
		return
	}
	t.heard = make([]heard, len(t.Database.Apps))
	var wg sync.WaitGroup
	look := func(o *report.Observation, run func() report.Observation) {
		wg.Go(func() {
			*o = panicked(report.MockMode) // until run returns
			defer func() {
				_ = recover() // its value may hold anything
				o.At = t.now()
			}()
			*o = run()
		})
	}
	for i, app := range t.Database.Apps {
		h := &t.heard[i]
		if t.Apps != nil && app.HealthURL != "" {
			look(&h.mode, func() report.Observation {
				r, err := t.Apps.exchange(ctx, appTimeout, http.MethodGet, app.HealthURL, nil, nil)
				page := readPage(app, r)
				h.page, h.limiter = judgePage(app, page, r, err), judgeLimiter(app, r, err)
				return judgeApp(page, r, err)
			})
		}
		if t.Deployments != nil && app.CloudRun != "" {
			look(&h.deployed, func() report.Observation { return t.readDeployment(ctx, app) })
		}
	}
	wg.Wait()
}

// ofApps returns one part of what was heard of the apps, where there is any.
func (t *Target) ofApps(source string, part func(heard) report.Observation) []report.Observation {
	var out []report.Observation
	for i, h := range t.heard {
		if o := part(h); o.Status != "" {
			o.Subject, o.Source = t.Database.Apps[i].Service, source
			out = append(out, o)
		}
	}
	return out
}

// mockMode gathers the evidence that needs no command: the configuration's, or else the
// deployment's, and the apps' own answers.
func mockMode(ctx context.Context, t *Target) []report.Observation {
	t.AskApps(ctx)
	configured := configuredMock(t)
	if len(t.heard) == 0 {
		configured.Source = report.SourceConfig
		return []report.Observation{configured}
	}
	out := t.ofApps(report.SourceConfig, func(h heard) report.Observation {
		if configured.Status == report.OK && h.deployed.Status != "" {
			return h.deployed
		}
		return configured
	})
	return append(out, t.ofApps(report.SourceApp, func(h heard) report.Observation { return h.mode })...)
}

// MockConfiguration returns the evidence of the source config alone, outside a job's
// runs: what the configuration says, and how its apps are deployed.
func (t *Target) MockConfiguration(ctx context.Context) []report.Observation {
	once := *t
	once.Apps, once.heard = nil, nil
	return ask(ctx, &once, Spec{Check: report.MockMode, Run: mockMode})
}

// configuredMock judges whether the configuration says that the app runs on a mock.
func configuredMock(t *Target) report.Observation {
	text, mock := t.Database.MockEvidence()
	p, wrong := errors.AsType[*Problem](t.problem)
	switch {
	case mock:
		return failed(cause.Mock, text)
	case wrong && p.missingURL:
		return failed(cause.Mock, p.Evidence)
	case wrong && p.Cause.Class() == cause.ClassConfig:
		// The settings were read: there is a URL, with another fault.
	case !t.Database.URL.IsSet() && t.client == nil:
		// Whether the bundle has a URL is not known.
		return unknown(t.unasked())
	}
	return ok()
}

// readDeployment turns a deployment into evidence. Only what is plainly there, or
// plainly is not, says anything: an app may keep its URL under any name, so that only
// the absence of the names that the configuration gives is a proof.
func (t *Target) readDeployment(ctx context.Context, app config.App) report.Observation {
	d, err := t.Deployments(ctx, app.CloudRun)
	if err != nil {
		if ctx.Err() != nil {
			return unknown(errInterrupted)
		}
		return unknown(unreachable("Cloud Run service %s: %s", path.Base(app.CloudRun), outbound.Redact(err.Error())))
	}
	mock, known := d.Mocks()
	named := d.HasURL(app.URLVariables)
	switch {
	case mock:
		return failed(cause.Mock, "deployed with MOCK_REDIS on")
	case !named && d.Mounted:
		return unknown(unreachable("deployed without a variable for the URL, with a secret that is mounted as a file, where it may be"))
	case !named && len(app.URLVariables) > 0:
		return failed(cause.Mock, "deployed without "+strings.Join(app.URLVariables, " or ")+" (app.url_variables)")
	case !named:
		return unknown(unreachable("deployed without %s; set app.url_variables to the variable that holds the app's REST URL", strings.Join(config.URLVariables(), ", ")))
	case d.Hidden:
		return unknown(unreachable("deployed with MOCK_REDIS from a secret, which is not read"))
	case !known:
		return unknown(unreachable("deployed with a MOCK_REDIS that is neither true nor false"))
	}
	return ok()
}

// judgeApp turns a health page into evidence. An app is a mock only where its page says
// so: an error page, a log-in form or silence is unknown.
func judgeApp(page healthpage.Verdict, r reply, err error) report.Observation {
	if err != nil {
		o := unknown(err)
		o.HTTPStatus = r.status
		return o
	}
	said := outbound.Redact(page.Said)
	o := report.Observation{HTTPStatus: r.status, Status: report.Unknown, Cause: cause.AppUnreachable}
	switch {
	case page.Mode == healthpage.Mock:
		o.Status, o.Cause, o.Evidence = report.Fail, cause.Mock, "the app's health page says "+said
	// Many formats answer 5xx where any component is down, so Redis may be up nevertheless.
	case page.Mode == healthpage.Connected && (r.ok() || page.Component && r.status >= 500):
		o.Status, o.Cause, o.Clear = report.OK, "", true
	case said != "":
		o.Evidence = fmt.Sprintf("the app's health page says %s (%s)", said, r.describe())
	default:
		o.Evidence = fmt.Sprintf(`the app's health page says neither "connected" nor "mock" (%s)`, r.describe())
	}
	return o
}

// readPage returns what a page says. HTML is for people, but PHP and Flask call every answer so.
func readPage(app config.App, r reply) healthpage.Verdict {
	if r.media == "text/html" && !json.Valid(r.body) {
		return healthpage.Verdict{}
	}
	var match *healthpage.Match
	if m := app.Match; m != nil {
		match, _ = healthpage.NewMatch(m.Path, m.Connected, m.Mock) // the configuration has parsed it
	}
	return healthpage.Read(r.body, match)
}

// judgePage says whether pongwatch understands an app's health page at all. It decides
// only where the app is well: the page of an app in trouble may be any error page.
func judgePage(app config.App, page healthpage.Verdict, r reply, err error) report.Observation {
	if err != nil || !r.ok() {
		return report.Observation{}
	}
	switch page.Mode {
	case healthpage.Connected, healthpage.Mock:
		return ok()
	case healthpage.Unclear:
		o := failed(cause.ConfigInvalid, fmt.Sprintf("the health page of %s says nothing of Redis that pongwatch understands; add to its app: %s; the page's keys: %s",
			app.Service, outbound.Redact(healthpage.Suggestion(r.body)), cmp.Or(outbound.Redact(healthpage.Shape(r.body)), "none, it is not a JSON object")))
		o.HTTPStatus = r.status
		return o
	}
	return report.Observation{}
}

// judgeLimiter turns a health page into evidence about the limiter, where the app has one.
func judgeLimiter(app config.App, r reply, err error) report.Observation {
	if !app.Limiter {
		return report.Observation{}
	}
	if err != nil {
		return unknown(err)
	}
	switch open, said := healthpage.LimiterOpen(r.body); {
	case open:
		o := failed(cause.LimiterOpen, "the app's health page says limiter_open: true")
		o.HTTPStatus = r.status
		return o
	case said && r.ok():
		return ok()
	}
	return unknown(unreachable("the app's health page does not say limiter_open (%s)", r.describe()))
}

// limiterPages is what the apps' pages say of their limiters.
func limiterPages(ctx context.Context, t *Target) []report.Observation {
	t.AskApps(ctx)
	return t.ofApps(report.SourceApp, func(h heard) report.Observation { return h.limiter })
}
