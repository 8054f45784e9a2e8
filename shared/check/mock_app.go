package check

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
)

// mockMode gathers the evidence that needs no command: the configuration's, and the
// apps' own word.
func mockMode(ctx context.Context, t *Target) []report.Observation {
	t.AskApps(ctx)
	return slices.Concat(configuredMock(t), t.heard)
}

// AskApps asks every app of the database for its mode, and how it is deployed, unless
// that has been done. It may run beside the target's other methods, though not beside itself.
func (t *Target) AskApps(ctx context.Context) {
	if t.asked || t.Apps == nil && t.Deployments == nil {
		return
	}
	t.asked = true
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { t.readDeployments(ctx) })
	if t.Apps == nil {
		return
	}
	var asked []config.App
	for _, app := range t.Database.Apps {
		if app.HealthURL != "" {
			asked = append(asked, app)
		}
	}
	t.heard = make([]report.Observation, len(asked))
	var wg sync.WaitGroup
	for i, app := range asked {
		wg.Go(func() {
			// Until it is known better.
			t.heard[i] = panicked(report.MockMode)
			defer func() {
				_ = recover() // its value may hold anything
				t.heard[i].Subject, t.heard[i].Source = app.Service, report.SourceApp
			}()
			t.heard[i] = judgeApp(t.Apps.get(ctx, app.HealthURL))
			t.heard[i].At = t.now()
		})
	}
	wg.Wait()
}

// judgeApp turns a health page into evidence. Only its own word makes an app a mock:
// an error page, a log-in form or silence is unknown.
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
	o := report.Observation{HTTPStatus: r.status}
	switch {
	case m.mock:
		o.Status, o.Cause, o.Evidence = report.Fail, cause.Mock, "the app's health page says "+said
	case m.connected && r.ok():
		o.Status, o.Clear = report.OK, true
	case said != "":
		o.Status, o.Cause = report.Unknown, cause.AppUnreachable
		o.Evidence = fmt.Sprintf("the app's health page says %s (%s)", said, r.describe())
	default:
		o.Status, o.Cause = report.Unknown, cause.AppUnreachable
		o.Evidence = fmt.Sprintf(`the app's health page says neither "connected" nor "mock" (%s)`, r.describe())
	}
	return o
}
