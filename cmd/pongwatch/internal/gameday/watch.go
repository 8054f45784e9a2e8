package gameday

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident/incidents"
	"github.com/pongwatch/pongwatch/shared/outbound"
	"github.com/pongwatch/pongwatch/shared/report"
)

// evidence is what was seen since the trial began, in order of its end.
type evidence struct {
	answers   []answer
	words     []word
	sightings []sighting
}

// answer is what a user of a page got. Problem is empty where it was served.
type answer struct {
	page         string
	began, ended time.Time
	problem      string
}

// word is what the app's health page said.
type word struct {
	began, ended time.Time
	report.Observation
}

// sighting is what pongwatch knew of the database, mock mode of its apps apart.
type sighting struct {
	ended      time.Time
	open, over []incidents.Incident
}

// watcher requests everything again and again, one request at a time for each address.
type watcher struct {
	o       *Options
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu   sync.Mutex
	seen evidence
}

func watch(ctx context.Context, o *Options) *watcher {
	w := &watcher{o: o}
	ctx, w.cancel = context.WithCancel(ctx)
	for _, page := range o.Pages {
		w.repeat(ctx, func(began time.Time) func(*evidence) {
			problem := w.use(ctx, page)
			a := answer{page: page, began: began, ended: time.Now(), problem: problem}
			return func(e *evidence) { e.answers = append(e.answers, a) }
		})
	}
	w.repeat(ctx, func(began time.Time) func(*evidence) {
		said := o.Health(ctx)
		word := word{began: began, ended: time.Now(), Observation: said}
		return func(e *evidence) { e.words = append(e.words, word) }
	})
	if o.Incidents != nil {
		w.repeat(ctx, func(time.Time) func(*evidence) {
			view, err := o.Incidents(ctx)
			if err != nil {
				return func(*evidence) {} // it may answer the next time
			}
			s := sighting{time.Now(), ofDatabase(view.Open, o.Database), ofDatabase(view.Resolved, o.Database)}
			return func(e *evidence) { e.sightings = append(e.sightings, s) }
		})
	}
	return w
}

// repeat makes a request, keeps what it has seen and pauses, until ctx ends.
func (w *watcher) repeat(ctx context.Context, request func(began time.Time) func(*evidence)) {
	w.running.Go(func() {
		for ctx.Err() == nil {
			keep := request(time.Now())
			if ctx.Err() != nil {
				return // cut off, which is no failure of the app
			}
			w.mu.Lock()
			keep(&w.seen)
			w.mu.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(w.o.Every):
			}
		}
	})
}

func (w *watcher) stop() {
	w.cancel()
	w.running.Wait()
}

// evidence returns what was seen so far. Its parts are only added to.
func (w *watcher) evidence() evidence {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// forget begins anew, so that a long game day takes no more memory than a short one.
func (w *watcher) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = evidence{}
}

// use requests a page as a user does, and returns what a user would complain of.
func (w *watcher) use(ctx context.Context, page string) (problem string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
	if err != nil {
		return outbound.Error(err).Error()
	}
	if !w.o.Token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+w.o.Token.Reveal())
	}
	c := outbound.NewClient(outbound.Options{Hosts: []string{req.URL.Hostname()}, AllowLoopback: true, Timeout: w.o.Timeout})
	// A connection of its own for each request, as users have.
	req.Close = true
	resp, err := c.Do(req)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %v", w.o.Timeout)
	case err != nil:
		return outbound.Error(err, w.o.Token).Error()
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxPage)); err != nil {
		return "the answer ended too early"
	}
	// A limiter's 429 is an answer of an app that works, to this client alone.
	if resp.StatusCode >= 400 && resp.StatusCode != http.StatusTooManyRequests {
		return fmt.Sprintf("HTTP %d", resp.StatusCode)
	}
	return ""
}

// maxPage is as much of an answer as is read.
const maxPage = 4 << 20

// Shown is an address without what may be secret in it.
func Shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an address that cannot be read"
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}

func ofDatabase(all []incidents.Incident, database string) (out []incidents.Incident) {
	for _, i := range all {
		if i.Database == database && i.Check != report.MockMode {
			i.Timeline = nil
			out = append(out, i)
		}
	}
	return out
}
