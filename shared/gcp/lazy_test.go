package gcp

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLazyBuildsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		builds := 0
		l := lazy(0, func(context.Context) (int, error) {
			time.Sleep(time.Second)
			builds++
			return builds, nil
		})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got, err := l(t.Context()); got != 1 || err != nil {
					t.Errorf("got %d, %v", got, err)
				}
			})
		}
		wg.Wait()
		if got, err := l(t.Context()); got != 1 || err != nil {
			t.Errorf("later: got %d, %v", got, err)
		}
	})
}

func TestLazyForgetsAFailure(t *testing.T) {
	builds := 0
	l := lazy(0, func(context.Context) (string, error) {
		if builds++; builds == 1 {
			return "", errors.New("no permission yet")
		}
		return "ready", nil
	})
	if _, err := l(t.Context()); err == nil {
		t.Error("the first Get succeeded")
	}
	if got, err := l(t.Context()); got != "ready" || err != nil {
		t.Errorf("after the repair: got %q, %v", got, err)
	}
}

func TestLazyWaitersLeaveAndTheBuildGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		builds := 0
		l := lazy(0, func(ctx context.Context) (string, error) {
			builds++
			select {
			case <-time.After(2 * time.Second):
				return "ready", nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the impatient caller got %v", err)
		}
		if got, err := l(t.Context()); got != "ready" || err != nil || builds != 1 {
			t.Errorf("the patient one got %q, %v after %d builds", got, err, builds)
		}
	})
}

func TestLazyBuildContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept context.Context
		good := lazy(0, func(ctx context.Context) (int, error) {
			kept = ctx
			return 1, nil
		})
		if _, err := good(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if err := kept.Err(); err != nil {
			t.Errorf("the context of what was built ended: %v", err)
		}

		hanging := lazy(0, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		began := time.Now()
		_, err := hanging(t.Context())
		if err == nil || !strings.Contains(err.Error(), "longer than 15s") || time.Since(began) != 15*time.Second {
			t.Errorf("a hanging build ended after %v with %v", time.Since(began), err)
		}
	})
}

func TestTheContextOfAFailedBuildEnds(t *testing.T) {
	var kept context.Context
	l := lazy(0, func(ctx context.Context) (int, error) {
		kept = ctx
		return 0, errors.New("no permission")
	})
	if _, err := l(t.Context()); err == nil || err.Error() != "no permission" {
		t.Errorf("error %v, want the build's alone", err)
	}
	if kept.Err() == nil {
		t.Error("the context goes on")
	}
}

func TestLazyPanic(t *testing.T) {
	l := lazy(0, func(context.Context) (int, error) { panic("no such field") })
	if _, err := l(t.Context()); err == nil || !strings.Contains(err.Error(), "no such field") {
		t.Errorf("error %v, want the panic's", err)
	}
}
