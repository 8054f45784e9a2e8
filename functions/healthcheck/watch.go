package healthcheck

import (
	"context"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
)

// tempo is how fast a run goes.
type tempo struct {
	// attempt bounds one attempt at one database.
	attempt time.Duration
	// pauses are before the second and the third attempt.
	pauses [2]time.Duration
}

// unhurried is the tempo of real runs. A lost packet passes in one second, a
// restarting server in three more; with three attempts that is 16 s, which fits
// a run for any number of databases.
var unhurried = tempo{attempt: 4 * time.Second, pauses: [2]time.Duration{time.Second, 3 * time.Second}}

// watch asks one database for a PONG, and again where that may help. A used-up quota is
// not asked again. A refused token is asked once more, after it was read again.
func (f *Function) watch(ctx context.Context, t *check.Target) {
	defer func() {
		if recover() != nil { // its value may hold anything
			t.SetClient(nil, "", &check.Problem{Cause: cause.MonitorPanic, Evidence: "asking for a PONG panicked"})
		}
	}()
	f.runClients.Prepare(ctx, t, false)
	c := t.PingAgain(ctx)
	refreshed := false
	for _, pause := range f.tempo.pauses {
		again, fresh := retry(c, refreshed)
		if !again || !sleep(ctx, pause) {
			return
		}
		f.runClients.Prepare(ctx, t, fresh)
		refreshed = refreshed || fresh
		c = t.PingAgain(ctx)
	}
}

// retry decides whether another attempt may have another answer, and whether it needs
// the credentials to be read again.
func retry(c cause.Cause, refreshed bool) (again, fresh bool) {
	if c == "" {
		return false, false
	}
	switch c.Info().Retry {
	case cause.RetryNever:
		return false, false
	case cause.RetryOnce:
		return !refreshed, !refreshed
	default:
		return true, false
	}
}

// sleep waits, or reports that the context ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
