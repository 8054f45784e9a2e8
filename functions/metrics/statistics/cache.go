package statistics

import (
	"context"
	"sync"
	"time"

	"github.com/pongwatch/pongwatch/shared/history"
)

// settled is how long after its end a document no longer changes.
const settled = 15 * time.Minute

// cache keeps documents that no longer change, by key and the time that they begin, so
// that a page which polls reads only what is new. Absent ones are kept as such.
type cache[D any] struct {
	width time.Duration // of one document
	keep  time.Duration // how far back
	late  time.Duration // for how long one that is absent may still be written

	mu   sync.Mutex
	docs map[string]map[time.Time]*D
}

// get returns the documents of key that touch [from, to], in order. read reads those
// from a time on; began tells when one begins.
func (c *cache[D]) get(key string, from, to, now time.Time, read func(from time.Time) ([]*D, error), began func(*D) time.Time) ([]*D, error) {
	from = from.UTC().Truncate(c.width)
	fresh := from
	c.mu.Lock()
	kept := map[time.Time]*D{}
	for !fresh.After(to) {
		d, known := c.docs[key][fresh]
		if !known {
			break
		}
		kept[fresh] = d
		fresh = fresh.Add(c.width)
	}
	c.mu.Unlock()
	var out []*D
	for t := from; t.Before(fresh); t = t.Add(c.width) {
		if kept[t] != nil {
			out = append(out, kept[t])
		}
	}
	if fresh.After(to) {
		return out, nil
	}
	docs, err := read(fresh)
	if err != nil {
		return out, err
	}
	c.put(key, fresh, now, docs, began)
	return append(out, docs...), nil
}

func (c *cache[D]) put(key string, from, now time.Time, docs []*D, began func(*D) time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.docs == nil {
		c.docs = map[string]map[time.Time]*D{}
	}
	if c.docs[key] == nil {
		c.docs[key] = map[time.Time]*D{}
	}
	of := c.docs[key]
	byTime := map[time.Time]*D{}
	for _, d := range docs {
		byTime[began(d)] = d
	}
	for t := from; !t.Add(c.width + settled).After(now); t = t.Add(c.width) {
		if byTime[t] != nil || now.Sub(t) > c.late {
			of[t] = byTime[t]
		}
	}
	for t := range of {
		if now.Sub(t) > c.keep {
			delete(of, t)
		}
	}
}

// caches are those of one Reader.
type caches struct {
	pings    cache[history.PingHour]
	readings cache[history.GaugeHour]
	days     cache[history.Day]
}

func newCaches(retention time.Duration) *caches {
	return &caches{
		pings:    cache[history.PingHour]{width: time.Hour, keep: 26 * time.Hour},
		readings: cache[history.GaugeHour]{width: time.Hour, keep: 26 * time.Hour},
		days:     cache[history.Day]{width: day, keep: 32 * day, late: retention + 2*day},
	}
}

func (r *Reader) pings(ctx context.Context, shard, region string, from, to time.Time) ([]*history.PingHour, error) {
	return r.caches.pings.get(shard+"/"+region, from, to, r.now(),
		func(from time.Time) ([]*history.PingHour, error) {
			return r.archive.Pings(ctx, shard, region, from, to)
		},
		(*history.PingHour).Hour)
}

func (r *Reader) readings(ctx context.Context, shard string, from, to time.Time) ([]*history.GaugeHour, error) {
	return r.caches.readings.get(shard, from, to, r.now(),
		func(from time.Time) ([]*history.GaugeHour, error) { return r.archive.Readings(ctx, shard, from, to) },
		(*history.GaugeHour).Hour)
}

// days reads those that are compacted.
func (r *Reader) days(ctx context.Context, shard string, from, to time.Time) ([]*history.Day, error) {
	return r.caches.days.get(shard, from, to, r.now(),
		func(from time.Time) ([]*history.Day, error) { return r.archive.Days(ctx, shard, from, to) },
		(*history.Day).Date)
}
