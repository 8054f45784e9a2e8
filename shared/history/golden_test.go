package history_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// schema is the number of the golden files' format.
const schema = 1

// The keys of the documents that recordGolden writes, and of those that record and a
// compaction write.
const (
	hotKey     = "hot/v1/main/europe-west1/2026-11-22T20"
	gaugesKey  = "gauges/v1/main/2026-11-22T20"
	samplesKey = "samples/v1/cache/2026-11-22"
	daysKey    = "days/v1/main/2026-11-22"
)

// goldenFiles have the content of the documents of schema 1, by key.
var goldenFiles = map[string]string{
	hotKey: "hot.schema1.json", gaugesKey: "gauges.schema1.json", samplesKey: "samples.schema1.json", daysKey: "days.schema1.json",
}

func packed(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	if _, err := zw.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpacked(t testing.TB, data []byte) string {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func goldenText(t testing.TB, key string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", goldenFiles[key]))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// holding returns an archive over one document.
func holding(t testing.TB, key string, data []byte, schema int) *history.Archive {
	t.Helper()
	m := storetest.NewMemory(func() time.Time { return eight })
	if _, err := m.Put(t.Context(), store.Doc{Key: key, Data: data, Schema: schema}); err != nil {
		t.Fatal(err)
	}
	return history.New(m)
}

func recordGolden(t *testing.T, a *history.Archive) {
	t.Helper()
	for minute := range 3 {
		samples := map[string]report.Sample{"cache": good(minute), "queue": failed(minute)}
		if err := a.AppendPings(t.Context(), shard, runAt(minute), samples); err != nil {
			t.Fatal(err)
		}
		if err := a.AppendReadings(t.Context(), shard, runAt(minute), map[string]report.Reading{"cache": reading(minute)}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWritersWriteTheGoldenFiles(t *testing.T) {
	hours := storetest.NewMemory(func() time.Time { return eight })
	recordGolden(t, history.New(hours))
	compacted := storetest.NewMemory(func() time.Time { return midnight })
	a := history.New(compacted)
	record(t, a)
	if err := a.Compact(t.Context(), compaction, midnight); err != nil {
		t.Fatal(err)
	}
	for key, m := range map[string]store.Store{hotKey: hours, gaugesKey: hours, samplesKey: compacted, daysKey: compacted} {
		doc, err := m.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if doc.Schema != schema {
			t.Errorf("%s has schema %d, want %d", key, doc.Schema, schema)
		}
		goldentest.Compare(t, filepath.Join("testdata", goldenFiles[key]), unpacked(t, doc.Data))
	}
}

func TestReadersReadTheGoldenFiles(t *testing.T) {
	pings, err := holding(t, hotKey, packed(t, goldenText(t, hotKey)), schema).Pings(t.Context(), shard, region, eight, eight)
	if err != nil || len(pings) != 1 {
		t.Fatalf("Pings() = %d hours, %v; want 1", len(pings), err)
	}
	got := slices.Collect(pings[0].Of["queue"].All())
	if diff := cmp.Diff([]report.Sample{failed(0), failed(1), failed(2)}, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("pings (-want +got):\n%s", diff)
	}
	readings, err := holding(t, gaugesKey, packed(t, goldenText(t, gaugesKey)), schema).Readings(t.Context(), shard, eight, eight)
	if err != nil || len(readings) != 1 {
		t.Fatalf("Readings() = %d hours, %v; want 1", len(readings), err)
	}
	if diff := cmp.Diff([]report.Reading{reading(0), reading(1), reading(2)}, slices.Collect(readings[0].Of["cache"].All())); diff != "" {
		t.Errorf("readings (-want +got):\n%s", diff)
	}
	m := storetest.NewMemory(func() time.Time { return midnight })
	for _, key := range []string{samplesKey, daysKey} {
		if _, err := m.Put(t.Context(), store.Doc{Key: key, Data: packed(t, goldenText(t, key)), Schema: schema}); err != nil {
			t.Fatal(err)
		}
	}
	check(t, history.New(m))
}

// broken joins why documents could not be read. Each is there all the same.
func broken[S any](docs []*history.Document[S]) error {
	var all error
	for _, d := range docs {
		all = errors.Join(all, d.Broken)
	}
	return all
}

// readers read the document of their key.
var readers = map[string]func(t testing.TB, a *history.Archive) error{
	hotKey: func(t testing.TB, a *history.Archive) error {
		hours, err := a.Pings(t.Context(), shard, region, eight, eight)
		for _, h := range hours {
			for _, s := range h.Of {
				_ = slices.Collect(s.All())
			}
		}
		_, _, lastErr := a.LastPings(t.Context(), shard, region, eight)
		return errors.Join(err, lastErr, broken(hours))
	},
	gaugesKey: func(t testing.TB, a *history.Archive) error {
		hours, err := a.Readings(t.Context(), shard, eight, eight)
		for _, h := range hours {
			for name, r := range h.Of {
				_ = slices.Collect(r.All())
				_ = history.SumUp(hours, name, eight)
			}
		}
		_, _, lastErr := a.LastReadings(t.Context(), shard, eight)
		return errors.Join(err, lastErr, broken(hours))
	},
	samplesKey: func(t testing.TB, a *history.Archive) error {
		days, err := a.Samples(t.Context(), "cache", midnight, midnight)
		for _, d := range days {
			for _, s := range d.Of {
				_ = slices.Collect(s.All())
			}
		}
		return errors.Join(err, broken(days))
	},
	daysKey: func(t testing.TB, a *history.Archive) error {
		days, err := a.Days(t.Context(), shard, midnight, midnight)
		for _, d := range days {
			for _, of := range d.Of {
				_, _ = of.Regions.Of(region)
				_ = of.HitRate()
			}
		}
		return errors.Join(err, broken(days))
	},
}

func TestReadersRefuseWhatIsNoDocument(t *testing.T) {
	for key, read := range readers {
		whole := packed(t, goldenText(t, key))
		for name, tt := range map[string]struct {
			data   []byte
			schema int
			want   string
		}{
			"a newer version":         {whole, schema + 1, "newer version"},
			"not gzip":                {[]byte("{}"), schema, "decompressing"},
			"cut short":               {whole[:len(whole)/2], schema, "decompressing"},
			"not JSON":                {packed(t, "{"), schema, "decoding"},
			"another kind of content": {packed(t, `{"runs":"x","day":1}`), schema, "decoding"},
		} {
			err := read(t, holding(t, key, tt.data, tt.schema))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), key) {
				t.Errorf("%s: %s: error %v, want one with %q and the key", key, name, err, tt.want)
			}
		}
	}
}

func TestADocumentExpandsToSixteenMegabytesAtMost(t *testing.T) {
	text := `{"shard":"` + strings.Repeat("x", 16<<20-12) + `"}`
	if err := readers[hotKey](t, holding(t, hotKey, packed(t, text), schema)); err != nil {
		t.Errorf("%d bytes: %v, want no error", len(text), err)
	}
	err := readers[hotKey](t, holding(t, hotKey, packed(t, text+" "), schema))
	if err == nil || !strings.Contains(err.Error(), "more than 16777216 bytes") {
		t.Errorf("one byte more: %v, want an error with the bound", err)
	}
}

func FuzzRead(f *testing.F) {
	for key := range goldenFiles {
		f.Add(key, []byte(goldenText(f, key)))
	}
	f.Fuzz(func(t *testing.T, key string, text []byte) {
		if read, ok := readers[key]; ok {
			_ = read(t, holding(t, key, packed(t, string(text)), schema)) // no panic
		}
	})
}
