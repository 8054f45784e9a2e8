package check

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/pongwatch/pongwatch/shared/cause"
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
	t.deployed = make([]report.Observation, len(t.Database.Apps))
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
				return judgeApp(t.Apps.exchange(ctx, http.MethodGet, app.HealthURL, nil, nil))
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
func judgeApp(r reply, err error) report.Observation {
	if err != nil {
		o := unknown(err)
		o.HTTPStatus = r.status
		return o
	}
	m := mode{}
	if r.media != "text/html" {
		m = readMode(r.body)
	}
	said := outbound.Redact(m.said)
	o := report.Observation{HTTPStatus: r.status, Status: report.Unknown, Cause: cause.AppUnreachable}
	switch {
	case m.mock:
		o.Status, o.Cause, o.Evidence = report.Fail, cause.Mock, "the app's health page says "+said
	case m.connected && r.ok():
		o.Status, o.Cause, o.Clear = report.OK, "", true
	case said != "":
		o.Evidence = fmt.Sprintf("the app's health page says %s (%s)", said, r.describe())
	default:
		o.Evidence = fmt.Sprintf(`the app's health page says neither "connected" nor "mock" (%s)`, r.describe())
	}
	return o
}
