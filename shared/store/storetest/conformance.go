// Package storetest holds implementations of store.Store to their contract, and
// imitates a store for the tests of its users: Memory keeps documents in memory,
// Faulty fails, conflicts and loses answers by plan.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/store"
)

// Conformance runs the contract of package store against the implementation that
// open returns. Each call of open must give an empty store that judges expiry by
// now; it closes with t.Cleanup what needs closing.
func Conformance(t *testing.T, open func(t *testing.T, now func() time.Time) store.Store) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s store.Store, c *Clock)
	}{
		{"a document that never was is not found", neverWas},
		{"a document comes back as it was put", roundTrip},
		{"empty and binary data come back", data},
		{"a create of a present document is a conflict", createTwice},
		{"a put on an older version is a conflict and changes nothing", staleVersion},
		{"a put on an absent document's version is a conflict", versionOfAbsent},
		{"every put moves the version even if no byte changes", samePut},
		{"the store keeps no slice of its caller", aliasing},
		{"an expired document reads as not found and gives way to a create", expiry},
		{"a put on a version read before the expiry applies or conflicts", putOnExpired},
		{"an expiry can be moved and removed", moveExpiry},
		{"one megabyte fits and more is refused", size},
		{"a key outside the grammar is refused by every method", keys},
		{"one of several writers on one version wins", contention},
		{"increments by compare and swap lose none", increments},
		{"a range is ordered, half open and in one collection", ranges},
		{"a range leaves out what has expired", rangeExpired},
		{"a range stops when its caller does, and its body may write", rangeBody},
		{"a long range is complete", rangeLong},
		{"an ended context ends every method", ended},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := NewClock()
			c.run(t, open(t, clock.Now), clock)
		})
	}
}

// Clock is a clock that a test moves.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at a round time.
func NewClock() *Clock {
	return &Clock{now: time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)}
}

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock by d.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const key = "state/v1/main"

func neverWas(t *testing.T, s store.Store, _ *Clock) {
	if _, err := s.Get(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get: %v, want ErrNotFound", err)
	}
}

func roundTrip(t *testing.T, s store.Store, c *Clock) {
	expires := c.Now().Add(time.Hour + 123456789*time.Nanosecond)
	written := put(t, s, store.Doc{
		Key: key, Data: []byte("hello"), Schema: 7,
		ExpiresAt: expires.In(time.FixedZone("somewhere", 3600)),
	})
	if written.Version == "" {
		t.Error("Put returned no version")
	}
	want := store.Doc{Key: key, Data: []byte("hello"), Schema: 7, Version: written.Version, ExpiresAt: expires.Truncate(time.Microsecond)}
	if diff := cmp.Diff(want, written); diff != "" {
		t.Errorf("Put returned another document (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, get(t, s, key)); diff != "" {
		t.Errorf("Get returned another document (-want +got):\n%s", diff)
	}
}

func data(t *testing.T, s store.Store, _ *Clock) {
	for i, b := range [][]byte{nil, {}, {0}, []byte("\x00\xff\xfe\n"), []byte(strings.Repeat("ü", 999))} {
		k := fmt.Sprintf("state/v1/data-%d", i)
		put(t, s, store.Doc{Key: k, Data: b})
		if got := get(t, s, k); !bytes.Equal(got.Data, b) {
			t.Errorf("case %d: %q came back as %q", i, b, got.Data)
		}
		if got := get(t, s, k); !got.ExpiresAt.IsZero() {
			t.Errorf("case %d: no expiry came back as %v", i, got.ExpiresAt)
		}
	}
}

func createTwice(t *testing.T, s store.Store, _ *Clock) {
	put(t, s, store.Doc{Key: key, Data: []byte("a")})
	mustConflict(t, s, store.Doc{Key: key, Data: []byte("b")})
	if got := get(t, s, key); string(got.Data) != "a" {
		t.Errorf("the refused create left %q", got.Data)
	}
}

func staleVersion(t *testing.T, s store.Store, _ *Clock) {
	first := put(t, s, store.Doc{Key: key, Data: []byte("a")})
	second := put(t, s, store.Doc{Key: key, Data: []byte("b"), Version: first.Version})
	mustConflict(t, s, store.Doc{Key: key, Data: []byte("c"), Version: first.Version})
	got := get(t, s, key)
	if string(got.Data) != "b" || got.Version != second.Version {
		t.Errorf("the refused put left %q at version %s, want \"b\" at %s", got.Data, got.Version, second.Version)
	}
}

func versionOfAbsent(t *testing.T, s store.Store, _ *Clock) {
	other := put(t, s, store.Doc{Key: key, Data: []byte("a")})
	mustConflict(t, s, store.Doc{Key: "state/v1/absent", Data: []byte("b"), Version: other.Version})
}

func samePut(t *testing.T, s store.Store, _ *Clock) {
	d := store.Doc{Key: key, Data: []byte("a"), Schema: 1}
	seen := map[string]bool{}
	for range 5 {
		d = put(t, s, d)
		if seen[d.Version] {
			t.Fatalf("version %s came twice", d.Version)
		}
		seen[d.Version] = true
		if got := get(t, s, key).Version; got != d.Version {
			t.Fatalf("Get has version %s, Put returned %s", got, d.Version)
		}
	}
}

func aliasing(t *testing.T, s store.Store, _ *Clock) {
	b := []byte("abc")
	put(t, s, store.Doc{Key: key, Data: b})
	b[0] = 'X'
	got := get(t, s, key)
	if string(got.Data) != "abc" {
		t.Errorf("changing the slice that was put changed the document to %q", got.Data)
	}
	got.Data[0] = 'Y'
	if again := get(t, s, key); string(again.Data) != "abc" {
		t.Errorf("changing the slice that was got changed the document to %q", again.Data)
	}
}

func expiry(t *testing.T, s store.Store, c *Clock) {
	first := put(t, s, store.Doc{Key: key, Data: []byte("a"), ExpiresAt: c.Now().Add(time.Minute)})
	c.Advance(time.Minute - time.Microsecond)
	get(t, s, key)
	mustConflict(t, s, store.Doc{Key: key, Data: []byte("b")})
	c.Advance(time.Microsecond)
	if _, err := s.Get(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get at the expiry: %v, want ErrNotFound", err)
	}
	second := put(t, s, store.Doc{Key: key, Data: []byte("b")})
	if second.Version == first.Version {
		t.Error("the new document has the expired one's version")
	}
	mustConflict(t, s, store.Doc{Key: key, Data: []byte("c"), Version: first.Version})
	if got := get(t, s, key); string(got.Data) != "b" || !got.ExpiresAt.IsZero() {
		t.Errorf("got %q, expiring %v; want \"b\", never", got.Data, got.ExpiresAt)
	}
}

func putOnExpired(t *testing.T, s store.Store, c *Clock) {
	d := put(t, s, store.Doc{Key: key, Data: []byte("a"), ExpiresAt: c.Now().Add(time.Minute)})
	c.Advance(time.Hour)
	_, err := s.Put(t.Context(), store.Doc{Key: key, Data: []byte("b"), Version: d.Version})
	switch {
	case errors.Is(err, store.ErrConflict):
	case err != nil:
		t.Errorf("Put: %v", err)
	default:
		if got := get(t, s, key); string(got.Data) != "b" {
			t.Errorf("got %q, want \"b\"", got.Data)
		}
	}
}

func moveExpiry(t *testing.T, s store.Store, c *Clock) {
	d := put(t, s, store.Doc{Key: key, ExpiresAt: c.Now().Add(time.Minute)})
	d.ExpiresAt = c.Now().Add(time.Hour)
	d = put(t, s, d)
	c.Advance(30 * time.Minute)
	get(t, s, key)
	d.ExpiresAt = time.Time{}
	put(t, s, d)
	c.Advance(1000 * time.Hour)
	get(t, s, key)
}

func size(t *testing.T, s store.Store, _ *Clock) {
	big := bytes.Repeat([]byte{0xA5}, store.MaxData)
	put(t, s, store.Doc{Key: key, Data: big})
	if got := get(t, s, key); !bytes.Equal(got.Data, big) {
		t.Error("one megabyte came back changed")
	}
	_, err := s.Put(t.Context(), store.Doc{Key: "state/v1/other", Data: append(big, 0)})
	if !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("Put of one byte more: %v, want ErrTooLarge", err)
	}
}

func keys(t *testing.T, s store.Store, _ *Clock) {
	for _, bad := range []string{"", "state", "state/v1", "state/v1/", "state/v1/a b", "state/v1/a:b"} {
		if _, err := s.Get(t.Context(), bad); !errors.Is(err, store.ErrInvalidKey) {
			t.Errorf("Get %q: %v, want ErrInvalidKey", bad, err)
		}
		if _, err := s.Put(t.Context(), store.Doc{Key: bad}); !errors.Is(err, store.ErrInvalidKey) {
			t.Errorf("Put %q: %v, want ErrInvalidKey", bad, err)
		}
	}
	for _, b := range [][2]string{{"", ""}, {"a/v1/x", "b/v1/x"}, {"a/v1/x", "a/v1/x y"}} {
		if _, err := collect(t, s, b[0], b[1]); !errors.Is(err, store.ErrInvalidKey) {
			t.Errorf("Range %q: %v, want ErrInvalidKey", b, err)
		}
	}
	// Names that the grammar allows and an implementation might trip over.
	for _, good := range []string{"a-1/v1/_pongwatch", "a/v1/.", "a/v1/..", "a/v12/A.b_c-9/x", "a/v1/__x__"} {
		d := put(t, s, store.Doc{Key: good, Data: []byte(good)})
		if got := get(t, s, good); string(got.Data) != good || got.Key != good || got.Version != d.Version {
			t.Errorf("%q came back as %+v", good, got)
		}
	}
}

func contention(t *testing.T, s store.Store, _ *Clock) {
	base := put(t, s, store.Doc{Key: key, Data: []byte("base")})
	for name, version := range map[string]string{key: base.Version, "state/v1/new": ""} {
		var wg sync.WaitGroup
		answers := make([]error, 4)
		for i := range answers {
			wg.Go(func() {
				_, answers[i] = s.Put(t.Context(), store.Doc{Key: name, Data: fmt.Append(nil, i), Version: version})
			})
		}
		wg.Wait()
		winner := -1
		for i, err := range answers {
			switch {
			case err == nil && winner >= 0:
				t.Errorf("%s: writers %d and %d both won", name, winner, i)
			case err == nil:
				winner = i
			case !errors.Is(err, store.ErrConflict):
				t.Errorf("%s: writer %d: %v, want ErrConflict", name, i, err)
			}
		}
		if got := get(t, s, name); string(got.Data) != fmt.Sprint(winner) {
			t.Errorf("%s: holds %q, the winner was %d", name, got.Data, winner)
		}
	}
}

func increments(t *testing.T, s store.Store, _ *Clock) {
	put(t, s, store.Doc{Key: key})
	const writers, each = 3, 4
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for done := 0; done < each; {
				d, err := s.Get(t.Context(), key)
				if err != nil {
					t.Error(err)
					return
				}
				d.Data = append(d.Data, '.')
				switch _, err = s.Put(t.Context(), d); {
				case err == nil:
					done++
				case !errors.Is(err, store.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got := len(get(t, s, key).Data); got != writers*each {
		t.Errorf("%d increments left %d", writers*each, got)
	}
}

func ended(t *testing.T, s store.Store, _ *Clock) {
	put(t, s, store.Doc{Key: key, Data: []byte("a")})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Get(ctx, key); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get: %v, want the context's end", err)
	}
	if _, err := s.Put(ctx, store.Doc{Key: "state/v1/other"}); err == nil || errors.Is(err, store.ErrConflict) {
		t.Errorf("Put: %v, want the context's end", err)
	}
	for d, err := range s.Range(ctx, "state/v1/", "state/v1/~") {
		if err == nil {
			t.Errorf("Range yielded %s after the context's end", d.Key)
		}
	}
}

func put(t *testing.T, s store.Store, d store.Doc) store.Doc {
	t.Helper()
	d, err := s.Put(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func get(t *testing.T, s store.Store, key string) store.Doc {
	t.Helper()
	d, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustConflict(t *testing.T, s store.Store, d store.Doc) {
	t.Helper()
	if _, err := s.Put(t.Context(), d); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Put of %s on version %q: %v, want ErrConflict", d.Key, d.Version, err)
	}
}
