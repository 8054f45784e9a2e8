package statistics

import (
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

// fallbackDays is how many days Fallback.Days has.
const fallbackDays = 7

// mockMode returns the lapses of the shard's databases. An open incident is in Alert's
// state, which is newer than its document; otherwise its end is not known. It counts whenever it
// began.
func (m *material) mockMode() map[string][]lapse {
	known := map[string]*incident.Incident{}
	for i := range m.incidents {
		if d := &m.incidents[i]; !d.Open() && !d.Opened.Before(m.now.Add(-longest)) {
			known[d.ID] = &d.Incident
		}
	}
	if m.state != nil {
		maps.Copy(known, m.state.Incidents)
	}
	of := map[string][]lapse{}
	for _, i := range known {
		of[i.Series.Database] = append(of[i.Series.Database], lapsesOf(i, m.now)...)
	}
	return of
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
