package statistics

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// A compacted day replaces its hours, whichever days around it are not compacted.
func TestEachSampleIsReadOnce(t *testing.T) {
	const shard, region, database = "main", "us-east4", "cache"
	today := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for name, compacted := range map[string][]int{
		"no day is compacted yet":              nil,
		"all days but today are":               {2, 1},
		"yesterday is, the day before is not":  {1},
		"the day before is, yesterday is late": {2},
	} {
		t.Run(name, func(t *testing.T) {
			a := history.New(storetest.NewMemory(func() time.Time { return today.Add(20 * time.Hour) }))
			var want []time.Time
			for at := today.Add(-2 * day); at.Before(today.Add(20 * time.Hour)); at = at.Add(30 * time.Minute) {
				want = append(want, at)
				run := history.Run{Scheduled: at, Started: at, Region: region}
				if err := a.AppendPings(t.Context(), shard, run, map[string]report.Sample{database: {At: at, Status: report.OK}}); err != nil {
					t.Fatal(err)
				}
			}
			for _, back := range compacted {
				c := history.Compaction{Shard: shard, Regions: []string{region}, SampleDays: 30, RollupDays: 400}
				if err := a.Compact(t.Context(), c, today.AddDate(0, 0, -back)); err != nil {
					t.Fatal(err)
				}
			}
			hours, err := a.Pings(t.Context(), shard, region, want[0], today.Add(20*time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			old, err := a.Samples(t.Context(), database, want[0], today)
			if err != nil || len(old) != len(compacted) {
				t.Fatalf("%d days of samples, %v; want %d", len(old), err, len(compacted))
			}
			var got []time.Time
			for _, s := range slices.Collect(samplesOf(hours, old, region, database)) {
				got = append(got, s.At)
			}
			slices.SortFunc(got, time.Time.Compare)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("times (-want +got):\n%s", diff)
			}
		})
	}
}
