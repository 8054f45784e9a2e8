// Package alert is the function that decides and notifies. Everything reaches it as
// a Pub/Sub push: reports, ticks, commands and signals.
//
// For each message it reads the shard's state, lets [Step] decide, claims what is owed
// to receivers in the same value, and writes it by compare-and-swap. Only then it sends,
// and records the results. Once the write is committed the message is acknowledged,
// delivered or not, because the outbox holds what is owed and every later message sweeps
// it. No crash loses anything. A message is sent twice only if a crash or a lost answer
// falls between a receiver's acceptance and its record.
package alert

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/functions/alert/message"
	"github.com/pongwatch/pongwatch/functions/alert/policy"
	"github.com/pongwatch/pongwatch/shared/access"
	"github.com/pongwatch/pongwatch/shared/config"
	"github.com/pongwatch/pongwatch/shared/store"
)

// The times that must fit one another. Terraform has the first two as well.
const (
	// Timeout is how long a request may take. Sends end early enough before that their results
	// are recorded.
	Timeout = 60 * time.Second
	// AckDeadline is how long Pub/Sub waits for an answer. It outlasts the request, because a
	// message would otherwise be handled twice at once.
	AckDeadline = 90 * time.Second
	// DefaultLease is how long a claim reserves the right to send. A send begins and
	// ends well inside it. It outlasts the request, so that nothing is sent twice.
	DefaultLease = 90 * time.Second
)

// Options are what the function needs. Config, Store and Receivers are required.
type Options struct {
	Config *config.Config
	// Store holds the state and the incidents' documents, which are written here alone.
	Store store.Store
	// Folder is where Store keeps its file, because a message then advises on a disk. It is
	// empty for Firestore.
	Folder string
	// Receivers by address. An address that routes name and that is missing here is
	// reported as refusing.
	Receivers map[string]message.Receiver
	// Problems says why an address is missing from Receivers. Optional.
	Problems map[string]string
	// Context returns what messages need besides the notice. Optional.
	Context func(context.Context) message.Context
	// Trend returns the latency of the last hour before at as a text sparkline. Optional.
	Trend func(ctx context.Context, shard, database string, at time.Time) string
	// Heartbeat sends a heartbeat after ticks that went well; see [Heartbeat]. Optional.
	Heartbeat func(context.Context) error

	// Authorize guards pushes; nil refuses every POST.
	Authorize func(http.Handler) http.Handler
	// Lease replaces DefaultLease, for tests that kill the process.
	Lease time.Duration
	// Observe is called at each point of the protocol. It serves tracing, and tests
	// that end the process there. Optional.
	Observe func(Point)
	// Jitter returns a random time below its argument; nil is random.
	Jitter func(time.Duration) time.Duration
	// Now tells the time; nil is time.Now.
	Now func() time.Time
	// Logger is optional.
	Logger *slog.Logger
}

// Point is a point of the protocol that loses or doubles something if it is wrong.
type Point string

// The points, in their order.
const (
	Got        Point = "got"        // the state was read
	Stepped    Point = "stepped"    // Step has decided
	Claimed    Point = "claimed"    // what is owed is claimed, in memory
	Committing Point = "committing" // about to write
	Committed  Point = "committed"  // written, nothing sent
	Sending    Point = "sending"    // rendered, about to send
	Sent       Point = "sent"       // the receiver has answered, nothing recorded
	Recorded   Point = "recorded"   // what became of it is written
)

// Function is the Alert function.
type Function struct {
	*access.Mux

	options Options
	config  *config.Config
	store   store.Store
	log     *slog.Logger
	now     func() time.Time

	hash string // the configuration's
	// first is the shard that carries what is wrong with receivers.
	first string

	mu       sync.Mutex
	policies map[string]policy.Policy
	// strangers are the services that spoke and that the configuration does not name.
	strangers map[string]bool
	signals   map[string]recentSignal // what each source last said of each service's revisions
	failOpen  map[string]time.Time    // the last slot of each shard that was used without a store
	unended   map[string][]lastResort // by shard
	ended     []lastResort            // the store works again, and the receiver does not know yet
	stored    []string
	storedAt  time.Time
	refusing  []string // addresses; nil while not known

	settling chan struct{} // one at a time
	settled  bool          // no shard has anything for another one

	// unheard are the shards with a critical incident that has reached no receiver.
	unheard map[string]bool
	beatAt  time.Time // the last heartbeat
}

// New returns the function.
func New(o Options) (*Function, error) {
	switch {
	case o.Config == nil:
		return nil, errors.New("making Alert: Config is missing")
	case o.Store == nil:
		return nil, errors.New("making Alert: Store is missing")
	case o.Receivers == nil:
		return nil, errors.New("making Alert: Receivers is missing, want a map by address, which may be empty")
	}
	o.Lease, o.Logger = cmp.Or(o.Lease, DefaultLease), cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(Point) {}
	}
	if o.Jitter == nil {
		o.Jitter = func(most time.Duration) time.Duration { return rand.N(max(most, 1)) }
	}
	if o.Context == nil {
		o.Context = func(context.Context) message.Context { return message.Context{} }
	}
	f := &Function{
		options: o, config: o.Config, hash: o.Config.Hash(), store: o.Store, log: o.Logger, now: o.Now,
		policies: map[string]policy.Policy{}, signals: map[string]recentSignal{}, strangers: map[string]bool{}, failOpen: map[string]time.Time{},
		unended: map[string][]lastResort{}, settling: make(chan struct{}, 1),
		unheard: map[string]bool{},
	}
	if shards := o.Config.ShardNames(); len(shards) > 0 {
		f.first = shards[0]
	}
	f.Mux = access.NewMux("/Alert")
	f.Handle("POST /", access.Callers(o.Authorize), http.HandlerFunc(f.push))
	f.Handle("GET /", access.Anyone(), http.HandlerFunc(f.about))
	return f, nil
}

// policy returns a shard's policy. It is made once, because the configuration does not
// change while the function lives.
func (f *Function) policy(shard string) policy.Policy {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok := f.policies[shard]
	if !ok {
		p = policy.Of(f.config, shard)
		f.policies[shard] = p
	}
	return p
}

// about answers a person who checks whether the function is there.
func (f *Function) about(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"function":"alert","takes":"Pub/Sub push requests"}` + "\n")) // the caller is gone if this fails
}
