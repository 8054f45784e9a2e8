package storetest_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pongwatch/pongwatch/shared/store"
	"github.com/pongwatch/pongwatch/shared/store/storetest"
)

func TestMemoryConforms(t *testing.T) {
	storetest.Conformance(t, func(_ *testing.T, now func() time.Time) store.Store {
		return storetest.NewMemory(now)
	})
}

func TestFaultyWithoutAPlanConforms(t *testing.T) {
	storetest.Conformance(t, func(_ *testing.T, now func() time.Time) store.Store {
		return storetest.NewFaulty(storetest.NewMemory(now))
	})
}

func TestFaults(t *testing.T) {
	const key = "state/v1/main"
	tests := []struct {
		name    string
		fault   storetest.Fault
		wantErr error
		applied bool
	}{
		{"none lets the call pass", storetest.None, nil, true},
		{"unavailable does nothing", storetest.Unavailable, storetest.ErrInjected, false},
		{"a lost answer is applied", storetest.LostAnswer, storetest.ErrInjected, true},
		{"a conflict does nothing", storetest.Conflict, store.ErrConflict, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			memory := storetest.NewMemory(nil)
			f := storetest.NewFaulty(memory)
			f.Plan(storetest.Put, tt.fault)
			_, err := f.Put(t.Context(), store.Doc{Key: key})
			if !errors.Is(err, tt.wantErr) {
				t.Errorf("Put: %v, want %v", err, tt.wantErr)
			}
			if _, err := memory.Get(t.Context(), key); (err == nil) != tt.applied {
				t.Errorf("applied: %v, want %v", err == nil, tt.applied)
			}
			if _, err := f.Put(t.Context(), store.Doc{Key: "state/v1/next"}); err != nil {
				t.Errorf("the next Put: %v, want it to pass", err)
			}
			if got := f.Count(storetest.Put); got != 2 {
				t.Errorf("%d puts were counted, want 2", got)
			}
		})
	}
}

func TestFaultyDown(t *testing.T) {
	f := storetest.NewFaulty(storetest.NewMemory(nil))
	f.Always(func(storetest.Call) storetest.Fault { return storetest.Unavailable })
	if _, err := f.Get(t.Context(), "state/v1/main"); !errors.Is(err, storetest.ErrInjected) {
		t.Errorf("Get: %v", err)
	}
	for _, err := range f.Range(t.Context(), "state/v1/", "state/v1/~") {
		if !errors.Is(err, storetest.ErrInjected) {
			t.Errorf("Range: %v", err)
		}
	}
	f.Always(nil)
	if _, err := f.Get(t.Context(), "state/v1/main"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get after the outage: %v", err)
	}
}

func TestARangeLosesItsEnd(t *testing.T) {
	memory := storetest.NewMemory(nil)
	for _, key := range []string{"state/v1/a", "state/v1/b"} {
		if _, err := memory.Put(t.Context(), store.Doc{Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name  string
		fault storetest.Fault
		want  int
	}{
		{"unavailable yields no document", storetest.Unavailable, 0},
		{"a lost answer yields the documents before the error", storetest.LostAnswer, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := storetest.NewFaulty(memory)
			f.Plan(storetest.Range, tt.fault)
			got, failed := 0, false
			for _, err := range f.Range(t.Context(), "state/v1/", "state/v1/~") {
				if failed {
					t.Fatal("the range goes on after its error")
				}
				if failed = errors.Is(err, storetest.ErrInjected); !failed {
					got++
				}
			}
			if got != tt.want || !failed {
				t.Errorf("%d documents and error %v, want %d and an error", got, failed, tt.want)
			}
		})
	}
}

func TestEachCall(t *testing.T) {
	// An operation that reads and then writes.
	operate := func(s store.Store) error {
		if _, err := s.Get(t.Context(), "state/v1/main"); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		_, err := s.Put(t.Context(), store.Doc{Key: "state/v1/main"})
		return err
	}
	var got []string
	for f := range storetest.EachCall(func() store.Store { return storetest.NewMemory(nil) }, storetest.LostAnswer) {
		err := operate(f)
		calls := f.Calls()
		got = append(got, fmt.Sprintf("%s fails: %v, disturbed: %v", calls[len(calls)-1].Op, err != nil, f.Disturbed()))
	}
	want := []string{"get fails: true, disturbed: true", "put fails: true, disturbed: true", "put fails: false, disturbed: false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
