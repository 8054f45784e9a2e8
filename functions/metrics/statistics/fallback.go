package statistics

import (
	"context"
	"maps"
	"math"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident"
)

// Fallback is how often and how long a database's apps were in mock mode, by Alert's
// incidents: those of mock mode, and the outages during which an app fell back.
type Fallback struct {
	// Active names the apps that are in mock mode now; one without a name is "".
	Active []string `json:"active"`
	// Activations and Minutes are of the last 24 hours. Apps add up in Activations;
	// in Minutes at least one was in mock mode.
	Activations int     `json:"activations_24h"`
	Minutes     float64 `json:"minutes_24h"`
	// Days are the last seven days in UTC, the latest last; it is not yet over.
	Days []FallbackDay `json:"days"`
}

// FallbackDay is one day's part of a Fallback. An activation belongs to the day on
// which its incident began.
type FallbackDay struct {
	Date        string  `json:"date"`
	Activations int     `json:"activations"`
	Minutes     float64 `json:"minutes"`
}

const (
	// fallbackDays is how many days Fallback.Days has.
	fallbackDays = 7
	// fallbackFrom is how long before now an incident may have begun to count. One that
	// is still open counts whenever it began.
	fallbackFrom = 14 * day
	// fallbackFresh is how long incidents' documents are reused after they were read.
	// An incident that is resolved meanwhile is in Alert's state, by default for a
	// quarter of an hour.
	fallbackFresh = 10 * time.Minute
)

// mockIncidents are a shard's resolved incidents that tell of mock mode.
type mockIncidents struct {
	read      time.Time
	incidents []incident.Incident
}

// fallback fills in Fallback of the shard's databases, unless incidents cannot be read.
func (r *shardReader) fallback(ctx context.Context, state *incident.State) {
	resolved, err := r.resolvedMock(ctx)
	if err != nil {
		r.missing(ctx, "mock mode's history", err)
		return
	}
	known := map[string]*incident.Incident{}
	for i := range resolved {
		known[resolved[i].ID] = &resolved[i]
	}
	if state != nil {
		maps.Copy(known, state.Incidents) // newer than their documents
	}
	var lapses []lapse
	for _, i := range known {
		lapses = append(lapses, lapsesOf(i, r.now)...)
	}
	of := map[string][]lapse{}
	for _, l := range joinLapses(lapses) {
		of[l.Database] = append(of[l.Database], l)
	}
	for i := range r.s.Databases {
		if d := &r.s.Databases[i]; d.Shard == r.shard {
			d.Fallback = newFallback(of[d.Name], r.now)
		}
	}
}

// newFallback counts a database's joined lapses.
func newFallback(lapses []lapse, now time.Time) *Fallback {
	count := func(from, to time.Time) (activations int, minutes float64) {
		n, lasted := countLapses(lapses, from, to)
		return n, math.Round(lasted.Minutes()*10) / 10
	}
	f := &Fallback{Active: []string{}}
	for _, l := range lapses {
		if l.To.Equal(now) {
			f.Active = append(f.Active, l.Service)
		}
	}
	f.Activations, f.Minutes = count(now.Add(-day), now)
	for back := fallbackDays - 1; back >= 0; back-- {
		from := now.Truncate(day).Add(-time.Duration(back) * day)
		d := FallbackDay{Date: from.Format(time.DateOnly)}
		d.Activations, d.Minutes = count(from, from.Add(day))
		f.Days = append(f.Days, d)
	}
	return f
}

// resolvedMock returns the shard's resolved incidents of the last weeks that tell of mock
// mode. An open one is in Alert's state; otherwise its end is not known.
func (r *shardReader) resolvedMock(ctx context.Context) ([]incident.Incident, error) {
	r.mu.Lock()
	kept, ok := r.mock[r.shard]
	r.mu.Unlock()
	if age := r.now.Sub(kept.read); ok && age >= 0 && age < fallbackFresh {
		return kept.incidents, nil
	}
	missing := len(r.s.Missing)
	documents, err := r.documents(ctx, r.now.Add(-fallbackFrom))
	if err != nil {
		return nil, err
	}
	found := mockIncidents{read: r.now}
	for _, d := range documents {
		if i := d.Incident; !i.Open() && len(lapsesOf(&i, r.now)) > 0 {
			found.incidents = append(found.incidents, i)
		}
	}
	if len(r.s.Missing) == missing { // every document was readable
		r.mu.Lock()
		r.mock[r.shard] = found
		r.mu.Unlock()
	}
	return found.incidents, nil
}
