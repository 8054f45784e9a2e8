package history_test

import (
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

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
	if got, err := document.Samples("broken"); err == nil || got != nil || !strings.HasPrefix(err.Error(), "reading samples of ") {
		t.Errorf("Samples() = %v, %v; want an error with the operation", got, err)
	}
	if got := slices.Collect(document.Each("broken")); got != nil {
		t.Errorf("Each() yields %v, want a gap", got)
	}
	if got, err := document.Samples("whole"); err != nil || len(got) != 2 {
		t.Errorf("the other one has %d samples, %v; want 2", len(got), err)
	}
}

// brokenSeries are the broken columns with the others, and what is no series.
func brokenSeries(rest string) map[string]string {
	out := map[string]string{"no series": `null`}
	for name, columns := range brokenColumns {
		out[name] = `{"status":"oo",` + columns + rest + `}`
	}
	return out
}

const otherPingColumns = `,"attempts":"AQE=","dns":"AAE=","connect":"AAE=","tls":"AAE=","rest":"AAE="`

// brokenHour is an hour of pings in which one database's series is broken.
func brokenHour(t *testing.T, broken string) *history.Archive {
	t.Helper()
	return holding(t, hotKey, packed(t, `{"shard":"main","region":"r","causes":["slow"],
		"runs":[{"scheduled":"2026-11-22T20:00:00Z"},{"scheduled":"2026-11-22T20:01:00Z"}],
		"databases":{"whole":{"status":"oo","cause":"AAE=","wait":"AAE="`+otherPingColumns+`},"broken":`+broken+`}}`), schema)
}

func TestABrokenColumnIsAGapOfItsDatabaseAlone(t *testing.T) {
	tests := brokenSeries(otherPingColumns)
	tests["more samples than runs"] = `{"status":"ooo","cause":"AAEA","wait":"AAEB","attempts":"AQEB","dns":"AAEB","connect":"AAEB","tls":"AAEB","rest":"AAEB"}`
	for name, series := range tests {
		t.Run(name, func(t *testing.T) {
			hours, err := brokenHour(t, series).Pings(t.Context(), shard, region, eight, eight)
			if err != nil || len(hours) != 1 {
				t.Fatalf("Pings() = %d hours, %v; want 1", len(hours), err)
			}
			assertGap(t, hours[0])
		})
	}
}

func TestABrokenSeriesBeginsAnewWithTheNextRun(t *testing.T) {
	for name, series := range brokenSeries(otherPingColumns) {
		t.Run(name, func(t *testing.T) {
			a := brokenHour(t, series)
			if err := a.AppendPings(t.Context(), shard, runAt(2), map[string]report.Sample{"broken": good(2), "whole": good(2)}); err != nil {
				t.Fatal(err)
			}
			hours, err := a.Pings(t.Context(), shard, region, eight, eight)
			if err != nil || len(hours) != 1 {
				t.Fatalf("Pings() = %d hours, %v; want 1", len(hours), err)
			}
			for name, want := range map[string]int{"broken": 1, "whole": 3} {
				got, err := hours[0].Samples(name)
				if err != nil || len(got) != want || !got[len(got)-1].At.Equal(runAt(2).Scheduled) {
					t.Errorf("%s has %v, %v; want %d samples with the new one", name, got, err, want)
				}
			}
		})
	}
}

func TestABrokenColumnIsAGapOfItsRegionAlone(t *testing.T) {
	for name, series := range brokenSeries(`,"at":"AAE="`) {
		t.Run(name, func(t *testing.T) {
			a := holding(t, samplesKey, packed(t, `{"database":"cache","day":"2026-11-22","causes":["slow"],
				"regions":{"whole":{"status":"oo","cause":"AAE=","wait":"AAE=","at":"AAE="},"broken":`+series+`}}`), schema)
			days, err := a.Samples(t.Context(), "cache", midnight, midnight)
			if err != nil || len(days) != 1 {
				t.Fatalf("Samples() = %d days, %v; want 1", len(days), err)
			}
			assertGap(t, days[0])
		})
	}
}

// A figure of eight zero bytes is 0.
const zero, twoZeros, threeZeros = "AAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func TestABrokenColumnOfReadingsIsAGapOfItsDatabaseAlone(t *testing.T) {
	const heads = `"run":[0,1],"replica":["a","a"],"policy":["",""]`
	for name, broken := range map[string]string{
		"no series":                       `null`,
		"a run that never was":            `{"run":[0,2],"replica":["a","a"],"policy":["",""]}`,
		"a run before the first":          `{"run":[-1,1],"replica":["a","a"],"policy":["",""]}`,
		"a replica too few":               `{"run":[0,1],"replica":["a"],"policy":["",""]}`,
		"a policy too many":               `{"run":[0,1],"replica":["a","a"],"policy":["","",""]}`,
		"more figures than readings":      `{` + heads + `,"values":{"keys":"` + threeZeros + `"}}`,
		"half a figure":                   `{` + heads + `,"values":{"keys":"AAAAAA=="}}`,
		"no verdicts":                     `{` + heads + `,"checks":{"memory":null}}`,
		"more statuses than readings":     `{` + heads + `,"checks":{"memory":{"status":"ooo"}}}`,
		"more causes than readings":       `{` + heads + `,"checks":{"memory":{"status":"oo","cause":["","",""]}}}`,
		"more check values than readings": `{` + heads + `,"checks":{"memory":{"status":"oo","value":"` + threeZeros + `"}}}`,
		"half a check value":              `{` + heads + `,"checks":{"memory":{"status":"oo","value":"AAAAAA=="}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			a := holding(t, gaugesKey, packed(t, `{"shard":"main",
				"runs":[{"scheduled":"2026-11-22T20:00:00Z"},{"scheduled":"2026-11-22T20:05:00Z"}],
				"databases":{"broken":`+broken+`,"whole":{`+heads+`,"values":{"keys":"`+twoZeros+`","reads_total":"`+zero+`"},
				"checks":{"memory":{"status":"oo","cause":["","slow"],"value":"`+twoZeros+`"}}}}}`), schema)
			hours, err := a.Readings(t.Context(), shard, eight, eight)
			if err != nil || len(hours) != 1 {
				t.Fatalf("Readings() = %d hours, %v; want 1", len(hours), err)
			}
			if got := hours[0].Readings("broken"); got != nil {
				t.Errorf("the broken series has the readings %v, want a gap", got)
			}
			if got, ok := hours[0].Last("broken"); ok {
				t.Errorf("the broken series ends with %v, want a gap", got)
			}
			want := []report.Reading{
				{
					At: eight, Replica: "a", Values: map[report.Gauge]float64{report.GaugeKeys: 0, report.GaugeReads: 0},
					Checks: map[report.Check]report.Verdict{report.Memory: {Status: report.OK, Value: new(0.0)}},
				},
				{
					At: eight.Add(5 * time.Minute), Replica: "a", Values: map[report.Gauge]float64{report.GaugeKeys: 0},
					Checks: map[report.Check]report.Verdict{report.Memory: {Status: report.OK, Cause: cause.Slow, Value: new(0.0)}},
				},
			}
			if diff := cmp.Diff(want, hours[0].Readings("whole")); diff != "" {
				t.Errorf("the other series (-want +got):\n%s", diff)
			}
		})
	}
}

func TestADatabaseWithoutADayIsLeftOut(t *testing.T) {
	a := holding(t, daysKey, packed(t, `{"day":"2026-11-22","shard":"main","databases":{"broken":null,"whole":{"hits":1}}}`), schema)
	days, err := a.Days(t.Context(), shard, midnight, midnight)
	if err != nil || len(days) != 1 {
		t.Fatalf("Days() = %d, %v; want 1", len(days), err)
	}
	want := map[string]*history.DatabaseDay{"whole": {Figures: history.Figures{Hits: new(1.0)}}}
	if diff := cmp.Diff(want, days[0].Databases); diff != "" {
		t.Errorf("databases (-want +got):\n%s", diff)
	}
}

func TestABrokenColumnCostsNoOtherDatabaseItsDay(t *testing.T) {
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
