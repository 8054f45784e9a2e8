package storetest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
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
	var order []string
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
		{"hooks run around the call", storetest.Fault{
			Before: func() { order = append(order, "before") },
			After:  func(error) { order = append(order, "after") },
		}, nil, true},
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
	if diff := cmp.Diff([]string{"before", "after"}, order); diff != "" {
		t.Error(diff)
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

func TestHangEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storetest.NewFaulty(storetest.NewMemory(nil))
		f.Plan(storetest.Put, storetest.Hang)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := f.Put(ctx, store.Doc{Key: "state/v1/main"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Put: %v", err)
		}
	})
}
