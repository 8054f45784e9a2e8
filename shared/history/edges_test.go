package history_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pongwatch/pongwatch/shared/cause"
	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// newArchive returns an archive in an empty store whose documents have not expired at eight.
func newArchive() *history.Archive {
	return history.New(storetest.NewMemory(func() time.Time { return eight }))
}

func appendPings(t *testing.T, a *history.Archive, at time.Time, samples map[string]report.Sample) {
	t.Helper()
	if err := a.AppendPings(t.Context(), shard, history.Run{Scheduled: at, Region: region}, samples); err != nil {
		t.Fatal(err)
	}
}

func appendReading(t *testing.T, a *history.Archive, r report.Reading) {
	t.Helper()
	if err := a.AppendReadings(t.Context(), shard, history.Run{Scheduled: r.At, Region: region}, map[string]report.Reading{"cache": r}); err != nil {
		t.Fatal(err)
	}
}

func readings(t *testing.T, a *history.Archive) []*history.GaugeHour {
	t.Helper()
	hours, err := a.Readings(t.Context(), shard, eight, eight.Add(4*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return hours
}

func TestARangeTouchesTheHoursOfItsEnds(t *testing.T) {
	a := newArchive()
	for hour := range 4 {
		at := eight.Add(time.Duration(hour) * time.Hour)
		appendPings(t, a, at, map[string]report.Sample{"cache": good(0)})
		appendReading(t, a, report.Reading{At: at})
	}
	for _, tt := range []struct {
		name     string
		from, to time.Duration
		want     []int
	}{
		{"the last second of an hour and the first of another", 59*time.Minute + 59*time.Second, 2 * time.Hour, []int{20, 21, 22}},
		{"one whole hour", time.Hour, 2*time.Hour - 1, []int{21}},
		{"one moment", 2 * time.Hour, 2 * time.Hour, []int{22}},
		{"before the first", -2 * time.Hour, -1, nil},
		{"the wrong way round", 3 * time.Hour, time.Hour, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pings, err := a.Pings(t.Context(), shard, region, eight.Add(tt.from), eight.Add(tt.to))
			if err != nil {
				t.Fatal(err)
			}
			readings, err := a.Readings(t.Context(), shard, eight.Add(tt.from), eight.Add(tt.to))
			if err != nil {
				t.Fatal(err)
			}
			var ofPings, ofReadings []int
			for _, h := range pings {
				ofPings = append(ofPings, h.Begin.Hour())
			}
			for _, h := range readings {
				ofReadings = append(ofReadings, h.Begin.Hour())
			}
			if diff := cmp.Diff(tt.want, ofPings); diff != "" {
				t.Errorf("pings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, ofReadings); diff != "" {
				t.Errorf("readings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestARangeTouchesTheDaysOfItsEnds(t *testing.T) {
	a := history.New(storetest.NewMemory(func() time.Time { return midnight }))
	for back := range 3 {
		at := midnight.AddDate(0, 0, -back)
		appendPings(t, a, at, map[string]report.Sample{"cache": {At: at, Status: report.OK}})
		if err := a.Compact(t.Context(), compaction, at); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name     string
		from, to time.Duration
		want     []string
	}{
		{"the last second of a day and the first of another", -time.Second, 0, []string{"2026-11-21", "2026-11-22"}},
		{"one whole day", -24 * time.Hour, -1, []string{"2026-11-21"}},
		{"all", -72 * time.Hour, 72 * time.Hour, []string{"2026-11-20", "2026-11-21", "2026-11-22"}},
		{"after the last", 24 * time.Hour, 48 * time.Hour, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			samples, err := a.Samples(t.Context(), "cache", midnight.Add(tt.from), midnight.Add(tt.to))
			if err != nil {
				t.Fatal(err)
			}
			days, err := a.Days(t.Context(), shard, midnight.Add(tt.from), midnight.Add(tt.to))
			if err != nil {
				t.Fatal(err)
			}
			var ofSamples, ofDays []string
			for _, d := range samples {
				ofSamples = append(ofSamples, d.Begin.Format(time.RFC3339)[:10])
			}
			for _, d := range days {
				ofDays = append(ofDays, d.Begin.Format(time.RFC3339)[:10])
			}
			if diff := cmp.Diff(tt.want, ofSamples); diff != "" {
				t.Errorf("samples (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, ofDays); diff != "" {
				t.Errorf("days (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheLatestRunIsFoundHoweverLongAgoItWas(t *testing.T) {
	a := newArchive()
	for _, minute := range []int{7, 9, 8} { // the last to arrive is not the last scheduled
		appendPings(t, a, runAt(minute).Scheduled, map[string]report.Sample{"cache": good(minute)})
		appendReading(t, a, reading(minute))
	}
	for after, want := range map[time.Duration]bool{0: true, time.Hour: true, 2 * time.Hour: true, 70 * time.Hour: true, -1: false} {
		run, ok, err := a.LastPings(t.Context(), shard, region, eight.Add(after))
		if err != nil || ok != want || ok && !run.Scheduled.Equal(runAt(9).Scheduled) {
			t.Errorf("%s after: LastPings() = %v, %v, %v; want the run of 20:09: %v", after, run.Scheduled, ok, err, want)
		}
		run, ok, err = a.LastReadings(t.Context(), shard, eight.Add(after))
		if err != nil || ok != want || ok && !run.Scheduled.Equal(runAt(9).Scheduled) {
			t.Errorf("%s after: LastReadings() = %v, %v, %v; want the run of 20:09: %v", after, run.Scheduled, ok, err, want)
		}
	}
	// The newer hour wins.
	appendPings(t, a, runAt(60).Scheduled, map[string]report.Sample{"cache": good(60)})
	run, ok, err := a.LastPings(t.Context(), shard, region, eight.Add(time.Hour))
	if err != nil || !ok || !run.Scheduled.Equal(runAt(60).Scheduled) {
		t.Errorf("LastPings() = %v, %v, %v; want the run of 21:00", run.Scheduled, ok, err)
	}
}

func TestAnHourWithoutRunsHasNoLastRun(t *testing.T) {
	a := holding(t, hotKey, packed(t, `{}`), schema)
	if run, ok, err := a.LastPings(t.Context(), shard, region, eight); ok || err != nil {
		t.Errorf("LastPings() = %v, %v, %v; want none", run, ok, err)
	}
	hours, err := a.Pings(t.Context(), shard, region, eight, eight)
	if err != nil || len(hours) != 1 || !hours[0].Begin.Equal(eight) {
		t.Errorf("Pings() = %v, %v; want the hour", hours, err)
	}
	appendPings(t, a, eight, map[string]report.Sample{"cache": good(0)})
}

func TestVersionsChangeWithEveryRun(t *testing.T) {
	a := newArchive()
	versions := func(want ...string) []string {
		t.Helper()
		got, err := a.Versions(t.Context(), shard, []string{region, "us-east4"}, eight.Add(time.Hour))
		if err != nil || len(got) != 3 {
			t.Fatalf("Versions() = %v, %v; want three", got, err)
		}
		for i, key := range want {
			if key == "" && got[i] != "" || key != "" && (len(got[i]) <= len(key)+1 || got[i][:len(key)+1] != key+"@") {
				t.Errorf("version %d is %q, want one of %q", i, got[i], key)
			}
		}
		return got
	}
	versions("", "", "")
	appendPings(t, a, runAt(0).Scheduled, map[string]report.Sample{"cache": good(0)})
	before := versions("", hotKey, "")
	appendPings(t, a, runAt(0).Scheduled, map[string]report.Sample{"cache": good(0)})
	if diff := cmp.Diff(before, versions("", hotKey, "")); diff != "" {
		t.Errorf("a repeated run changed the versions (-want +got):\n%s", diff)
	}
	appendPings(t, a, runAt(1).Scheduled, map[string]report.Sample{"cache": good(1)})
	if after := versions("", hotKey, ""); after[1] == before[1] {
		t.Error("a run changed no version")
	}
	appendReading(t, a, reading(0))
	versions(gaugesKey, hotKey, "")
}

func TestPhasesAreKeptInTheirResolution(t *testing.T) {
	// Wait is judged, so it is kept to a tenth of a millisecond; the others are shown.
	for _, tt := range []struct {
		name string
		give report.Phases
		want report.Phases
	}{
		{"nothing was reached", report.Phases{}, report.Phases{}},
		{"what was reached is not zero", report.Phases{DNS: 0.01, Wait: 0.01}, report.Phases{DNS: 0.1, Wait: 0.1, Total: 0.2}},
		{"a negative duration is none", report.Phases{TLS: -3, Wait: -0.1}, report.Phases{}},
		{"below ten, to a tenth", report.Phases{Connect: 9.94, Wait: 9.96}, report.Phases{Connect: 9.9, Wait: 10, Total: 19.9}},
		{"just below ten", report.Phases{DNS: 9.99}, report.Phases{DNS: 10, Total: 10}},
		{"from ten on, to a millisecond", report.Phases{TLS: 10.4, Connect: 10.6, Wait: 10.44}, report.Phases{TLS: 10, Connect: 11, Wait: 10.4, Total: 31.4}},
		{"ten itself", report.Phases{DNS: 10}, report.Phases{DNS: 10, Total: 10}},
		{"the total has a rest", report.Phases{Wait: 5, Total: 40}, report.Phases{Wait: 5, Total: 40}},
		{"the total is at least its phases", report.Phases{DNS: 20, Connect: 30, TLS: 40, Wait: 50, Total: 100}, report.Phases{DNS: 20, Connect: 30, TLS: 40, Wait: 50, Total: 140}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newArchive()
			appendPings(t, a, eight, map[string]report.Sample{"cache": {Status: report.OK, Attempts: -1, Phases: tt.give}})
			hours, err := a.Pings(t.Context(), shard, region, eight, eight)
			if err != nil {
				t.Fatal(err)
			}
			got := slices.Collect(hours[0].Of["cache"].All())
			want := []report.Sample{{At: eight, Status: report.OK, Phases: tt.want}}
			if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryStatusAndCauseComesBack(t *testing.T) {
	a := newArchive()
	for i, tt := range []struct{ give, want report.Status }{
		{report.OK, report.OK}, {report.Warn, report.Warn}, {report.Fail, report.Fail}, {report.Unknown, report.Unknown}, {"odd", report.Unknown}, {"", report.Unknown},
	} {
		at, database := eight.Add(time.Duration(i)*time.Minute), fmt.Sprint("cache-", i)
		c := []cause.Cause{"", cause.Slow, cause.TCPRefused}[i%3]
		appendPings(t, a, at, map[string]report.Sample{database: {Status: tt.give, Cause: c}})
		verdict := report.Reading{At: at, Checks: map[report.Check]report.Verdict{report.Write: {Status: tt.give, Cause: c}}}
		if err := a.AppendReadings(t.Context(), shard, history.Run{Scheduled: at}, map[string]report.Reading{database: verdict}); err != nil {
			t.Fatal(err)
		}
		if err := a.Compact(t.Context(), compaction, at); err != nil { // the first only, but for new databases
			t.Fatal(err)
		}
		pings, err := a.Pings(t.Context(), shard, region, eight, eight)
		if err != nil {
			t.Fatal(err)
		}
		days, err := a.Samples(t.Context(), database, eight, eight)
		if err != nil || len(days) != 1 {
			t.Fatalf("Samples() = %d days, %v; want 1", len(days), err)
		}
		for where, each := range map[string]func(func(report.Sample) bool){"hour": pings[0].Of[database].All(), "day": days[0].Of[region].All()} {
			n := 0
			for s := range each {
				n++
				if !s.At.Equal(at) || s.Status != tt.want || s.Cause != c {
					t.Errorf("%q with %q came back from its %s as %q with %q at %s", tt.give, c, where, s.Status, s.Cause, s.At)
				}
			}
			if n != 1 {
				t.Errorf("%q came back from its %s %d times", tt.give, where, n)
			}
		}
		n := 0
		for _, r := range slices.Collect(readings(t, a)[0].Of[database].All()) {
			v, asked := r.Checks[report.Write]
			if !asked {
				continue
			}
			n++
			if v.Status != tt.want || v.Cause != c || v.Value != nil {
				t.Errorf("the verdict %q with %q came back as %+v", tt.give, c, v)
			}
		}
		if n != 1 {
			t.Errorf("the verdict %q came back %d times", tt.give, n)
		}
	}
}

func TestIterationsStopWithTheirCaller(t *testing.T) {
	a := newArchive()
	for _, minute := range []int{1, 0, 2} {
		appendPings(t, a, runAt(minute).Scheduled, map[string]report.Sample{"cache": good(minute), "late": good(minute)})
		r := reading(minute)
		r.Replica = "one"
		appendReading(t, a, r)
	}
	appendPings(t, a, eight.Add(time.Hour), map[string]report.Sample{"cache": good(60), "late": good(60)})
	appendPings(t, a, eight.Add(61*time.Minute), map[string]report.Sample{"cache": good(61)})
	if err := a.Compact(t.Context(), compaction, eight); err != nil {
		t.Fatal(err)
	}
	pings, err := a.Pings(t.Context(), shard, region, eight, eight.Add(time.Hour))
	if err != nil || len(pings) != 2 {
		t.Fatalf("Pings() = %d hours, %v; want 2", len(pings), err)
	}
	days, err := a.Samples(t.Context(), "cache", eight, eight)
	if err != nil || len(days) != 1 {
		t.Fatalf("Samples() = %d days, %v; want 1", len(days), err)
	}
	for name, each := range map[string]func(func(report.Sample) bool){"by time": pings[0].Of["cache"].All(), "in order": pings[1].Of["cache"].All(), "a day": days[0].Of[region].All()} {
		for range 2 { // an iteration can be made again
			n := 0
			for range each {
				n++
				break
			}
			if n != 1 {
				t.Errorf("%s: %d samples, want 1", name, n)
			}
		}
	}
	for range history.Changes(readings(t, a), "cache") {
		break
	}
}

func TestACancelledContextIsSeen(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newArchive().AppendPings(ctx, shard, runAt(0), nil); err == nil {
		t.Error("AppendPings() with a cancelled context = nil, want an error")
	}
}

func TestARunThatJSONCannotHoldIsAnError(t *testing.T) {
	m := storetest.NewMemory(func() time.Time { return eight })
	a := history.New(m)
	late := history.Run{Scheduled: eight, Finished: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), Region: region}
	err := a.AppendPings(t.Context(), shard, late, map[string]report.Sample{"cache": good(0)})
	if err == nil || !strings.Contains(err.Error(), "appending a run to "+hotKey+": encoding: ") {
		t.Errorf("AppendPings() = %v, want an error that names the document", err)
	}
	if _, err := m.Get(t.Context(), hotKey); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the document: %v, want none", err)
	}
	appendPings(t, a, eight, map[string]report.Sample{"cache": good(0)}) // the archive still works
}
