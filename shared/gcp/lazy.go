package gcp

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// buildTimeout bounds a lazy's build. What is built keeps its context, because a client
// refreshes its credentials with it as long as it lives.
const buildTimeout = 15 * time.Second

// lazy is a value that is built on first use. One build runs at a time. After a failed one
// Get fails alike for the time of pause, and then builds again. It is safe for concurrent use.
type lazy[T any] struct {
	build  func(context.Context) (T, error)
	pause  time.Duration
	flight singleflight.Group
	value  atomic.Pointer[T]

	// Within the flight alone.
	failure  error
	failedAt time.Time
}

// newLazy returns a lazy over build, whose context ends only when build fails or
// takes longer than 15 s.
func newLazy[T any](build func(context.Context) (T, error)) *lazy[T] {
	return &lazy[T]{build: build}
}

// Get returns the value, building it if necessary. It waits no longer than ctx, while
// the build goes on for later calls.
func (l *lazy[T]) Get(ctx context.Context) (value T, err error) {
	if built := l.value.Load(); built != nil {
		return *built, nil
	}
	running := l.flight.DoChan("", func() (any, error) {
		if l.value.Load() != nil {
			return nil, nil
		}
		if l.failure != nil && time.Since(l.failedAt) < l.pause {
			return nil, l.failure
		}
		built, err := l.run(context.WithoutCancel(ctx))
		if err == nil {
			l.value.Store(&built)
		}
		l.failure, l.failedAt = err, time.Now()
		return nil, err
	})
	select {
	case r := <-running:
		if r.Err != nil {
			return value, r.Err
		}
		return *l.value.Load(), nil
	case <-ctx.Done():
		return value, fmt.Errorf("waiting for the set-up: %w", ctx.Err())
	}
}

// run calls build. A panic becomes an error, because it is on a goroutine that no
// server guards and would end the process.
func (l *lazy[T]) run(ctx context.Context) (value T, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(buildTimeout, func() { cancel(errBuildTimeout) })
	defer func() {
		timer.Stop()
		if p := recover(); p != nil {
			err = fmt.Errorf("set-up panicked: %v", p)
		}
		if err == nil {
			return
		}
		if cause := context.Cause(ctx); errors.Is(cause, errBuildTimeout) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		cancel(nil)
	}()
	return l.build(ctx)
}

var errBuildTimeout = fmt.Errorf("set-up took longer than %v", buildTimeout)
