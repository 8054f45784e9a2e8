package preflight

import (
	"context"
	"time"

	"github.com/pongwatch/pongwatch/shared/report"
)

// How long an app may take to notice that Redis is gone, or back.
const (
	fallbackPatience = 60 * time.Second
	fallbackPoll     = time.Second
)

func appFallback(ctx context.Context, r *run) Finding {
	if r.App.Stage != nil && r.App.HealthURL != "" {
		return fallbackDrill(ctx, r.App)
	}
	steps := []string{
		"In staging, point the app at an emulator and let this break it: --drill 127.0.0.1:8079 --app-health-url URL.",
		"Or let pongwatch see a real activation and its end (check mock_mode).",
	}
	if r.Monitor != nil {
		if s, problem := r.readStatistics(ctx); problem == nil {
			if last, ok := lastActivation(s); ok {
				return pass("%s: activated %s, recovered %s", last.ID, stamp(last.Since), stamp(last.Resolved))
			}
		}
	}
	return manual("no activation and recovery are on record", steps...)
}

// fallbackDrill breaks the app's Redis, and wants a mock; mends it, and wants Redis.
func fallbackDrill(ctx context.Context, a App) Finding {
	for _, step := range []struct {
		do   func() error
		want report.Status
		what string
	}{
		{func() error { return nil }, report.OK, "before the drill the app does not say connected"},
		{a.Stage.Break, report.Fail, "with Redis gone the app does not say that it is in mock mode"},
		{a.Stage.Mend, report.OK, "with Redis back the app stays in mock mode"},
	} {
		if err := step.do(); err != nil {
			return fail("the drill could not be made", err.Error())
		}
		if seen, ok := await(ctx, a.HealthURL, step.want); !ok {
			return fail(step.what, seen, "The app must keep serving, say {\"status\":\"mock\"} at its health page, and return to Redis by itself or when restarted.")
		}
	}
	return pass("connected, in mock mode while Redis was gone, connected again")
}

func await(ctx context.Context, address string, want report.Status) (seen string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, fallbackPatience)
	defer cancel()
	for {
		o, err := ask(ctx, address)
		switch {
		case err != nil:
			return err.Error(), false
		case o.Status == want:
			return o.Evidence, true
		case ctx.Err() == nil:
			seen = o.Evidence
		}
		select {
		case <-ctx.Done():
			return seen, false
		case <-time.After(fallbackPoll):
		}
	}
}
