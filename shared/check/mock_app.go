package check

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check/healthpage"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
)

// mockMode gathers the evidence that needs no command: the configuration's, and the
// apps' own answers.
func mockMode(ctx context.Context, t *Target) []report.Observation {
	t.AskApps(ctx)
	out := configuredMock(t)
	for i, o := range t.answered {
		if o.Status != "" {
			o.Subject, o.Source = t.Database.Apps[i].Service, report.SourceApp
			out = append(out, o)
		}
	}
	return out
}

// AskApps asks every app of the database for its mode, and how it is deployed, unless
// that was done before. It may run beside the target's other methods, but not beside itself.
func (t *Target) AskApps(ctx context.Context) {
	if t.asked {
		return
	}
	t.asked = true
	t.answered = make([]report.Observation, len(t.Database.Apps))
	t.pages = make([]report.Observation, len(t.Database.Apps))
	t.deployed = make([]report.Observation, len(t.Database.Apps))
	t.limiters = make([]report.Observation, len(t.Database.Apps))
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
		if t.Apps != nil && app.HealthURL != "" {
			look(&t.answered[i], func() report.Observation {
				r, err := t.Apps.exchange(ctx, appTimeout, http.MethodGet, app.HealthURL, nil, nil)
				t.pages[i] = judgePage(app, r, err)
				t.limiters[i] = judgeLimiter(r, err)
				return judgeApp(app, r, err)
			})
		}
		if t.Deployments != nil && app.CloudRun != "" {
			look(&t.deployed[i], func() report.Observation { return t.readDeployment(ctx, app) })
		}
	}
	wg.Wait()
}

// judgeApp turns a health page into evidence. An app is a mock only where its page says
// so: an error page, a log-in form or silence is unknown.
func judgeApp(app config.App, r reply, err error) report.Observation {
	if err != nil {
		o := unknown(err)
		o.HTTPStatus = r.status
		return o
	}
	v := readPage(app, r)
	said := outbound.Redact(v.Said)
	o := report.Observation{HTTPStatus: r.status, Status: report.Unknown, Cause: cause.AppUnreachable}
	switch {
	case v.Mode == healthpage.Mock:
		o.Status, o.Cause, o.Evidence = report.Fail, cause.Mock, "the app's health page says "+said
	// Many formats answer 5xx where any component is down, so Redis may be up nevertheless.
	case v.Mode == healthpage.Connected && (r.ok() || v.Component && r.status >= 500):
		o.Status, o.Cause, o.Clear = report.OK, "", true
	case said != "":
		o.Evidence = fmt.Sprintf("the app's health page says %s (%s)", said, r.describe())
	default:
		o.Evidence = fmt.Sprintf(`the app's health page says neither "connected" nor "mock" (%s)`, r.describe())
	}
	return o
}

// readPage returns what a page says. HTML is for people.
func readPage(app config.App, r reply) healthpage.Verdict {
	if r.media == "text/html" {
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
func judgePage(app config.App, r reply, err error) report.Observation {
	if err != nil || !r.ok() {
		return report.Observation{}
	}
	switch readPage(app, r).Mode {
	case healthpage.Connected, healthpage.Mock:
		return ok()
	case healthpage.Unclear:
		o := report.Observation{Status: report.Fail, Cause: cause.ConfigInvalid, HTTPStatus: r.status}
		o.Evidence = fmt.Sprintf("the health page of %s says nothing of Redis that pongwatch understands; add to its app: %s; the page's keys: %s",
			app.Service, outbound.Redact(healthpage.Suggestion(r.body)), cmp.Or(outbound.Redact(healthpage.Shape(r.body)), "none, it is not a JSON object"))
		return o
	}
	return report.Observation{}
}
