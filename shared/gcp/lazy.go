package gcp

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// buildTimeout bounds a lazy's build.
const buildTimeout = 15 * time.Second

var errBuildTimeout = fmt.Errorf("set-up took longer than %v", buildTimeout)

// lazy returns a function that builds a value on its first call, and returns the same value from then on. One
// build runs at a time. A call waits no longer than its context, while the build goes on for later calls. After a
// failed build, calls fail alike for the time of pause, and then the next one builds again.
//
// The build's context ends only when the build fails or takes too long, because a client refreshes its
// credentials with it as long as it lives.
func lazy[T any](pause time.Duration, build func(context.Context) (T, error)) func(context.Context) (T, error) {
	var (
		flight singleflight.Group
		value  atomic.Pointer[T]
		// Within the flight alone.
		failure  error
		failedAt time.Time
	)
	return func(ctx context.Context) (none T, _ error) {
		if built := value.Load(); built != nil {
			return *built, nil
		}
		running := flight.DoChan("", func() (_ any, err error) {
			if value.Load() != nil {
				return nil, nil
			}
			if failure != nil && time.Since(failedAt) < pause {
				return nil, failure
			}
			ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
			timer := time.AfterFunc(buildTimeout, func() { cancel(errBuildTimeout) })
			defer func() {
				timer.Stop()
				if p := recover(); p != nil { // on a goroutine that no server guards it would end the process
					err = fmt.Errorf("set-up panicked: %v", p)
				}
				if err != nil && errors.Is(context.Cause(ctx), errBuildTimeout) {
					err = fmt.Errorf("%w: %w", errBuildTimeout, err)
				}
				if failure, failedAt = err, time.Now(); err != nil {
					cancel(nil)
				}
			}()
			built, err := build(ctx)
			if err == nil {
				value.Store(&built)
			}
			return nil, err
		})
		select {
		case r := <-running:
			if r.Err != nil {
				return none, r.Err
			}
			return *value.Load(), nil
		case <-ctx.Done():
			return none, fmt.Errorf("waiting for the set-up: %w", ctx.Err())
		}
	}
}
