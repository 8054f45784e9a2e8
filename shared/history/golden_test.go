package history_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pongwatch/pongwatch/internal/goldentest"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// TestGoldenFiles reads the documents that past versions wrote and, for the
// current schema, writes the same content anew.
func TestGoldenFiles(t *testing.T) {
	m := storetest.NewMemory(func() time.Time { return eight })
	a := history.New(m)
	for minute := range 3 {
		samples := map[string]report.Sample{"cache": good(minute), "queue": failed(minute)}
		if err := a.AppendPings(t.Context(), shard, runAt(minute), samples); err != nil {
			t.Fatal(err)
		}
		if err := a.AppendReadings(t.Context(), shard, runAt(minute), map[string]report.Reading{"cache": reading(minute)}); err != nil {
			t.Fatal(err)
		}
	}
	hot := golden(t, m, "hot/v1/main/europe-west1/2026-11-22T20", "hot.schema1.gz")
	gauges := golden(t, m, "gauges/v1/main/2026-11-22T20", "gauges.schema1.gz")

	pings, err := history.DecodePings(hot, 1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pings.Samples("queue")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]report.Sample{failed(0), failed(1), failed(2)}, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("hot schema 1 (-want +got):\n%s", diff)
	}
	readings, err := history.DecodeReadings(gauges, 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]report.Reading{reading(0), reading(1), reading(2)}, readings.Readings("cache")); diff != "" {
		t.Errorf("gauges schema 1 (-want +got):\n%s", diff)
	}
	if _, err := history.DecodePings(hot, history.Schema+1); !errors.Is(err, history.ErrNewer) {
		t.Errorf("a newer schema = %v, want ErrNewer", err)
	}
}

// golden returns the golden file's content; with -update it first becomes the
// document under key.
func golden(t *testing.T, s store.Store, key, name string) []byte {
	t.Helper()
	path := filepath.Join("testdata", name)
	if goldentest.Update() {
		d, err := s.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if d.Schema != history.Schema {
			t.Fatalf("schema %d, want %d", d.Schema, history.Schema)
		}
		goldentest.Write(t, path, d.Data)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
