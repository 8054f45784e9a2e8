package boltstore_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/boltstore"
)

const documents = 300 // several leaf pages

func documentKey(n int) string { return fmt.Sprintf("state/v1/n%03d", n) }

func documentData(n int) []byte { return bytes.Repeat([]byte{byte('a' + n%26)}, 200) }

// filled returns the bytes of a file with many documents.
func filled(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := boltstore.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range documents {
		if _, err := s.Put(t.Context(), store.Doc{Key: documentKey(n), Data: documentData(n)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// whole reports whether the store has all documents as they were.
func whole(t *testing.T, s *boltstore.Store) bool {
	for n := range documents {
		d, err := s.Get(t.Context(), documentKey(n))
		if err != nil || !bytes.Equal(d.Data, documentData(n)) {
			return false
		}
	}
	return true
}

var pageSize = os.Getpagesize()

// page returns the bytes of one page.
func page(data []byte, n int) []byte { return data[n*pageSize : (n+1)*pageSize] }

// The layout of a meta page, behind the 16 bytes of its header.
const (
	metaMagic    = 16
	metaVersion  = 20
	metaRoot     = 32
	metaFreelist = 48
	metaTxid     = 64
	metaChecksum = 72
)

// meta returns the meta page in force.
func meta(data []byte) []byte {
	a, b := page(data, 0), page(data, 1)
	if binary.LittleEndian.Uint64(a[metaTxid:]) > binary.LittleEndian.Uint64(b[metaTxid:]) {
		return a
	}
	return b
}

func freelist(data []byte) []byte {
	return page(data, int(binary.LittleEndian.Uint64(meta(data)[metaFreelist:])))
}

func garbage(b []byte) {
	for i := range b {
		b[i] = byte(i*7 + 13)
	}
}

func metas(data []byte, change func(meta []byte)) []byte {
	change(page(data, 0))
	change(page(data, 1))
	return data
}

// Each kind of damage is set aside with its reason, and the store begins anew.
func TestDamageIsSetAside(t *testing.T) {
	tests := []struct {
		name   string
		damage func([]byte) []byte
		want   string // of the reason
		empty  bool   // nothing is left to keep
	}{
		{"no store at all", func([]byte) []byte { return []byte(strings.Repeat("not a store ", 5000)) }, "invalid", false},
		{"a few bytes", func([]byte) []byte { return []byte("x") }, "", false},
		{"empty", func([]byte) []byte { return nil }, "the file was empty", true},
		{"cut inside the first page", func(d []byte) []byte { return d[:100] }, "", false},
		{"cut after the first page", func(d []byte) []byte { return d[:pageSize] }, "too small", false},
		{"cut after the metas", func(d []byte) []byte { return d[:2*pageSize] }, "", false},
		{"cut in the middle", func(d []byte) []byte { return d[:len(d)/2/pageSize*pageSize] }, "", false},
		{"cut in the middle of a page", func(d []byte) []byte { return d[:len(d)/4+17] }, "", false},
		{"all zeros", func(d []byte) []byte { return make([]byte, len(d)) }, "invalid", false},
		{"zeros behind the metas", func(d []byte) []byte { clear(d[2*pageSize:]); return d }, "", false},
		{"garbage behind the metas", func(d []byte) []byte { garbage(d[2*pageSize:]); return d }, "", false},
		{"the wrong magic", func(d []byte) []byte { return metas(d, func(m []byte) { m[metaMagic] ^= 1 }) }, "invalid", false},
		{"another version", func(d []byte) []byte { return metas(d, func(m []byte) { m[metaVersion] ^= 1 }) }, "version", false},
		{"metas with a bad checksum", func(d []byte) []byte { return metas(d, func(m []byte) { m[metaChecksum] ^= 1 }) }, "checksum", false},
		{"a root elsewhere, without its checksum", func(d []byte) []byte { return metas(d, func(m []byte) { m[metaRoot]++ }) }, "checksum", false},
		{"one meta of zeros", func(d []byte) []byte { clear(page(d, 0)); return d }, "page 0", false},
		{"a freelist of zeros", func(d []byte) []byte { clear(freelist(d)); return d }, "", false},
		{"a freelist of garbage", func(d []byte) []byte { garbage(freelist(d)); return d }, "", false},
		{"a freelist that lists a page in use", func(d []byte) []byte {
			root := binary.LittleEndian.Uint64(meta(d)[metaRoot:])
			binary.LittleEndian.PutUint64(freelist(d)[16:], root)
			return d
		}, "page", false},
	}
	data := filled(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "store.db")
			damaged := tt.damage(slices.Clone(data))
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			at := time.Date(2026, 11, 29, 1, 2, 3, 0, time.UTC)
			s := open(t, path, func() time.Time { return at })
			d := s.Damage()
			if d == nil || !strings.Contains(d.Error(), tt.want) || !strings.HasPrefix(d.Error(), "store.db: ") || d.Path != path {
				t.Fatalf("damage %v, want %s and a reason with %q", d, path, tt.want)
			}
			if tt.empty {
				if d.Aside != "" {
					t.Errorf("an empty file is kept as %s", d.Aside)
				}
			} else if kept, err := os.ReadFile(d.Aside); err != nil || !bytes.Equal(kept, damaged) || d.Aside != path+".damaged-20261129T010203.000Z" {
				t.Errorf("kept as %s: %d bytes, %v; want the damaged file as it was", d.Aside, len(kept), err)
			}
			if _, err := s.Get(t.Context(), documentKey(0)); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("the new store has %v, want it empty", err)
			}
			if _, err := s.Put(t.Context(), store.Doc{Key: documentKey(0), Data: documentData(0)}); err != nil {
				t.Errorf("the new store takes nothing: %v", err)
			}
		})
	}
}

// A torn write of one meta is not set aside, because bbolt goes on with the other one.
func TestDamageWithoutLoss(t *testing.T) {
	data := filled(t)
	for name, damage := range map[string]func([]byte){
		"nothing":                func([]byte) {},
		"one meta's checksum":    func(d []byte) { meta(d)[metaChecksum] ^= 1 },
		"the older meta's magic": func(d []byte) { m := meta(d); page(d, 1-int(m[0]))[metaMagic] ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "store.db")
			damaged := slices.Clone(data)
			damage(damaged)
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			if s := open(t, path, nil); s.Damage() != nil {
				t.Errorf("it is set aside: %v", s.Damage())
			}
		})
	}
}

// Whichever page is hit, the store opens: with all documents, or anew.
func TestAnyPageMayBeDamaged(t *testing.T) {
	data := filled(t)
	aside := 0
	for n := 2; n < len(data)/pageSize; n++ {
		for name, fill := range map[string]func([]byte){"zeros": func(b []byte) { clear(b) }, "garbage": garbage, "its header": func(b []byte) { garbage(b[:16]) }} {
			path := filepath.Join(t.TempDir(), "store.db")
			damaged := slices.Clone(data)
			fill(page(damaged, n))
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := boltstore.Open(path, nil)
			if err != nil {
				t.Fatalf("page %d, %s: %v", n, name, err)
			}
			if s.Damage() != nil {
				aside++
			} else if !whole(t, s) {
				t.Errorf("page %d, %s: documents are lost and nothing says so", n, name)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if aside == 0 {
		t.Error("no page mattered: the test damages nothing")
	}
}

// What another process holds, and what cannot be opened, is not damaged.
func TestWhatIsNotDamaged(t *testing.T) {
	folder := t.TempDir()
	held := filepath.Join(folder, "held.db")
	open(t, held, nil)
	if err := os.Mkdir(filepath.Join(folder, "a.db"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"held": held, "a folder": filepath.Join(folder, "a.db"), "in no folder": filepath.Join(folder, "none", "a.db")} {
		_, damage, err := boltstore.OpenFile(path, time.Now())
		if err == nil || damage != nil {
			t.Errorf("%s: damage %v, error %v; want an error alone", name, damage, err)
		}
		if errors.Is(err, boltstore.ErrHeld) != (name == "held") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(folder, "*.damaged-*")); len(files) > 0 {
		t.Errorf("set aside: %v", files)
	}
}
