package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/pongwatch/pongwatch/shared/store"
)

// ErrInjected is the error of every fault that has none of its own.
var ErrInjected = errors.New("injected fault")

// Fault is what happens to one call of a Faulty store.
type Fault struct {
	Skip bool  // the store is not called
	Err  error // replaces the store's answer; of a Range it follows the documents
}

// The faults.
var (
	// None lets one call pass, to place a later fault.
	None = Fault{}
	// Unavailable does nothing and returns an error.
	Unavailable = Fault{Skip: true, Err: ErrInjected}
	// LostAnswer does what the caller wants and returns an error.
	LostAnswer = Fault{Err: ErrInjected}
	// Conflict does nothing and returns ErrConflict.
	Conflict = Fault{Skip: true, Err: store.ErrConflict}
)

// Op names a method of Store.
type Op string

// The operations of a store.
const (
	Get   Op = "get"
	Put   Op = "put"
	Range Op = "range"
)

// Call is one call of a Faulty store. For a Range, Key is its lower bound.
type Call struct {
	Op  Op
	Key string
}

// Faulty wraps a Store and disturbs its calls by plan.
type Faulty struct {
	inner store.Store

	mu        sync.Mutex
	planned   map[Op][]Fault
	decide    func(Call) Fault
	calls     []Call
	disturbed bool
}

var _ store.Store = (*Faulty)(nil)

// NewFaulty returns a wrapper of s that disturbs nothing yet.
func NewFaulty(s store.Store) *Faulty {
	return &Faulty{inner: s, planned: map[Op][]Fault{}}
}

// EachCall yields a Faulty store whose first call has the fault, then one whose second call
// has it, and so on. open returns a store to wrap for each of them. The operation under test
// must succeed with the last one, which it does not call often enough to be Disturbed. Always
// with nil lets the calls after the operation pass.
func EachCall(open func() store.Store, fault Fault) iter.Seq[*Faulty] {
	return func(yield func(*Faulty) bool) {
		for n := 1; ; n++ {
			f := NewFaulty(open())
			f.decide = func(Call) Fault {
				if len(f.calls) == n {
					return fault
				}
				return None
			}
			if !yield(f) || !f.Disturbed() {
				return
			}
		}
	}
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

// Disturbed reports whether a call had a fault so far.
func (f *Faulty) Disturbed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.disturbed
}

// Calls returns the calls so far, disturbed or not.
func (f *Faulty) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
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
	return f.call(Call{Get, key}, func() (store.Doc, error) { return f.inner.Get(ctx, key) })
}

// Put implements [store.Store].
func (f *Faulty) Put(ctx context.Context, d store.Doc) (store.Doc, error) {
	return f.call(Call{Put, d.Key}, func() (store.Doc, error) { return f.inner.Put(ctx, d) })
}

func (f *Faulty) call(c Call, inner func() (store.Doc, error)) (d store.Doc, err error) {
	fault := f.next(c)
	if !fault.Skip {
		d, err = inner()
	}
	if fault.Err != nil {
		return store.Doc{}, fmt.Errorf("%s %s: %w", c.Op, c.Key, fault.Err)
	}
	return d, err
}

// Range implements [store.Store].
func (f *Faulty) Range(ctx context.Context, from, to string) iter.Seq2[store.Doc, error] {
	return func(yield func(store.Doc, error) bool) {
		fault := f.next(Call{Range, from})
		if !fault.Skip {
			for d, err := range f.inner.Range(ctx, from, to) {
				if !yield(d, err) || err != nil {
					return
				}
			}
		}
		if fault.Err != nil {
			yield(store.Doc{}, fmt.Errorf("range %s: %w", from, fault.Err))
		}
	}
}

func (f *Faulty) next(c Call) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c)
	fault := None
	if queue := f.planned[c.Op]; len(queue) > 0 {
		fault, f.planned[c.Op] = queue[0], queue[1:]
	} else if f.decide != nil {
		fault = f.decide(c)
	}
	if fault != None {
		f.disturbed = true
	}
	return fault
}
