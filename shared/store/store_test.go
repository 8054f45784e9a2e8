package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/store"
)

func TestSplit(t *testing.T) {
	tests := []struct {
		name, key, collection, id string
		problem                   string // part of the error, empty for a good key
	}{
		{name: "one name", key: "state/v1/main", collection: "state", id: "v1:main"},
		{name: "several segments", key: "hot/v1/main/europe-west1/2026-11-22T20", collection: "hot", id: "v1:main:europe-west1:2026-11-22T20"},
		{name: "the monitor itself", key: "samples/v12/_pongwatch/2026-11-22", collection: "samples", id: "v12:_pongwatch:2026-11-22"},
		{name: "no segments", key: "", problem: "fewer than three"},
		{name: "no name", key: "state/v1", problem: "fewer than three"},
		{name: "an empty segment", key: "state/v1/main//x", problem: "has a segment"},
		{name: "a closing slash", key: "state/v1/main/", problem: "has a segment"},
		{name: "no version", key: "state/main/x", problem: "no version"},
		{name: "a version that is no number", key: "state/vx/x", problem: "no version"},
		{name: "an upper-case collection", key: "State/v1/x", problem: "collection"},
		{name: "a colon would split in two", key: "state/v1/a:b", problem: "has a segment"},
		{name: "a character of another script", key: "state/v1/ä", problem: "has a segment"},
		{name: "a long key", key: "state/v1/" + strings.Repeat("x", 600), problem: "longer than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			collection, id, err := store.Split(tt.key)
			if tt.problem != "" {
				if !errors.Is(err, store.ErrInvalidKey) || !strings.Contains(err.Error(), tt.problem) {
					t.Fatalf("error %v, want one that says %q", err, tt.problem)
				}
				return
			}
			if err != nil || collection != tt.collection || id != tt.id {
				t.Errorf("Split = %q, %q, %v", collection, id, err)
			}
		})
	}
}

func TestExpired(t *testing.T) {
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name string
		doc  store.Doc
		now  time.Time
		want bool
	}{
		{"no expiry never expires", store.Doc{}, at, false},
		{"just before", store.Doc{ExpiresAt: at}, at.Add(-1), false},
		{"at the moment itself", store.Doc{ExpiresAt: at}, at, true},
		{"after", store.Doc{ExpiresAt: at}, at.Add(1), true},
	}
	for _, tt := range tests {
		if got := tt.doc.Expired(tt.now); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{"state/v1/main", "hot/v1/main/r/2026-11-22T20", "a/v1", "a/v1/:", "a//b", "~"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, key string) {
		collection, id, err := store.Split(key)
		if err != nil {
			if !errors.Is(err, store.ErrInvalidKey) {
				t.Fatalf("%q: %v is not ErrInvalidKey", key, err)
			}
			return
		}
		if got := store.Join(collection, id); got != key {
			t.Fatalf("%q came back as %q", key, got)
		}
		c, from, to, err := store.Bounds(store.Prefix(key + "/"))
		if err != nil || c != collection || from >= to {
			t.Fatalf("%q makes bounds %q, %q in %q: %v", key, from, to, c, err)
		}
	})
}

func FuzzBounds(f *testing.F) {
	f.Add("hot/v1/a/", "hot/v1/a/~")
	f.Add("hot/v1", "hot/v2")
	f.Add("/", "~")
	f.Fuzz(func(t *testing.T, from, to string) {
		_, fromID, toID, err := store.Bounds(from, to)
		if err == nil && strings.ContainsAny(fromID+toID, "/ \x00") {
			t.Fatalf("%q, %q were let through as %q, %q", from, to, fromID, toID)
		}
	})
}
