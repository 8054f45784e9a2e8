package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/pongwatch/pongwatch/shared/store"
)

// ErrInjected is the error behind every fault that has none of its own.
var ErrInjected = errors.New("injected fault")

// Fault is what happens to one call of a Faulty store. Its fields combine: Before
// runs, then the call if Skip is not set, then After, then Err is the answer.
type Fault struct {
	Before func()          // for example another writer's Put, or a crash before the commit
	Hang   bool            // wait until the caller's context ends and answer with its error; implies Skip
	Skip   bool            // the store is not asked
	After  func(err error) // with the store's own answer; for example a crash after the commit
	Err    error           // replaces the store's answer
}

// Faults that need no fields.
var (
	// Unavailable answers with an error and does nothing.
	Unavailable = Fault{Skip: true, Err: ErrInjected}
	// LostAnswer does what was asked and answers with an error.
	LostAnswer = Fault{Err: ErrInjected}
	// Conflict answers ErrConflict and does nothing.
	Conflict = Fault{Skip: true, Err: store.ErrConflict}
	// Hang does nothing until the caller's context ends.
	Hang = Fault{Hang: true}
	// None lets one call pass, to place a later fault.
	None = Fault{}
)

// Op names a method of Store.
type Op string

// The operations of a store.
const (
	Get   Op = "get"
	Put   Op = "put"
	Range Op = "range"
)

// Call is one call that a Faulty store saw. For a Range, Key is its lower bound.
type Call struct {
	Op  Op
	Key string
}

// Faulty wraps a Store and disturbs its calls by plan.
type Faulty struct {
	inner store.Store

	mu      sync.Mutex
	planned map[Op][]Fault
	decide  func(Call) Fault
	calls   []Call
}

var _ store.Store = (*Faulty)(nil)

// NewFaulty returns a wrapper of s that disturbs nothing yet.
func NewFaulty(s store.Store) *Faulty {
	return &Faulty{inner: s, planned: map[Op][]Fault{}}
}

// Plan queues faults for the next calls of op, one each, after those already
// planned; then calls pass again.
func (f *Faulty) Plan(op Op, faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.planned[op] = append(f.planned[op], faults...)
}

// Always makes decide choose the fault of each call that has none planned; nil
// ends that. A store that is down is Always with Unavailable.
func (f *Faulty) Always(decide func(Call) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.decide = decide
}

// Calls returns what was called so far, disturbed or not.
func (f *Faulty) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Call(nil), f.calls...)
}

// Count returns how many calls of op there were so far.
func (f *Faulty) Count(op Op) int {
	n := 0
	for _, c := range f.Calls() {
		if c.Op == op {
			n++
		}
	}
	return n
}

// Get implements [store.Store].
func (f *Faulty) Get(ctx context.Context, key string) (store.Doc, error) {
	return f.disturb(ctx, Call{Get, key}, func() (store.Doc, error) { return f.inner.Get(ctx, key) })
}

// Put implements [store.Store].
func (f *Faulty) Put(ctx context.Context, d store.Doc) (store.Doc, error) {
	return f.disturb(ctx, Call{Put, d.Key}, func() (store.Doc, error) { return f.inner.Put(ctx, d) })
}

// Range implements [store.Store]. A fault's error ends the sequence before its
// first document.
func (f *Faulty) Range(ctx context.Context, from, to string) iter.Seq2[store.Doc, error] {
	return func(yield func(store.Doc, error) bool) {
		_, err := f.disturb(ctx, Call{Range, from}, func() (store.Doc, error) { return store.Doc{}, nil })
		if err != nil {
			yield(store.Doc{}, err)
			return
		}
		f.inner.Range(ctx, from, to)(yield)
	}
}

func (f *Faulty) disturb(ctx context.Context, c Call, ask func() (store.Doc, error)) (d store.Doc, err error) {
	fault := f.next(c)
	if fault.Before != nil {
		fault.Before()
	}
	if fault.Hang {
		<-ctx.Done()
		return store.Doc{}, fmt.Errorf("%s %s: %w", c.Op, c.Key, ctx.Err())
	}
	if !fault.Skip {
		d, err = ask()
	}
	if fault.After != nil {
		fault.After(err)
	}
	if fault.Err != nil {
		return store.Doc{}, fmt.Errorf("%s %s: %w", c.Op, c.Key, fault.Err)
	}
	return d, err
}

func (f *Faulty) next(c Call) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c)
	if queue := f.planned[c.Op]; len(queue) > 0 {
		f.planned[c.Op] = queue[1:]
		return queue[0]
	}
	if f.decide != nil {
		return f.decide(c)
	}
	return None
}
