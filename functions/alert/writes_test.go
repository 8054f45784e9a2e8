package alert

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/gcp/firestore"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// distant is a store that is 40 ms away, and that counts the writes of states and documents.
type distant struct {
	store.Store
	states, documents atomic.Int64
}

const distance = 40 * time.Millisecond

func (s *distant) Get(ctx context.Context, key string) (store.Doc, error) {
	time.Sleep(distance)
	return s.Store.Get(ctx, key)
}

func (s *distant) Put(ctx context.Context, d store.Doc) (store.Doc, error) {
	time.Sleep(distance)
	d, err := s.Store.Put(ctx, d)
	if err == nil && strings.HasPrefix(d.Key, incident.StateKey("")) {
		s.states.Add(1)
	} else if err == nil {
		s.documents.Add(1)
	}
	return d, err
}

func (s *distant) Range(ctx context.Context, from, to string) iter.Seq2[store.Doc, error] {
	time.Sleep(distance)
	return s.Store.Range(ctx, from, to)
}

// channel is a receiver that notes what it takes, each after a while.
type channel struct {
	mu    sync.Mutex
	loud  []string
	quiet int
}

func (*channel) Name() string { return "slack" }

func (c *channel) Deliver(_ context.Context, m message.Message, prev message.Ref) (message.Ref, message.Outcome, error) {
	time.Sleep(200 * time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.Loud {
		c.loud = append(c.loud, m.Headline)
	} else {
		c.quiet++
	}
	if prev.IsZero() {
		prev.ID = fmt.Sprint(len(c.loud))
	}
	return prev, message.Outcome{Result: message.Delivered}, nil
}

// massFailure lets 500 databases fail for two runs. Two instances of Alert get each message,
// twice each and all at once. It returns how often the state was written.
func massFailure(t *testing.T, s *distant, databases int) int {
	t.Helper()
	text := "regions: [us]\ndatabases:\n"
	for i := range databases {
		text += fmt.Sprintf("  - {name: db-%03d, url: \"https://db-%03d.upstash.io\", token: \"sm://projects/p/secrets/t\"}\n", i, i)
	}
	text += "receivers:\n  - {name: slack, slack: {webhook: \"sm://projects/p/secrets/slack\"}}\nroutes:\n  - {receivers: [slack]}\n"
	slack := &channel{}
	var instances []*Function
	for range 2 {
		f, err := New(Options{Config: parse(t, text), Store: s, Receivers: map[string]message.Receiver{"slack": slack}, Authorize: func(h http.Handler) http.Handler { return h }})
		if err != nil {
			t.Fatal(err)
		}
		instances = append(instances, f)
	}
	all := func(m report.Message, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var e envelope
		e.Message.Data, e.Message.Attributes, e.Message.MessageID, e.Message.PublishTime = m.Data, m.Attributes, "1", time.Now()
		body, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for _, f := range slices.Concat(instances, instances) {
			wg.Go(func() {
				for range 5 { // Pub/Sub asks again
					rec := httptest.NewRecorder()
					f.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/Alert", strings.NewReader(string(body))))
					if rec.Code < 300 {
						return
					}
					if rec.Code < 500 {
						t.Errorf("answered %d: %s", rec.Code, rec.Body)
					}
					time.Sleep(10 * time.Second)
				}
				t.Error("a message was never taken")
			})
		}
		wg.Wait()
	}
	run := func() {
		at := time.Now()
		r := report.Report{Job: report.HealthCheck, Region: "us", Shard: "main", Scheduled: at, Finished: at, Every: time.Minute}
		for i := range databases {
			r.Observations = append(r.Observations, report.Observation{
				Database: fmt.Sprintf("db-%03d", i), Check: report.Ping, Source: "us", Status: report.Fail, Cause: cause.AuthInvalid, At: at, Every: time.Minute, Attempts: 3,
			})
		}
		all(report.Encode(r))
	}
	run()
	for range 3 { // what is owed besides is written by the ticks
		all(report.Tick(), nil)
	}
	if slack.mu.Lock(); len(slack.loud) != 1 {
		t.Errorf("told %d times, want one message:\n%s", len(slack.loud), strings.Join(slack.loud, "\n"))
	}
	slack.mu.Unlock()
	doc, err := s.Store.Get(t.Context(), incident.StateKey("main"))
	if err != nil {
		t.Fatal(err)
	}
	state, err := incident.Decode(doc.Data)
	if err != nil {
		t.Fatal(err)
	}
	for _, inc := range state.Incidents {
		if d := inc.Deliveries[incident.Documents]; d.Pending() || d.Lease.Owner != "" {
			t.Errorf("the document of %s is owed: %+v", inc.Series, d)
		}
	}
	t.Logf("%d databases: %d writes of the state, %d of documents, %d silent edits", databases, s.states.Load(), s.documents.Load(), slack.quiet)
	return int(s.states.Load())
}

const mostWrites = 30

func TestAMassFailureWritesTheStateSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if n := massFailure(t, &distant{Store: storetest.NewMemory(time.Now)}, 500); n > mostWrites {
			t.Errorf("%d writes of the state, at most %d", n, mostWrites)
		}
	})
}

func TestAMassFailureOnTheEmulator(t *testing.T) {
	const wanted = "PONGWATCH_TEST_FIRESTORE"
	if os.Getenv(wanted) != "1" {
		t.Skipf("needs the Firestore emulator: set %s=1 and %s", wanted, firestore.EmulatorVariable)
	}
	s, err := firestore.New(t.Context(), firestore.Options{Project: fmt.Sprintf("alert-%d", os.Getpid()), EmulatorHost: os.Getenv(firestore.EmulatorVariable)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if n := massFailure(t, &distant{Store: s}, 500); n > mostWrites {
		t.Errorf("%d writes of the state, at most %d", n, mostWrites)
	}
}

// slow is a receiver that takes most of what a send may take.
type slow struct{ sent int }

func (*slow) Name() string { return "slack" }

func (s *slow) Deliver(ctx context.Context, _ message.Message, prev message.Ref) (message.Ref, message.Outcome, error) {
	select {
	case <-time.After(14 * time.Second):
		s.sent++
		return message.Ref{ID: fmt.Sprint(s.sent)}, message.Outcome{Result: message.Delivered}, nil
	case <-ctx.Done():
		return prev, message.Outcome{Result: message.Later}, ctx.Err()
	}
}

// A request ends before its function does, however slow a receiver is, and what it has sent is
// recorded by then. The rest is sent by later requests, once.
func TestSendsStopAtTheRequestsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const databases = 10
		text := "regions: [us]\nalerting: {grouping: {enabled: false}}\ndatabases:\n"
		now := time.Now()
		r := report.Report{Job: report.HealthCheck, Region: "us", Shard: "main", Scheduled: now, Finished: now, Every: time.Minute}
		for i := range databases {
			text += fmt.Sprintf("  - {name: db-%d, url: \"https://db-%d.upstash.io\", token: \"sm://projects/p/secrets/t\"}\n", i, i)
			r.Observations = append(r.Observations, report.Observation{
				Database: fmt.Sprintf("db-%d", i), Check: report.Ping, Source: "us", Status: report.Fail, Cause: cause.AuthInvalid, At: now, Every: 5 * time.Minute, Attempts: 3,
			})
		}
		text += "receivers:\n  - {name: slack, slack: {webhook: \"sm://projects/p/secrets/slack\"}}\nroutes:\n  - {receivers: [slack]}\n"
		receiver := &slow{}
		w := newWorld(t, func(o *Options) {
			o.Config, o.Now, o.Store = parse(t, text), time.Now, storetest.NewMemory(time.Now)
			o.Receivers = map[string]message.Receiver{"slack": receiver}
		})
		m, err := report.Encode(r)
		for requests := 0; receiver.sent < databases; requests++ {
			if err != nil || requests > databases {
				t.Fatalf("%v: %d of %d sent by %d requests", err, receiver.sent, databases, requests)
			}
			began, before := time.Now(), receiver.sent
			if code := w.push(m); code != http.StatusOK {
				t.Fatalf("answered %d", code)
			}
			if took := time.Since(began); took >= Timeout-storeTimeout {
				t.Errorf("request %d took %v of %v", requests, took, Timeout)
			}
			doc, err := w.f.store.Get(t.Context(), incident.StateKey("main"))
			if err != nil {
				t.Fatal(err)
			}
			s, err := incident.Decode(doc.Data)
			if err != nil {
				t.Fatal(err)
			}
			told := 0
			for _, inc := range s.Incidents {
				if d := inc.Deliveries["slack"]; d.Done > 0 {
					told++
				} else if d.Lease.Owner != "" {
					t.Errorf("request %d: %s is still claimed", requests, inc.Series)
				}
			}
			if told != receiver.sent {
				t.Errorf("request %d: %d are recorded, %d were sent (%d before)", requests, told, receiver.sent, before)
			}
			time.Sleep(time.Minute)
			m = report.Tick()
		}
	})
}
