package statistics

import (
	"slices"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/history"
)

// settled is how long after its end a document no longer changes.
const settled = 15 * time.Minute

// cache keeps documents that no longer change, so that a page that polls reads only the
// newest ones. Without it, one open page would use up the store's free reads of a day.
type cache[S any] struct {
	width time.Duration // of one document
	keep  time.Duration // documents that began longer ago are dropped
	late  time.Duration // how long after its beginning a missing document may still be written

	mu   sync.Mutex
	kept map[string]kept[S]
}

// kept is every document of one key that begins in [from, until). None of them changes.
type kept[S any] struct {
	from, until time.Time
	documents   []*history.Document[S]
}

// get returns the documents of key from a time on, in order. read reads those that are not
// kept. If it fails, get returns the others with the error.
func (c *cache[S]) get(key string, from, now time.Time, read func(from time.Time) ([]*history.Document[S], error)) ([]*history.Document[S], error) {
	from = from.UTC().Truncate(c.width)
	c.mu.Lock()
	k := c.kept[key]
	c.mu.Unlock()
	if from.Before(k.from) || from.After(k.until) {
		k = kept[S]{from: from, until: from}
	}
	before := func(t time.Time) func(*history.Document[S]) bool {
		return func(d *history.Document[S]) bool { return d.Begin.Before(t) }
	}
	newer, err := read(k.until)
	all := slices.Concat(k.documents, newer)
	if err == nil {
		for t := k.until; !t.Add(c.width + settled).After(now); t = t.Add(c.width) {
			if now.Sub(t) <= c.late && !slices.ContainsFunc(newer, func(d *history.Document[S]) bool { return d.Begin.Equal(t) }) {
				break
			}
			k.until = t.Add(c.width)
		}
		if oldest := now.Add(-c.keep).Truncate(c.width); k.from.Before(oldest) {
			k.from = oldest
		}
		k.documents = slices.DeleteFunc(slices.Clone(all), func(d *history.Document[S]) bool { return before(k.from)(d) || !before(k.until)(d) })
		c.mu.Lock()
		if c.kept == nil {
			c.kept = map[string]kept[S]{}
		}
		c.kept[key] = k
		c.mu.Unlock()
	}
	return slices.DeleteFunc(all, before(from)), err
}
