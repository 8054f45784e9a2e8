package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// The property test runs the whole protocol over a store and receivers that fail in
// every way the protocol claims to survive, with two workers, and messages that come
// twice, late and out of order. A crash is a worker whose store and receivers do
// nothing any more, whose message is asked for again, and which is replaced.

// reader is a receiver's reader: what arrived, as a person would have seen it.
type reader struct {
	mu sync.Mutex
	// open says per incident what the reader was last told.
	open map[string]bool
	// spare is how many duplicates of an incident the faults account for.
	spare map[string]int
	// seen counts the messages per incident, revision is the latest one's.
	seen, revision map[string]int

	faults []error
	log    []string
}

func newReader() *reader {
	return &reader{open: map[string]bool{}, spare: map[string]int{}, seen: map[string]int{}, revision: map[string]int{}}
}

// forget is what becomes of a reader whose address is configured no more: what it shows is not corrected any more.
func (r *reader) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.open)
}

// take reads one accepted message. certain is false where no one will know that it
// was accepted.
func (r *reader) take(m message.Message, certain bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, fmt.Sprintf("%s %s rev %d certain %v", m.Short, m.Event, m.Revision, certain))
	r.seen[m.ID]++
	if strings.HasPrefix(m.ID, "store-") {
		// Told without memory, once a slot by each of the two workers. It is no incident
		// and has no end.
		if r.seen[m.ID] > 2 {
			r.faults = append(r.faults, fmt.Errorf("%s: told without store %d times in one slot", m.ID, r.seen[m.ID]))
		}
		return
	}
	open := r.open[m.ID]
	fault := func(what string) {
		if r.spare[m.ID] > 0 {
			r.spare[m.ID]--
			return
		}
		r.faults = append(r.faults, fmt.Errorf("%s: %s: %s\n%s", m.Short, m.Event, what, strings.Join(r.log, "\n")))
	}
	switch m.Event {
	case incident.Opened:
		if open {
			fault("told twice that it is open")
		}
		r.open[m.ID] = true
	case incident.Reopened:
		// It may have closed and reopened before either could be told.
		if open && m.Revision <= r.revision[m.ID] {
			fault("told twice that it reopened")
		}
		r.open[m.ID] = true
	case incident.Unstable:
		r.open[m.ID] = true
	case incident.Resolved, incident.NoLongerWatched:
		if !open && m.Event == incident.Resolved { // what is no longer watched says what it was
			fault("told the end of what was not told")
		}
		r.open[m.ID] = false
	case incident.Past:
		if open {
			fault("told as past what was told as open")
		}
		r.open[m.ID] = false
	default:
		if m.Loud && !open {
			fault("news of what was not told as open")
		}
	}
	r.revision[m.ID] = m.Revision
	if !certain {
		r.spare[m.ID]++
	}
}

// answer is how a receiver answers one delivery.
type answer int

const (
	accept answer = iota
	later
	acceptSilently // accepted, the answer is lost
	lostOnTheWay   // not accepted, the answer is lost
	answers
)

// station is one receiver; workers reach it through their own wire.
type station struct {
	name string
	*reader
	mu   sync.Mutex
	plan []answer
}

func (s *station) next() answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.plan) == 0 {
		return accept
	}
	a := s.plan[0]
	s.plan = s.plan[1:]
	return a
}

// worker is one instance of the function.
type worker struct {
	f  *Function
	mu sync.Mutex
	// dies is the point at which the process ends, once.
	dies Point
	dead bool
	// lapses says that its leases run out before it records: what it sends may be sent
	// once more by the other.
	lapses bool
	// between runs once at a point: another worker's request in between.
	at      Point
	between func()
}

func (w *worker) isDead() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dead
}

func (w *worker) observe(p Point) {
	w.mu.Lock()
	if p == w.dies {
		w.dead = true
	}
	var run func()
	if p == w.at {
		run, w.between = w.between, nil
	}
	w.mu.Unlock()
	if run != nil {
		run()
	}
}

// wire is a receiver as a worker reaches it.
type wire struct {
	w *worker
	s *station
}

func (r wire) Name() string { return r.s.name }

func (r wire) Deliver(_ context.Context, m message.Message, prev message.Ref) (message.Ref, message.Outcome, error) {
	if r.w.isDead() {
		return prev, message.Outcome{Result: message.Later}, errors.New("dead")
	}
	a := r.s.next()
	// A process that ends before the answer is recorded has told all the same, and it
	// may end while it sends to another receiver.
	r.w.mu.Lock()
	certain := a == accept && r.w.dies == "" && !r.w.lapses
	r.w.mu.Unlock()
	ref := incident.Ref{ID: "m"}
	switch a {
	case accept, acceptSilently:
		if m.Loud {
			r.s.take(m, certain)
		}
		if a == accept {
			return ref, message.Outcome{Result: message.Delivered}, nil
		}
		return prev, message.Outcome{Result: message.Unknown, Reason: "lost answer"}, errors.New("lost answer")
	case later:
		return prev, message.Outcome{Result: message.Later, Reason: "503"}, errors.New("503")
	default:
		return prev, message.Outcome{Result: message.Unknown, Reason: "reset"}, errors.New("reset")
	}
}

// mortal is the store as a worker reaches it.
type mortal struct {
	store.Store
	w *worker
}

func (s mortal) Get(ctx context.Context, key string) (store.Doc, error) {
	if s.w.isDead() {
		return store.Doc{}, storetest.ErrInjected
	}
	return s.Store.Get(ctx, key)
}

func (s mortal) Put(ctx context.Context, d store.Doc) (store.Doc, error) {
	if s.w.isDead() {
		return store.Doc{}, storetest.ErrInjected
	}
	return s.Store.Put(ctx, d)
}

func (s mortal) Range(ctx context.Context, from, to string) iter.Seq2[store.Doc, error] {
	return s.Store.Range(ctx, from, to)
}

// plant is everything together.
type plant struct {
	t        rapid.TB
	config   *config.Config
	clock    *clock
	memory   *storetest.Memory
	faulty   *storetest.Faulty
	stations []*station
	workers  [2]*worker
	// waiting are the messages that are not acknowledged.
	waiting []report.Message
	status  map[string]cause.Cause
	minute  time.Time
	// unrouted are the stations that not all was routed to all the time.
	unrouted map[string]bool
}

func newPlant(t rapid.TB, c *config.Config) *plant {
	p := &plant{t: t, config: c, clock: &clock{now: noon}, status: map[string]cause.Cause{}, minute: noon, unrouted: map[string]bool{}}
	p.memory = storetest.NewMemory(p.clock.Now)
	p.faulty = storetest.NewFaulty(p.memory)
	for _, name := range []string{"slack", "chat", "mail/x@example.com", "mail/y@example.com"} {
		p.stations = append(p.stations, &station{name: name, reader: newReader()})
	}
	for i := range p.workers {
		p.replace(i)
	}
	p.noteRoutes()
	return p
}

func (p *plant) replace(i int) {
	w := &worker{}
	receivers := map[string]message.Receiver{}
	for _, s := range p.stations {
		receivers[s.name] = wire{w, s}
	}
	f, err := New(Options{
		Config: p.config, Store: mortal{p.faulty, w}, Receivers: receivers, Now: p.clock.Now,
		Authorize: func(h http.Handler) http.Handler { return h },
		Jitter:    func(time.Duration) time.Duration { return 0 }, Observe: w.observe,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	w.f = f
	p.workers[i] = w
}

// serve gives a message to a worker and says whether it was acknowledged.
func (p *plant) serve(i int, m report.Message) bool {
	w := p.workers[i]
	var e envelope
	e.Message.Data, e.Message.Attributes, e.Message.MessageID, e.Message.PublishTime = m.Data, m.Attributes, "1", p.clock.Now()
	body, err := json.Marshal(e)
	if err != nil {
		p.t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	w.f.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
	if w.isDead() {
		p.replace(i)
		return false
	}
	return rec.Code == http.StatusOK
}

var databaseNames = []string{"a", "b", "c"}

// publish makes the next minute's report.
func (p *plant) publish() {
	p.minute = p.minute.Add(time.Minute)
	now := p.clock.Now()
	if p.minute.After(now) {
		p.clock.Add(p.minute.Sub(now))
	} else if due := now.Truncate(time.Minute); due.After(p.minute) {
		p.minute = due // no run was made meanwhile
	}
	r := report.Report{Job: report.HealthCheck, Region: "us", Shard: "main", Scheduled: p.minute, Finished: p.minute, Every: time.Minute}
	for _, db := range databaseNames {
		o := report.Observation{Database: db, Check: report.Ping, Source: "us", Status: report.OK, Clear: true, At: p.minute, Every: time.Minute, Attempts: 3}
		if c := p.status[db]; c == "unknown" {
			o.Status, o.Clear = report.Unknown, false
		} else if c != "" {
			o.Status, o.Clear, o.Cause = report.Fail, false, c
		}
		r.Observations = append(r.Observations, o)
	}
	m, err := report.Encode(r)
	if err != nil {
		p.t.Fatal(err)
	}
	p.waiting = append(p.waiting, m)
	r.Job, r.Observations = report.Metrics, nil
	if m, err = report.Encode(r); err != nil {
		p.t.Fatal(err)
	}
	p.waiting = append(p.waiting, m)
}

// deliver takes the waiting message at index i.
func (p *plant) deliver(worker, i int) {
	m := p.waiting[i]
	p.waiting = slices.Delete(p.waiting, i, i+1)
	if !p.serve(worker, m) {
		p.waiting = append(p.waiting, m)
	}
}

func (p *plant) state() incident.State {
	doc, err := p.memory.Get(context.Background(), incident.StateKey("main"))
	if err != nil {
		return incident.State{}
	}
	s, err := incident.Decode(doc.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// check holds after every action.
func (p *plant) check() {
	open := map[report.Series]string{}
	for id, inc := range p.state().Incidents {
		if !inc.Open() {
			continue
		}
		if other, ok := open[inc.Series]; ok {
			p.t.Fatalf("two open incidents of %s: %s and %s", inc.Series, id, other)
		}
		open[inc.Series] = id
	}
	for _, s := range p.stations {
		s.reader.mu.Lock()
		err := errors.Join(s.faults...)
		s.reader.mu.Unlock()
		if err != nil {
			p.t.Fatalf("%s: %v", s.name, err)
		}
	}
}
