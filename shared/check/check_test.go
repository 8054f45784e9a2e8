package check_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pongwatch/pongwatch/shared/check"
)

func TestDueAsksOncePerIntervalWhateverTheRunsAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runEvery := time.Duration(rapid.IntRange(1, 10).Draw(t, "run minutes")) * time.Minute
		slots := rapid.IntRange(1, 300).Draw(t, "runs per interval")
		s := check.Spec{Every: time.Duration(slots) * runEvery}
		name := rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "database")
		start := time.Unix(int64(rapid.IntRange(-1000000, 2000000000).Draw(t, "start")), 0).Truncate(runEvery)

		intervals := 3
		asked, gap := 0, -1
		for i := range intervals * slots {
			if !check.Due(s, name, start.Add(time.Duration(i)*runEvery), runEvery) {
				continue
			}
			asked++
			if gap >= 0 && i-gap != slots {
				t.Fatalf("asked in runs %d and %d, want every %d", gap, i, slots)
			}
			gap = i
		}
		if asked != intervals {
			t.Fatalf("asked %d times in %d intervals", asked, intervals)
		}
	})
}

func TestDueSpreadsDatabasesOverTheRuns(t *testing.T) {
	s := check.Spec{Every: time.Hour}
	const databases, runs = 500, 12
	perRun := [runs]int{}
	start := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	for d := range databases {
		for i := range runs {
			if check.Due(s, fmt.Sprintf("database-%d", d), start.Add(time.Duration(i)*5*time.Minute), 5*time.Minute) {
				perRun[i]++
			}
		}
	}
	for i, n := range perRun {
		if n < databases/runs/2 || n > 2*databases/runs {
			t.Errorf("run %d asks %d of %d databases, want about %d (all runs: %v)", i, n, databases, databases/runs, perRun)
		}
	}
}

func TestDueIsTheSameForARepeatedRun(t *testing.T) {
	s := check.Spec{Every: 15 * time.Minute}
	at := time.Date(2026, 11, 22, 20, 5, 0, 0, time.UTC)
	first := check.Due(s, "cache", at, 5*time.Minute)
	for range 3 {
		if check.Due(s, "cache", at, 5*time.Minute) != first {
			t.Fatal("a repeated run asks something else")
		}
	}
}
