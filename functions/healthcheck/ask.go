package healthcheck

import (
	"context"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/check"
)

// tempo is how fast a database is asked.
type tempo struct {
	// attempt bounds one attempt.
	attempt time.Duration
	// pauses are before the second and later attempts.
	pauses []time.Duration
	// patience is how quick a failure must be to be followed by another attempt, 0 for any.
	patience time.Duration
}

var (
	// unhurried is the tempo of runs. A lost packet passes in one second, a
	// restarting server in three more; with three attempts that is 16 s, which fits
	// a run for any number of databases.
	unhurried = tempo{attempt: 4 * time.Second, pauses: []time.Duration{time.Second, 3 * time.Second}}
	// hasty is the tempo while a person waits.
	hasty = tempo{attempt: 2 * time.Second, pauses: []time.Duration{200 * time.Millisecond}, patience: time.Second}
)

// asker asks databases for a PONG.
type asker struct {
	tempo
	clients *check.Clients
	now     func() time.Time
}

func newAsker(o Options, t tempo) asker {
	template := o.Upstash
	template.Timeout = t.attempt
	return asker{t, check.NewClients(o.Resolve, template), o.Now}
}

// ask asks one database for a PONG, and again where that may help. A used-up quota is
// not asked again. A refused token is asked once more, after it was read again.
func (a asker) ask(ctx context.Context, t *check.Target) {
	defer func() {
		if recover() != nil { // its value may hold anything
			t.SetClient(nil, "", &check.Problem{Cause: cause.MonitorPanic, Evidence: "asking for a PONG panicked"})
		}
	}()
	begun := a.now()
	a.clients.Prepare(ctx, t, false)
	c := t.PingAgain(ctx)
	refreshed := false
	for _, pause := range a.pauses {
		if c == "" || a.patience > 0 && a.now().Sub(begun) >= a.patience {
			return
		}
		retry := c.Info().Retry
		fresh := retry == cause.RetryOnce
		if retry == cause.RetryNever || fresh && refreshed {
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return
		}
		a.clients.Prepare(ctx, t, fresh)
		refreshed = refreshed || fresh
		c = t.PingAgain(ctx)
	}
}
