package history_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/gcp/firestore"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/boltstore"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// midnight begins the day that is compacted in these tests.
var midnight = eight.Truncate(24 * time.Hour)

var compaction = history.Compaction{Shard: shard, Regions: []string{region, "us-east4"}, SampleDays: 30, RollupDays: 400}

// firestoreWanted turns on the run against Firestore's emulator, which scripts/test
// starts.
const firestoreWanted = "PONGWATCH_TEST_FIRESTORE"

// stores are the implementations; a test skips what is not wanted.
var stores = map[string]func(*testing.T, func() time.Time) store.Store{
	"memory": func(_ *testing.T, now func() time.Time) store.Store { return storetest.NewMemory(now) },
	"bbolt": func(t *testing.T, now func() time.Time) store.Store {
		t.Helper()
		s, err := boltstore.Open(filepath.Join(t.TempDir(), "history.db"), now)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	},
	"Firestore": func(t *testing.T, now func() time.Time) store.Store {
		t.Helper()
		if os.Getenv(firestoreWanted) != "1" {
			t.Skipf("needs the Firestore emulator: set %s=1 and %s", firestoreWanted, firestore.EmulatorVariable)
		}
		s, err := firestore.New(t.Context(), firestore.Options{
			Project: fmt.Sprintf("history-%d", os.Getpid()), EmulatorHost: os.Getenv(firestore.EmulatorVariable), Now: now,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	},
}

// record writes every tenth minute of a day for two databases, with a gap from 03:00
// to 05:00, a failure at 10:00 and, from the second region, only queue.
func record(t *testing.T, a *history.Archive) {
	t.Helper()
	for minute := 0; minute < 24*60; minute += 10 {
		at := midnight.Add(time.Duration(minute) * time.Minute)
		run := history.Run{Scheduled: at, Started: at.Add(time.Second), Region: region}
		if hour := minute / 60; hour >= 3 && hour < 5 {
			continue
		}
		cache := report.Sample{At: at, Status: report.OK, Attempts: 1, Phases: report.Phases{Wait: float64(10 + minute%100)}}
		if minute == 600 {
			cache = report.Sample{At: at, Status: report.Fail, Cause: cause.TCPRefused, Attempts: 3}
		}
		if err := a.AppendPings(t.Context(), shard, run, map[string]report.Sample{"cache": cache}); err != nil {
			t.Fatal(err)
		}
		run.Region = "us-east4"
		queue := report.Sample{At: at, Status: report.Warn, Cause: cause.Slow, Attempts: 1, Phases: report.Phases{Wait: 700}}
		if err := a.AppendPings(t.Context(), shard, run, map[string]report.Sample{"queue": queue}); err != nil {
			t.Fatal(err)
		}
		r := report.Reading{
			At: at, Replica: fmt.Sprint(minute / 10 % 2),
			Values: map[report.Gauge]float64{report.GaugeHits: float64(minute), report.GaugeMisses: float64(minute / 10)},
			Checks: map[report.Check]report.Verdict{report.Memory: {Status: report.OK, Value: new(float64(minute) / 1440)}},
		}
		if err := a.AppendReadings(t.Context(), shard, run, map[string]report.Reading{"cache": r}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACompactedDayHoldsWhatItsHoursHeld(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			now := midnight
			a := history.New(open(t, func() time.Time { return now }))
			record(t, a)
			now = midnight.Add(24*time.Hour + history.CompactAfter)
			due, err := a.Due(t.Context(), shard, now)
			if err != nil || len(due) == 0 || !due[len(due)-1].Equal(midnight) {
				t.Fatalf("Due() = %v, %v; want the day that has ended last", due, err)
			}
			for range 2 { // the second changes nothing
				if err := a.Compact(t.Context(), compaction, midnight); err != nil {
					t.Fatal(err)
				}
			}
			check(t, a)
			now = midnight.Add(31*24*time.Hour - time.Second)
			check(t, a)
			now = now.Add(time.Second)
			days, err := a.Samples(t.Context(), "cache", midnight, midnight)
			if err != nil || len(days) != 0 {
				t.Errorf("after 30 days there are %d days of samples, %v; want none", len(days), err)
			}
			now = midnight.Add(401*24*time.Hour - time.Second)
			sums, err := a.Days(t.Context(), shard, midnight, midnight)
			if err != nil || len(sums) != 1 {
				t.Errorf("after 400 days there are %d daily summaries, %v; want one", len(sums), err)
			}
		})
	}
}

// check compares what compaction kept with what record wrote.
func check(t *testing.T, a *history.Archive) {
	t.Helper()
	days, err := a.Samples(t.Context(), "cache", midnight.Add(-48*time.Hour), midnight.Add(48*time.Hour))
	if err != nil || len(days) != 1 {
		t.Fatalf("Samples() = %d days, %v; want one", len(days), err)
	}
	samples := slices.Collect(days[0].Of[region].All())
	if n := len(samples); n != 22*6 {
		t.Fatalf("%d samples, want those of 22 hours: a gap stays a gap", n)
	}
	for _, s := range samples {
		minute := int(s.At.Sub(midnight) / time.Minute)
		wait := float64(10 + minute%100)
		want := report.Sample{At: s.At, Status: report.OK, Phases: report.Phases{Wait: wait, Total: wait}}
		if minute == 600 {
			want = report.Sample{At: s.At, Status: report.Fail, Cause: cause.TCPRefused}
		}
		if diff := cmp.Diff(want, s); diff != "" {
			t.Errorf("at %s (-want +got):\n%s", s.At.Format("15:04"), diff)
		}
	}
	sums, err := a.Days(t.Context(), shard, midnight, midnight.Add(time.Hour))
	if err != nil || len(sums) != 1 {
		t.Fatalf("Days() = %d, %v; want one", len(sums), err)
	}
	cache := sums[0].Of["cache"]
	if s, _ := cache.Regions.Of(region); s.Samples != 132 || s.Good != 131 || s.Failed != 1 || *s.P50 != 50 || *s.Max != 100 {
		t.Errorf("cache is summed up as %+v", s)
	}
	// Each of the two replicas counted from its first reading to its last.
	if *cache.Hits != 1420+1420 || *cache.Misses != 142+142 || *cache.MemoryRatio != 1430.0/1440 {
		t.Errorf("cache's figures are hits %v, misses %v, memory %v", *cache.Hits, *cache.Misses, *cache.MemoryRatio)
	}
	if s, _ := sums[0].Of["queue"].Regions.Of("us-east4"); s.Good != 132 || s.Failed != 0 {
		t.Errorf("queue is summed up as %+v", s)
	}
}

// TestACompactionThatIsCutShortIsMadeAgain stops a compaction at each of its writes,
// with the write made and not, and compacts again.
func TestACompactionThatIsCutShortIsMadeAgain(t *testing.T) {
	for written, fault := range map[bool]storetest.Fault{false: storetest.Unavailable, true: storetest.LostAnswer} {
		for stop := range 3 { // two documents of samples, one of the day
			now := midnight
			f := storetest.NewFaulty(storetest.NewMemory(func() time.Time { return now }))
			a := history.New(f)
			record(t, a)
			now = midnight.Add(25 * time.Hour)
			f.Plan(storetest.Put, append(make([]storetest.Fault, stop), fault)...)
			if err := a.Compact(t.Context(), compaction, midnight); !errors.Is(err, storetest.ErrInjected) {
				t.Fatalf("stopped at write %d: %v, want the injected error", stop, err)
			}
			if done, err := a.Compacted(t.Context(), shard, midnight); err != nil || done != (stop == 2 && written) {
				t.Errorf("stopped at write %d: compacted %v, %v", stop, done, err)
			}
			if err := a.Compact(t.Context(), compaction, midnight); err != nil {
				t.Fatal(err)
			}
			check(t, a)
		}
	}
}

func TestACompactionThatIsMadeAgainWritesNothingThatIsThere(t *testing.T) {
	now := midnight
	m := storetest.NewMemory(func() time.Time { return now })
	a := history.New(m)
	record(t, a)
	now = midnight.Add(25 * time.Hour)
	versions := func() (out []string) {
		t.Helper()
		if err := a.Compact(t.Context(), compaction, midnight); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"samples/v1/cache/2026-11-22", "samples/v1/queue/2026-11-22", "days/v1/main/2026-11-22"} {
			doc, err := m.Get(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, doc.Version)
		}
		return out
	}
	if diff := cmp.Diff(versions(), versions()); diff != "" {
		t.Errorf("versions of the documents (-first +second):\n%s", diff)
	}
}

func TestDueDays(t *testing.T) {
	now := midnight
	a := history.New(storetest.NewMemory(func() time.Time { return now }))
	tests := []struct {
		name string
		now  time.Time
		want []string
	}{
		{"before ten past midnight, yesterday's last run may be on its way", midnight.Add(9 * time.Minute), []string{"2026-11-19", "2026-11-20"}},
		{"then yesterday is due, with what was missed while its hours are there", midnight.Add(10 * time.Minute), []string{"2026-11-20", "2026-11-21"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			due, err := a.Due(t.Context(), shard, tt.now)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range due {
				got = append(got, d.Format("2006-01-02"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Due() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestADayWithoutRunsIsCompactedToNothing(t *testing.T) {
	a := history.New(storetest.NewMemory(func() time.Time { return midnight }))
	if err := a.Compact(t.Context(), compaction, midnight); err != nil {
		t.Fatal(err)
	}
	days, err := a.Days(t.Context(), shard, midnight, midnight)
	if err != nil || len(days) != 1 || len(days[0].Of) != 0 {
		t.Errorf("Days() = %v, %v; want one without databases: all of it is a gap", days, err)
	}
}

// TestADayFitsItsBudget takes one database's 1,440 samples.
func TestADayFitsItsBudget(t *testing.T) {
	m := storetest.NewMemory(func() time.Time { return midnight })
	a := history.New(m)
	for minute := range 1440 {
		at := midnight.Add(time.Duration(minute) * time.Minute)
		s := report.Sample{At: at, Status: report.OK, Attempts: 1, Phases: report.Phases{Wait: 40 + float64(minute*7919%113)/10}}
		if err := a.AppendPings(t.Context(), shard, history.Run{Scheduled: at, Region: region}, map[string]report.Sample{"cache": s}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Compact(t.Context(), compaction, midnight); err != nil {
		t.Fatal(err)
	}
	d, err := m.Get(t.Context(), "samples/v1/cache/2026-11-22")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", len(d.Data))
	if len(d.Data) > 4096 {
		t.Errorf("a day has %d bytes, want at most 4,096", len(d.Data))
	}
}
