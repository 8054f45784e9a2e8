package statistics

import (
	"context"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/store"
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
	// fallbackDays is what Fallback.Days has.
	fallbackDays = 7
	// fallbackFrom is how long before now an incident may have begun to count. One that
	// is still open counts whenever it began.
	fallbackFrom = 14 * day
	// fallbackFresh is how long what was read of incidents' documents is good: what is
	// resolved meanwhile is in Alert's state, by default for a quarter of an hour.
	fallbackFresh = 10 * time.Minute
	// fallbackSettled is how long after its end an incident is not reopened any more.
	fallbackSettled = day
)

// fallbacks remembers the shards' documents that tell of mock mode.
type fallbacks struct {
	mu   sync.Mutex
	read map[string]mockDocuments
}

type mockDocuments struct {
	at time.Time
	// Of the incidents that were opened before then no document changes any more.
	settled   time.Time
	incidents []incident.Incident
}

// fallback fills in the shard's databases. What cannot be read is left out.
func (r *shardReader) fallback(ctx context.Context, states []incident.State) {
	documents, err := r.mockDocuments(ctx)
	if err != nil {
		r.missing(ctx, "mock mode's history", err)
		return
	}
	known := map[string]*incident.Incident{}
	for i := range documents {
		known[documents[i].ID] = &documents[i]
	}
	for _, s := range states {
		maps.Copy(known, s.Incidents) // newer than their documents
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
	f := &Fallback{Active: []string{}, Days: make([]FallbackDay, fallbackDays)}
	for _, l := range lapses {
		if l.To.Equal(now) {
			f.Active = append(f.Active, l.Service)
		}
	}
	var lasted time.Duration
	f.Activations, lasted = countLapses(lapses, now.Add(-day), now)
	f.Minutes = minutes(lasted)
	today := now.Truncate(day)
	for i := range f.Days {
		from := today.Add(time.Duration(i-fallbackDays+1) * day)
		d := &f.Days[i]
		d.Activations, lasted = countLapses(lapses, from, from.Add(day))
		d.Date, d.Minutes = from.Format(time.DateOnly), minutes(lasted)
	}
	return f
}

// minutes are rounded to a tenth.
func minutes(d time.Duration) float64 { return math.Round(d.Minutes()*10) / 10 }

// mockDocuments returns the incidents of the last weeks that tell of mock mode.
func (r *shardReader) mockDocuments(ctx context.Context) ([]incident.Incident, error) {
	r.fallbacks.mu.Lock()
	kept, ok := r.fallbacks.read[r.shard]
	r.fallbacks.mu.Unlock()
	if ok && r.now.Sub(kept.at) < fallbackFresh && !r.now.Before(kept.at) {
		return kept.incidents, nil
	}
	oldest := r.now.Add(-fallbackFrom)
	from := oldest
	if kept.settled.After(from) {
		from = kept.settled
	}
	next := mockDocuments{at: r.now, settled: r.now.Add(-fallbackSettled)}
	for _, i := range kept.incidents {
		if i.Opened.Before(from) && !i.Opened.Before(oldest) {
			next.incidents = append(next.incidents, i)
		}
	}
	first, last := store.Prefix(incident.DocumentKey(r.shard, ""))
	whole := true
	// Ids begin with the second of opening.
	for doc, err := range r.store.Range(ctx, first+from.Format("20060102T150405Z"), last) {
		if err != nil {
			return nil, err
		}
		d, err := incident.DecodeDocument(doc.Data)
		if err != nil {
			r.missing(ctx, "an incident", err)
			whole = false
			continue
		}
		i := d.Incident()
		if i.Open() || r.now.Sub(i.Resolved) < fallbackSettled {
			next.settled = earlier(next.settled, i.Opened.Truncate(time.Second))
		}
		// One that is open is in Alert's state, or nobody knows when it ended.
		if !i.Open() && len(lapsesOf(&i, r.now)) > 0 {
			next.incidents = append(next.incidents, i)
		}
	}
	if whole {
		r.fallbacks.mu.Lock()
		r.fallbacks.read[r.shard] = next
		r.fallbacks.mu.Unlock()
	}
	return next.incidents, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
