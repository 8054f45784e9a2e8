package main

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/pongwatch/pongwatch/shared/store"
)

// countingStore counts the documents that are read.
type countingStore struct {
	store.Store
	n atomic.Int64
}

func (c *countingStore) Get(ctx context.Context, key string) (store.Doc, error) {
	c.n.Add(1)
	return c.Store.Get(ctx, key)
}

func (c *countingStore) Range(ctx context.Context, from, to string) iter.Seq2[store.Doc, error] {
	return func(yield func(store.Doc, error) bool) {
		for d, err := range c.Store.Range(ctx, from, to) {
			c.n.Add(1)
			if !yield(d, err) {
				return
			}
		}
	}
}
