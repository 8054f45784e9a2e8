package alert

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// crash commits an incident, or its end, and sends nothing, as a process does that is killed
// in between.
func (w *world) crash(c cause.Cause) {
	w.t.Helper()
	r := &w.f.options.Observe
	before := *r
	*r = func(p Point) {
		if p == Committed {
			panic("killed")
		}
	}
	defer func() {
		*r = before
		if recover() == nil {
			w.t.Fatal("nothing was committed")
		}
	}()
	w.minute(c)
}

// The claims of a dead process are void at once: of incidents and of groups, of people's
// receivers and of documents.
func TestTakeOverEndsTheClaimsOfADeadProcess(t *testing.T) {
	for _, takeOver := range []bool{true, false} {
		w := newWorld(t, nil)
		w.crash(cause.AuthInvalid)
		w.clock.Add(-time.Minute + time.Second) // a second after the kill
		want := "opened"
		if takeOver {
			if err := w.f.TakeOver(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
		} else {
			want = "" // the lease is still held
		}
		w.tick()
		if got := strings.Join(w.slack.got, " "); got != want {
			t.Errorf("taken over %t: a second later slack was told %q, want %q", takeOver, got, want)
		}
		if docs := w.docs("incidents/v1/"); (len(docs) > 0) != takeOver {
			t.Errorf("taken over %t: %d documents", takeOver, len(docs))
		}
	}
}

func TestTakeOverEndsTheClaimsOfAGroup(t *testing.T) {
	w := newWorld(t, nil)
	w.push(w.report(w.ping("a", ""), w.ping("b", ""), w.ping("c", "")))
	w.clock.Add(time.Minute)
	s := w.state()
	s.Groups["20261122T120000Z-GGGGGGGGGGGG"] = &incident.Group{
		ID: "20261122T120000Z-GGGGGGGGGGGG", Opened: noon, Since: noon,
		Thread: incident.Thread{Rev: 1, Deliveries: map[string]incident.Delivery{
			"slack": {Want: 1, Lease: incident.Lease{Owner: "dead", Until: noon.Add(time.Hour)}, NotBefore: noon.Add(time.Hour), Tries: 1},
			"free":  {Want: 1, NotBefore: noon.Add(time.Hour), Tries: 3},
		}},
	}
	data, err := incident.Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := w.memory.Get(t.Context(), incident.StateKey("main"))
	if err != nil {
		t.Fatal(err)
	}
	doc.Data = data
	if doc, err = w.memory.Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.f.TakeOver(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	d := w.state().Groups["20261122T120000Z-GGGGGGGGGGGG"].Deliveries
	if l := d["slack"]; l.Lease != (incident.Lease{}) || !l.NotBefore.IsZero() || l.Tries != 1 {
		t.Errorf("the claimed delivery is %+v, want it due, with its tries", l)
	}
	if l := d["free"]; l.NotBefore.IsZero() {
		t.Error("a pause that the receiver asked for has ended")
	}
	after, err := w.memory.Get(t.Context(), incident.StateKey("main"))
	if err != nil || w.state().Counter != s.Counter+1 {
		t.Errorf("counter %d after %d, version %s after %s, %v; want one write", w.state().Counter, s.Counter, after.Version, doc.Version, err)
	}
}

// What was set aside opens one incident, in the first shard, and ends after a day.
func TestTakeOverTellsOfWhatWasSetAside(t *testing.T) {
	w := newWorld(t, nil)
	if err := w.f.TakeOver(t.Context(), "documents.db is damaged"); err != nil {
		t.Fatal(err)
	}
	w.wantTold("opened")
	inc := w.state().Incidents[w.only()]
	if inc.Cause != cause.MonitorState || inc.Observation.Evidence != "documents.db is damaged" {
		t.Errorf("incident %s with %q, want %s and the file", inc.Cause, inc.Observation.Evidence, cause.MonitorState)
	}
	w.minute("")
	w.tick()
	w.clock.Add(24 * time.Hour)
	w.tick()
	if inc := w.state().Incidents[w.only()]; inc.Resolved.IsZero() {
		t.Error("it is still open after a day")
	}
}

func TestTakeOverOfAStoreThatFails(t *testing.T) {
	w := newWorld(t, nil)
	w.crash(cause.AuthInvalid)
	for _, tt := range []struct {
		op   storetest.Op
		want string
	}{{storetest.Get, "ending the claims"}, {storetest.Put, "ending the claims"}} {
		w.faulty.Always(func(c storetest.Call) storetest.Fault {
			if c.Op == tt.op {
				return storetest.Unavailable
			}
			return storetest.None
		})
		if err := w.f.TakeOver(t.Context(), ""); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s fails: %v, want %q", tt.op, err, tt.want)
		}
	}
	w = newWorld(t, nil)
	w.faulty.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
	if err := w.f.TakeOver(t.Context(), "a file"); !errors.Is(err, errStore) {
		t.Errorf("the incident cannot be stored: %v", err)
	}
	// A state that cannot be read is for the first message.
	w = newWorld(t, nil)
	if _, err := w.memory.Put(t.Context(), store.Doc{Key: incident.StateKey("main"), Data: []byte("not a state")}); err != nil {
		t.Fatal(err)
	}
	if err := w.f.TakeOver(t.Context(), ""); err != nil {
		t.Error(err)
	}
}
