package gcp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// buildTimeout bounds a Lazy's build. What is built keeps its context: a client
// refreshes its credentials with it as long as it lives.
const buildTimeout = 15 * time.Second

// Lazy is a value that is built when it is first asked for. One build runs at a
// time; a failed one is forgotten, so the next Get builds again. It is safe for
// concurrent use.
type Lazy[T any] struct {
	build func(context.Context) (T, error)

	mu      sync.Mutex
	value   T
	built   bool
	running *building[T]
}

// building is a running build, shared by all who wait for it.
type building[T any] struct {
	done  chan struct{} // closed when value and err are set
	value T
	err   error
}

// NewLazy returns a Lazy over build, whose context ends only when build fails or
// takes longer than 15 s.
func NewLazy[T any](build func(context.Context) (T, error)) *Lazy[T] {
	return &Lazy[T]{build: build}
}

// Get returns the value, building it if need be. It waits no longer than ctx, while
// the build goes on for those who ask later.
func (l *Lazy[T]) Get(ctx context.Context) (T, error) {
	l.mu.Lock()
	if l.built {
		defer l.mu.Unlock()
		return l.value, nil
	}
	if l.running == nil {
		l.running = &building[T]{done: make(chan struct{})}
		go l.run(context.WithoutCancel(ctx), l.running)
	}
	running := l.running
	l.mu.Unlock()

	select {
	case <-running.done:
		return running.value, running.err
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("waiting for the set-up: %w", ctx.Err())
	}
}

func (l *Lazy[T]) run(ctx context.Context, b *building[T]) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(buildTimeout, func() { cancel(errBuildTimeout) })
	b.value, b.err = l.guarded(ctx)
	timer.Stop()
	if b.err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errBuildTimeout) {
			b.err = fmt.Errorf("%w: %w", cause, b.err)
		}
		cancel(nil)
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = nil
	if b.err == nil {
		l.value, l.built = b.value, true
	}
	close(b.done)
}

var errBuildTimeout = fmt.Errorf("set-up took longer than %v", buildTimeout)

// guarded turns a panic into an error: it happens on a goroutine that no server
// guards and would end the process.
func (l *Lazy[T]) guarded(ctx context.Context) (value T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("set-up panicked: %v", p)
		}
	}()
	return l.build(ctx)
}
