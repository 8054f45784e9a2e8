package incident

import (
	"slices"
	"time"
)

// Moment is an entry of a timeline: what happened to an incident or a group, or who was
// told of it.
type Moment struct {
	At    time.Time `json:"at"`
	Event Event     `json:"event"`
	// By is the person who did it, as the channel Via names them.
	By  string `json:"by,omitempty"`
	Via string `json:"via,omitempty"`
	// Withheld says why no receiver is told.
	Withheld string `json:"withheld,omitempty"`
	// Receiver is the address that was told of Event at this time. Edited says that a
	// message which it had was changed silently.
	Receiver string `json:"receiver,omitempty"`
	Edited   bool   `json:"edited,omitempty"`
}

// A timeline keeps its first and its latest moments.
const (
	firstMoments  = 20
	latestMoments = 40
)

// Note adds a moment to the timeline.
func (t *Thread) Note(m Moment) {
	t.Timeline = append(t.Timeline, m)
	if len(t.Timeline) > firstMoments+latestMoments {
		t.Timeline = slices.Delete(t.Timeline, firstMoments, firstMoments+1)
	}
}

// Configuration is what Alert decided by.
type Configuration struct {
	Hash string `json:"hash"`
	// EverySeconds is how often the check runs.
	EverySeconds int64 `json:"every_seconds,omitempty"`
	// Open bad results in a row open an incident, and so do OpenBad of the last OpenOf;
	// Close good ones in a row close it.
	Open    int `json:"open,omitempty"`
	OpenBad int `json:"open_bad,omitempty"`
	OpenOf  int `json:"open_of,omitempty"`
	Close   int `json:"close,omitempty"`
}
