package secrets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// ttl is how long an answer is good.
	ttl = time.Hour
	// floor is the least time between two reads that Refresh forces.
	floor = 10 * time.Second
	// backoff is how long a failed read is not repeated while a stale answer serves.
	backoff = time.Minute
	// timeout bounds one read.
	timeout = 5 * time.Second
)

// Source reads the version of a secret with the resource name projects/P/secrets/S/versions/V, as
// shared/gcp/secretmanager does. Its errors hold nothing of the content and match one of the
// sentinels below where it knows the reason.
type Source func(ctx context.Context, name string) (Secret, error)

// Why a secret could not be read; test with [errors.Is]. All but ErrUnavailable
// last until a person repairs the secret or its permissions.
var (
	ErrDenied      = errors.New("permission denied")
	ErrNotFound    = errors.New("secret or version not found")
	ErrDisabled    = errors.New("secret version is disabled or destroyed")
	ErrUnavailable = errors.New("secret source unavailable")
	ErrCorrupt     = errors.New("secret arrived damaged") // its checksum is wrong
	ErrEmpty       = errors.New("secret is empty")
)

// Cache reads references through a Source and holds the answers for an hour. One
// read of a reference runs at a time, and all callers that wait for it share it.
// It is safe for concurrent use.
type Cache struct {
	source Source
	now    func() time.Time
	flight singleflight.Group

	mu    sync.Mutex
	slots map[Ref]slot
}

// Entry is what the Cache knows about a reference.
type Entry struct {
	Value   Value     // trimmed of surrounding white space
	Version string    // the number of the version that was read
	ReadAt  time.Time // when

	// Err says why the last read failed although this entry, from an earlier one,
	// is still served; nil when all is well.
	Err error

	object map[string]Value
}

// Object returns the fields of a value that is a JSON object, each as JSON, and nil for
// another value. It is decoded when it is read, because many databases share a secret.
func (e Entry) Object() map[string]Value {
	if e.object == nil { // a value that was not read
		return object(e.Value)
	}
	return e.object
}

func object(v Value) map[string]Value {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(v.Reveal()), &fields) != nil { // the error could quote the content
		return nil
	}
	out := make(map[string]Value, len(fields))
	for name, field := range fields {
		out[name] = New(string(field))
	}
	return out
}

// slot is one reference's part of the cache.
type slot struct {
	entry Entry     // without ReadAt until a read succeeded
	tried time.Time // when the last read ended
}

// NewCache returns an empty cache over source; now is [time.Now] if nil.
func NewCache(source Source, now func() time.Time) *Cache {
	if now == nil {
		now = time.Now
	}
	return &Cache{source: source, now: now, slots: map[Ref]slot{}}
}

// Get returns the secret behind ref, reading it if there is no answer younger than
// an hour. When the read fails, an older answer serves, with Err set; without one
// the read's error is returned, and the next Get tries again.
func (c *Cache) Get(ctx context.Context, ref Ref) (Entry, error) {
	return c.get(ctx, ref, func(s slot, now time.Time) bool {
		if s.entry.Err != nil {
			return now.Sub(s.tried) < backoff
		}
		return now.Sub(s.entry.ReadAt) < ttl
	})
}

// Refresh is Get for a secret that its service has just refused: it reads again at
// once, unless it was read within 10 s. Whether the answer is another one is
// seen by its Version or by [Value.Equal].
func (c *Cache) Refresh(ctx context.Context, ref Ref) (Entry, error) {
	return c.get(ctx, ref, func(s slot, now time.Time) bool {
		return now.Sub(s.tried) < floor
	})
}

// get returns what the cache holds for ref if that is good, else the answer of one read.
func (c *Cache) get(ctx context.Context, ref Ref, good func(slot, time.Time) bool) (Entry, error) {
	if ref.IsZero() {
		return Entry{}, errors.New("reading secret: empty reference")
	}
	held := func() (Entry, bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		s := c.slots[ref]
		return s.entry, !s.entry.ReadAt.IsZero() && good(s, c.now())
	}
	if e, ok := held(); ok {
		return e, nil
	}
	answer := c.flight.DoChan(ref.String(), func() (any, error) {
		if e, ok := held(); ok { // because a read has ended meanwhile
			return e, nil
		}
		// The read belongs to all callers that wait for it, so it outlives the request of
		// the first one.
		return c.read(context.WithoutCancel(ctx), ref)
	})
	select {
	case r := <-answer:
		return r.Val.(Entry), r.Err
	case <-ctx.Done():
		return Entry{}, fmt.Errorf("waiting for secret %s: %w", ref, ctx.Err())
	}
}

func (c *Cache) read(ctx context.Context, ref Ref) (Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	secret, err := c.access(ctx, ref)
	data := trim(secret.Data)
	if err == nil && len(data) == 0 {
		err = ErrEmpty
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	s := slot{entry: c.slots[ref].entry, tried: c.now()}
	if err != nil {
		s.entry.Err = fmt.Errorf("reading secret %s: %w", ref, err)
	} else {
		v := New(string(data))
		s.entry = Entry{Value: v, Version: secret.Version, ReadAt: s.tried, object: object(v)}
	}
	c.slots[ref] = s
	if s.entry.ReadAt.IsZero() {
		return Entry{}, s.entry.Err
	}
	return s.entry, nil
}

// access turns a Source's panic into an error, since it would end the process from
// a goroutine that no handler guards.
func (c *Cache) access(ctx context.Context, ref Ref) (secret Secret, err error) {
	defer func() {
		if recover() != nil { // its value may hold anything
			err = errors.New("secret source panicked")
		}
	}()
	return c.source(ctx, ref.Name())
}

// trim removes what editors and echo leave around a secret. Leading blanks of a
// text of several lines stay, for they may be a document's indentation.
func trim(data []byte) []byte {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	data = bytes.TrimRight(data, " \t\r\n\x00")
	if bytes.ContainsRune(data, '\n') {
		return bytes.TrimLeft(data, "\r\n")
	}
	return bytes.TrimLeft(data, " \t\r\n")
}
