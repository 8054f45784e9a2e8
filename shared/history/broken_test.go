package history_test

import (
	"bytes"
	"compress/gzip"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

func packed(t *testing.T, text string) []byte {
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

// brokenColumns are wrong in one column each: AAE= is 0 and 1, AA== one 0, AIA= a number
// that does not end, AAM= has a cause that is not in the table.
var brokenColumns = map[string]string{
	"one number too few":            `"cause":"AAE=","wait":"AA=="`,
	"a number that does not end":    `"cause":"AAE=","wait":"AIA="`,
	"a cause that is not in table":  `"cause":"AAM=","wait":"AAE="`,
	"no column at all":              `"cause":"AAE="`,
	"a column with one number more": `"cause":"AAE=","wait":"AAEB"`,
}

// assertGap holds a document to having nothing of "broken", and two samples of "whole".
func assertGap(t *testing.T, document interface {
	Samples(name string) ([]report.Sample, error)
	Each(name string) iter.Seq[report.Sample]
},
) {
	t.Helper()
	if got, err := document.Samples("broken"); err == nil || got != nil {
		t.Errorf("Samples() = %v, %v; want an error", got, err)
	}
	if got := slices.Collect(document.Each("broken")); got != nil {
		t.Errorf("Each() yields %v, want a gap", got)
	}
	if got, err := document.Samples("whole"); err != nil || len(got) != 2 {
		t.Errorf("the other one has %d samples, %v; want 2", len(got), err)
	}
}

func TestABrokenColumnIsAGapOfItsDatabaseAlone(t *testing.T) {
	const rest = `,"attempts":"AQE=","dns":"AAE=","connect":"AAE=","tls":"AAE=","rest":"AAE="}`
	for name, columns := range brokenColumns {
		t.Run(name, func(t *testing.T) {
			h, err := history.DecodePings(packed(t, `{"shard":"main","region":"r","causes":["slow"],
				"runs":[{"scheduled":"2026-11-22T20:00:00Z"},{"scheduled":"2026-11-22T20:01:00Z"}],
				"databases":{"whole":{"status":"oo","cause":"AAE=","wait":"AAE="`+rest+`,"broken":{"status":"oo",`+columns+rest+`}}`), 1)
			if err != nil {
				t.Fatal(err)
			}
			assertGap(t, h)
		})
	}
}

func TestABrokenColumnIsAGapOfItsRegionAlone(t *testing.T) {
	for name, columns := range brokenColumns {
		t.Run(name, func(t *testing.T) {
			d, err := history.DecodeSamples(packed(t, `{"database":"cache","day":"2026-11-22","causes":["slow"],
				"regions":{"whole":{"status":"oo","cause":"AAE=","wait":"AAE=","at":"AAE="},"broken":{"status":"oo","at":"AAE=",`+columns+`}}}`), 1)
			if err != nil {
				t.Fatal(err)
			}
			assertGap(t, d)
		})
	}
}

func TestABrokenColumnCostsNobodyElseTheirDay(t *testing.T) {
	m := storetest.NewMemory(func() time.Time { return midnight.Add(25 * time.Hour) })
	const columns = `"attempts":"AQ==","dns":"AA==","connect":"AA==","tls":"AA==","wait":"AA==","rest":"AA=="`
	hour := packed(t, `{"shard":"main","region":"`+region+`","runs":[{"scheduled":"`+midnight.Format(time.RFC3339)+`"}],
		"databases":{"whole":{"status":"o","cause":"AA==",`+columns+`},"broken":{"status":"o","cause":"",`+columns+`}}}`)
	if _, err := m.Put(t.Context(), store.Doc{Key: "hot/v1/main/" + region + "/" + midnight.Format("2006-01-02T15"), Data: hour, Schema: 1, ExpiresAt: midnight.Add(96 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	a := history.New(m)
	if err := a.Compact(t.Context(), compaction, midnight); err != nil {
		t.Fatalf("the day is not compacted: %v", err)
	}
	for name, want := range map[string]int{"whole": 1, "broken": 0} {
		days, err := a.Samples(t.Context(), name, midnight, midnight)
		if err != nil || len(days) != want {
			t.Errorf("%s has %d days of samples, %v; want %d", name, len(days), err, want)
		}
	}
}
