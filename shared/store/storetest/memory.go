package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/store"
)

// Memory is a Store in memory.
type Memory struct {
	now func() time.Time

	mu      sync.Mutex
	counter uint64
	docs    map[string]store.Doc
}

var _ store.Store = (*Memory)(nil)

// NewMemory returns an empty store; now decides what has expired, nil is
// [time.Now].
func NewMemory(now func() time.Time) *Memory {
	if now == nil {
		now = time.Now
	}
	return &Memory{now: now, docs: map[string]store.Doc{}}
}

// Get implements [store.Store].
func (m *Memory) Get(ctx context.Context, key string) (store.Doc, error) {
	if _, _, err := store.Split(key); err != nil {
		return store.Doc{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.Doc{}, fmt.Errorf("getting %s: %w", key, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.docs[key]
	if !ok || d.Expired(m.now()) {
		return store.Doc{}, fmt.Errorf("getting %s: %w", key, store.ErrNotFound)
	}
	d.Data = slices.Clone(d.Data)
	return d, nil
}

// Put implements [store.Store].
func (m *Memory) Put(ctx context.Context, d store.Doc) (store.Doc, error) {
	d, err := d.Prepare()
	if err != nil {
		return store.Doc{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.Doc{}, fmt.Errorf("putting %s: %w", d.Key, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.docs[d.Key]
	if d.Version != old.Version && (d.Version != "" || !old.Expired(m.now())) {
		return store.Doc{}, fmt.Errorf("putting %s: %w", d.Key, store.ErrConflict)
	}
	m.counter++
	d.Version = strconv.FormatUint(m.counter, 10)
	kept := d
	kept.Data = slices.Clone(d.Data)
	m.docs[d.Key] = kept
	return d, nil
}

// Range implements [store.Store].
func (m *Memory) Range(ctx context.Context, from, to string) iter.Seq2[store.Doc, error] {
	return func(yield func(store.Doc, error) bool) {
		if _, _, _, err := store.Bounds(from, to); err != nil {
			yield(store.Doc{}, err)
			return
		}
		m.mu.Lock()
		var keys []string
		for key := range m.docs {
			if store.Compare(from, key) <= 0 && store.Compare(key, to) < 0 {
				keys = append(keys, key)
			}
		}
		m.mu.Unlock()
		slices.SortFunc(keys, store.Compare)
		for _, key := range keys {
			d, err := m.Get(ctx, key)
			if errors.Is(err, store.ErrNotFound) {
				continue // it has expired
			}
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}
