// Package gameday breaks on purpose what a staging app sees of its Redis, one cause after
// another. It watches the app's pages and a running pongwatch meanwhile, and scores what
// users, the app and pongwatch made of it.
package gameday

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/secrets"
	"github.com/pongwatch/pongwatch/shared/text"
	"github.com/pongwatch/pongwatch/shared/upstash/upstashtest"
)

// Fault is a cause that a game day can play, and how the proxy plays it.
type Fault struct {
	Cause cause.Cause
	Mode  upstashtest.Mode
	// Partial says that the app can still read its Redis, so that no mock mode is asked for.
	Partial bool
	// Default says that a game day plays it unless causes are chosen.
	Default bool
}

// Faults returns every fault, in the order in which they are played.
func Faults() []Fault {
	return []Fault{
		{Cause: cause.TCPRefused, Mode: upstashtest.Refuse, Default: true},
		{Cause: cause.TimeoutResponse, Mode: upstashtest.Hang, Default: true},
		{Cause: cause.ConnReset, Mode: upstashtest.Reset},
		{Cause: cause.Provider5xx, Mode: upstashtest.ServerError},
		{Cause: cause.AuthInvalid, Mode: upstashtest.AuthInvalid, Default: true},
		{Cause: cause.QuotaMonthly, Mode: upstashtest.QuotaMonthly, Default: true},
		{Cause: cause.QuotaSuspended, Mode: upstashtest.Suspended},
		{Cause: cause.QuotaRateLimited, Mode: upstashtest.RateLimited},
		{Cause: cause.Slow, Mode: upstashtest.Slow, Partial: true},
		{Cause: cause.StorageFull, Mode: upstashtest.Full, Partial: true},
		{Cause: cause.WritePaused, Mode: upstashtest.WritePaused, Partial: true},
		{Cause: cause.ReadonlyToken, Mode: upstashtest.ReadonlyToken, Partial: true},
	}
}

// Choose returns the faults of these causes; none are the default ones, "all" is every one.
func Choose(names []string) ([]Fault, error) {
	var out []Fault
	var known []string
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	all := wanted["all"]
	delete(wanted, "all")
	for _, f := range Faults() {
		name := string(f.Cause)
		known = append(known, name)
		if all || wanted[name] || len(names) == 0 && f.Default {
			out = append(out, f)
		}
		delete(wanted, name)
	}
	for name := range wanted {
		return nil, fmt.Errorf("no game day plays %q; want all, or some of %s", name, strings.Join(known, ", "))
	}
	return out, nil
}

// Traffic counts the requests that reach the proxy, to know who is behind it.
type Traffic struct{ app, pongwatch atomic.Int64 }

// Observe counts a request.
func (t *Traffic) Observe(r *http.Request) {
	if strings.HasPrefix(r.UserAgent(), "pongwatch") {
		t.pongwatch.Add(1)
		return
	}
	t.app.Add(1)
}

// Options say what to break and whom to watch. All but Incidents, Database and Token are required.
type Options struct {
	Faults []Fault
	// Proxy is what the app and pongwatch take for the database. Traffic observes it.
	Proxy   *upstashtest.Server
	Traffic *Traffic
	// Pages are addresses that users of the app request, Health reads its health page.
	Pages  []string
	Health func(context.Context) report.Observation
	// Token is sent to Pages as Bearer.
	Token secrets.Value
	// Incidents reads those of a running pongwatch. Database is the name of the broken one there.
	Incidents func(context.Context) (incidents.View, error)
	Database  string

	// Every is the pause after each request to a page, Timeout how long a user waits for an answer.
	Every, Timeout time.Duration
	// Patience is how long the app may take to notice and to come back, AlertPatience how long the
	// alert and the resolve may take.
	Patience, AlertPatience time.Duration

	// Progress is told how far the game day is.
	Progress func(string)
}

// Load says what a game day asks of the app at most.
func (o *Options) Load() string {
	return fmt.Sprintf("at most %.3g requests a second at the app, never more than one at once for each of %d addresses",
		float64(len(o.Pages)+1)/o.Every.Seconds(), len(o.Pages)+1)
}

// Longest is how long a game day may take.
func (o *Options) Longest() time.Duration {
	// To be ready, to notice and to come back; a fallback late in its time has as much again.
	return time.Duration(len(o.Faults)) * 3 * max(2*o.Patience, o.AlertPatience)
}

// look is the pause between two judgements.
const look = 100 * time.Millisecond

// Run plays every fault, and returns a row for each. It ends with the proxy well.
func Run(ctx context.Context, o Options) ([]Row, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Longest())
	defer cancel()
	w := watch(ctx, &o)
	defer w.stop()
	defer func() { _ = o.Proxy.Break(upstashtest.Fault{}) }() // on the way out of an interrupted run
	var rows []Row
	for _, f := range o.Faults {
		row, err := play(ctx, &o, w, f, len(rows) == 0)
		if err != nil {
			return rows, fmt.Errorf("playing %s: %w", f.Cause, err)
		}
		rows = append(rows, row)
		gained, asked := row.points()
		o.Progress(fmt.Sprintf("%s: %d of %d points", f.Cause, gained, asked))
	}
	return rows, nil
}

// play breaks once the app is well, restores once everything is decided, and waits again.
func play(ctx context.Context, o *Options, w *watcher, f Fault, first bool) (Row, error) {
	t := trial{Fault: f, pages: o.Pages, patience: o.Patience, alertPatience: o.AlertPatience, began: time.Now()}
	w.forget()
	if first {
		o.Progress("waiting for the app to say connected through " + o.Proxy.URL())
	}
	err := until(ctx, func(now time.Time) bool {
		e := w.evidence()
		if t.appLost = t.notReady(e, t.began); t.appLost == "" && o.Traffic.app.Load() == 0 {
			t.appLost = "no request of the app has come through the proxy: give it " + o.Proxy.URL() + " for its Redis, and restart it"
		}
		switch {
		case o.Incidents == nil:
			t.notAsked = "no running pongwatch was named"
		case o.Traffic.pongwatch.Load() == 0:
			t.notAsked = "pongwatch does not watch through the proxy: have it watch " + o.Proxy.URL()
		default:
			t.notAsked, t.stillOpen = "", t.open(e)
		}
		patience := t.patience
		if first {
			patience = max(patience, t.alertPatience) // the app is being started
		}
		appDone := t.appLost == "" || now.After(t.began.Add(patience))
		return appDone && (o.Incidents == nil || t.notAsked+t.stillOpen == "" || now.After(t.began.Add(t.alertPatience)))
	})
	switch {
	case err != nil:
		return Row{}, err
	case first && t.appLost != "":
		return Row{}, errors.New("before anything was broken: " + t.appLost)
	case first && t.notAsked != "":
		o.Progress("alert and resolve are not asked: " + t.notAsked)
	}
	t.before = known(w.evidence())

	o.Progress(fmt.Sprintf("%s: broken (%s)", f.Cause, f.Mode))
	t.broken = time.Now()
	if err := o.Proxy.Break(upstashtest.Fault{Mode: f.Mode}); err != nil {
		return Row{}, err
	}
	if err := until(ctx, func(now time.Time) bool { return t.decided(w.evidence(), now, whileBroken) }); err != nil {
		return Row{}, err
	}
	t.restored = time.Now()
	if err := o.Proxy.Break(upstashtest.Fault{}); err != nil {
		return Row{}, err
	}
	o.Progress(fmt.Sprintf("%s: restored after %s", f.Cause, text.Duration(t.restored.Sub(t.broken))))
	if err := until(ctx, func(now time.Time) bool { return t.decided(w.evidence(), now, afterwards) }); err != nil {
		return Row{}, err
	}
	t.ended = time.Now()
	return Row{Cause: f.Cause, Mode: f.Mode, At: t.broken.UTC(), Seconds: t.ended.Sub(t.began).Seconds(), Cells: t.judge(w.evidence(), t.ended)}, nil
}

// until looks until done, or until ctx ends.
func until(ctx context.Context, done func(now time.Time) bool) error {
	for !done(time.Now()) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
	}
	return nil
}
