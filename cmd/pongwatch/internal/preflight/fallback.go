package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pongwatch/pongwatch/functions/metrics/statistics"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/text"
)

const (
	// DefaultPatience is how long an app may take to notice that Redis is gone, or back.
	DefaultPatience = 60 * time.Second
	fallbackPoll    = 500 * time.Millisecond
	// drillSteps is how often a drill waits for the app.
	drillSteps = 3
)

func appFallback(ctx context.Context, r *run) Finding {
	if r.App.Break != nil && r.App.HealthURL != "" {
		return r.fallbackDrill(ctx)
	}
	steps := []string{
		"In staging, point the app at an emulator and let this break it: --drill 127.0.0.1:8079 --app-health-url URL.",
		"Or let pongwatch see a real activation and its end (check mock_mode).",
	}
	if r.Monitor != nil {
		if s, problem := r.readStatistics(ctx); problem == nil {
			if id, open := openActivation(s); open {
				return manual("an activation is on record, and no recovery: "+id+" is open", steps...)
			}
			if last, ok := lastActivation(s); ok {
				return pass("%s", recovered(last))
			}
		}
	}
	return manual("no activation and recovery are on record", steps...)
}

// fallbackDrill breaks the app's Redis and expects a mock, then restores it and expects Redis.
func (r *run) fallbackDrill(ctx context.Context) Finding {
	page, err := healthPage(healthPages(r.Config, r.Options.Database, r.App.HealthURL)[r.App.HealthURL])
	if err != nil {
		return noAddress(err)
	}
	for n, step := range []struct {
		broken bool
		want   report.Status
		what   string
	}{
		{false, report.OK, "before the drill the app does not say connected"},
		{true, report.Fail, "with Redis gone the app does not say that it is in mock mode"},
		{false, report.OK, "with Redis back the app stays in mock mode"},
	} {
		if n > 0 { // the first question is about the app as it is
			if err := r.App.Break(step.broken); err != nil {
				return fail("the drill could not be made", err.Error())
			}
		}
		if seen, ok := r.await(ctx, page, step.want); !ok {
			return fail(step.what, seen, "The app must keep serving, say {\"status\":\"mock\"} at its health page, and return to Redis by itself or when restarted.")
		}
	}
	return pass("connected, in mock mode while Redis was gone, connected again")
}

// fallbackRate is how often and how long apps were in mock mode, as Metrics counts it.
func fallbackRate(ctx context.Context, r *run) Finding {
	s, problem := r.readStatistics(ctx)
	if problem != nil {
		return *problem
	}
	if id, open := openActivation(s); open {
		return because(Fail, cause.Mock, id+" is open")
	}
	activations, minutes := 0, 0.0
	for _, d := range s.Databases {
		if d.Fallback == nil {
			return fail("the fallback rate is not known", "nothing about "+d.Name, "Deploy this version of Metrics, or see monitor.metrics: what could it not read?")
		}
		activations += d.Fallback.Activations
		minutes += d.Fallback.Minutes
	}
	evidence := fmt.Sprintf("%s, %.1f min in mock mode in 24 h", text.Count(activations, "activation", "activations"), minutes)
	if activations == 0 && minutes == 0 {
		return pass("%s", evidence)
	}
	if last, ok := lastActivation(s); ok {
		evidence += "; " + recovered(last)
	}
	return warn("an app was in mock mode lately", evidence, "Read its incidents: were they a drill, or did Redis fail?")
}

// openActivation returns an incident of an app in mock mode that is open.
func openActivation(s statistics.Statistics) (id string, open bool) {
	i := slices.IndexFunc(s.Incidents.Open, activation)
	if i < 0 {
		return "", false
	}
	return s.Incidents.Open[i].ID, true
}

// lastActivation returns the latest activation of mock mode that is over: one of its
// own, or an outage in which an app fell back and came back with Redis.
func lastActivation(s statistics.Statistics) (incidents.Incident, bool) {
	var last incidents.Incident
	for _, i := range slices.Concat(s.Incidents.Resolved, s.Past) {
		if activation(i) && i.Resolved.After(last.Resolved) {
			last = i
		}
	}
	return last, !last.Resolved.IsZero()
}

func activation(i incidents.Incident) bool { return i.Check == report.MockMode || len(i.Mock) > 0 }

func recovered(i incidents.Incident) string {
	of := i.Subject
	if len(i.Mock) > 0 {
		of = strings.Join(i.Mock, ", ")
	}
	if of != "" {
		of = " of " + of
	}
	return fmt.Sprintf("%s%s: activated %s, recovered %s", i.ID, of, text.Clock(i.Since, time.Time{}), text.Clock(i.Resolved, time.Time{}))
}

// await polls the app until its mode is the wanted one, and returns its last answer.
func (r *run) await(ctx context.Context, page func(context.Context) report.Observation, want report.Status) (seen string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, r.App.Patience)
	defer cancel()
	for {
		o := page(ctx)
		if o.Status == want {
			return o.Evidence, true
		}
		if ctx.Err() == nil {
			seen = o.Evidence
		}
		select {
		case <-ctx.Done():
			return seen, false
		case <-time.After(fallbackPoll):
		}
	}
}
