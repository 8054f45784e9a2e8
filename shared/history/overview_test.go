package history_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
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

// kept is an archive in a store whose time can be set.
type kept struct {
	*history.Archive
	store *storetest.Memory
	now   time.Time
}

func newKept() *kept {
	k := &kept{now: midnight}
	k.store = storetest.NewMemory(func() time.Time { return k.now })
	k.Archive = history.New(k.store)
	return k
}

func (k *kept) renew(t *testing.T) *history.Overview {
	t.Helper()
	o, err := k.Renew(t.Context(), compaction, k.now)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestTheLastRunIsKnownHoweverLongAgoItWas(t *testing.T) {
	k := newKept()
	record(t, k.Archive)
	last := midnight.Add(24*time.Hour - 10*time.Minute)
	for _, age := range []time.Duration{10 * time.Minute, 2 * time.Hour, 50 * time.Hour, 71 * time.Hour, 100 * time.Hour, 300 * 24 * time.Hour} {
		k.now = last.Add(age)
		k.renew(t)
		pings, ok, err := k.LastPings(t.Context(), shard, region, k.now)
		if err != nil || !ok || !pings.Scheduled.Equal(last) {
			t.Errorf("after %s LastPings() = %v, %v, %v; want the run of %v", age, pings.Scheduled, ok, err, last)
		}
		readings, ok, err := k.LastReadings(t.Context(), shard, k.now)
		if err != nil || !ok || !readings.Scheduled.Equal(last) {
			t.Errorf("after %s LastReadings() = %v, %v, %v; want the run of %v", age, readings.Scheduled, ok, err, last)
		}
	}
	if run, ok, err := k.LastPings(t.Context(), shard, "mars", k.now); ok || err != nil {
		t.Errorf("a region that never ran has the last run %v, %v", run, err)
	}
}

// The same is known whether an overview was renewed each hour, after the day was compacted, or never.
func TestAnOverviewIsTheSameHoweverItWasMade(t *testing.T) {
	hourly := newKept()
	record(t, hourly.Archive)
	end := midnight.Add(25 * time.Hour)
	for hourly.now = midnight; !hourly.now.After(end); hourly.now = hourly.now.Add(20 * time.Minute) {
		hourly.renew(t)
	}
	want := hourly.renew(t).Databases
	once := newKept()
	record(t, once.Archive)
	once.now = end
	if err := once.Compact(t.Context(), compaction, midnight); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, once.renew(t).Databases); diff != "" {
		t.Errorf("made at once, from the day and its hours (-hourly +got):\n%s", diff)
	}
	if err := hourly.Compact(t.Context(), compaction, midnight); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, hourly.renew(t).Databases); diff != "" {
		t.Errorf("once the day is compacted (-before +after):\n%s", diff)
	}
	// What is damaged is made anew, and said.
	damage(t, hourly.store, "overviews/v1/main")
	o, err := hourly.Renew(t.Context(), compaction, end)
	if err == nil || !strings.Contains(err.Error(), "overview of main") {
		t.Errorf("a damaged overview: %v, want it named", err)
	}
	if diff := cmp.Diff(want, o.Databases); diff != "" {
		t.Errorf("after it was damaged (-before +after):\n%s", diff)
	}
	for _, p := range o.Databases["cache"].Regions {
		if p.Counted() != 132 || len(p.Days) != 1 {
			t.Errorf("pings %+v, want the 132 of the day", p)
		}
	}
}

func damage(t *testing.T, s store.Store, key string) {
	t.Helper()
	doc, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	doc.Data = []byte("damaged")
	if _, err := s.Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedHourCostsNoOther(t *testing.T) {
	k := newKept()
	record(t, k.Archive)
	k.now = midnight.Add(25 * time.Hour)
	for _, key := range []string{"hot/v1/main/" + region + "/2026-11-22T07", "gauges/v1/main/2026-11-22T07"} {
		damage(t, k.store, key)
	}
	hours, err := k.Pings(t.Context(), shard, region, midnight, midnight.Add(23*time.Hour))
	if err != nil || len(hours) != 22 || hours[5].Broken == nil || !hours[5].Begin.Equal(midnight.Add(7*time.Hour)) || hours[6].Broken != nil {
		t.Fatalf("Pings() = %d hours, %v; want 22, of which the sixth says why it is empty", len(hours), err)
	}
	err = k.Compact(t.Context(), compaction, midnight)
	for _, want := range []string{"compacting 2026-11-22 of main: ", "hot/v1/main/" + region + "/2026-11-22T07", "gauges/v1/main/2026-11-22T07"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	days, err := k.Days(t.Context(), shard, midnight, midnight)
	if err != nil || len(days) != 1 {
		t.Fatalf("the day is not compacted: %v", err)
	}
	if s, _ := days[0].Of["cache"].Regions.Of(region); s.Samples != 132-6 || days[0].Of["cache"].Hits == nil {
		t.Errorf("the day is %+v, want all but the damaged hour", s)
	}
	// A damaged day costs no other day.
	damage(t, k.store, "days/v1/main/2026-11-22")
	days, err = k.Days(t.Context(), shard, midnight, midnight)
	if err != nil || len(days) != 1 || days[0].Broken == nil || !days[0].Begin.Equal(midnight) {
		t.Errorf("Days() = %v, %v; want the damaged day", days, err)
	}
}

// noise is text that does not compress.
func noise(bytes int) string {
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < bytes {
		fmt.Fprintf(&b, "%016x", rng.Uint64())
	}
	return b.String()
}

func TestADatabaseThatWouldFillItsDocumentIsDroppedAlone(t *testing.T) {
	for name, text := range map[string]string{"more than a store takes": noise(3 << 20), "more than is read again": strings.Repeat("x", 17<<20)} {
		k := newKept()
		k.now = eight
		big := reading(0)
		big.Policy = text
		err := k.AppendReadings(t.Context(), shard, runAt(0), map[string]report.Reading{"big": big, "cache": reading(0)})
		if !errors.Is(err, store.ErrTooLarge) || !strings.Contains(err.Error(), "what it held of big was dropped") || strings.Contains(err.Error(), "cache") {
			t.Errorf("%s: %v, want an error that names the database", name, err)
		}
		if err := k.AppendReadings(t.Context(), shard, runAt(5), map[string]report.Reading{"big": reading(5), "cache": reading(5)}); err != nil {
			t.Errorf("%s: the next run: %v", name, err)
		}
		hours, err := history.New(k.store).Readings(t.Context(), shard, eight, eight)
		if err != nil || len(hours) != 1 || len(slices.Collect(hours[0].Of["cache"].All())) != 2 || len(slices.Collect(hours[0].Of["big"].All())) != 1 {
			t.Errorf("%s: hours %v, %v; want both readings of the one, and the second of the other", name, hours, err)
		}
	}
}

func TestADayOfSamplesThatIsTooLargeIsNamedAndTheRestIsCompacted(t *testing.T) {
	k := newKept()
	k.now = midnight
	for hour := range 5 { // each fits its document, and the day of them does not
		at := midnight.Add(time.Duration(hour) * time.Hour)
		big := report.Sample{At: at, Status: report.Fail, Cause: cause.Cause(strconv.Itoa(hour) + noise(400<<10))}
		err := k.AppendPings(t.Context(), shard, history.Run{Scheduled: at, Region: region}, map[string]report.Sample{"big": big, "cache": {At: at, Status: report.OK}})
		if err != nil {
			t.Fatal(err)
		}
	}
	k.now = midnight.Add(25 * time.Hour)
	err := k.Compact(t.Context(), compaction, midnight)
	if !errors.Is(err, store.ErrTooLarge) || !strings.Contains(err.Error(), "samples/v1/big/2026-11-22") {
		t.Errorf("Compact() = %v, want an error that names the samples of big", err)
	}
	if done, err := k.Compacted(t.Context(), shard, midnight); err != nil || !done {
		t.Errorf("compacted %v, %v; want the rest of the day", done, err)
	}
	days, err := k.Samples(t.Context(), "cache", midnight, midnight)
	if err != nil || len(days) != 1 || len(slices.Collect(days[0].Of[region].All())) != 5 {
		t.Errorf("the other database has %v, %v; want its five samples", days, err)
	}
}

func TestADatabaseThatWasMovedHasTheSamplesOfBothShards(t *testing.T) {
	k := newKept()
	appendIn := func(shard string, minute int) {
		t.Helper()
		at := midnight.Add(time.Duration(minute) * time.Minute)
		s := report.Sample{At: at, Status: report.OK, Attempts: 1, Phases: report.Phases{Wait: float64(minute + 1)}}
		if err := k.AppendPings(t.Context(), shard, history.Run{Scheduled: at, Region: region}, map[string]report.Sample{"cache": s}); err != nil {
			t.Fatal(err)
		}
	}
	for minute := range 10 {
		appendIn("main", minute)
		appendIn("other", 60+minute)
	}
	k.now = midnight.Add(25 * time.Hour)
	c := compaction
	for range 2 { // in any order, and again
		for _, c.Shard = range []string{"other", "main"} {
			if err := k.Compact(t.Context(), c, midnight); err != nil {
				t.Fatal(err)
			}
		}
	}
	days, err := k.Samples(t.Context(), "cache", midnight, midnight)
	if err != nil || len(days) != 1 {
		t.Fatalf("Samples() = %d, %v", len(days), err)
	}
	samples := slices.Collect(days[0].Of[region].All())
	if len(samples) != 20 || samples[0].Phases.Wait != 1 || samples[19].Phases.Wait != 70 {
		t.Errorf("%d samples, want ten of each shard in order", len(samples))
	}
	for _, shard := range []string{"main", "other"} {
		c.Shard = shard
		if _, err := k.Renew(t.Context(), c, k.now); err != nil {
			t.Fatal(err)
		}
	}
	all, err := k.Overviews(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("Overviews() = %v, %v", all, err)
	}
	known := all["other"].Databases["cache"]
	known.Merge(all["main"].Databases["cache"])
	if p := known.Regions[region]; p.Counted() != 20 || !p.First.Equal(midnight) || p.Last.Phases.Wait != 70 {
		t.Errorf("together they know %+v", p)
	}
}

func TestCountersNearTheLargestNumberAreNotInfinite(t *testing.T) {
	k := newKept()
	k.now = eight
	for i, v := range []float64{0, 1.7e308, 0, 1.7e308, 1e308} {
		r := report.Reading{Replica: "a", Values: map[report.Gauge]float64{report.GaugeHits: v, report.GaugeMisses: v / 2, report.GaugeCommands: v}}
		if err := k.AppendReadings(t.Context(), shard, runAt(i), map[string]report.Reading{"cache": r}); err != nil {
			t.Fatal(err)
		}
	}
	hours, err := k.Readings(t.Context(), shard, eight, eight)
	if err != nil {
		t.Fatal(err)
	}
	if f := history.SumUp(hours, "cache", eight); f.Hits != nil || f.Commands != nil {
		t.Errorf("sums %v and %v, want none, because they are too large", f.Hits, f.Commands)
	}
	if rate := (history.Figures{Hits: new(1.2e308), Misses: new(0.4e308)}).HitRate(); rate == nil || *rate != 0.75 {
		t.Errorf("hit rate of large figures is %v", rate)
	}
	if err := k.Compact(t.Context(), compaction, midnight); err != nil {
		t.Errorf("the day is not compacted: %v", err)
	}
}

func TestOwnLookupsAreNoGrowth(t *testing.T) {
	k := newKept()
	k.now = eight
	for i, v := range [][4]float64{{100, 10, 5, 1}, {105, 11, 5, 1}, {150, 12, 0, 0}, {152, 12, 9, 0}, {153, 12, 0, 0}} {
		values := map[report.Gauge]float64{report.GaugeHits: v[0], report.GaugeMisses: v[1]}
		if v[2] > 0 {
			values[report.GaugeOwnHits], values[report.GaugeOwnMisses] = v[2], v[3]
		}
		if err := k.AppendReadings(t.Context(), shard, runAt(i), map[string]report.Reading{"cache": {Replica: "a", Values: values}}); err != nil {
			t.Fatal(err)
		}
	}
	hours, err := k.Readings(t.Context(), shard, eight, eight)
	if err != nil {
		t.Fatal(err)
	}
	// 5 − 5, 45 − 5, 2, and 1 − 9, of which the rest counted elsewhere; 1 − 1, 1 − 1, 0 and 0.
	if f := history.SumUp(hours, "cache", eight); *f.Hits != 0+40+2+0 || *f.Misses != 0 {
		t.Errorf("grown by %v hits and %v misses, want those of the app alone", *f.Hits, *f.Misses)
	}
}

// An overview may hold anything, as long as reading it does no harm.
func FuzzOverview(f *testing.F) {
	f.Add(`{"databases":{"a":null,"cache":{"regions":{"europe-west1":null},"checks":{"memory":null}}},"runs":null}`)
	f.Add(`{"databases":null,"runs":{"r":{"scheduled":"2026-11-22T20:00:00Z"}},"until":"2030-01-01T00:00:00Z"}`)
	f.Add(`{"databases":{"cache":{"regions":{"r":{"days":[{"day":"b"},{"day":"a","good":-1}]}},"month":{"values":null}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		a := holding(t, "overviews/v1/main", packed(t, text), schema)
		record := map[string]report.Sample{"cache": good(0), "a": failed(0)}
		if err := a.AppendPings(t.Context(), shard, runAt(0), record); err != nil {
			t.Fatal(err)
		}
		o, _ := a.Renew(t.Context(), compaction, eight.Add(2*time.Hour))
		for _, k := range o.Databases {
			_ = k.Readings()
			k.Merge(k)
		}
		_, _, _ = a.LastPings(t.Context(), shard, region, eight.Add(5*time.Hour))
	})
}
