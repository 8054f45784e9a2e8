package statistics

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// TestDocumentsThatMayChangeAreReadAgain writes every document anew before each step. Its revision is the number of
// the step, so that it shows when the document was read.
func TestDocumentsThatMayChangeAreReadAgain(t *testing.T) {
	at := clock("12:00")
	s := storetest.NewMemory(func() time.Time { return at })
	var c documents
	for n, step := range []struct {
		name                  string
		after                 time.Duration
		inState, open, broken int            // the incident of which this is true, 0 for none
		want                  map[string]int // the step in which the document of each was read
	}{
		{"at first all are read", 0, 4, 5, 0, map[string]int{"1": 0, "2": 0, "3": 0, "4": 0, "5": 0}},
		{"for ten minutes none is", 10*time.Minute - 1, 4, 5, 0, map[string]int{"1": 0, "2": 0, "3": 0, "4": 0, "5": 0}},
		{"then those from the first in the state on", 1, 4, 5, 0, map[string]int{"1": 0, "2": 0, "3": 0, "4": 2, "5": 2}},
		{"these at once, when one has left the state", 1, 0, 5, 0, map[string]int{"1": 0, "2": 0, "3": 0, "4": 3, "5": 3}},
		{"after that those from the first open one on", 10 * time.Minute, 0, 5, 0, map[string]int{"1": 0, "2": 0, "3": 0, "4": 3, "5": 4}},
		{"one that cannot be read is what it was", 10 * time.Minute, 0, 0, 5, map[string]int{"1": 0, "2": 0, "3": 0, "4": 3, "5": 4}},
		{"and is read again", 10 * time.Minute, 0, 0, 0, map[string]int{"1": 0, "2": 0, "3": 0, "4": 3, "5": 6}},
		{"once all are over, none is", 10 * time.Minute, 0, 0, 0, map[string]int{"1": 0, "2": 0, "3": 0, "4": 3, "5": 6}},
	} {
		at = at.Add(step.after)
		state := incident.New("main", at)
		for i := 1; i <= 5; i++ {
			began := clock("00:00").Add(time.Duration(i) * time.Hour)
			inc := incident.Incident{ID: incident.NewID("main", strconv.Itoa(i), began), Series: report.Series{Database: strconv.Itoa(i)}, Thread: incident.Thread{Rev: n}}
			if i != step.open {
				inc.Resolved = began.Add(time.Minute)
			}
			if i == step.inState {
				state.Incidents[inc.ID] = &inc
			}
			data, err := incident.EncodeDocument(incident.Document{Incident: inc, Shard: "main"})
			if err != nil {
				t.Fatal(err)
			}
			if i == step.broken {
				data = []byte("hello")
			}
			key := incident.DocumentKey("main", inc.ID)
			before, _ := s.Get(t.Context(), key)
			if _, err := s.Put(t.Context(), store.Doc{Key: key, Data: data, Version: before.Version}); err != nil {
				t.Fatal(err)
			}
		}
		list, unreadable, err := c.get(t.Context(), s, "main", &state, clock("00:00"), at)
		if want := min(step.broken, 1); err != nil || unreadable != want {
			t.Errorf("%s: %d cannot be read, %v; want %d", step.name, unreadable, err, want)
		}
		got := map[string]int{}
		for _, d := range list {
			got[d.Series.Database] = d.Rev
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
}
