package boltstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/boltstore"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// childEnv makes the test binary a writer that only a kill ends.
const childEnv = "BOLTSTORE_TEST_WRITER"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		writeForever(path)
	}
	os.Exit(m.Run())
}

func open(t *testing.T, path string, now func() time.Time) *boltstore.Store {
	t.Helper()
	s, err := boltstore.Open(path, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	storetest.Conformance(t, func(t *testing.T, now func() time.Time) store.Store {
		return open(t, filepath.Join(t.TempDir(), "store.db"), now)
	})
}

func TestDocumentsSurviveReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	first, err := boltstore.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	written, err := first.Put(t.Context(), store.Doc{Key: "state/v1/main", Data: []byte("kept")})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := open(t, path, nil)
	got, err := second.Get(t.Context(), written.Key)
	if err != nil || string(got.Data) != "kept" || got.Version != written.Version {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := second.Put(t.Context(), got); err != nil {
		t.Errorf("Put on the version from before: %v", err)
	}
}

func TestASecondHolderIsRefusedByName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	open(t, path, nil)
	_, err := boltstore.Open(path, nil)
	if err == nil || !strings.Contains(err.Error(), path+": another process holds the file") {
		t.Errorf("error %v, want one that names %s and says who holds it", err, path)
	}
}

func TestExpiredDocumentsAreRemoved(t *testing.T) {
	clock := storetest.NewClock()
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path, clock.Now)
	version := map[string]string{}
	put := func(key string, expires time.Time) {
		t.Helper()
		d, err := s.Put(t.Context(), store.Doc{Key: key, Data: make([]byte, 100), ExpiresAt: expires})
		if err != nil {
			t.Fatal(err)
		}
		version[key] = d.Version
	}
	put("hot/v1/short", clock.Now().Add(time.Minute))
	put("hot/v1/long", clock.Now().Add(3*time.Hour))
	put("state/v1/main", time.Time{})

	// A Put on an expired document's version tells whether it is still there.
	removed := func(key string) bool {
		t.Helper()
		_, err := s.Put(t.Context(), store.Doc{Key: key, Version: version[key], ExpiresAt: clock.Now()})
		if err != nil && !errors.Is(err, store.ErrConflict) {
			t.Fatal(err)
		}
		return err != nil
	}
	clock.Advance(2 * time.Hour) // past the hourly purge
	if !removed("hot/v1/short") {
		t.Error("the expired document is still in the file an hour later")
	}
	if _, err := s.Get(t.Context(), "hot/v1/long"); err != nil {
		t.Errorf("the other document: %v", err)
	}

	clock.Advance(2 * time.Hour)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, clock.Now)
	if !removed("hot/v1/long") {
		t.Error("the expired document is still in the file after Open")
	}
	if _, err := s.Get(t.Context(), "state/v1/main"); err != nil {
		t.Errorf("the document that never expires: %v", err)
	}
}

// writeForever puts 1, 2, 3 … and says each number once the store has taken it.
func writeForever(path string) {
	s, err := boltstore.Open(path, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	d := store.Doc{Key: "state/v1/main"}
	for i := 1; ; i++ {
		d.Data = fmt.Append(nil, i)
		if d, err = s.Put(context.Background(), d); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(i)
	}
}

func TestWhatPutHasTakenSurvivesAKill(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "store.db")
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	last := 0
	for lines.Scan() {
		if last, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
		if last == 20 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
	if last < 20 {
		t.Fatalf("the writer ended by itself after %d", last)
	}

	d, err := open(t, path, nil).Get(t.Context(), "state/v1/main")
	if err != nil {
		t.Fatal(err)
	}
	// One more may have been taken than was said.
	if got, _ := strconv.Atoi(string(d.Data)); got < last || got > last+1 {
		t.Errorf("after the kill the store holds %q, the writer was told %d", d.Data, last)
	}
}

func TestAValueThatIsNoDocumentIsAnErrorAndStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("state"))
		if err != nil {
			return err
		}
		return errors.Join(b.Put([]byte("v1:short"), []byte{1, 2, 3}), b.Put([]byte("v1:empty"), nil), b.Put([]byte("v1:other"), []byte("[]\nof another kind")))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	s := open(t, path, nil) // removes what has expired
	for key, want := range map[string]string{"state/v1/short": "3 bytes", "state/v1/empty": "0 bytes", "state/v1/other": "no document"} {
		if _, err := s.Get(t.Context(), key); err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), want) {
			t.Errorf("Get %s: %v, want an error with %q", key, err, want)
		}
		if _, err := s.Put(t.Context(), store.Doc{Key: key}); err == nil || errors.Is(err, store.ErrConflict) {
			t.Errorf("Put %s: %v, want an error", key, err)
		}
	}
	for d, err := range s.Range(t.Context(), "state/v1/", "state/v1/~") {
		if err == nil || !strings.Contains(err.Error(), "ranging from state/v1/ to state/v1/~: ") {
			t.Errorf("Range yields %+v, %v; want an error with the bounds", d, err)
		}
	}
}
