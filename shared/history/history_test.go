package history_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

const (
	shard  = "main"
	region = "europe-west1"
)

var eight = time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)

func runAt(minute int) history.Run {
	t := eight.Add(time.Duration(minute) * time.Minute)
	return history.Run{Scheduled: t, Started: t.Add(800 * time.Millisecond), Finished: t.Add(1200 * time.Millisecond), Region: region}
}

func good(minute int) report.Sample {
	return report.Sample{
		At: runAt(minute).Scheduled, Status: report.OK, Attempts: 1,
		Phases: report.Phases{DNS: 2.1, Connect: 11, TLS: 24, Wait: 41.7, Total: 80},
	}
}

func failed(minute int) report.Sample {
	return report.Sample{
		At: runAt(minute).Scheduled, Status: report.Fail, Cause: cause.TimeoutResponse, Attempts: 3,
		Phases: report.Phases{DNS: 1, Connect: 12, TLS: 30, Total: 4000},
	}
}

func TestPingsComeBackAsTheyWereWritten(t *testing.T) {
	a := history.New(storetest.NewMemory(func() time.Time { return eight }))
	for minute, samples := range []map[string]report.Sample{
		0: {"cache": good(0)},
		1: {"cache": failed(1), "queue": good(1)},
		2: {"queue": good(2)}, // cache was not watched: a gap
		3: {"cache": good(3), "queue": {At: runAt(3).Scheduled, Status: report.Unknown, Cause: cause.Interrupted}},
	} {
		if err := a.AppendPings(t.Context(), shard, runAt(minute), samples); err != nil {
			t.Fatal(err)
		}
	}

	hours, err := a.Pings(t.Context(), shard, region, eight, eight.Add(10*time.Minute))
	if err != nil || len(hours) != 1 {
		t.Fatalf("Pings() = %d hours, %v; want 1, nil", len(hours), err)
	}
	want := map[string][]report.Sample{
		"cache": {good(0), failed(1), good(3)},
		"queue": {good(1), good(2), {At: runAt(3).Scheduled, Status: report.Unknown, Cause: cause.Interrupted}},
	}
	for name, samples := range want {
		got := slices.Collect(hours[0].Of[name].All())
		if diff := cmp.Diff(samples, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
			t.Errorf("Samples(%q) (-want +got):\n%s", name, diff)
		}
	}
	if got := slices.Collect(hours[0].Of["unknown"].All()); got != nil {
		t.Errorf("samples of an unknown database: %v, want none", got)
	}
	if diff := cmp.Diff([]history.Run{runAt(0), runAt(1), runAt(2), runAt(3)}, hours[0].Runs); diff != "" {
		t.Errorf("Runs() (-want +got):\n%s", diff)
	}
}

func TestAnAppendIsIdempotentAndOrderDoesNotMatter(t *testing.T) {
	m := storetest.NewMemory(func() time.Time { return eight })
	a := history.New(m)
	for _, minute := range []int{0, 2, 2, 1, 0} {
		if err := a.AppendPings(t.Context(), shard, runAt(minute), map[string]report.Sample{"cache": good(minute)}); err != nil {
			t.Fatal(err)
		}
	}
	hours, err := a.Pings(t.Context(), shard, region, eight, eight)
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Collect(hours[0].Of["cache"].All())
	if diff := cmp.Diff([]report.Sample{good(0), good(1), good(2)}, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("Samples (-want +got):\n%s", diff)
	}
	last, ok, err := a.LastPings(t.Context(), shard, region, eight.Add(70*time.Minute))
	if err != nil || !ok || !last.Scheduled.Equal(runAt(2).Scheduled) {
		t.Errorf("LastPings() = %v, %v, %v; want the run of 20:02, found in the hour before", last, ok, err)
	}
	if _, ok, err := a.LastPings(t.Context(), shard, "us-east4", eight); ok || err != nil {
		t.Errorf("LastPings of a region without runs = %v, %v; want false, nil", ok, err)
	}
}

func TestHoursAreSeparateDocumentsThatExpire(t *testing.T) {
	now := eight
	m := storetest.NewMemory(func() time.Time { return now })
	a := history.New(m)
	for _, minute := range []int{59, 60, 180} {
		if err := a.AppendPings(t.Context(), shard, runAt(minute), map[string]report.Sample{"cache": good(minute)}); err != nil {
			t.Fatal(err)
		}
	}
	hours, err := a.Pings(t.Context(), shard, region, eight, eight.Add(2*time.Hour))
	if err != nil || len(hours) != 2 {
		t.Fatalf("Pings(20:00 to 22:00) = %d hours, %v; want 2", len(hours), err)
	}
	now = eight.Add(time.Hour + 72*time.Hour)
	hours, err = a.Pings(t.Context(), shard, region, eight, eight.Add(3*time.Hour))
	if err != nil || len(hours) != 2 {
		t.Errorf("three days after its end the first hour is still there: %d hours, %v; want 2", len(hours), err)
	}
}

func TestDaysToKeepAreConfigured(t *testing.T) {
	for _, tt := range []struct{ days, kept int }{{2, 2}, {3, 3}, {14, 14}, {0, 2}} {
		m := storetest.NewMemory(func() time.Time { return eight })
		a := history.New(m).Keep(tt.days)
		if err := a.AppendPings(t.Context(), shard, runAt(0), map[string]report.Sample{"cache": good(0)}); err != nil {
			t.Fatal(err)
		}
		d, err := m.Get(t.Context(), "hot/v1/main/europe-west1/2026-11-22T20")
		if err != nil {
			t.Fatal(err)
		}
		if want := eight.Add(time.Hour + time.Duration(tt.kept)*24*time.Hour); !d.ExpiresAt.Equal(want) {
			t.Errorf("%d days: expires %s, want %s", tt.days, d.ExpiresAt, want)
		}
		due, err := a.Due(t.Context(), shard, eight)
		if err != nil || len(due) != tt.kept-1 {
			t.Errorf("%d days: %d are due, %v; want %d", tt.days, len(due), err, tt.kept-1)
		}
	}
}

func TestAppendsMeetOtherWritersAndLostAnswers(t *testing.T) {
	tests := []struct {
		name    string
		faults  []storetest.Fault
		wantErr error
		want    int
	}{
		{"another writer is first twice", []storetest.Fault{storetest.Conflict, storetest.Conflict}, nil, 1},
		{"the answer of a write that happened is lost", []storetest.Fault{storetest.LostAnswer}, nil, 1},
		{"the write did not happen once", []storetest.Fault{storetest.Unavailable}, nil, 1},
		{"the store stays down", []storetest.Fault{storetest.Unavailable, storetest.Unavailable, storetest.Unavailable}, storetest.ErrInjected, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := storetest.NewFaulty(storetest.NewMemory(func() time.Time { return eight }))
			f.Plan(storetest.Put, tt.faults...)
			a := history.New(f)
			err := a.AppendPings(t.Context(), shard, runAt(0), map[string]report.Sample{"cache": good(0)})
			if !errors.Is(err, tt.wantErr) {
				t.Errorf("AppendPings() = %v, want %v", err, tt.wantErr)
			}
			hours, err := a.Pings(t.Context(), shard, region, eight, eight)
			if err != nil {
				t.Fatal(err)
			}
			got := 0
			for _, h := range hours {
				samples := slices.Collect(h.Of["cache"].All())
				got += len(samples)
			}
			if got != tt.want {
				t.Errorf("%d samples are kept, want %d", got, tt.want)
			}
		})
	}
}

func TestARunAfterTheFirstNeedsNoRead(t *testing.T) {
	f := storetest.NewFaulty(storetest.NewMemory(func() time.Time { return eight }))
	a, other := history.New(f), history.New(f)
	add := func(a *history.Archive, minute int) {
		t.Helper()
		if err := a.AppendPings(t.Context(), shard, runAt(minute), map[string]report.Sample{"cache": good(minute)}); err != nil {
			t.Fatal(err)
		}
	}
	add(a, 0)
	add(a, 1)
	add(a, 1) // repeated
	add(a, 2)
	if n := f.Count(storetest.Get); n != 1 {
		t.Errorf("%d reads for four runs, want one", n)
	}
	add(other, 3) // another instance
	add(a, 4)     // this one reads again after a conflict
	add(a, 60)    // the next hour
	hours, err := a.Pings(t.Context(), shard, region, eight, eight.Add(time.Hour))
	if err != nil || len(hours) != 2 || len(hours[0].Runs) != 5 || len(hours[1].Runs) != 1 {
		t.Errorf("hours %v, %v; want five runs and one", hours, err)
	}
}

func TestTwoRunsAtOnceAreBothKept(t *testing.T) {
	a := history.New(storetest.NewMemory(func() time.Time { return eight }))
	var wg sync.WaitGroup
	for minute := range 2 {
		wg.Go(func() {
			if err := a.AppendPings(t.Context(), shard, runAt(minute), map[string]report.Sample{"cache": good(minute)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	hours, err := a.Pings(t.Context(), shard, region, eight, eight)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(hours[0].Runs); got != 2 {
		t.Errorf("%d runs are kept, want 2", got)
	}
}

func reading(minute int) report.Reading {
	return report.Reading{
		At: runAt(minute).Scheduled, Replica: "10.16.8.4", Policy: "noeviction",
		Values: map[report.Gauge]float64{report.GaugeDataSize: 2048, report.GaugeDataLimit: 268435456, report.GaugeHits: float64(100 * minute)},
		Checks: map[report.Check]report.Verdict{report.Memory: {Status: report.OK, Value: new(0.25)}},
	}
}

func TestReadingsComeBackAsTheyWereWritten(t *testing.T) {
	a := history.New(storetest.NewMemory(func() time.Time { return eight }))
	late := reading(10)
	late.Values[report.GaugeKeys] = 15 // INFO named it for the first time
	delete(late.Values, report.GaugeHits)
	late.Checks[report.Write] = report.Verdict{Status: report.Fail, Cause: cause.StorageFull}
	down := report.Reading{At: runAt(5).Scheduled, Values: map[report.Gauge]float64{}, Checks: map[report.Check]report.Verdict{report.Memory: {Status: report.Unknown, Cause: cause.TCPRefused}}}

	for _, r := range []report.Reading{reading(0), down, late, reading(0)} {
		if err := a.AppendReadings(t.Context(), shard, history.Run{Scheduled: r.At, Region: region}, map[string]report.Reading{"cache": r}); err != nil {
			t.Fatal(err)
		}
	}
	last, ok, err := a.LastReadings(t.Context(), shard, eight.Add(20*time.Minute))
	if err != nil || !ok || !last.Scheduled.Equal(late.At) {
		t.Fatalf("LastReadings() = %v, %v, %v; want the last run", last, ok, err)
	}
	hours, err := a.Readings(t.Context(), shard, eight, eight.Add(20*time.Minute))
	if err != nil || len(hours) != 1 {
		t.Fatalf("Readings() = %d hours, %v; want 1", len(hours), err)
	}
	if diff := cmp.Diff([]report.Reading{reading(0), down, late}, slices.Collect(hours[0].Of["cache"].All())); diff != "" {
		t.Errorf("Readings (-want +got):\n%s", diff)
	}
}

// TestAnHourFitsItsBudget takes a fifth of 250 databases, of which the budget is 85 KB of pings
// and 125 KB of readings that do not repeat.
func TestAnHourFitsItsBudget(t *testing.T) {
	m := storetest.NewMemory(func() time.Time { return eight })
	a := history.New(m)
	rng := rand.New(rand.NewPCG(1, 2))
	jitter := func(base, spread float64) float64 { return base + rng.ExpFloat64()*spread }
	for minute := range 60 {
		samples, readings := map[string]report.Sample{}, map[string]report.Reading{}
		for db := range 50 {
			s := good(minute)
			s.Phases = report.Phases{DNS: jitter(2, 1), Connect: jitter(22, 1.5), TLS: jitter(24, 2), Wait: jitter(45, 3)}
			s.Phases.Total = s.Phases.DNS + s.Phases.Connect + s.Phases.TLS + s.Phases.Wait
			samples[fmt.Sprintf("database-%03d", db)] = s
			readings[fmt.Sprintf("database-%03d", db)] = busy(rng, minute)
		}
		if err := a.AppendPings(t.Context(), shard, runAt(minute), samples); err != nil {
			t.Fatal(err)
		}
		if minute%5 == 0 {
			if err := a.AppendReadings(t.Context(), shard, runAt(minute), readings); err != nil {
				t.Fatal(err)
			}
		}
	}
	for key, budget := range map[string]int{"hot/v1/main/europe-west1/2026-11-22T20": 17_000, "gauges/v1/main/2026-11-22T20": 25_000} {
		d, err := m.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes", key, len(d.Data))
		if len(d.Data) > budget {
			t.Errorf("%s has %d bytes, want at most %d", key, len(d.Data), budget)
		}
	}
}

func busy(rng *rand.Rand, minute int) report.Reading {
	r := reading(minute)
	for _, g := range []report.Gauge{
		report.GaugeDataSize, report.GaugeMemoryUsed, report.GaugeKeys, report.GaugeCommands, report.GaugeReads,
		report.GaugeWrites, report.GaugeHits, report.GaugeMisses, report.GaugeExpired,
	} {
		r.Values[g] = float64(1_000_000 + rng.IntN(1_000_000))
	}
	return r
}

func TestDatabasesThatWereAlikeGoOnByThemselves(t *testing.T) {
	m := storetest.NewMemory(func() time.Time { return eight })
	for _, samples := range []map[string]report.Sample{
		{"cache": good(0), "queue": good(0), "sessions": good(0)},
		{"cache": good(1), "queue": failed(1), "sessions": good(1)},
		{"cache": failed(2), "queue": good(2), "sessions": good(2)},
	} {
		// An archive that has read nothing yet decodes what the one before wrote.
		a := history.New(m)
		if err := a.AppendPings(t.Context(), shard, history.Run{Scheduled: samples["cache"].At, Region: region}, samples); err != nil {
			t.Fatal(err)
		}
	}
	hours, err := history.New(m).Pings(t.Context(), shard, region, eight, eight)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]report.Sample{
		"cache": {good(0), good(1), failed(2)}, "queue": {good(0), failed(1), good(2)}, "sessions": {good(0), good(1), good(2)},
	} {
		if diff := cmp.Diff(want, slices.Collect(hours[0].Of[name].All()), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
