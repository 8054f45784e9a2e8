package statistics

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/incident"
	"github.com/pongwatch/pongwatch/shared/store"
)

// documentsFresh is how long incidents' documents are reused. What is newer is in Alert's state.
// documentsKept is for how long: the longest range, its first day, and the longest incident before it.
const (
	documentsFresh = 10 * time.Minute
	documentsKept  = 32*day + longest
)

// documents keeps the incidents' documents that were read. One that is resolved and has left
// Alert's state does not change any more and is not read again: after a mass failure there
// are hundreds.
type documents struct {
	mu   sync.Mutex
	kept map[string]documentsOf // by shard
}

// documentsOf are those of the incidents of a shard that were opened from a time on.
type documentsOf struct {
	read, from time.Time
	// next is the id from which on documents may still change, open are the incidents that
	// were in Alert's state.
	next       string
	open       []string
	byID       map[string]incident.Document
	unreadable map[string]bool
}

// get returns the documents of the incidents that were opened from a time on, sorted by it,
// and how many could not be decoded. state is Alert's, nil where there is none.
func (c *documents) get(ctx context.Context, s store.Store, shard string, state *incident.State, from, now time.Time) (list []incident.Document, unreadable int, err error) {
	c.mu.Lock()
	k, known := c.kept[shard]
	c.mu.Unlock()
	inState := func(id string) bool { return state != nil && state.Incidents[id] != nil }
	left := slices.ContainsFunc(k.open, func(id string) bool { return !inState(id) })
	if age := now.Sub(k.read); !known || left || age < 0 || age >= documentsFresh || from.Before(k.from) {
		if k, err = read(ctx, s, shard, k, from, now, inState); err != nil {
			return nil, 0, err
		}
		if state != nil {
			k.open = slices.Collect(maps.Keys(state.Incidents))
			k.next = slices.Min(append(k.open, k.next))
		}
		c.mu.Lock()
		if c.kept == nil {
			c.kept = map[string]documentsOf{}
		}
		c.kept[shard] = k
		c.mu.Unlock()
	}
	first := opened(from)
	for id, d := range k.byID {
		if id >= first {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b incident.Document) int { return cmp.Compare(a.ID, b.ID) })
	return list, len(k.unreadable), nil
}

// read adds to k the documents that it does not have, and those that may have changed.
func read(ctx context.Context, s store.Store, shard string, k documentsOf, from, now time.Time, inState func(id string) bool) (documentsOf, error) {
	prefix, last := store.Prefix(incident.DocumentKey(shard, ""))
	next := k.next
	if k.byID == nil || from.Before(k.from) {
		next = opened(from)
	} else {
		from = k.from
	}
	if least := now.Add(-documentsKept); from.Before(least) {
		from = least
	}
	out := documentsOf{read: now, from: from, byID: maps.Clone(k.byID), unreadable: map[string]bool{}}
	if out.byID == nil {
		out.byID = map[string]incident.Document{}
	}
	maps.DeleteFunc(out.byID, func(id string, _ incident.Document) bool { return id < opened(from) })
	out.next = next
	changing := false
	for doc, err := range s.Range(ctx, prefix+next, last) {
		if err != nil {
			return k, err
		}
		id := strings.TrimPrefix(doc.Key, prefix)
		d, err := incident.DecodeDocument(doc.Data)
		if err != nil {
			out.unreadable[id] = true
		} else {
			out.byID[id] = d
		}
		if changing = changing || err != nil || d.Open() || inState(id); !changing {
			out.next = id + "~" // after it
		}
	}
	return out, nil
}

// opened is the beginning of the ids of incidents that were opened at that time or later.
func opened(t time.Time) string { return t.UTC().Format("20060102T150405Z") }
