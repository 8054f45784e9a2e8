// Package store is the contract for pongwatch's documents: small versioned values
// under hierarchical keys, written by compare-and-swap, gone when they expire.
//
// Implementations are shared/gcp/firestore in the cloud, shared/store/boltstore on
// one machine and storetest.Memory in tests; storetest.Conformance holds them to
// the contract below.
//
// # Writing
//
// Put writes only if the document's version is still the one that the caller read
// (or if there is none, for an empty Version). Every applied Put moves the version,
// even when no byte of Data changed. Exactly one of several Puts on one version is
// applied; the others return ErrConflict.
//
// ErrConflict, ErrTooLarge and ErrInvalidKey mean that nothing was written. After
// any other error the Put may or may not have been applied, since only the answer
// may have been lost: a caller who must know reads the document again and looks for
// what it wrote, a random owner for example. Implementations never repeat a Put by
// themselves, so ErrConflict is never caused by the same call's first attempt.
//
// # Expiry
//
// An expired document reads as not found, and a Put with an empty Version may take
// its place, whether or not the implementation has removed it yet. A Put on a
// version read before the expiry is applied if the document is still there, because
// there was no write since; else it is a conflict. There is no deletion.
//
// # Keys
//
// A key is collection/vN/segment[/segment…], such as
// "hot/v1/main/europe-west1/2026-11-22T20". The first segment is the collection
// (lower-case letters, digits and '-'), the second the format of the key and its
// content; the others hold ASCII letters, digits, '-', '_' and '.'. In Firestore the
// rest of the key, joined by ':', is the document's id.
package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
)

// MaxData is the most bytes of Data that a document holds. Firestore's limit is
// 1 MiB for a whole document, names and index entries included
// (https://firebase.google.com/docs/firestore/quotas).
const MaxData = 1_000_000

// maxKey keeps ids well below Firestore's 1,500 bytes.
const maxKey = 512

// The errors that callers test with [errors.Is].
var (
	// ErrNotFound is Get's answer for a document that never was or has expired.
	ErrNotFound = errors.New("document not found")
	// ErrConflict is Put's answer when the document's version is not d.Version.
	// Nothing was written.
	ErrConflict = errors.New("document was changed by another writer")
	// ErrTooLarge is Put's answer to more than MaxData bytes. Nothing was written.
	ErrTooLarge = errors.New("document too large")
	// ErrInvalidKey is the answer to a key or bound outside the grammar.
	ErrInvalidKey = errors.New("invalid key")
)

// Doc is one document.
type Doc struct {
	Key  string
	Data []byte // at most MaxData bytes; the store never keeps or shares the slice

	// Version is opaque and compared as a whole. Get, Put and Range set it; Put
	// takes it as the version to replace, empty if the document must be absent.
	Version string

	// ExpiresAt is when the document ceases to exist, kept to the microsecond and
	// returned in UTC. The zero time means never.
	ExpiresAt time.Time

	// Schema is the number of Data's format inside the key's vN.
	Schema int
}

// Expired reports whether d has ceased to exist by now.
func (d Doc) Expired(now time.Time) bool {
	return !d.ExpiresAt.IsZero() && !now.Before(d.ExpiresAt)
}

// Store reads and writes documents. It is safe for concurrent use.
type Store interface {
	// Get returns the document, or ErrNotFound.
	Get(ctx context.Context, key string) (Doc, error)

	// Put writes d if the stored version is d.Version and returns d with its new
	// Version.
	Put(ctx context.Context, d Doc) (Doc, error)

	// Range yields the documents with from ≤ key < to in the order of Compare;
	// both bounds lie in one collection, and Prefix makes the bounds of all keys
	// below a prefix. The first error ends the sequence. It is not a snapshot: what
	// is written meanwhile, by the loop's own body too, may or may not be seen.
	Range(ctx context.Context, from, to string) iter.Seq2[Doc, error]
}

// Prepare returns d as every implementation writes it, or why it must not be written.
func (d Doc) Prepare() (Doc, error) {
	if _, _, err := Split(d.Key); err != nil {
		return Doc{}, err
	}
	if len(d.Data) > MaxData {
		return Doc{}, fmt.Errorf("%s holds %d bytes, at most %d fit: %w", d.Key, len(d.Data), MaxData, ErrTooLarge)
	}
	d.ExpiresAt = d.ExpiresAt.UTC().Truncate(time.Microsecond)
	return d, nil
}

// Split checks key and returns its collection and its id inside the collection:
// "state/v1/main" is "state" and "v1:main".
func Split(key string) (collection, id string, err error) {
	if len(key) > maxKey {
		return "", "", keyError(key[:64]+"…", fmt.Sprintf("is longer than %d bytes", maxKey))
	}
	segments := strings.Split(key, "/")
	if len(segments) < 3 {
		return "", "", keyError(key, "has fewer than three segments")
	}
	if !isCollection(segments[0]) {
		return "", "", keyError(key, "has a collection that is not lower-case letters, digits and '-'")
	}
	if !isVersion(segments[1]) {
		return "", "", keyError(key, "has no version as its second segment")
	}
	for _, s := range segments[2:] {
		if !isSegment(s) {
			return "", "", keyError(key, "has a segment that is not letters, digits, '-', '_' and '.'")
		}
	}
	return segments[0], strings.Join(segments[1:], ":"), nil
}

// Join is the inverse of Split.
func Join(collection, id string) string {
	return collection + "/" + strings.ReplaceAll(id, ":", "/")
}

// Prefix returns the bounds for Range of all keys that begin with prefix, which
// ends in a whole segment and '/', such as "incidents/v1/main/".
func Prefix(prefix string) (from, to string) {
	return prefix, prefix + last
}

// last sorts after every character of a key.
const last = "~"

// Bounds checks Range's bounds and returns their collection and the ids between
// which to read. A bound is a key, cut short anywhere after its collection, with
// perhaps a closing '~', which sorts after every character of a key.
func Bounds(from, to string) (collection, fromID, toID string, err error) {
	c, fromID, err := splitBound(from)
	if err != nil {
		return "", "", "", err
	}
	c2, toID, err := splitBound(to)
	if err != nil {
		return "", "", "", err
	}
	if c != c2 {
		return "", "", "", keyError(to, fmt.Sprintf("is in another collection than the bound %q", from))
	}
	return c, fromID, toID, nil
}

// Compare orders keys as Range yields them: by collection, then by the bytes of the
// id, where ':' stands for '/', so that "main2" comes before "main/x".
func Compare(a, b string) int {
	return strings.Compare(strings.ReplaceAll(a, "/", ":"), strings.ReplaceAll(b, "/", ":"))
}

func splitBound(bound string) (collection, id string, err error) {
	collection, rest, ok := strings.Cut(bound, "/")
	if !ok || rest == "" || !isCollection(collection) || len(bound) > maxKey {
		return "", "", keyError(bound, "is no bound of a range")
	}
	for s := range strings.SplitSeq(strings.TrimSuffix(rest, last), "/") {
		if s != "" && !isSegment(s) {
			return "", "", keyError(bound, "has a segment that is not letters, digits, '-', '_' and '.'")
		}
	}
	return collection, strings.ReplaceAll(rest, "/", ":"), nil
}

func keyError(key, problem string) error {
	return fmt.Errorf("key %q %s (a right one: \"state/v1/main\"): %w", key, problem, ErrInvalidKey)
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

func isCollection(s string) bool { return only(s, lower+digits+"-") }
func isSegment(s string) bool    { return only(s, lower+upper+digits+"-_.") }
func isVersion(s string) bool    { return s != "" && s[0] == 'v' && only(s[1:], digits) }

// only reports whether s is not empty and has no other characters.
func only(s, characters string) bool { return s != "" && strings.Trim(s, characters) == "" }
