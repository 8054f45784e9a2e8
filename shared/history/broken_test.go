package history_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// brokenSamples are wrong in one column each. AQE= is 1 and 1, CQk= 9 and 9, gIA= a number that does not end, and
// AIA= a 0 and one that does not end.
var brokenSamples = map[string]string{
	"no series":                    `null`,
	"no columns":                   `{}`,
	"a time that does not end":     `{"columns":["gIA="]}`,
	"a column that does not end":   `{"columns":["AQE=",null,"AIA=",null,null,null,null,"AIA="]}`,
	"a cause that is not in table": `{"columns":["AQE=",null,"CQk="]}`,
	"a status that is none":        `{"columns":["AQE=","CQk="]}`,
	"a number too few":             `{"columns":["AQE=",null,null,null,null,null,null,"AQ=="]}`,
}

const wholeSamples = `{"causes":["slow"],"columns":["AQE=","AAE=","AAE="]}`

// Columns that do not fit one another are nothing that a writer writes or gzip's checksum lets pass: they harm
// no other series.
func TestABrokenSeriesHarmsNoOther(t *testing.T) {
	for name, broken := range brokenSamples {
		t.Run(name, func(t *testing.T) {
			a := holding(t, hotKey, packed(t, `{"of":{"broken":`+broken+`,"whole":`+wholeSamples+`}}`), schema)
			whole := func(want ...report.Sample) {
				t.Helper()
				hours, err := a.Pings(t.Context(), shard, region, eight, eight)
				if err != nil || len(hours) != 1 || hours[0].Broken != nil {
					t.Fatalf("Pings() = %v, %v; want one hour", hours, err)
				}
				for s := range hours[0].Of["broken"].All() {
					if name == "a time that does not end" && !s.At.Equal(eight) {
						t.Errorf("the broken series has a sample of %v, which was never written", s.At)
					}
					if !slices.Contains([]report.Status{report.OK, report.Unknown}, s.Status) || s.Cause != "" {
						t.Errorf("the broken series has %+v", s)
					}
				}
				if diff := cmp.Diff(want, slices.Collect(hours[0].Of["whole"].All())); diff != "" {
					t.Errorf("the other one (-want +got):\n%s", diff)
				}
			}
			first := report.Sample{At: time.Unix(1, 0).UTC(), Status: report.OK}
			second := report.Sample{At: time.Unix(2, 0).UTC(), Status: report.Warn, Cause: cause.Slow}
			whole(first, second)
			third := report.Sample{At: eight, Status: report.OK}
			if err := a.AppendPings(t.Context(), shard, runAt(0), map[string]report.Sample{"broken": third, "whole": third}); err != nil {
				t.Fatal(err)
			}
			whole(first, second, third)
		})
	}
}

// A figure of eight zero bytes is 0.
const zero, twoZeros, threeZeros = "AAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func TestBrokenReadingsHarmNoOther(t *testing.T) {
	const times = `"times":[1795377600,1795377900],"replicas":["a","a"]`
	for name, broken := range map[string]string{
		"no series":                       `null`,
		"no readings":                     `{"values":{"keys":"` + zero + `"},"checks":{"memory":{"status":"AQ=="}}}`,
		"more figures than readings":      `{` + times + `,"values":{"keys":"` + threeZeros + `"}}`,
		"half a figure":                   `{` + times + `,"values":{"keys":"AAAAAA=="}}`,
		"no verdicts":                     `{` + times + `,"checks":{"memory":null}}`,
		"more statuses than readings":     `{` + times + `,"checks":{"memory":{"status":"AQEB"}}}`,
		"a status that is none":           `{` + times + `,"checks":{"memory":{"status":"CQk="}}}`,
		"more causes than readings":       `{` + times + `,"checks":{"memory":{"status":"AQE=","cause":["","",""]}}}`,
		"more check values than readings": `{` + times + `,"checks":{"memory":{"status":"AQE=","value":"` + threeZeros + `"}}}`,
		"more replicas than readings":     `{"times":[1795377600],"replicas":["a","b"],"policies":["","noeviction"],"values":{"keys":"` + twoZeros + `"}}`,
		"half a check value":              `{` + times + `,"checks":{"memory":{"status":"AQE=","value":"AAAAAA=="}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			a := holding(t, gaugesKey, packed(t, `{"of":{"broken":`+broken+`,"whole":{`+times+`,"values":{"keys":"`+twoZeros+`","reads_total":"`+zero+`"},
				"checks":{"memory":{"status":"AQE=","cause":["","slow"],"value":"`+twoZeros+`"}}}}}`), schema)
			hours, err := a.Readings(t.Context(), shard, eight, eight)
			if err != nil || len(hours) != 1 {
				t.Fatalf("Readings() = %d hours, %v; want 1", len(hours), err)
			}
			for r := range hours[0].Of["broken"].All() {
				if r.At.Before(eight) {
					t.Errorf("the broken series has %+v", r)
				}
			}
			_ = history.SumUp(hours, "broken", eight)
			o := history.NewOverview(shard)
			o.LearnReadings(hours)
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
			if diff := cmp.Diff(want, slices.Collect(hours[0].Of["whole"].All())); diff != "" {
				t.Errorf("the other series (-want +got):\n%s", diff)
			}
		})
	}
}

func TestADatabaseWithoutADayIsLeftOut(t *testing.T) {
	a := holding(t, daysKey, packed(t, `{"of":{"broken":null,"whole":{"hits":1}}}`), schema)
	days, err := a.Days(t.Context(), shard, midnight, midnight)
	if err != nil || len(days) != 1 {
		t.Fatalf("Days() = %d, %v; want 1", len(days), err)
	}
	want := map[string]*history.DatabaseDay{"whole": {Figures: history.Figures{Hits: new(1.0)}}}
	if diff := cmp.Diff(want, days[0].Of); diff != "" {
		t.Errorf("databases (-want +got):\n%s", diff)
	}
}

func TestABrokenSeriesCostsNoOtherDatabaseItsDay(t *testing.T) {
	m := storetest.NewMemory(func() time.Time { return midnight.Add(25 * time.Hour) })
	hour := packed(t, `{"runs":[{"scheduled":"`+midnight.Format(time.RFC3339)+`"}],"of":{"whole":{"columns":["gOGI2AY="]},"broken":{"columns":["gIA="]}}}`)
	if _, err := m.Put(t.Context(), store.Doc{Key: "hot/v1/main/" + region + "/" + midnight.Format("2006-01-02T15"), Data: hour, Schema: 1, ExpiresAt: midnight.Add(96 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	a := history.New(m)
	if err := a.Compact(t.Context(), compaction, midnight); err != nil {
		t.Fatalf("the day is not compacted: %v", err)
	}
	days, err := a.Samples(t.Context(), "whole", midnight, midnight)
	if err != nil || len(days) != 1 || len(slices.Collect(days[0].Of[region].All())) != 1 {
		t.Errorf("the whole one has %v, %v; want its sample", days, err)
	}
}
