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

	"github.com/pongwatch/pongwatch/shared/history"
	"github.com/pongwatch/pongwatch/shared/report"
	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

// recorded is a store with two hours of pings and readings from two regions, and with a
// compacted day before.
func recorded(t *testing.T) store.Store {
	t.Helper()
	m := storetest.NewMemory(func() time.Time { return midnight })
	a := history.New(m)
	for _, minute := range []int{0, 1, 60, 61} {
		for _, region := range compaction.Regions {
			run := history.Run{Scheduled: midnight.Add(time.Duration(minute) * time.Minute), Region: region}
			s, r := good(minute), reading(minute)
			if err := a.AppendPings(t.Context(), shard, run, map[string]report.Sample{"cache": s, "queue": s}); err != nil {
				t.Fatal(err)
			}
			if err := a.AppendReadings(t.Context(), shard, run, map[string]report.Reading{"cache": r, "queue": r}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := a.Compact(t.Context(), compaction, midnight.Add(-24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	return m
}

// last is a run that was found, or none.
func last(run history.Run, found bool, err error) (any, error) {
	if !found {
		return run, err
	}
	return "found", err
}

// TestAReadThatFailsIsAnError fails each call of each operation that reads, before it is
// answered and after some documents came.
func TestAReadThatFailsIsAnError(t *testing.T) {
	ctx, now := t.Context(), midnight.Add(90*time.Minute)
	for name, read := range map[string]func(a *history.Archive) (any, error){
		"Pings":    func(a *history.Archive) (any, error) { return a.Pings(ctx, shard, region, midnight, now) },
		"Readings": func(a *history.Archive) (any, error) { return a.Readings(ctx, shard, midnight, now) },
		"Samples": func(a *history.Archive) (any, error) {
			return a.Samples(ctx, "cache", midnight.Add(-48*time.Hour), now)
		},
		"Days":         func(a *history.Archive) (any, error) { return a.Days(ctx, shard, midnight.Add(-48*time.Hour), now) },
		"Versions":     func(a *history.Archive) (any, error) { return a.Versions(ctx, shard, compaction.Regions, now) },
		"Compacted":    func(a *history.Archive) (any, error) { return a.Compacted(ctx, shard, midnight.Add(-time.Hour)) },
		"Due":          func(a *history.Archive) (any, error) { return a.Due(ctx, shard, midnight.Add(48*time.Hour)) },
		"LastPings":    func(a *history.Archive) (any, error) { return last(a.LastPings(ctx, shard, region, now)) },
		"LastReadings": func(a *history.Archive) (any, error) { return last(a.LastReadings(ctx, shard, now)) },
		"LastPings of long ago": func(a *history.Archive) (any, error) {
			return last(a.LastPings(ctx, shard, region, now.Add(30*time.Hour)))
		},
	} {
		for fault, disturb := range map[string]storetest.Fault{"no answer": storetest.Unavailable, "an answer that breaks off": storetest.LostAnswer} {
			t.Run(name+" with "+fault, func(t *testing.T) {
				inner := recorded(t)
				for f := range storetest.EachCall(func() store.Store { return inner }, disturb) {
					got, err := read(history.New(f))
					if !f.Disturbed() {
						if err != nil {
							t.Errorf("without a fault: %v", err)
						}
						continue
					}
					if !errors.Is(err, storetest.ErrInjected) || !strings.Contains(err.Error(), ": ") {
						t.Errorf("after %v: error %v, want the injected one with the operation before it", f.Calls(), err)
					}
					if s := fmt.Sprint(got); !slices.Contains([]string{"[]", "false", "<nil>", fmt.Sprint(history.Run{})}, s) {
						t.Errorf("after %v: %v, want nothing beside the error", f.Calls(), s)
					}
				}
			})
		}
	}
}

// TestAnAppendThatFailsIsAnErrorOrTriedAgain fails each call of an append in turn. A run whose
// append succeeded is in the document once; one whose append failed can be appended again.
func TestAnAppendThatFailsIsAnErrorOrTriedAgain(t *testing.T) {
	run := history.Run{Scheduled: midnight.Add(62 * time.Minute), Region: region}
	appends := map[string]func(a *history.Archive) error{
		"AppendPings": func(a *history.Archive) error {
			return a.AppendPings(t.Context(), shard, run, map[string]report.Sample{"cache": good(62)})
		},
		"AppendReadings": func(a *history.Archive) error {
			return a.AppendReadings(t.Context(), shard, run, map[string]report.Reading{"cache": reading(62)})
		},
	}
	counts := map[string]func(t *testing.T, a *history.Archive) int{
		"AppendPings": func(t *testing.T, a *history.Archive) int {
			hours, err := a.Pings(t.Context(), shard, region, run.Scheduled, run.Scheduled)
			if err != nil || len(hours) != 1 {
				t.Fatalf("Pings() = %d hours, %v; want 1", len(hours), err)
			}
			samples := slices.Collect(hours[0].Of["cache"].All())
			return len(samples)
		},
		"AppendReadings": func(t *testing.T, a *history.Archive) int {
			hours, err := a.Readings(t.Context(), shard, run.Scheduled, run.Scheduled)
			if err != nil || len(hours) != 1 {
				t.Fatalf("Readings() = %d hours, %v; want 1", len(hours), err)
			}
			return len(slices.Collect(hours[0].Of["cache"].All()))
		},
	}
	for name, do := range appends {
		for _, fault := range []storetest.Fault{storetest.Unavailable, storetest.LostAnswer, storetest.Conflict} {
			var inner store.Store
			open := func() store.Store { inner = recorded(t); return inner }
			before := counts[name](t, history.New(open()))
			for f := range storetest.EachCall(open, fault) {
				a := history.New(f)
				err := do(a)
				f.Always(nil)
				first := len(f.Calls()) == 1 // the read before the first write is not repeated
				if first != errors.Is(err, fault.Err) || first != (err != nil) {
					t.Errorf("%s after %v of %v: error %v", name, f.Calls(), fault.Err, err)
				}
				want := before + 1
				if err != nil {
					want = before
				}
				if got := counts[name](t, history.New(inner)); got != want {
					t.Errorf("%s after %v and error %v: %d rows, want %d", name, f.Calls(), err, got, want)
				}
				if err := do(a); err != nil {
					t.Errorf("%s again: %v", name, err)
				}
				if got := counts[name](t, history.New(inner)); got != before+1 {
					t.Errorf("%s again: %d rows, want %d", name, got, before+1)
				}
			}
		}
	}
}

func TestAnAppendGivesUp(t *testing.T) {
	tests := []struct {
		name    string
		put     []storetest.Fault
		get     []storetest.Fault
		wantErr error
		puts    int
	}{
		{"a document that is too large stays too large", []storetest.Fault{{Skip: true, Err: store.ErrTooLarge}}, nil, store.ErrTooLarge, 1},
		{"three writes failed", slices.Repeat([]storetest.Fault{storetest.Conflict}, 3), nil, store.ErrConflict, 3},
		{"the document cannot be read after a conflict", []storetest.Fault{storetest.Conflict}, []storetest.Fault{storetest.None, storetest.Unavailable}, storetest.ErrInjected, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := storetest.NewMemory(func() time.Time { return eight })
			f := storetest.NewFaulty(m)
			f.Plan(storetest.Put, tt.put...)
			f.Plan(storetest.Get, tt.get...)
			a := history.New(f)
			err := a.AppendPings(t.Context(), shard, runAt(0), map[string]report.Sample{"cache": good(0)})
			if !errors.Is(err, tt.wantErr) || !strings.Contains(err.Error(), "appending a run: ") {
				t.Errorf("AppendPings() = %v, want %v with the operation", err, tt.wantErr)
			}
			if n := f.Count(storetest.Put); n != tt.puts {
				t.Errorf("%d writes, want %d", n, tt.puts)
			}
			if _, err := m.Get(t.Context(), hotKey); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("the document after a failed append: %v, want none", err)
			}
			// The failed run is not taken for written.
			if err := a.AppendPings(t.Context(), shard, runAt(0), map[string]report.Sample{"cache": good(0)}); err != nil {
				t.Errorf("the run again: %v", err)
			}
			if _, err := m.Get(t.Context(), hotKey); err != nil {
				t.Errorf("the document after the second append: %v", err)
			}
		})
	}
}

func TestAnAppendEndsWithItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := storetest.NewFaulty(storetest.NewMemory(func() time.Time { return eight }))
	f.Always(func(c storetest.Call) storetest.Fault {
		if c.Op == storetest.Put {
			cancel()
			return storetest.Unavailable
		}
		return storetest.None
	})
	err := history.New(f).AppendPings(ctx, shard, runAt(0), map[string]report.Sample{"cache": good(0)})
	if !errors.Is(err, storetest.ErrInjected) || len(f.Calls()) != 2 {
		t.Errorf("%v after %v, want the write's error after one read and one write", err, f.Calls())
	}
}

// An hour that cannot be read costs its own runs and none after: it is kept as it was, named
// once by the run that found it, and begun anew.
func TestAnHourThatCannotBeReadIsSetAsideAndBegunAnew(t *testing.T) {
	pings := func(a *history.Archive, minute int) error {
		return a.AppendPings(t.Context(), shard, runAt(minute), map[string]report.Sample{"cache": good(minute)})
	}
	readings := func(a *history.Archive, minute int) error {
		return a.AppendReadings(t.Context(), shard, runAt(minute), map[string]report.Reading{"cache": {}})
	}
	for what, hour := range map[string]struct {
		key    string
		data   string
		schema int
		why    string
		append func(a *history.Archive, minute int) error
	}{
		"pings of a newer version":    {hotKey, goldenText(t, hotKey), schema + 1, "newer version", pings},
		"readings of a newer version": {gaugesKey, goldenText(t, gaugesKey), schema + 1, "newer version", readings},
		"damaged pings":               {hotKey, "damaged", schema, "invalid character", pings},
		"damaged readings":            {gaugesKey, "damaged", schema, "invalid character", readings},
	} {
		t.Run(what, func(t *testing.T) {
			m := storetest.NewMemory(func() time.Time { return eight })
			was := store.Doc{Key: hour.key, Data: packed(t, hour.data), Schema: hour.schema}
			if _, err := m.Put(t.Context(), was); err != nil {
				t.Fatal(err)
			}
			if err := hour.append(history.New(m), 9); err == nil || !strings.HasPrefix(err.Error(), "appending a run to "+hour.key+": ") || !strings.Contains(err.Error(), hour.why) {
				t.Errorf("error %v, want the operation and why", err)
			}
			// Its own retry and the next run, each in a process that remembers nothing.
			for _, minute := range []int{9, 10} {
				if err := hour.append(history.New(m), minute); err != nil {
					t.Errorf("minute %d: %v, want the hour named once", minute, err)
				}
			}
			if d, err := m.Get(t.Context(), hour.key+".200900"); err != nil || d.Schema != was.Schema || !slices.Equal(d.Data, was.Data) {
				t.Errorf("the document was not kept as it was: %v", err)
			}
			a := history.New(m)
			var broken, runs int
			count := func(why error, of []history.Run) {
				if why != nil {
					broken++
				}
				runs += len(of)
			}
			if hour.key == hotKey {
				hours, err := a.Pings(t.Context(), shard, region, eight, eight)
				if err != nil {
					t.Fatal(err)
				}
				for _, h := range hours {
					count(h.Broken, h.Runs)
				}
			} else {
				hours, err := a.Readings(t.Context(), shard, eight, eight)
				if err != nil {
					t.Fatal(err)
				}
				for _, h := range hours {
					count(h.Broken, h.Runs)
				}
			}
			if broken != 1 || runs != 2 {
				t.Errorf("%d broken documents and %d runs, want the one set aside, and both runs", broken, runs)
			}
		})
	}
}

// A document that could not be set aside is not written over.
func TestAnHourIsNotBegunAnewUnlessItWasSetAside(t *testing.T) {
	m := storetest.NewMemory(func() time.Time { return eight })
	if _, err := m.Put(t.Context(), store.Doc{Key: hotKey, Data: []byte("damaged"), Schema: schema}); err != nil {
		t.Fatal(err)
	}
	f := storetest.NewFaulty(m)
	f.Always(func(c storetest.Call) storetest.Fault {
		if c.Op == storetest.Put {
			return storetest.Unavailable
		}
		return storetest.None
	})
	if err := history.New(f).AppendPings(t.Context(), shard, runAt(9), nil); !errors.Is(err, storetest.ErrInjected) || !strings.Contains(err.Error(), "setting an hour aside") {
		t.Errorf("error %v, want that the hour was not set aside", err)
	}
	if d, err := m.Get(t.Context(), hotKey); err != nil || string(d.Data) != "damaged" {
		t.Errorf("the hour is %q, %v; want it unchanged", d.Data, err)
	}
}

// contents are all documents of a store, by key.
func contents(t *testing.T, s store.Store) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, collection := range []string{"hot", "gauges", "samples", "days"} {
		for d, err := range s.Range(t.Context(), collection+"/v1/", collection+"/v1/~") {
			if err != nil {
				t.Fatal(err)
			}
			out[d.Key] = unpacked(t, d.Data)
		}
	}
	return out
}

// TestACompactionThatFailsAtAnyCallIsMadeAgain fails each call of a compaction in turn, reads
// too. A day is compacted only once all its documents are there.
func TestACompactionThatFailsAtAnyCallIsMadeAgain(t *testing.T) {
	whole := recorded(t)
	if err := history.New(whole).Compact(t.Context(), compaction, midnight); err != nil {
		t.Fatal(err)
	}
	want := contents(t, whole)
	for _, fault := range []storetest.Fault{storetest.Unavailable, storetest.LostAnswer} {
		var inner store.Store
		open := func() store.Store { inner = recorded(t); return inner }
		for f := range storetest.EachCall(open, fault) {
			a := history.New(f)
			err := a.Compact(t.Context(), compaction, midnight)
			f.Always(nil)
			if f.Disturbed() != (err != nil) || f.Disturbed() != errors.Is(err, storetest.ErrInjected) {
				t.Errorf("after %v: error %v", f.Calls(), err)
			}
			if err != nil && !strings.Contains(err.Error(), "compacting 2026-11-22 of main: ") {
				t.Errorf("error %v does not name the day and the shard", err)
			}
			done, readErr := history.New(inner).Compacted(t.Context(), shard, midnight)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if diff := cmp.Diff(want, contents(t, inner)); done && diff != "" {
				t.Errorf("after %v the day counts as compacted without all documents (-want +got):\n%s", f.Calls(), diff)
			}
			if err := a.Compact(t.Context(), compaction, midnight); err != nil {
				t.Errorf("again: %v", err)
			}
			if diff := cmp.Diff(want, contents(t, inner)); diff != "" {
				t.Errorf("made again after %v (-want +got):\n%s", f.Calls(), diff)
			}
		}
	}
}
