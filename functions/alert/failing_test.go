package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// lines returns the log lines of one event.
func (w *world) lines(event string) []map[string]any {
	w.t.Helper()
	var out []map[string]any
	for text := range strings.Lines(w.logs.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			w.t.Fatal(err)
		}
		if line["event"] == event {
			out = append(out, line)
		}
	}
	return out
}

// points returns what gives the points of the protocol that were passed so far.
func (w *world) points() func() []Point {
	var mu sync.Mutex
	var points []Point
	w.f.options.Observe = func(p Point) {
		mu.Lock()
		defer mu.Unlock()
		points = append(points, p)
	}
	return func() []Point {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(points)
	}
}

// Each call of a message's way through the store fails in turn, once, for as long as a
// message contends, or with its answer alone. Whatever fails, the incident is told, its
// state says who was told, and its document is written.
func TestTheStoreFailsAtEachCallInTurn(t *testing.T) {
	t.Parallel()
	calls := func() int {
		w := newWorld(t, nil)
		w.minute(cause.AuthInvalid)
		return len(w.faulty.Calls())
	}()
	if calls < 6 {
		t.Fatalf("a message needs %d calls of the store, too few to be true", calls)
	}
	for name, fault := range map[string]storetest.Fault{"unavailable": storetest.Unavailable, "conflict": storetest.Conflict, "answer lost": storetest.LostAnswer} {
		for _, fails := range []int{1, contendTries, 3 * contendTries} {
			for first := range calls {
				t.Run(fmt.Sprintf("%s, %d times from call %d on", name, fails, first), func(t *testing.T) {
					w := newWorld(t, nil)
					n := 0
					w.faulty.Always(func(c storetest.Call) storetest.Fault {
						n++
						if n <= first || n > first+fails || c.Op == storetest.Get && name != "unavailable" {
							return storetest.None
						}
						return fault
					})
					m := w.report(w.ping("a", cause.AuthInvalid))
					code := w.push(m)
					committed := len(w.docs(incident.StateKey(""))) > 0 && len(w.state().Incidents) > 0
					if code == http.StatusOK && !committed {
						t.Fatal("acknowledged, and no state holds it")
					}
					if told := len(w.slack.got) > 0; told && !committed && len(w.lines("store_down")) == 0 {
						t.Error("told before it was committed")
					}
					if known := committed && w.state().Incidents[w.only()].Deliveries["slack"].Done > 0; !known && len(w.slack.got) > 0 && len(w.lines("unrecorded"))+len(w.lines("retry")) == 0 {
						t.Errorf("told, not recorded, and nothing says so:\n%s", w.logs)
					}
					for range 4 { // Pub/Sub asks again, and a lease runs out
						w.clock.Add(time.Minute)
						if code != http.StatusOK {
							code = w.push(m)
						}
						w.tick()
					}
					ends := len(w.slack.got)
					w.slack.got = slices.DeleteFunc(w.slack.got, func(event string) bool { return event == "resolved" })
					if ends -= len(w.slack.got); ends != len(w.lines("store_down")) {
						t.Errorf("%d messages without a store and %d ends", len(w.lines("store_down")), ends)
					}
					if len(w.slack.got) == 0 || len(w.slack.got) > 2 || slices.ContainsFunc(w.slack.got, func(event string) bool { return event != "opened" }) {
						t.Errorf("told %v, want opened once, or twice where the record was lost\n%s", w.slack.got, w.logs)
					}
					d := w.state().Incidents[w.only()].Deliveries["slack"]
					if d.Done != 1 || d.Ref.IsZero() || d.Lease.Owner != "" {
						t.Errorf("what was told is recorded as %+v", d)
					}
					docs := w.docs("incidents/v1/main/")
					if len(docs) != 1 {
						t.Fatalf("%d documents, want one", len(docs))
					}
					doc, err := incident.DecodeDocument(docs[0].Data)
					if err != nil || doc.Told["slack"].At.IsZero() || doc.Told["slack"].Pending {
						t.Errorf("the document says %+v of Slack, %v", doc.Told["slack"], err)
					}
				})
			}
		}
	}
}

// only returns the id of the one incident.
func (w *world) only() string {
	w.t.Helper()
	s := w.state()
	if len(s.Incidents) != 1 {
		w.t.Fatalf("%d incidents, want one", len(s.Incidents))
	}
	for id := range s.Incidents {
		return id
	}
	return ""
}

// A result that cannot be written is not a success: an error says that what was told may
// be told once more, and it is once the lease has run out.
func TestARecordThatFailsIsNoSuccess(t *testing.T) {
	for name, fault := range map[string]storetest.Fault{
		"Put": storetest.Unavailable, "conflict": storetest.Conflict, "Get": storetest.Unavailable,
		"absent": {Skip: true, Err: store.ErrNotFound}, "damaged": storetest.None,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			passed := w.points()
			committed := false
			var whole []byte
			w.faulty.Always(func(c storetest.Call) storetest.Fault {
				committed = committed || slices.Contains(passed(), Committed)
				isState := strings.HasPrefix(c.Key, incident.StateKey(""))
				if committed && isState && name == "damaged" && whole == nil {
					whole = w.replaceState([]byte("not a state"))
				}
				if committed && isState && (c.Op == storetest.Get) == slices.Contains([]string{"Get", "absent", "damaged"}, name) {
					return fault
				}
				return storetest.None
			})
			if code := w.minute(cause.AuthInvalid); code != http.StatusOK {
				t.Fatalf("status %d, want 200: what is owed is stored", code)
			}
			lines := w.lines("unrecorded")
			if len(lines) == 0 || lines[0]["level"] != "ERROR" || lines[0]["shard"] != "main" || lines[0]["results"] == float64(0) || lines[0]["error"] == nil {
				t.Errorf("logged %v, want an error with the shard and its cause", lines)
			}
			if slices.Contains(passed(), Recorded) {
				t.Error("passes for recorded")
			}
			w.faulty.Always(nil)
			if whole != nil {
				w.replaceState(whole)
			}
			if d := w.state().Incidents[w.only()].Deliveries["slack"]; d.Done != 0 || d.Lease.Owner == "" {
				t.Errorf("delivery %+v, want it leased and not done", d)
			}
			w.clock.Add(DefaultLease)
			w.tick()
			w.wantTold("opened", "opened")
			if d := w.state().Incidents[w.only()].Deliveries["slack"]; d.Done != 1 {
				t.Errorf("delivery %+v, want it done", d)
			}
		})
	}
}

// replaceState writes other data in the place of the state, and returns what was there.
func (w *world) replaceState(data []byte) []byte {
	w.t.Helper()
	doc, err := w.memory.Get(w.t.Context(), incident.StateKey("main"))
	if err != nil {
		w.t.Fatal(err)
	}
	was := doc.Data
	doc.Data = data
	if _, err := w.memory.Put(w.t.Context(), doc); err != nil {
		w.t.Fatal(err)
	}
	return was
}

// Documents are written side by side; one that fails is written later, and a newer one
// that another worker has written stays.
func TestDocumentsThatFailAreWrittenLater(t *testing.T) {
	w := newWorld(t, nil)
	w.faulty.Always(func(c storetest.Call) storetest.Fault {
		if c.Op == storetest.Put && strings.HasPrefix(c.Key, "incidents/") {
			return storetest.Unavailable
		}
		return storetest.None
	})
	w.minute(cause.AuthInvalid)
	d := w.state().Incidents[w.only()].Deliveries[incident.Documents]
	if d.Done != 0 || !strings.Contains(d.Error, "writing incident") || d.Tries == 0 {
		t.Errorf("document's delivery %+v, want the failure", d)
	}
	w.faulty.Always(nil)
	w.clock.Add(time.Minute)
	w.tick()
	w.tick()
	docs := w.docs("incidents/v1/main/")
	if len(docs) != 1 || docs[0].Schema != incident.DocumentSchema || !docs[0].ExpiresAt.Equal(noon.Add(400*24*time.Hour)) {
		t.Fatalf("documents %+v, want one for 400 days", docs)
	}

	newer, err := incident.DecodeDocument(docs[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	newer.Rev, newer.Sparkline = 1000, "newer"
	data, err := incident.EncodeDocument(newer)
	if err != nil {
		t.Fatal(err)
	}
	docs[0].Data = data
	if _, err := w.memory.Put(t.Context(), docs[0]); err != nil {
		t.Fatal(err)
	}
	w.minute("")
	got, err := incident.DecodeDocument(w.docs("incidents/v1/main/")[0].Data)
	if err != nil || got.Sparkline != "newer" {
		t.Errorf("document %+v, want the newer one, %v", got, err)
	}
}

// slowStore notes how many shards are read at once.
type slowStore struct {
	store.Store
	mu         sync.Mutex
	now, most  int
	fails      string
	unreadable error
}

func (s *slowStore) Get(ctx context.Context, key string) (store.Doc, error) {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	time.Sleep(time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now--
	if key == s.fails {
		return store.Doc{}, s.unreadable
	}
	return s.Store.Get(ctx, key)
}

func TestATickTakesMoreShardsThanWorkers(t *testing.T) {
	var doc strings.Builder
	doc.WriteString("regions: [us]\nreceivers: [{name: slack, slack: {webhook: 'sm://projects/p/secrets/slack'}}]\ndatabases:\n")
	for i := range 11 {
		fmt.Fprintf(&doc, "  - {name: db-%d, shard: shard-%02d, url: 'https://x.upstash.io', token: 'sm://projects/p/secrets/a'}\n", i, i)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.Config = parse(t, doc.String()) })
		slow := &slowStore{Store: w.memory, fails: incident.StateKey("shard-03"), unreadable: errors.New("disk on fire")}
		w.f.store = slow
		// A shard that fails keeps no other from its time, and the tick is asked for again.
		if code := w.tick(); code != http.StatusServiceUnavailable {
			t.Errorf("status %d, want 503", code)
		}
		var stored []string
		for _, d := range w.docs(incident.StateKey("")) {
			stored = append(stored, strings.TrimPrefix(d.Key, incident.StateKey("shard-")))
		}
		if diff := cmp.Diff(strings.Fields("00 01 02 04 05 06 07 08 09 10"), stored); diff != "" {
			t.Errorf("shards with a state (-want +got):\n%s", diff)
		}
		if slow.most != 4 {
			t.Errorf("%d shards at once, want 4", slow.most)
		}
		if lines := w.lines("retry"); len(lines) != 1 || !strings.Contains(fmt.Sprint(lines[0]["error"]), "shard shard-03: ") || !strings.Contains(fmt.Sprint(lines[0]["error"]), "disk on fire") {
			t.Errorf("logged %v, want the shard that failed", lines)
		}
		slow.fails = ""
		if code := w.tick(); code != http.StatusOK {
			t.Errorf("status %d, want 200", code)
		}
	})
}

// A receiver that asks for a pause is not tried with the rest of its queue, and others
// are not kept waiting.
func TestAQueueIsPausedByRetryAfter(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Config = parse(t, strings.Replace(document, "{receivers: [slack]}", "{receivers: [slack, mail]}", 1)+"alerting: {grouping: {enabled: false}, undelivered_after: 1h}\n")
	})
	w.slack.answers = []message.Outcome{{Result: message.Later, RetryAfter: 5 * time.Minute, Reason: "ratelimited"}}
	w.push(w.report(w.ping("a", cause.AuthInvalid), w.ping("b", cause.AuthInvalid), w.ping("c", cause.AuthInvalid)))
	if w.slack.tries != 1 || w.mail.tries != 3 {
		t.Errorf("Slack was tried %d times, mail %d; want 1 and 3", w.slack.tries, w.mail.tries)
	}
	for id, inc := range w.state().Incidents {
		if d := inc.Deliveries["slack"]; d.Done != 0 || d.Error != "ratelimited" || !d.NotBefore.Equal(noon.Add(5*time.Minute)) || d.Lease.Owner != "" {
			t.Errorf("%s: %+v, want it put off by five minutes", id, d)
		}
	}
	w.clock.Add(5*time.Minute - time.Second)
	w.tick()
	if w.slack.tries != 1 {
		t.Errorf("tried %d times before the pause was over", w.slack.tries)
	}
	w.clock.Add(time.Second)
	w.tick()
	w.wantTold("opened", "opened", "opened")

	// Without a pause the rest of the queue is tried.
	w = newWorld(t, func(o *Options) { o.Config = parse(t, document+"alerting: {grouping: {enabled: false}}\n") })
	w.slack.answers = []message.Outcome{{Result: message.Later}}
	w.push(w.report(w.ping("a", cause.AuthInvalid), w.ping("b", cause.AuthInvalid)))
	if w.slack.tries != 2 {
		t.Errorf("tried %d times, want each once", w.slack.tries)
	}
}

// Two subjects of the monitor at once are two incidents; each ends by itself.
func TestTwoSubjectsOfTheMonitorAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	if _, err := w.memory.Put(t.Context(), store.Doc{Key: incident.StateKey("main"), Data: []byte("not a state")}); err != nil {
		t.Fatal(err)
	}
	w.slack.answers = []message.Outcome{{Result: message.Refused, Reason: "channel_not_found"}}
	w.minute(cause.AuthInvalid)
	for range 7 { // until the reports are missing
		w.clock.Add(time.Minute)
		w.tick()
	}
	open := func() []string {
		var subjects []string
		for _, inc := range w.state().Incidents {
			if inc.Open() && inc.Series.Check == report.Monitor {
				subjects = append(subjects, inc.Series.Subject)
			}
		}
		slices.Sort(subjects)
		return subjects
	}
	if diff := cmp.Diff([]string{"reports", "state"}, open()); diff != "" {
		t.Errorf("open (-want +got):\n%s", diff) // Slack took the next one, so that "receivers" is over
	}
	for range 3 {
		w.minute("")
	}
	if diff := cmp.Diff([]string{"state"}, open()); diff != "" {
		t.Errorf("open once reports come (-want +got):\n%s", diff)
	}
}
