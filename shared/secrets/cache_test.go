package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pongwatch/pongwatch/shared/secrets"
)

// fakeSource answers with its current secret and counts the reads.
type fakeSource struct {
	mu      sync.Mutex
	reads   int
	data    string
	version int
	err     error
	delay   time.Duration
}

func (f *fakeSource) Access(ctx context.Context, _ string) (secrets.Secret, error) {
	f.mu.Lock()
	f.reads++
	answer, err, delay := secrets.Secret{Data: []byte(f.data), Version: strconv.Itoa(f.version)}, f.err, f.delay
	f.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return secrets.Secret{}, fmt.Errorf("%w: %w", secrets.ErrUnavailable, ctx.Err())
	}
	if err != nil {
		return secrets.Secret{}, err
	}
	return answer, nil
}

func (f *fakeSource) rotate(data string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.data, f.version = data, f.version+1
}

func (f *fakeSource) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func mustRef(t *testing.T, s string) secrets.Ref {
	t.Helper()
	ref, err := secrets.ParseRef(s)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func mustGet(t *testing.T, read func(context.Context, secrets.Ref) (secrets.Entry, error), ref secrets.Ref) secrets.Entry {
	t.Helper()
	e, err := read(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// inBubble runs f with a cache over a source that holds "one" as version 1.
func inBubble(t *testing.T, f func(t *testing.T, c *secrets.Cache, src *fakeSource, ref secrets.Ref)) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{data: "one", version: 1}
		f(t, secrets.NewCache(src.Access, nil), src, mustRef(t, "sm://projects/p/secrets/s"))
	})
}

func TestCacheHoldsAnAnswerForAnHour(t *testing.T) {
	inBubble(t, func(t *testing.T, c *secrets.Cache, src *fakeSource, ref secrets.Ref) {
		mustGet(t, c.Get, ref)
		src.rotate("two")
		time.Sleep(time.Hour - 1)
		if e := mustGet(t, c.Get, ref); e.Value.Reveal() != "one" || e.Version != "1" || src.reads != 1 {
			t.Errorf("before the hour: version %s after %d reads", e.Version, src.reads)
		}
		time.Sleep(time.Nanosecond)
		if e := mustGet(t, c.Get, ref); e.Value.Reveal() != "two" || e.Version != "2" || src.reads != 2 {
			t.Errorf("after the hour: version %s after %d reads", e.Version, src.reads)
		}
	})
}

func TestCacheServesStaleWhileTheSourceIsDown(t *testing.T) {
	inBubble(t, func(t *testing.T, c *secrets.Cache, src *fakeSource, ref secrets.Ref) {
		mustGet(t, c.Get, ref)
		src.fail(secrets.ErrUnavailable)
		time.Sleep(2 * time.Hour)
		for range 3 {
			e := mustGet(t, c.Get, ref)
			if e.Value.Reveal() != "one" || !errors.Is(e.Err, secrets.ErrUnavailable) {
				t.Errorf("got version %s with %v, want the stale one with the reason", e.Version, e.Err)
			}
		}
		if src.reads != 2 {
			t.Errorf("%d reads, want no repetition within a minute", src.reads)
		}
		src.fail(nil)
		src.rotate("two")
		time.Sleep(time.Minute)
		if e := mustGet(t, c.Get, ref); e.Value.Reveal() != "two" || e.Err != nil {
			t.Errorf("after the outage: version %s, %v", e.Version, e.Err)
		}
	})
}

func TestCacheDoesNotRememberAFirstFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, c *secrets.Cache, src *fakeSource, ref secrets.Ref) {
		src.fail(secrets.ErrDenied)
		_, err := c.Get(t.Context(), ref)
		if !errors.Is(err, secrets.ErrDenied) || !strings.Contains(err.Error(), ref.String()) {
			t.Errorf("error %v, want ErrDenied naming the reference", err)
		}
		src.fail(nil)
		if e := mustGet(t, c.Get, ref); e.Value.Reveal() != "one" {
			t.Error("once it works again, the secret is not read")
		}
	})
}

func TestRefreshReadsAtOnceButNotInALoop(t *testing.T) {
	inBubble(t, func(t *testing.T, c *secrets.Cache, src *fakeSource, ref secrets.Ref) {
		mustGet(t, c.Get, ref)
		src.rotate("two")
		time.Sleep(10 * time.Second)
		if e := mustGet(t, c.Refresh, ref); e.Version != "2" {
			t.Errorf("refreshed to version %s, want 2", e.Version)
		}
		if e := mustGet(t, c.Get, ref); e.Version != "2" {
			t.Errorf("Get has version %s after the refresh, want 2", e.Version)
		}
		src.rotate("three")
		time.Sleep(10*time.Second - 1)
		if e := mustGet(t, c.Refresh, ref); e.Version != "2" || src.reads != 2 {
			t.Errorf("within the floor: version %s after %d reads, want no read", e.Version, src.reads)
		}
		time.Sleep(time.Nanosecond)
		src.fail(secrets.ErrUnavailable)
		for range 2 {
			if e := mustGet(t, c.Refresh, ref); e.Version != "2" || e.Err == nil {
				t.Errorf("failed refresh: version %s, %v; want the stale one", e.Version, e.Err)
			}
		}
		if src.reads != 3 {
			t.Errorf("%d reads, want a failed forced read not repeated within the floor", src.reads)
		}
	})
}

func TestRefreshOfAnUnreadSecretReadsIt(t *testing.T) {
	inBubble(t, func(t *testing.T, c *secrets.Cache, _ *fakeSource, ref secrets.Ref) {
		if e := mustGet(t, c.Refresh, ref); e.Version != "1" {
			t.Errorf("version %s, want 1", e.Version)
		}
	})
}

func TestCacheSharesARunningRead(t *testing.T) {
	inBubble(t, func(t *testing.T, c *secrets.Cache, src *fakeSource, ref secrets.Ref) {
		src.delay = time.Second
		var wg sync.WaitGroup
		impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		wg.Go(func() { // starts the read, and must not end it for the others
			if _, err := c.Get(impatient, ref); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the impatient caller got %v", err)
			}
		})
		synctest.Wait()
		for range 50 {
			wg.Go(func() {
				if e, err := c.Get(t.Context(), ref); err != nil || e.Version != "1" {
					t.Errorf("got %v, %v", e.Version, err)
				}
			})
			wg.Go(func() {
				if e, err := c.Refresh(t.Context(), ref); err != nil || e.Version != "1" {
					t.Errorf("got %v, %v", e.Version, err)
				}
			})
		}
		wg.Wait()
		if src.reads != 1 {
			t.Errorf("%d reads for 101 callers, want 1", src.reads)
		}
	})
}

func TestAHangingReadEndsAtItsTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, c *secrets.Cache, src *fakeSource, ref secrets.Ref) {
		src.delay = time.Hour
		start := time.Now()
		if _, err := c.Get(t.Context(), ref); !errors.Is(err, secrets.ErrUnavailable) {
			t.Errorf("error %v, want ErrUnavailable", err)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("took %v, want 5s", took)
		}
	})
}

func TestCacheTrims(t *testing.T) {
	tests := []struct{ name, data, want string }{
		{"echo's newline", "token\n", "token"},
		{"a Windows line end", "token\r\n", "token"},
		{"blanks around", "  token \t", "token"},
		{"a byte order mark", "\ufefftoken", "token"},
		{"inner blanks stay", "a b\n", "a b"},
		{"a document keeps its first line's indentation", "\n  a: 1\n  b: 2\n\n", "  a: 1\n  b: 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := secrets.NewCache((&fakeSource{data: tt.data}).Access, nil)
			if e := mustGet(t, c.Get, mustRef(t, "sm://projects/p/secrets/s")); e.Value.Reveal() != tt.want {
				t.Errorf("got %q, want %q", e.Value.Reveal(), tt.want)
			}
		})
	}
}

func TestCacheRefusesNothing(t *testing.T) {
	c := secrets.NewCache((&fakeSource{data: " \n"}).Access, nil)
	if _, err := c.Get(t.Context(), mustRef(t, "sm://projects/p/secrets/s")); !errors.Is(err, secrets.ErrEmpty) {
		t.Errorf("a blank secret: %v, want ErrEmpty", err)
	}
	if _, err := c.Get(t.Context(), secrets.Ref{}); err == nil {
		t.Error("an empty reference was read")
	}
}

func TestAPanickingSourceIsAnErrorWithoutItsContent(t *testing.T) {
	c := secrets.NewCache(secrets.Source(func(context.Context, string) (secrets.Secret, error) {
		panic(canary)
	}), nil)
	_, err := c.Get(t.Context(), mustRef(t, "sm://projects/p/secrets/s"))
	if err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("error %v, want one without the panic's value", err)
	}
}

func TestSecretRedactsItself(t *testing.T) {
	s := secrets.Secret{Data: []byte(canary), Version: "1"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, s); got != "[redacted]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}
