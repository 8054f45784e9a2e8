package alert

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// moved is the world's configuration with databases moved to the shard zone, in a new instance.
func (w *world) moved(databases ...string) *world {
	text := document
	for _, name := range databases {
		text = strings.Replace(text, "{name: "+name+",", "{name: "+name+", shard: zone,", 1)
	}
	next := newWorld(w.t, func(o *Options) {
		o.Config, o.Store, o.Now = parse(w.t, text), w.faulty, w.clock.Now
		o.Receivers["slack"], o.Receivers["mail/x@example.com"] = w.slack, w.mail
	})
	next.memory, next.faulty, next.clock, next.slack, next.mail = w.memory, w.faulty, w.clock, w.slack, w.mail
	return next
}

// in publishes a run of a shard in which these databases fail or, without a cause, are good.
func (w *world) in(shard string, c cause.Cause, databases ...string) int {
	w.t.Helper()
	now := w.clock.Now()
	r := report.Report{Job: report.HealthCheck, Region: "us", Shard: shard, Scheduled: now, Finished: now, Every: time.Minute}
	for _, name := range databases {
		r.Observations = append(r.Observations, w.ping(name, c))
	}
	m, err := report.Encode(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.push(m)
}

func (w *world) shard(name string) incident.State {
	w.t.Helper()
	doc, err := w.memory.Get(w.t.Context(), incident.StateKey(name))
	if err != nil {
		return incident.New(name, noon)
	}
	s, err := incident.Decode(doc.Data)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// A database that is moved to another shard while it is down stays one outage, whichever shard
// Alert hears of first.
func TestAMovedDatabaseIsOneOutage(t *testing.T) {
	orders := map[string]func(*world, cause.Cause){
		"the new shard first": func(w *world, c cause.Cause) { w.in("zone", c, "a"); w.in("main", "", "b", "c") },
		"the old shard first": func(w *world, c cause.Cause) { w.in("main", "", "b", "c"); w.in("zone", c, "a") },
		"a tick first":        func(w *world, c cause.Cause) { w.tick(); w.in("zone", c, "a"); w.in("main", "", "b", "c") },
	}
	for order, run := range orders {
		for _, tt := range []struct {
			name   string
			before func(*world)
			after  func(*world, incident.Incident)
		}{
			{"while it is down", func(*world) {}, func(*world, incident.Incident) {}},
			{"while it is acknowledged", func(w *world) {
				w.command(report.Command{Action: report.Acknowledge, Incident: w.only()})
			}, func(w *world, inc incident.Incident) {
				if inc.Ack == nil || inc.Ack.By != "anna" {
					w.t.Errorf("acknowledged %+v", inc.Ack)
				}
			}},
			{"while it is silenced", func(w *world) {
				w.command(report.Command{Action: report.Silence, Incident: w.only(), For: time.Hour})
			}, func(w *world, inc incident.Incident) {
				if inc.SilencedBy != "anna" || len(w.shard("zone").Silences) != 1 {
					w.t.Errorf("silenced by %q, %d silences", inc.SilencedBy, len(w.shard("zone").Silences))
				}
			}},
		} {
			t.Run(tt.name+", "+order, func(t *testing.T) {
				w := newWorld(t, nil)
				w.in("main", cause.AuthInvalid, "a")
				tt.before(w)
				id := w.only()
				w.clock.Add(time.Minute)
				w = w.moved("a")
				for range 2 {
					run(w, cause.AuthInvalid)
					w.clock.Add(time.Minute)
				}
				zone, main := w.shard("zone"), w.shard("main")
				inc := zone.Incidents[id]
				if inc == nil || !inc.Open() || len(zone.Incidents) != 1 || len(main.Incidents)+len(main.Leaving)+len(main.Silences) != 0 {
					t.Fatalf("zone has %v, main %v and leaving %v", zone.Incidents, main.Incidents, main.Leaving)
				}
				tt.after(w, *inc)
				// A button or link of the first message still names the old shard.
				if inc.Ack == nil {
					w.command(report.Command{Shard: "main", Action: report.Acknowledge, Incident: id})
					if ack := w.shard("zone").Incidents[id].Ack; ack == nil || ack.By != "anna" {
						t.Errorf("acknowledged %+v", ack)
					}
				}
				run(w, "")
				w.wantTold("opened", "resolved")
				if docs := w.docs(incident.DocumentKey("main", "")); len(docs) != 0 {
					t.Errorf("the old shard has %d documents of it", len(docs))
				}
				if docs := w.docs(incident.DocumentKey("zone", "")); len(docs) != 1 {
					t.Errorf("the new shard has %d documents of it", len(docs))
				}
			})
		}
	}
}

func TestTwoShardsSwapDatabases(t *testing.T) {
	w := newWorld(t, nil).moved("b")
	w.in("main", cause.AuthInvalid, "a")
	w.in("zone", cause.AuthInvalid, "b")
	w.clock.Add(time.Minute)
	w = w.moved("a")
	w.in("main", cause.AuthInvalid, "b")
	w.in("zone", cause.AuthInvalid, "a")
	w.wantTold("opened", "opened")
	for shard, database := range map[string]string{"main": "b", "zone": "a"} {
		s := w.shard(shard)
		if len(s.Incidents) != 1 || len(s.Leaving) != 0 {
			t.Errorf("%s has %d incidents and %d databases on their way, want one and none", shard, len(s.Incidents), len(s.Leaving))
		}
		for _, inc := range s.Incidents {
			if inc.Series.Database != database {
				t.Errorf("%s has an incident of %s", shard, inc.Series)
			}
		}
	}
}

// A person may be the first to be heard after the move.
func TestACommandFindsADatabaseThatMoves(t *testing.T) {
	for _, shard := range []string{"main", "zone", ""} {
		w := newWorld(t, nil)
		w.in("main", cause.AuthInvalid, "a")
		id := w.only()
		w.clock.Add(time.Minute)
		w = w.moved("a")
		w.command(report.Command{Shard: shard, Action: report.Acknowledge, Incident: id})
		if inc := w.shard("zone").Incidents[id]; inc == nil || inc.Ack == nil {
			t.Errorf("shard %q: the new shard has %+v", shard, inc)
		}
	}
}

// A database that comes and goes is not told anew by the move: its history moves with it.
func TestAMovedDatabaseGoesOnFlapping(t *testing.T) {
	play := func(move bool) (told []string) {
		w := newWorld(t, nil)
		w.slack.during = func(m message.Message) {
			if m.Loud && m.Database == "a" {
				told = append(told, string(m.Event))
			}
		}
		shard := "main"
		for i, l := range "xx.x.x.x.x.x.x.x.x.x.x.x" {
			if move && i == 12 {
				w, shard = w.moved("a"), "zone"
			}
			c := cause.TimeoutResponse
			if l == '.' {
				c = ""
			}
			w.in(shard, c, "a")
			w.clock.Add(time.Minute)
		}
		return told
	}
	if diff := cmp.Diff(play(false), play(true)); diff != "" || len(play(true)) == 0 {
		t.Errorf("told (-staying +moved):\n%s", diff)
	}
}

// A group goes along with all its members; a member that goes alone speaks for itself.
func TestMembersOfAGroupMove(t *testing.T) {
	for _, tt := range []struct {
		name  string
		moved []string
		want  []string
	}{
		{"all of them", []string{"a", "b", "c"}, []string{"opened", "resolved"}},
		{"one of them", []string{"a"}, []string{"opened", "resolved", "resolved"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.in("main", cause.AuthInvalid, "a", "b", "c")
			w.wantTold("opened")
			w.clock.Add(time.Minute)
			w = w.moved(tt.moved...)
			stay := slices.DeleteFunc([]string{"a", "b", "c"}, func(name string) bool { return slices.Contains(tt.moved, name) })
			for _, c := range []cause.Cause{cause.AuthInvalid, ""} {
				w.in("zone", c, tt.moved...)
				w.in("main", c, stay...)
				w.clock.Add(time.Minute)
			}
			w.wantTold(tt.want...)
			for _, shard := range []string{"main", "zone"} {
				for _, inc := range w.shard(shard).Incidents {
					if inc.Open() {
						t.Errorf("%s: %s is open", shard, inc.Series)
					}
				}
				for _, g := range w.shard(shard).Groups {
					if g.Open() {
						t.Errorf("%s: group %v is open", shard, g.Members)
					}
				}
			}
		})
	}
}

// Whatever call of the store fails during the move, it stays one outage, and nothing is lost.
func TestAMoveSurvivesEachFailureOfTheStore(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]storetest.Fault{"unavailable": storetest.Unavailable, "answer lost": storetest.LostAnswer} {
		for first := range 40 {
			w := newWorld(t, nil)
			w.in("main", cause.AuthInvalid, "a")
			w.clock.Add(time.Minute)
			w = w.moved("a")
			n := 0
			w.faulty.Always(func(c storetest.Call) storetest.Fault {
				n++
				if n <= first || n > first+2*contendTries || c.Op == storetest.Range || c.Op == storetest.Get && name != "unavailable" {
					return storetest.None
				}
				return fault
			})
			for range 5 {
				if w.in("zone", cause.AuthInvalid, "a") == 200 {
					w.tick()
				}
				w.clock.Add(time.Minute)
			}
			w.faulty.Always(nil)
			w.in("zone", "", "a")
			told := slices.DeleteFunc(slices.Clone(w.slack.got), func(event string) bool { return event != "opened" && event != "resolved" })
			if lost := len(w.lines("store_down")); len(told) != 2+2*lost || told[0] != "opened" {
				t.Errorf("%s from call %d on: told %v, %d of them without a store", name, first, w.slack.got, lost)
			}
			if main := w.shard("main"); len(main.Leaving)+len(main.Incidents) != 0 {
				t.Errorf("%s from call %d on: main keeps %v", name, first, main.Leaving)
			}
		}
	}
}

// Where a state cannot be read again after its handover, only the shard that waits for it is asked
// for again.
func TestAMoveThatCannotBeConfirmed(t *testing.T) {
	for _, tt := range []struct {
		shard, database string
		waits           bool
		want            []string
	}{
		{"zone", "a", true, []string{"opened"}},
		{"main", "b", false, []string{"opened", "opened"}},
	} {
		t.Run(tt.shard, func(t *testing.T) {
			w := newWorld(t, nil)
			w.in("main", cause.AuthInvalid, "a")
			id := w.only()
			w.clock.Add(time.Minute)
			w = w.moved("a")
			disturbed := false
			w.faulty.Always(func(c storetest.Call) storetest.Fault {
				left := c.Op == storetest.Get && c.Key == incident.StateKey("main") && len(w.shard("main").Incidents)+len(w.shard("main").Leaving) == 0
				if disturbed || !left {
					return storetest.None
				}
				disturbed = true
				return storetest.Unavailable
			})
			if code := w.in(tt.shard, cause.AuthInvalid, tt.database); code >= 300 != tt.waits || !disturbed {
				t.Errorf("answered %d, disturbed %t", code, disturbed)
			}
			if w.f.settled {
				t.Error("what was not read again passes for settled")
			}
			if code := w.in(tt.shard, cause.AuthInvalid, tt.database); code >= 300 || !w.f.settled {
				t.Errorf("answered %d the second time, settled %t", code, w.f.settled)
			}
			if lines := w.lines("store_down"); len(lines) != 0 {
				t.Errorf("told without a store: %v", lines)
			}
			w.wantTold(tt.want...)
			if w.shard("zone").Incidents[id] == nil {
				t.Error("it has not moved")
			}
		})
	}
}

// While a worker may be sending about a database, its shard keeps it, and the new one waits.
func TestAMoveWaitsForWhoIsSending(t *testing.T) {
	w := newWorld(t, nil)
	w.in("main", cause.AuthInvalid, "a")
	w.clock.Add(time.Minute)
	s := w.shard("main")
	id := w.only()
	d := s.Incidents[id].Deliveries["slack"]
	d.Lease = incident.Lease{Owner: "another", Until: w.clock.Now().Add(90 * time.Second)}
	s.Incidents[id].Deliveries["slack"] = d
	w.put(s)
	w = w.moved("a")
	if code := w.in("zone", cause.AuthInvalid, "a"); code < 500 {
		t.Errorf("answered %d, want to be asked again", code)
	}
	w.tick()
	if len(w.shard("main").Incidents) != 1 || len(w.shard("zone").Incidents) != 0 {
		t.Error("it has moved")
	}
	w.clock.Add(2 * time.Minute)
	if code := w.in("zone", cause.AuthInvalid, "a"); code >= 300 {
		t.Errorf("answered %d", code)
	}
	w.wantTold("opened")
	if len(w.shard("main").Incidents) != 0 || w.shard("zone").Incidents[id] == nil {
		t.Error("it has not moved")
	}
}

func (w *world) put(s incident.State) {
	w.t.Helper()
	doc, err := w.memory.Get(w.t.Context(), incident.StateKey(s.Shard))
	if err != nil {
		w.t.Fatal(err)
	}
	if doc.Data, err = incident.Encode(s); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.memory.Put(w.t.Context(), doc); err != nil {
		w.t.Fatal(fmt.Errorf("putting %s: %w", s.Shard, err))
	}
}
