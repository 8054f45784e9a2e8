// Package boltstore keeps documents in one file on one machine, for
// "pongwatch local". A Put has reached the disk when it returns, so documents
// survive a kill at any moment; one process at a time holds the file.
package boltstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"github.com/pongwatch/pongwatch/shared/store"
)

// purgeEvery is how often a Put also removes what has expired. The work is a walk
// over the keys, a few milliseconds for days of history.
const purgeEvery = time.Hour

// Store is a store.Store in a bbolt file: a bucket per collection, ids as keys.
type Store struct {
	db        *bbolt.DB
	now       func() time.Time
	damage    *Damage
	nextPurge atomic.Int64 // in nanoseconds since 1970
}

var _ store.Store = (*Store)(nil)

// Open opens or creates the file at path, whose folder must exist, and removes
// what has expired in it by now, which is [time.Now] if nil. It sets a damaged file aside. Close
// releases it.
func Open(path string, now func() time.Time) (*Store, error) {
	if now == nil {
		now = time.Now
	}
	db, damage, err := OpenFile(path, now())
	if err != nil {
		return nil, fmt.Errorf("opening the store %s: %w", path, err)
	}
	s := &Store{db: db, now: now, damage: damage}
	if err := s.purgeIfDue(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the store %s: %w", path, err), db.Close())
	}
	return s, nil
}

// Damage returns what was wrong with the file that Open has set aside, nil where it has not.
func (s *Store) Damage() *Damage { return s.damage }

// Close waits for running calls and releases the file.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key string) (store.Doc, error) {
	collection, id, err := store.Split(key)
	if err != nil {
		return store.Doc{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.Doc{}, fmt.Errorf("getting %s: %w", key, err)
	}
	var d store.Doc
	err = s.db.View(func(tx *bbolt.Tx) error {
		var raw []byte
		if b := tx.Bucket([]byte(collection)); b != nil {
			raw = b.Get([]byte(id))
		}
		if raw == nil {
			return store.ErrNotFound
		}
		d, err = decode(key, raw)
		d.Data = slices.Clone(d.Data)
		return err
	})
	if err == nil && d.Expired(s.now()) {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Doc{}, fmt.Errorf("getting %s: %w", key, err)
	}
	return d, nil
}

// Put implements [store.Store].
func (s *Store) Put(ctx context.Context, d store.Doc) (store.Doc, error) {
	d, err := d.Prepare()
	if err != nil {
		return store.Doc{}, err
	}
	if err = ctx.Err(); err == nil {
		err = s.purgeIfDue()
	}
	if err == nil {
		err = s.db.Update(func(tx *bbolt.Tx) error { return s.put(tx, &d) })
	}
	if err != nil {
		return store.Doc{}, fmt.Errorf("putting %s: %w", d.Key, err)
	}
	return d, nil
}

func (s *Store) put(tx *bbolt.Tx, d *store.Doc) error {
	collection, id, err := store.Split(d.Key)
	if err != nil {
		return err
	}
	b, err := tx.CreateBucketIfNotExists([]byte(collection))
	if err != nil {
		return err
	}
	var old store.Doc // its empty version means absent
	if raw := b.Get([]byte(id)); raw != nil {
		if old, err = decode(d.Key, raw); err != nil {
			return err
		}
	}
	if d.Version != old.Version && (d.Version != "" || !old.Expired(s.now())) {
		return store.ErrConflict
	}
	// The bucket's sequence never returns to a number, so the version of a document
	// that was purged cannot come back with its successor.
	version, err := b.NextSequence()
	if err != nil {
		return err
	}
	d.Version = strconv.FormatUint(version, 10)
	raw, err := encode(*d)
	if err != nil {
		return err
	}
	return b.Put([]byte(id), raw)
}

// batch bounds what Range holds in memory and how long it holds a transaction.
const batch = 64

// Range implements [store.Store]. The loop's body runs outside the transaction,
// for a Put inside one that reads would wait for itself.
func (s *Store) Range(ctx context.Context, from, to string) iter.Seq2[store.Doc, error] {
	return func(yield func(store.Doc, error) bool) {
		collection, fromID, toID, err := store.Bounds(from, to)
		if err != nil {
			yield(store.Doc{}, err)
			return
		}
		next := []byte(fromID)
		for next != nil {
			var docs []store.Doc
			if err = ctx.Err(); err == nil {
				docs, next, err = s.page(collection, next, toID)
			}
			if err != nil {
				yield(store.Doc{}, fmt.Errorf("ranging from %s to %s: %w", from, to, err))
				return
			}
			for _, d := range docs {
				if !yield(d, nil) {
					return
				}
			}
		}
	}
}

// page reads up to batch documents and returns where to go on, nil at the end.
func (s *Store) page(collection string, from []byte, to string) (docs []store.Doc, next []byte, err error) {
	now := s.now()
	err = s.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(collection))
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for id, raw := c.Seek(from); id != nil && string(id) < to; id, raw = c.Next() {
			if len(docs) == batch {
				next = slices.Clone(id)
				return nil
			}
			d, err := decode(store.Join(collection, string(id)), raw)
			if err != nil {
				return err
			}
			if !d.Expired(now) {
				d.Data = slices.Clone(d.Data)
				docs = append(docs, d)
			}
		}
		return nil
	})
	return docs, next, err
}

// purgeIfDue removes what has expired, at Open and once an hour.
func (s *Store) purgeIfDue() error {
	now, due := s.now(), s.nextPurge.Load()
	if now.UnixNano() < due || !s.nextPurge.CompareAndSwap(due, now.Add(purgeEvery).UnixNano()) {
		return nil
	}
	err := s.db.Update(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
			var expired [][]byte // deleting under a moving cursor would skip keys
			err := b.ForEach(func(id, raw []byte) error {
				if d, err := decode("", raw); err == nil && d.Expired(now) {
					expired = append(expired, slices.Clone(id))
				}
				return nil // what cannot be read is kept, so that a person can look into it
			})
			for _, id := range expired {
				err = errors.Join(err, b.Delete(id))
			}
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("removing expired documents: %w", err)
	}
	return nil
}

// head is what a value says of a document before its data.
type head struct {
	Version   string    `json:"version"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	Schema    int       `json:"schema,omitempty"`
}

// encode returns a value: a line of JSON with the head, and then the data.
func encode(d store.Doc) ([]byte, error) {
	line, err := json.Marshal(head{d.Version, d.ExpiresAt, d.Schema})
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	return slices.Concat(line, []byte("\n"), d.Data), nil
}

// decode returns a document whose data is part of raw, which bbolt lends for the length
// of a transaction only.
func decode(key string, raw []byte) (store.Doc, error) {
	line, data, _ := bytes.Cut(raw, []byte("\n"))
	var h head
	if err := json.Unmarshal(line, &h); err != nil {
		return store.Doc{}, fmt.Errorf("stored value of %d bytes is no document: %w", len(raw), err)
	}
	return store.Doc{Key: key, Data: data, Version: h.Version, ExpiresAt: h.ExpiresAt, Schema: h.Schema}, nil
}
