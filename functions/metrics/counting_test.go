package metrics_test

import (
	"context"
	"iter"
	"strings"
	"sync"

	"github.com/pongwatch/pongwatch/shared/store"
)

// counting counts the documents that are read.
type counting struct {
	store.Store
	mu                          sync.Mutex
	documents, incidents, bytes int
}

func (c *counting) count(d store.Doc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if strings.HasPrefix(d.Key, "incidents/") {
		c.incidents++
		return
	}
	c.documents++
	c.bytes += len(d.Data)
}

func (c *counting) Get(ctx context.Context, key string) (store.Doc, error) {
	d, err := c.Store.Get(ctx, key)
	if err == nil {
		c.count(d)
	}
	return d, err
}

func (c *counting) Range(ctx context.Context, from, to string) iter.Seq2[store.Doc, error] {
	return func(yield func(store.Doc, error) bool) {
		for d, err := range c.Store.Range(ctx, from, to) {
			if err == nil {
				c.count(d)
			}
			if !yield(d, err) {
				return
			}
		}
	}
}
